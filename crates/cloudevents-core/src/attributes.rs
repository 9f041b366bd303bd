//! The attribute store: spans of two text buffers.

use crate::{Name, TextBuffer, Timestamp, Uri, UriReference, Value, codec::CoreName};
use alloc::sync::Arc;
use bytes::Bytes;
use core::ops::Range;

/// The core attributes of a specversion 1.0 event, except `specversion`, in the order they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    Id,
    Source,
    Type,
    DataContentType,
    /// `schemaurl` in 0.3.
    DataSchema,
    Subject,
    Time,
}

pub(crate) const CORE: [Core; 7] =
    [Core::Id, Core::Source, Core::Type, Core::DataContentType, Core::DataSchema, Core::Subject, Core::Time];

impl Core {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::DataContentType => "datacontenttype",
            Self::DataSchema => "dataschema",
            Self::Subject => "subject",
            Self::Time => "time",
        }
    }

    #[inline]
    pub(crate) fn from_name(name: &[u8]) -> Option<Self> {
        CoreName::of(name)?.core()
    }
}

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

/// An iterator over the attributes of an event, except `specversion`: id, source, type, datacontenttype, dataschema, subject and time
/// if they are set, then the extensions by name.
///
/// ```
/// let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t").extension("b", 2).extension("a", 1).build()?;
/// let written: Vec<_> = event.attributes().map(|(name, value)| format!("{name}={value}")).collect();
/// assert_eq!(written, ["id=1", "source=/s", "type=t", "a=1", "b=2"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    pub(crate) event: &'a crate::Event,
    /// The position in [`CORE`] to continue from, and the number of core attributes left.
    pub(crate) core: usize,
    pub(crate) core_left: usize,
    pub(crate) extensions: core::slice::Iter<'a, Extension>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = (Name<'a>, Value<'a>);

    #[inline(always)] // Encoders have a loop over extensions.
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(&core) = CORE.get(self.core) {
            self.core = self.core.wrapping_add(1);
            if let Some(found) = self.event.core_attribute(core) {
                self.core_left = self.core_left.wrapping_sub(1);
                return Some(found);
            }
        }
        self.extensions.next().map(|extension| self.event.extension_attribute(*extension))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.core_left.wrapping_add(self.extensions.len());
        (left, Some(left))
    }
}

impl ExactSizeIterator for Attributes<'_> {}

/// Both buffers of an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) text: TextBuffer,
    pub(crate) side: TextBuffer,
}
