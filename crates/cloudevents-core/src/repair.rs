//! Repairs of lenient decoding: their names, the set that is allowed, and the report of one.

use crate::{Error, ErrorKind};
use alloc::{boxed::Box, string::String, vec::Vec};
use core::{fmt, str::FromStr};

/// The repairs that lenient decoding makes. Each can be allowed separately, by its [`code`](Self::code).
///
/// ```
/// assert_eq!(cloudevents_core::RepairKind::UriFragment.code(), "uri-fragment");
/// assert_eq!(cloudevents_core::RepairKind::UriFragment.clause(), "CE-Type-System-j");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RepairKind {
    /// A header of Kafka was read as an AMQP-encoded value, because `specversion` of the record is one. Azure Event Hubs passes the
    /// properties of AMQP messages to consumers of Kafka in this form.
    AmqpEncoded,
    /// A message that nothing marks as a CloudEvent, or that is marked as plain JSON, was read as a document of the JSON format,
    /// because it can be read as one. Not in [`Leniency::all`].
    AssumedJson,
    /// A property of AMQP of type binary was read as text, because `specversion` of the message has this type. Azure Event Hubs passes the
    /// headers of Kafka records to consumers of AMQP in this form.
    BinaryText,
    /// A byte order mark before the document was skipped.
    ByteOrderMark,
    /// The content type was read from a header with another spelling of the name: `Content-Type` or `contentType` for `content-type`, where
    /// names are case-sensitive. The right name takes precedence. Without it, all spellings have to agree. Not in [`Leniency::all`].
    ContentTypeName,
    /// `data` of the JSON format that is not a string, under a content type that is not JSON, was read as text, and so was `null`. In the
    /// CBOR format, an item that is no string, under a content type that is not CBOR, was read as its bytes.
    DataAsText,
    /// An optional attribute whose value is invalid was left out.
    DroppedAttribute,
    /// An attribute whose name is not valid was left out. If both repairs are allowed, an attribute that
    /// [`LowerCasedName`](Self::LowerCasedName) would make a duplicate is left out, too.
    DroppedName,
    /// Empty parameters of a media type (`application/json;`) were left out, and tabs between parameters became spaces. HTTP allows both
    /// (RFC 9110, section 5.6.6), and `datacontenttype` neither (RFC 2045, section 5.1; clause CE-Type-System-f).
    EmptyParameter,
    /// Attributes were read from properties or headers with the prefix of another protocol: `ce-` over MQTT, which has no prefix; `ce-`,
    /// `cloudEvents:` or `cloudEvents_` over Kafka, whose own prefix is `ce_`; `ce_` or `ce-` over AMQP; and `ce_` over HTTP. Over Kafka
    /// and AMQP, the content type may then be in a header `content-type`, `Content-Type` or `contentType`. Not in [`Leniency::all`].
    ForeignPrefix,
    /// `time` was a date of HTTP (RFC 9110, section 5.6.7): `Sun, 06 Nov 1994 08:49:37 GMT`. The obsolete forms of such dates are not read.
    HttpDate,
    /// A header that must not be there (`ce-datacontenttype`), or that contradicts the content type, was ignored. So was a content type
    /// that is there again with the same value, also after a comma. In RabbitMQ, the property was ignored if it contradicts the header of
    /// the attribute: frameworks set the property by themselves.
    IgnoredHeader,
    /// A header value that is not UTF-8 was read as ISO-8859-1, without undoing escapes. Not in [`Leniency::all`].
    Latin1Text,
    /// Header text that is not escaped correctly was read as far as it is: a percent sign that begins no escape, an octet outside ASCII,
    /// or a quotation mark that is never closed stands for itself.
    LiteralText,
    /// An attribute name with upper-case letters was lower-cased.
    LowerCasedName,
    /// The content type was read from the application property of `datacontenttype`, because the property content-type of AMQP is absent or
    /// `application/octet-stream`. Clients of JMS cannot set it: it is absent beside text, and `application/octet-stream` beside bytes.
    NamedContentType,
    /// `time`, or an extension beyond the range of Integer, was a number: milliseconds since 1970. Not in [`Leniency::all`].
    NumericTime,
    /// The quotation marks around `source`, `dataschema` or `time` were left out: a producer wrote the value as a JSON string. A quotation
    /// mark is in no URI, URI-reference or timestamp.
    QuotedText,
    /// Header text was read as it is, even if escapes or quotes are correct: for peers that never escape. Not in [`Leniency::all`].
    RawText,
    /// Extensions were read from properties without the prefix of attributes. Not in [`Leniency::all`].
    UnprefixedExtension,
    /// A fragment, which an absolute URI must not have, was cut off.
    UriFragment,
}

