//! The input of an assembler, and its results.

use crate::{
    SpecVersion,
    attributes::{SIDE, Span},
    codec::Piece,
    core_attribute::CoreName,
    side::{NearSide, Side},
};

/// The name of an attribute as received, and the attribute of the specification it names: looked up once.
///
/// ```
/// use cloudevents_core::codec::{AttributeName, CoreName};
///
/// assert_eq!(AttributeName::of(b"subject").core(), Some(CoreName::Subject));
/// assert_eq!(AttributeName::of(b"partitionkey").core(), None);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AttributeName<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) core: Option<CoreName>,
}

impl<'a> AttributeName<'a> {
    /// Looks up a name. The name need not be valid.
    #[inline]
    pub fn of(name: &'a [u8]) -> Self {
        Self { bytes: name, core: CoreName::of(name) }
    }

    /// The attribute of the specification with this name, if any.
    #[inline]
    pub fn core(self) -> Option<CoreName> {
        self.core
    }
}

/// A placeholder for a known name that is in no buffer.
pub(super) const NO_NAME: Piece = Piece::new(Span::new(SIDE, 0), true);

/// The value of an attribute as a carrier provides it. Text-only carriers provide [`Text`](Self::Text) for everything. Typed carriers name
/// the type. Core attributes are read as their own type in either case.
///
/// ```
/// use cloudevents_core::{DecodeOptions, codec::{Assembler, Given}};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// assembler.named("priority", Given::Integer(3))?;
/// assert!(assembler.named("id", Given::Boolean(true)).is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Given<'a> {
    /// A String, or text of unknown type.
    Text(Piece),
    /// A boolean.
    Boolean(bool),
    /// An integer.
    Integer(i32),
    /// Bytes.
    Binary(&'a [u8]),
    /// An absolute URI.
    Uri(Piece),
    /// A URI-reference.
    UriReference(Piece),
    /// A timestamp.
    Timestamp(Piece),
}

/// Takes text that is written in parts: see [`Assembler::push_with`](crate::codec::Assembler::push_with).
///
/// ```
/// use cloudevents_core::{DecodeOptions, Error, codec::Assembler};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// let piece = assembler.push_with(|out| {
///     out.push_str("caf");
///     out.push('é');
///     Ok::<_, Error>(())
/// })?;
/// assert_eq!(assembler.text(piece), "café");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct TextWriter<'a>(pub(super) &'a mut NearSide);

impl TextWriter<'_> {
    /// Appends a text.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        self.0.append(text.as_bytes());
    }

    /// Appends a character.
    #[inline]
    pub fn push(&mut self, character: char) {
        self.push_str(character.encode_utf8(&mut [0; 4]));
    }
}

/// The facts that are known when all attributes have been read.
///
/// ```
/// use cloudevents_core::{DecodeOptions, SpecVersion, codec::{Assembler, Given}};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "0.3"), ("id", "1"), ("source", "/s"), ("type", "t"), ("datacontentencoding", "base64")] {
///     let value = assembler.push(value)?;
///     assembler.named(name, Given::Text(value))?;
/// }
/// let completed = assembler.complete()?;
/// assert_eq!((completed.specversion, completed.base64), (SpecVersion::V03, true));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Completed {
    /// The version of the event.
    pub specversion: SpecVersion,
    /// Whether the payload is base64 text, by the `datacontentencoding` of specversion 0.3.
    pub base64: bool,
}
