//! The attribute store: spans of two text buffers.

use crate::{Error, ErrorKind, TextBuffer, Timestamp, Uri, UriReference, Value};
use alloc::sync::Arc;
use bytes::Bytes;
use core::ops::Range;

/// A piece of one of the two buffers. The upper 32 bits are the offset, whose top bit selects the buffer; the lower 32 bits are the
/// length. Length 0 means absent.
///
/// It is one word: a load of a word that was stored in halves would have to wait for both stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span(u64);

pub(crate) const SIDE: u32 = 1 << 31;

impl Span {
    #[inline]
    pub(crate) const fn new(offset: u32, length: u32) -> Self {
        Self((offset as u64) << 32 | length as u64)
    }

    /// The offset, with the bit that selects the buffer.
    #[inline]
    pub(crate) const fn offset(self) -> u32 {
        (self.0 >> 32) as u32
    }

    #[inline]
    pub(crate) const fn length(self) -> u32 {
        self.0 as u32
    }

    #[inline]
    pub(crate) fn is_absent(self) -> bool {
        self.length() == 0
    }

    /// The range of the buffer of the span.
    #[inline]
    pub(crate) fn range(self) -> Range<usize> {
        let start = (self.offset() & !SIDE) as usize;
        start..start.wrapping_add(self.length() as usize)
    }

    #[inline]
    pub(crate) fn is_in_side(self) -> bool {
        self.offset() & SIDE != 0
    }

    /// The text in the buffer of the span. Empty if the span is out of bounds, which never happens.
    #[inline]
    pub(crate) fn of<'a>(self, text: &'a str, side: &'a str) -> &'a str {
        let buffer = if self.is_in_side() { side } else { text };
        buffer.get(self.range()).unwrap_or_default()
    }
}

/// One extension attribute, 16 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Extension {
    pub(crate) name_offset: u32,
    pub(crate) name_length: u16,
    pub(crate) kind: ExtensionKind,
    /// Text: a span of the buffers. Boolean and Integer: the value, in `offset`. Binary: a span of `binary`.
    pub(crate) value: Span,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ExtensionKind {
    /// Named in the message without a value. It detects a duplicate name, and is removed at the end.
    #[default]
    Unset,
    Boolean,
    Integer,
    String,
    Binary,
    Uri,
    UriReference,
    Timestamp,
}

impl Extension {
    #[inline]
    pub(crate) fn name(self) -> Span {
        Span::new(self.name_offset, self.name_length.into())
    }

    #[inline(always)]
    pub(crate) fn value<'a>(self, text: &'a str, side: &'a str, binary: &'a [u8]) -> Value<'a> {
        let written = || self.value.of(text, side);
        match self.kind {
            ExtensionKind::Unset | ExtensionKind::String => Value::String(written()),
            ExtensionKind::Boolean => Value::Boolean(self.value.offset() != 0),
            ExtensionKind::Integer => Value::Integer(self.value.offset().cast_signed()),
            ExtensionKind::Binary => {
                let start = self.value.offset() as usize;
                Value::Binary(
                    binary.get(start..start.wrapping_add(self.value.length() as usize)).unwrap_or_default(),
                )
            }
            ExtensionKind::Uri => Value::Uri(Uri::known(written())),
            ExtensionKind::UriReference => Value::UriReference(UriReference::known(written())),
            ExtensionKind::Timestamp => Value::Timestamp(Timestamp::known(written())),
        }
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(
            self.kind,
            ExtensionKind::String
                | ExtensionKind::Uri
                | ExtensionKind::UriReference
                | ExtensionKind::Timestamp
        )
    }

    /// An upper bound of the length of the value's canonical string, in bytes.
    #[inline]
    pub(crate) fn canonical_length(self) -> usize {
        match self.kind {
            ExtensionKind::Boolean | ExtensionKind::Integer => "-2147483648".len(),
            ExtensionKind::Binary => (self.value.length() as usize).div_ceil(3).saturating_mul(4),
            _ => self.value.length() as usize,
        }
    }
}

/// The extensions of an event, by name. Up to four are stored inline; more are shared, so that a clone never copies them.
// The tag is as wide as its neighbours, so that moves use whole words (see `Span`).
#[derive(Clone, Debug)]
#[repr(u32)]
pub(crate) enum Extensions {
    Few { length: u32, list: [Extension; FEW] },
    Many { list: Arc<[Extension]>, binary: Bytes },
}

pub(crate) const FEW: usize = 4;

impl Extensions {
    #[inline]
    pub(crate) fn new(list: &[Extension], binary: Bytes) -> Self {
        if list.len() <= FEW && binary.is_empty() {
            let few = core::array::from_fn(|at| list.get(at).copied().unwrap_or_default());
            return Self::Few { length: list.len() as u32, list: few };
        }
        Self::Many { list: list.into(), binary }
    }

    #[inline]
    pub(crate) fn list(&self) -> &[Extension] {
        match self {
            Self::Few { length, list } => list.get(..*length as usize).unwrap_or_default(),
            Self::Many { list, .. } => list,
        }
    }

    #[inline]
    pub(crate) fn binary(&self) -> &[u8] {
        match self {
            Self::Few { .. } => &[],
            Self::Many { binary, .. } => binary,
        }
    }
}

/// Both buffers of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) text: TextBuffer,
    pub(crate) side: TextBuffer,
}

/// The span of the text appended to the side buffer since it had the length `start`.
#[inline]
pub(crate) fn side_span(start: usize, length: usize) -> Result<Span, Error> {
    let span = text_span(start..start.wrapping_add(length))?;
    Ok(Span::new(span.offset() | SIDE, span.length()))
}

/// The span of a range of the text buffer.
#[inline]
pub(crate) fn text_span(range: Range<usize>) -> Result<Span, Error> {
    // The end is in range, so the start is, too.
    match (range.start as u32, range.end.wrapping_sub(range.start) as u32) {
        (offset, length) if range.start <= range.end && range.end < SIDE as usize => {
            Ok(Span::new(offset, length))
        }
        _ => Err(beyond_reach()),
    }
}

#[cold]
fn beyond_reach() -> Error {
    Error::new(ErrorKind::TooLarge).with_detail("documents and attributes together are limited to 2 GiB")
}
