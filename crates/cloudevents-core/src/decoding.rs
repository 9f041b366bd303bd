//! The one options value of every decoder, extractor and receiver.

use crate::{Error, Formats};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// How to decode: with which formats, within which limits, how leniently. The default is strict, with the default limits and
/// no format; every binding brings JSON along by itself.
///
/// ```
/// use cloudevents_core::{Decoding, RepairKind};
///
/// let mut decoding = Decoding::strict();
/// decoding.limits.bytes = 256 * 1024;
/// decoding.leniency.allow(RepairKind::UriFragment);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Decoding {
    /// The event formats that structured and batched messages may be in.
    pub formats: Formats,
    /// What a message may be at most.
    pub limits: Limits,
    /// Which mistakes are repaired instead of refused.
    pub leniency: Leniency,
}

impl Decoding {
    /// To the letter: the same as the default.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Every repair there is. What was repaired is reported with the decoded value.
    pub fn lenient() -> Self {
        Self { leniency: Leniency::all(), ..Self::default() }
    }

    /// The same with these formats.
    pub fn with_formats(mut self, formats: Formats) -> Self {
        self.formats = formats;
        self
    }

    /// The same with these limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with this leniency.
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }
}

/// What a message may be at most. Everything beyond is refused with a kind of its own: `too-large`, `too-many`, `too-deep`.
///
/// The specification asks every consumer to accept events of 64 KiB; the defaults are well above.
///
/// ```
/// let limits = cloudevents_core::Limits::default();
/// assert_eq!((limits.bytes, limits.depth), (16 << 20, 127));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a document or body. Default: 16 MiB. At most 2 GiB can be addressed.
    pub bytes: usize,
    /// Attributes of one event. Default: 256.
    pub attributes: usize,
    /// Bytes of one attribute's name. Default: 256.
    pub name: usize,
    /// Bytes of one attribute's value. Default: 64 KiB.
    pub value: usize,
    /// Levels of nesting in a document, the event itself included. Default: 127, what `serde_json` reads.
    pub depth: u32,
    /// Events in a batch. Default: 10,000.
    pub batch: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 16 << 20, attributes: 256, name: 256, value: 64 << 10, depth: 127, batch: 10_000 }
    }
}

impl Limits {
    /// Refuses a document or body of so many bytes when that is beyond the limit.
    pub fn check_bytes(&self, bytes: usize) -> Result<(), Error> {
        if bytes <= self.bytes {
            return Ok(());
        }
        Err(Error::new(crate::ErrorKind::TooLarge)
            .with_detail(alloc::format!("{bytes} bytes, and the limit is {}", self.bytes))
            .with_help("raise Limits::bytes if messages of this size are expected"))
    }
}

/// The mistakes that are repaired instead of refused: none by default.
///
/// ```
/// use cloudevents_core::{Leniency, RepairKind};
///
/// let mut leniency = Leniency::strict();
/// leniency.allow(RepairKind::LowerCasedName);
/// assert!(leniency.allows(RepairKind::LowerCasedName));
/// assert!(!leniency.allows(RepairKind::DroppedAttribute));
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Leniency(u32);

impl Leniency {
    /// No repairs.
    pub const fn strict() -> Self {
        Self(0)
    }

    /// All repairs.
    pub const fn all() -> Self {
        Self(u32::MAX)
    }

    /// Allows a repair.
    pub fn allow(&mut self, repair: RepairKind) -> &mut Self {
        self.0 |= repair.bit();
        self
    }

    /// Whether a repair is allowed.
    #[inline]
    pub fn allows(self, repair: RepairKind) -> bool {
        self.0 & repair.bit() != 0
    }
}

impl fmt::Debug for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                RepairKind::ALL.iter().filter(|repair| self.allows(**repair)).map(|repair| repair.code()),
            )
            .finish()
    }
}