impl RepairKind {
    /// All of them, in alphabetical order.
    pub const ALL: &'static [Self] = &[
        Self::AmqpEncoded,
        Self::AssumedJson,
        Self::BinaryText,
        Self::ByteOrderMark,
        Self::ContentTypeName,
        Self::DataAsText,
        Self::DroppedAttribute,
        Self::DroppedName,
        Self::EmptyParameter,
        Self::ForeignPrefix,
        Self::HttpDate,
        Self::IgnoredHeader,
        Self::Latin1Text,
        Self::LiteralText,
        Self::LowerCasedName,
        Self::NamedContentType,
        Self::NumericTime,
        Self::QuotedText,
        Self::RawText,
        Self::UnprefixedExtension,
        Self::UriFragment,
    ];

    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::AmqpEncoded => "amqp-encoded",
            Self::AssumedJson => "assumed-json",
            Self::BinaryText => "binary-text",
            Self::ByteOrderMark => "byte-order-mark",
            Self::ContentTypeName => "content-type-name",
            Self::DataAsText => "data-as-text",
            Self::DroppedAttribute => "dropped-attribute",
            Self::DroppedName => "dropped-name",
            Self::EmptyParameter => "empty-parameter",
            Self::ForeignPrefix => "foreign-prefix",
            Self::HttpDate => "http-date",
            Self::IgnoredHeader => "ignored-header",
            Self::Latin1Text => "latin1-text",
            Self::LiteralText => "literal-text",
            Self::LowerCasedName => "lower-cased-name",
            Self::NamedContentType => "named-content-type",
            Self::NumericTime => "numeric-time",
            Self::QuotedText => "quoted-text",
            Self::RawText => "raw-text",
            Self::UnprefixedExtension => "unprefixed-extension",
            Self::UriFragment => "uri-fragment",
        }
    }

    /// The id of the clause that the repaired input breaks, or that allows reading it. The requirement inventory of the test vectors lists
    /// it.
    ///
    /// If several bindings or formats have the rule, this is the first clause. The [cause](Repair::cause) of a repair has its own.
    pub const fn clause(self) -> &'static str {
        match self {
            Self::AmqpEncoded => "KAFKA-3.2.3-b",
            Self::AssumedJson | Self::ByteOrderMark => "JSON-3-a",
            Self::BinaryText => "AMQP-3.1.3.2-b",
            Self::ContentTypeName => "KAFKA-3.2.1-a",
            Self::DataAsText => "JSON-3.1.1-k",
            Self::DroppedAttribute => "CE-Type-System-b",
            Self::DroppedName | Self::LowerCasedName => "CE-Naming-a",
            Self::EmptyParameter => "CE-datacontenttype-b",
            Self::ForeignPrefix => "MQTT-3.1.3.1-a",
            Self::HttpDate => "CE-time-b",
            Self::IgnoredHeader => "HTTP-3.1.1-b",
            Self::Latin1Text => "HTTP-3.1.3.2-b",
            Self::LiteralText => "HTTP-3.1.3.2-f",
            Self::NamedContentType => "AMQP-3.1.1-a",
            Self::NumericTime => "AMQP-3.1.3.2-d",
            Self::QuotedText => "CE-Type-System-k",
            Self::RawText => "HTTP-3.1.3.2-c",
            Self::UnprefixedExtension => "AMQP-3.1.3.1-a",
            Self::UriFragment => "CE-Type-System-j",
        }
    }

    /// The repair with this code. `None` if the code is unknown.
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
            Self::AmqpEncoded => "was an AMQP-encoded value",
            Self::AssumedJson => "the message was taken for a document of the JSON format",
            Self::BinaryText => "was text of type binary",
            Self::ByteOrderMark => "a byte order mark was skipped",
            Self::ContentTypeName => "was in a header with another spelling of content-type",
            Self::DataAsText => "the payload was taken as it is written",
            Self::DroppedAttribute => "was left out",
            Self::DroppedName => "was left out, because its name is not valid",
            Self::EmptyParameter => "had empty parameters or tabs between them, which were left out",
            Self::ForeignPrefix => "attributes had a prefix that this protocol does not have",
            Self::HttpDate => "was a date of HTTP",
            Self::IgnoredHeader => "was ignored: it must not be there, or not twice",
            Self::Latin1Text => "was taken for ISO-8859-1, because it is not UTF-8",
            Self::LiteralText => "is not escaped correctly; what is wrong was taken literally",
            Self::LowerCasedName => "was given in upper case",
            Self::NamedContentType => {
                "was among the application properties, and not the property content-type"
            }
            Self::NumericTime => "was a number, which was taken for milliseconds",
            Self::QuotedText => "was in quotation marks, which were left out",
            Self::RawText => "was taken as it is, without undoing escapes",
            Self::UnprefixedExtension => "was a property without the prefix of attributes",
            Self::UriFragment => "had a fragment, which an absolute URI does not have; it was cut off",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// The repairs that are allowed: none by default.
