//! The sections of an AMQP 1.0 message, independent of the client library.

use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// The parts of an AMQP 1.0 message that this binding reads and writes: three sections of the bare message
/// (AMQP 1.0, part 3, section 3.2). Texts and bytes are slices of shared buffers, so that cloning does not
/// copy them.
///
/// ```
/// use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
///
/// let mut message = AmqpMessage::new(Body::Data(bytes::Bytes::from_static(b"hello")))
///     .with_property("cloudEvents_id", AmqpValue::String("1".into()));
/// message.properties.content_type = Some("text/plain".into());
/// assert!(matches!(message.property("cloudEvents_id"), Some(AmqpValue::String(_))));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct AmqpMessage {
    /// The section `properties`.
    pub properties: Properties,
    /// The section `application-properties`, in order. AMQP maps contain each key once. If a peer sends a key twice, keep both here.
    pub application_properties: Vec<(TextBuffer, AmqpValue)>,
    /// The sections of the body.
    pub body: Body,
}

impl AmqpMessage {
    /// Creates a message with this body and no properties of either kind.
    pub fn new(body: Body) -> Self {
        Self { body, ..Self::default() }
    }

    /// Returns a copy with one more application property.
    pub fn with_property(mut self, name: impl Into<TextBuffer>, value: AmqpValue) -> Self {
        self.application_properties.push((name.into(), value));
        self
    }

    /// Returns the value of the first application property of this name. Names are case-sensitive.
    pub fn property(&self, name: &str) -> Option<&AmqpValue> {
        self.application_properties.iter().find(|(found, _)| found.as_str() == name).map(|(_, value)| value)
    }
}

/// The fields of the section `properties` that concern an event or that brokers use. This binding reads and
/// writes the first two and leaves the others to the program.
///
/// ```
/// let mut properties = cloudevents_amqp::Properties::default();
/// properties.group_id = Some("session-1".into()); // a session of Azure Service Bus
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Properties {
    /// `content-type`, a symbol: `datacontenttype` in binary mode, the format in structured mode.
    pub content_type: Option<TextBuffer>,
    /// `content-encoding`, a symbol. A message with an encoding is refused, because its body must be decoded first.
    ///
    /// `identity` counts as no encoding. So do other values that clients write there: `utf-8`, `binary`, and an empty one.
    pub content_encoding: Option<TextBuffer>,
    /// `message-id`: a ulong, a uuid, binary or a string. Azure Service Bus uses it to detect duplicates.
    pub message_id: Option<AmqpValue>,
    /// `to`, the address of the node the message is for.
    pub to: Option<TextBuffer>,
    /// `subject`, which is not the attribute of the same name.
    pub subject: Option<TextBuffer>,
    /// `correlation-id`, of the same types as `message-id`.
    pub correlation_id: Option<AmqpValue>,
    /// `reply-to`, the address of the node to send replies to.
    pub reply_to: Option<TextBuffer>,
    /// `group-id`, the session in Azure Service Bus.
    pub group_id: Option<TextBuffer>,
}

/// The body of an AMQP message (AMQP 1.0, part 3, sections 3.2.6 to 3.2.8).
///
/// ```
/// use cloudevents_amqp::Body;
///
/// assert!(matches!(Body::default(), Body::Absent));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Body {
    /// No section. Some peers omit it although AMQP requires one.
    #[default]
    Absent,
    /// One data section.
    Data(Bytes),
    /// Any number of data sections, which together form the body.
    DataSections(Vec<Bytes>),
    /// An amqp-value section.
    Value(AmqpValue),
    /// One or more amqp-sequence sections. They never contain an event.
    Sequence,
}

/// A value of AMQP's type system (AMQP 1.0, part 1, section 1.6).
///
/// ```
/// use cloudevents_amqp::AmqpValue;
///
/// assert_eq!(AmqpValue::Long(5).type_name(), "long");
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum AmqpValue {
    /// `null`.
    Null,
    /// `boolean`.
    Boolean(bool),
    /// `ubyte`.
    Ubyte(u8),
    /// `ushort`.
    Ushort(u16),
    /// `uint`.
    Uint(u32),
    /// `ulong`.
    Ulong(u64),
    /// `byte`.
    Byte(i8),
    /// `short`.
    Short(i16),
    /// `int`.
    Int(i32),
    /// `long`: the type written for an Integer.
    Long(i64),
    /// `float`.
    Float(f32),
    /// `double`.
    Double(f64),
    /// `char`.
    Char(char),
    /// `timestamp`: milliseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// `uuid`.
    Uuid([u8; 16]),
    /// `binary`.
    Binary(Bytes),
    /// `string`.
    String(TextBuffer),
    /// `symbol`, which is ASCII.
    Symbol(TextBuffer),
    /// Any other type: a decimal, a list, a map, an array, a described value. No attribute or payload has
    /// such a type, so the value is not kept.
    Other,
}

impl AmqpValue {
    /// Returns AMQP's name of the type, such as `long`, or `compound` for types that are not listed above.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean(_) => "boolean",
            Self::Ubyte(_) => "ubyte",
            Self::Ushort(_) => "ushort",
            Self::Uint(_) => "uint",
            Self::Ulong(_) => "ulong",
            Self::Byte(_) => "byte",
            Self::Short(_) => "short",
            Self::Int(_) => "int",
            Self::Long(_) => "long",
            Self::Float(_) => "float",
            Self::Double(_) => "double",
            Self::Char(_) => "char",
            Self::Timestamp(_) => "timestamp",
            Self::Uuid(_) => "uuid",
            Self::Binary(_) => "binary",
            Self::String(_) => "string",
            Self::Symbol(_) => "symbol",
            Self::Other => "compound",
        }
    }
}

#[cfg(all(test, feature = "fe2o3-amqp018"))]
pub(crate) mod tests {
    use super::*;

    /// A value of each type of the wire.
    pub(crate) fn every_value() -> Vec<AmqpValue> {
        vec![
            AmqpValue::Null,
            AmqpValue::Boolean(true),
            AmqpValue::Ubyte(1),
            AmqpValue::Ushort(2),
            AmqpValue::Uint(3),
            AmqpValue::Ulong(4),
            AmqpValue::Byte(-1),
            AmqpValue::Short(-2),
            AmqpValue::Int(-3),
            AmqpValue::Long(-4),
            AmqpValue::Float(1.5),
            AmqpValue::Double(2.5),
            AmqpValue::Char('ä'),
            AmqpValue::Timestamp(-5),
            AmqpValue::Uuid([7; 16]),
            AmqpValue::Binary(Bytes::from_static(b"\x00\xff")),
            AmqpValue::String("ä".into()),
            AmqpValue::Symbol("a".into()),
        ]
    }
}