/// The repairs that lenient decoding makes, each of which can be allowed by itself.
///
/// ```
/// assert_eq!(cloudevents_core::RepairKind::UriFragment.code(), "uri-fragment");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepairKind {
    /// A byte order mark before the document was skipped.
    ByteOrderMark,
    /// `data` of the JSON format that is not a string, under a content type that is not JSON, was taken as text.
    DataAsText,
    /// An optional attribute whose value is invalid was left out.
    DroppedAttribute,
    /// An attribute whose name is not one was left out.
    DroppedName,
    /// A header that must not be there (`ce-datacontenttype`) was ignored.
    IgnoredHeader,
    /// Text of a header that is not escaped correctly was taken as it stands.
    LiteralText,
    /// An attribute name with upper-case letters was lower-cased.
    LowerCasedName,
    /// A URI with a fragment, which an absolute URI does not have, was kept.
    UriFragment,
}

impl RepairKind {
    /// All of them, in alphabetical order.
    pub const ALL: &'static [Self] = &[
        Self::ByteOrderMark,
        Self::DataAsText,
        Self::DroppedAttribute,
        Self::DroppedName,
        Self::IgnoredHeader,
        Self::LiteralText,
        Self::LowerCasedName,
        Self::UriFragment,
    ];

    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "byte-order-mark",
            Self::DataAsText => "data-as-text",
            Self::DroppedAttribute => "dropped-attribute",
            Self::DroppedName => "dropped-name",
            Self::IgnoredHeader => "ignored-header",
            Self::LiteralText => "literal-text",
            Self::LowerCasedName => "lower-cased-name",
            Self::UriFragment => "uri-fragment",
        }
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "a byte order mark was skipped",
            Self::DataAsText => "the payload was taken as text",
            Self::DroppedAttribute => "was left out",
            Self::DroppedName => "was left out, for its name is none",
            Self::IgnoredHeader => "was ignored: it must not be there",
            Self::LiteralText => "was taken literally, though it is not escaped correctly",
            Self::LowerCasedName => "was given in upper case",
            Self::UriFragment => "was kept with its fragment, which an absolute URI does not have",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// One repair that lenient decoding made.
///
/// ```
/// use cloudevents_core::{Repair, RepairKind};
///
/// let repair = Repair::new(RepairKind::LowerCasedName).with_attribute("subject");
/// assert_eq!(repair.to_string(), "attribute `subject` was given in upper case [lower-cased-name]");
/// ```
#[derive(Clone, Debug)]
pub struct Repair {
    kind: RepairKind,
    attribute: Option<Box<str>>,
    cause: Option<Error>,
}

impl Repair {
    /// A repair of no particular attribute.
    pub fn new(kind: RepairKind) -> Self {
        Self { kind, attribute: None, cause: None }
    }

    /// The attribute that was repaired.
    pub fn with_attribute(mut self, name: impl Into<Box<str>>) -> Self {
        self.attribute = Some(name.into());
        self
    }

    /// What strict decoding would have said.
    pub fn with_cause(mut self, cause: Error) -> Self {
        self.cause = Some(cause);
        self
    }

    /// Which repair it was.
    pub fn kind(&self) -> RepairKind {
        self.kind
    }

    /// The attribute it concerns.
    pub fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }

    /// What strict decoding would have said.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_ref()
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.attribute {
            write!(f, "attribute `{name}` ")?;
        }
        f.write_str(self.kind.sentence())?;
        if let Some(cause) = &self.cause {
            write!(f, ": {}", cause.message())?;
        }
        write!(f, " [{}]", self.kind.code())
    }
}

/// A decoded value and the repairs that were made on the way; strict decoding makes none.
///
/// ```
/// use cloudevents_core::Decoded;
///
/// let decoded = Decoded::clean("7").map(|text| text.len());
/// assert_eq!(decoded.value, 1);
/// assert!(decoded.repairs().is_empty());
/// ```
#[derive(Clone, Debug)]
pub struct Decoded<T> {
    /// What was decoded.
    pub value: T,
    /// What was repaired.
    pub repairs: Vec<Repair>,
}

impl<T> Decoded<T> {
    /// A value that needed no repair.
    #[inline]
    pub fn clean(value: T) -> Self {
        Self { value, repairs: Vec::new() }
    }

    /// The repairs.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// The same repairs with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded { value: f(self.value), repairs: self.repairs }
    }
}