///
/// As text, it is a list of [codes](RepairKind::code) with commas, `all` or `none`. The URL option `lenient` of senders and receivers is
/// the same text.
///
/// ```
/// use cloudevents_core::{Leniency, RepairKind};
///
/// let mut leniency = Leniency::strict();
/// leniency.allow(RepairKind::LowerCasedName);
/// assert!(leniency.allows(RepairKind::LowerCasedName));
/// assert!(!leniency.allows(RepairKind::DroppedAttribute));
///
/// let named: Leniency = "raw-text,numeric-time".parse()?;
/// assert!(named.allows(RepairKind::RawText) && named.allows(RepairKind::NumericTime));
/// assert_eq!(named.to_string(), "numeric-time,raw-text");
/// assert!("unheard-of".parse::<Leniency>().is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Leniency(u32);

impl Leniency {
    /// No repairs.
    pub const fn strict() -> Self {
        Self(0)
    }

    /// All repairs that are the same for every writer of messages.
    ///
    /// The other repairs guess the kind of the message or the meaning of its writer, and are wrong for most messages:
    /// [`AssumedJson`](RepairKind::AssumedJson), [`ContentTypeName`](RepairKind::ContentTypeName),
    /// [`ForeignPrefix`](RepairKind::ForeignPrefix), [`Latin1Text`](RepairKind::Latin1Text), [`NumericTime`](RepairKind::NumericTime),
    /// [`RawText`](RepairKind::RawText) and [`UnprefixedExtension`](RepairKind::UnprefixedExtension). They have to be named, or are part of
    /// a [`Peer`](crate::Peer).
    ///
    /// A message that strict decoding accepts is read alike with all repairs of this set. A message without a mark of CloudEvents is no
    /// event.
    ///
    /// Repairs that a later release adds may be among them. Name the repairs in a program that has to read the same messages with every
    /// release.
    ///
    /// ```
    /// use cloudevents_core::{Leniency, RepairKind};
    ///
    /// assert!(Leniency::all().allows(RepairKind::LiteralText));
    /// assert!(!Leniency::all().allows(RepairKind::RawText));
    /// ```
    pub const fn all() -> Self {
        Self::strict()
            .with(RepairKind::AmqpEncoded)
            .with(RepairKind::BinaryText)
            .with(RepairKind::ByteOrderMark)
            .with(RepairKind::DataAsText)
            .with(RepairKind::DroppedAttribute)
            .with(RepairKind::DroppedName)
            .with(RepairKind::EmptyParameter)
            .with(RepairKind::HttpDate)
            .with(RepairKind::IgnoredHeader)
            .with(RepairKind::LiteralText)
            .with(RepairKind::LowerCasedName)
            .with(RepairKind::NamedContentType)
            .with(RepairKind::QuotedText)
            .with(RepairKind::UriFragment)
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

    /// Returns the repairs of both.
    ///
    /// ```
    /// use cloudevents_core::{Leniency, RepairKind};
    ///
    /// let both = Leniency::all().union(Leniency::strict().with(RepairKind::RawText));
    /// assert!(both.allows(RepairKind::RawText) && both.allows(RepairKind::LiteralText));
    /// ```
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a repair is allowed.
    #[inline]
    pub const fn allows(self, repair: RepairKind) -> bool {
        self.0 & repair.bit() != 0
    }

    /// The repairs, in alphabetical order.
    pub fn repairs(self) -> impl Iterator<Item = RepairKind> {
        RepairKind::ALL.iter().copied().filter(move |repair| self.allows(*repair))
    }
}

/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for an unknown code; the help lists the known ones.
impl FromStr for Leniency {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.split(',').try_fold(Self::strict(), |leniency, code| match code.trim() {
            "all" => Ok(leniency.union(Self::all())),
            "none" => Ok(leniency),
            code => RepairKind::from_code(code).map(|repair| leniency.with(repair)).ok_or_else(|| {
                crate::peer::unknown("repair", code, RepairKind::ALL.iter().map(|kind| kind.code()))
            }),
        })
    }
}

