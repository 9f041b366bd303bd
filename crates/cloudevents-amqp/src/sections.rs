//! The parts of a message that decoding reads, for any message type.

use crate::{AmqpMessage, AmqpValue, Body};
use cloudevents_core::TextBuffer;

/// The sections of a message that form an event.
pub(crate) trait Sections {
    /// The property `content-type`.
    fn content_type(&self) -> Option<&str>;

    /// The property `content-encoding`.
    fn content_encoding(&self) -> Option<&str>;

    /// The application properties in order. Decoding iterates over them twice.
    fn application_properties(&self) -> impl Iterator<Item = (&str, Property<'_>)>;

    /// The body.
    fn body(&self) -> &Body;
}

/// The value of an application property, with the types that attributes distinguish.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Property<'a> {
    Null,
    Boolean(bool),
    /// Of any width, signed or unsigned.
    Integer(i128),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A string or a symbol.
    Text(&'a str),
    Binary(&'a [u8]),
    /// The name of a type that no attribute has.
    Other(&'static str),
}

impl Sections for AmqpMessage {
    #[inline]
    fn content_type(&self) -> Option<&str> {
        self.properties.content_type.as_ref().map(TextBuffer::as_str)
    }

    #[inline]
    fn content_encoding(&self) -> Option<&str> {
        self.properties.content_encoding.as_ref().map(TextBuffer::as_str)
    }

    #[inline]
    fn application_properties(&self) -> impl Iterator<Item = (&str, Property<'_>)> {
        self.application_properties.iter().map(|(name, value)| (name.as_str(), value.into()))
    }

    #[inline]
    fn body(&self) -> &Body {
        &self.body
    }
}

impl<'a> From<&'a AmqpValue> for Property<'a> {
    #[inline]
    fn from(value: &'a AmqpValue) -> Self {
        match value {
            AmqpValue::String(text) | AmqpValue::Symbol(text) => Self::Text(text.as_str()),
            AmqpValue::Timestamp(milliseconds) => Self::Timestamp(*milliseconds),
            AmqpValue::Boolean(boolean) => Self::Boolean(*boolean),
            AmqpValue::Binary(bytes) => Self::Binary(bytes),
            AmqpValue::Long(number) => Self::Integer((*number).into()),
            AmqpValue::Ubyte(number) => Self::Integer((*number).into()),
            AmqpValue::Ushort(number) => Self::Integer((*number).into()),
            AmqpValue::Uint(number) => Self::Integer((*number).into()),
            AmqpValue::Ulong(number) => Self::Integer((*number).into()),
            AmqpValue::Byte(number) => Self::Integer((*number).into()),
            AmqpValue::Short(number) => Self::Integer((*number).into()),
            AmqpValue::Int(number) => Self::Integer((*number).into()),
            AmqpValue::Null => Self::Null,
            AmqpValue::Float(_)
            | AmqpValue::Double(_)
            | AmqpValue::Char(_)
            | AmqpValue::Uuid(_)
            | AmqpValue::Other => Self::Other(value.type_name()),
        }
    }
}
