//! The options shared by all decoders, extractors and receivers.

use crate::{Error, Formats};
use alloc::{boxed::Box, vec::Vec};
use core::fmt;

/// Options for decoding: formats, limits and leniency. The default is strict, with the default limits and no formats; bindings always
/// decode JSON.
///
/// ```
/// use cloudevents_core::{DecodeOptions, RepairKind};
///
/// let mut decoding = DecodeOptions::strict();
/// decoding.limits.bytes = 256 * 1024;
/// decoding.leniency.allow(RepairKind::UriFragment);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct DecodeOptions {
    /// The event formats accepted for structured and batched messages.
    pub formats: Formats,
    /// Upper bounds enforced while decoding.
    pub limits: Limits,
    /// Which mistakes are repaired instead of refused.
    pub leniency: Leniency,
}

impl DecodeOptions {
    /// Strict decoding, which is the default.
    pub fn strict() -> Self {
        Self::default()
    }

    /// Decoding with all repairs. Repairs are reported with the decoded value.
    pub fn lenient() -> Self {
        Self { leniency: Leniency::all(), ..Self::default() }
    }

    /// Returns a copy with the given formats.
    pub fn with_formats(mut self, formats: Formats) -> Self {
        self.formats = formats;
        self
    }

    /// Returns a copy with the given limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Returns a copy with the given leniency.
    pub fn with_leniency(mut self, leniency: Leniency) -> Self {
        self.leniency = leniency;
        self
    }
}

/// Upper bounds enforced while decoding. Exceeding one is an error of kind `too-large`, `too-many` or `too-deep`.
///
/// The specification requires consumers to accept events of 64 KiB; the defaults are well above.
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
    /// Levels of nesting in a document, the event itself included. Default: 127, the limit of `serde_json`.
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
    /// No bounds, for what the program has stored itself. Documents of more than 2 GiB cannot be addressed in any case.
    ///
    /// ```
    /// assert_eq!(cloudevents_core::Limits::unlimited().attributes, usize::MAX);
    /// ```
    pub const fn unlimited() -> Self {
        let most = usize::MAX;
        Self { bytes: most, attributes: most, name: most, value: most, depth: u32::MAX, batch: most }
    }

    /// Refuses a document or body with more bytes than the limit.
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

    /// Returns this leniency without one repair: `Leniency::all().without(RepairKind::DroppedAttribute)`.
    ///
    /// ```
    /// use cloudevents_core::{Leniency, RepairKind};
    ///
    /// const ALL_BUT_ONE: Leniency = Leniency::all().without(RepairKind::DroppedAttribute);
    /// assert!(ALL_BUT_ONE.allows(RepairKind::DroppedName));
    /// assert!(!ALL_BUT_ONE.allows(RepairKind::DroppedAttribute));
    /// ```
    #[must_use]
    pub const fn without(self, repair: RepairKind) -> Self {
        Self(self.0 & !repair.bit())
    }

    /// Returns this leniency with one more repair.
    #[must_use]
    pub const fn with(self, repair: RepairKind) -> Self {
        Self(self.0 | repair.bit())
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

/// The repairs that lenient decoding makes. Each can be allowed separately.
///
/// ```
/// assert_eq!(cloudevents_core::RepairKind::UriFragment.code(), "uri-fragment");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepairKind {
    /// A byte order mark before the document was skipped.
    ByteOrderMark,
    /// `data` of the JSON format that is not a string, under a content type that is not JSON, was read as text.
    DataAsText,
    /// An optional attribute whose value is invalid was left out.
    DroppedAttribute,
    /// An attribute whose name is not valid was left out.
    DroppedName,
    /// Empty parameters of a media type (`application/json;`) were left out. HTTP allows them (RFC 9110, section 5.6.6), and
    /// `datacontenttype` does not (RFC 2045, section 5.1).
    EmptyParameter,
    /// A header that must not be there (`ce-datacontenttype`) was ignored.
    IgnoredHeader,
    /// Header text that is not escaped correctly was read literally.
    LiteralText,
    /// An attribute name with upper-case letters was lower-cased.
    LowerCasedName,
    /// A fragment, which an absolute URI must not have, was cut off.
    UriFragment,
}

impl RepairKind {
    /// All of them, in alphabetical order.
    pub const ALL: &'static [Self] = &[
        Self::ByteOrderMark,
        Self::DataAsText,
        Self::DroppedAttribute,
        Self::DroppedName,
        Self::EmptyParameter,
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
            Self::EmptyParameter => "empty-parameter",
            Self::IgnoredHeader => "ignored-header",
            Self::LiteralText => "literal-text",
            Self::LowerCasedName => "lower-cased-name",
            Self::UriFragment => "uri-fragment",
        }
    }

    /// The repair with this code; `None` if the code is unknown.
    ///
    /// ```
    /// use cloudevents_core::RepairKind;
    ///
    /// for repair in RepairKind::ALL {
    ///     assert_eq!(RepairKind::from_code(repair.code()), Some(*repair));
    /// }
    /// assert_eq!(RepairKind::from_code("unheard-of"), None);
    /// ```
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|repair| repair.code() == code)
    }

    const fn sentence(self) -> &'static str {
        match self {
            Self::ByteOrderMark => "a byte order mark was skipped",
            Self::DataAsText => "the payload was taken as text",
            Self::DroppedAttribute => "was left out",
            Self::DroppedName => "was left out, because its name is not valid",
            Self::EmptyParameter => "had empty parameters, which were left out",
            Self::IgnoredHeader => "was ignored: it must not be there",
            Self::LiteralText => "was taken literally, though it is not escaped correctly",
            Self::LowerCasedName => "was given in upper case",
            Self::UriFragment => "had a fragment, which an absolute URI does not have; it was cut off",
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

    /// The error that strict decoding would have returned.
    pub fn with_cause(mut self, cause: Error) -> Self {
        self.cause = Some(cause);
        self
    }

    /// The kind of repair.
    pub fn kind(&self) -> RepairKind {
        self.kind
    }

    /// The attribute that was repaired, if any.
    pub fn attribute(&self) -> Option<&str> {
        self.attribute.as_deref()
    }

    /// The error that strict decoding would have returned.
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

/// A decoded value and the repairs made while decoding. Strict decoding makes none.
///
/// ```
/// use cloudevents_core::Decoded;
///
/// let decoded = Decoded::clean("7").map(|text| text.len());
/// assert_eq!(decoded.value, 1);
/// assert!(decoded.repairs().is_empty());
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decoded<T> {
    /// The decoded value.
    pub value: T,
    /// The repairs.
    pub repairs: Vec<Repair>,
}

impl<T> Decoded<T> {
    /// A value and the repairs made while decoding it.
    #[inline]
    pub fn new(value: T, repairs: Vec<Repair>) -> Self {
        Self { value, repairs }
    }

    /// A value that needed no repair.
    #[inline]
    pub fn clean(value: T) -> Self {
        Self { value, repairs: Vec::new() }
    }

    /// The repairs.
    pub fn repairs(&self) -> &[Repair] {
        &self.repairs
    }

    /// Converts the value and keeps the repairs.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded { value: f(self.value), repairs: self.repairs }
    }
}