/// Writes the [code](RepairKind::code).
impl fmt::Display for RepairKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

/// The codes with commas, `all` or `none`.
impl fmt::Display for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all");
        }
        if *self == Self::strict() {
            return f.write_str("none");
        }
        let codes: Vec<_> = self.repairs().map(RepairKind::code).collect();
        f.write_str(&codes.join(","))
    }
}

impl fmt::Debug for Leniency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.repairs().map(RepairKind::code)).finish()
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
    index: Option<usize>,
    cause: Option<Error>,
    /// The name of the attribute before it was lower-cased.
    spelled: Option<Box<str>>,
}

impl Repair {
    /// A repair of no particular attribute.
    pub fn new(kind: RepairKind) -> Self {
        Self { kind, attribute: None, index: None, cause: None, spelled: None }
    }

    /// The attribute that was repaired.
    pub fn with_attribute(mut self, name: impl Into<Box<str>>) -> Self {
        self.attribute = Some(name.into());
        self
    }

    /// The index, counted from 0, of the event in its batch.
    pub fn with_index(mut self, index: usize) -> Self {
        self.index = Some(index);
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

    /// The index of the event in its batch, counted from 0. `None` for a repair of the batch itself, and outside of batches.
    pub fn index(&self) -> Option<usize> {
        self.index
    }

    /// The error that strict decoding would have returned.
    pub fn cause(&self) -> Option<&Error> {
        self.cause.as_ref()
    }

    /// A name that was lower-cased.
    pub(crate) fn lower_cased(name: &str, lower: &str) -> Self {
        Self { spelled: Some(name.into()), ..Self::new(RepairKind::LowerCasedName).with_attribute(lower) }
    }

    /// Whether an attribute has this name because it was lower-cased.
    pub(crate) fn is_lower_cased(&self, lower: &str) -> bool {
        self.kind == RepairKind::LowerCasedName && self.attribute() == Some(lower)
    }

    /// Turns the repair of a name that was lower-cased to this one into the repair of a dropped name. Returns whether it was that
    /// repair.
    pub(crate) fn drop_lower_cased(&mut self, lower: &str) -> bool {
        let is_it = self.is_lower_cased(lower);
        if is_it {
            let name = self.spelled.take().unwrap_or_else(|| lower.into());
            *self =
                Self::new(RepairKind::DroppedName).with_cause(duplicate(&name, lower)).with_attribute(name);
        }
        is_it
    }
}

/// The error of a name that is another one in lower case.
#[cold]
pub(crate) fn duplicate(name: &str, lower: &str) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_attribute(String::from(name))
        .with_detail(["in lower case it is `", lower, "`, which is there, too"].concat())
        .with_clause("CE-Naming-a")
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
        if let Some(index) = self.index {
            write!(f, " (event {index} of the batch)")?;
        }
        write!(f, " [{}]", self.kind.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every set is read from its own text, whichever repairs are in it.
    #[test]
    fn a_leniency_is_read_from_its_text() {
        for start in [Leniency::strict(), Leniency::all()] {
            for repair in RepairKind::ALL {
                for leniency in [start, start.with(*repair), start.without(*repair)] {
                    let text = alloc::string::ToString::to_string(&leniency);
                    assert_eq!(text.parse::<Leniency>().unwrap(), leniency, "{text}");
                }
            }
        }
    }

    /// Those that guess have to be named. A new repair is in one of the two lists.
    #[test]
    fn all_is_all_but_guesses() {
        let guesses: Vec<_> =
            RepairKind::ALL.iter().copied().filter(|repair| !Leniency::all().allows(*repair)).collect();
        assert_eq!(
            guesses,
            [
                RepairKind::AssumedJson,
                RepairKind::ContentTypeName,
                RepairKind::ForeignPrefix,
                RepairKind::Latin1Text,
                RepairKind::NumericTime,
                RepairKind::RawText,
                RepairKind::UnprefixedExtension,
            ]
        );
    }
}
