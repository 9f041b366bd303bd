//! Messages of this crate and of client libraries, seen through one trait.

use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// The parts of a message of AMQP 0.9.1 that an event is mapped to, of no client library in particular.
///
/// Cloning is cheap: only the list of headers is copied.
///
/// ```
/// use cloudevents_rabbitmq::{FieldValue, RabbitMessage};
///
/// let message = RabbitMessage::new("{}").with_content_type("application/json").with_header("ce-id", "1");
/// assert_eq!(message.header("ce-id"), Some(&FieldValue::from("1")));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RabbitMessage {
    /// The property `content-type`.
    pub content_type: Option<TextBuffer>,
    /// The property `content-encoding`.
    pub content_encoding: Option<TextBuffer>,
    /// The property `headers`, in order.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Bytes,
}

/// Name and value of a header.
pub type Header = (TextBuffer, FieldValue);

impl RabbitMessage {
    /// A message with this body and no properties.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Returns a copy with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<TextBuffer>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Returns a copy with one header more.
    pub fn with_header(mut self, name: impl Into<TextBuffer>, value: impl Into<FieldValue>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The value of the first header of this name, in this case.
    pub fn header(&self, name: &str) -> Option<&FieldValue> {
        self.headers.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value)
    }
}

/// A value in a table of AMQP 0.9.1, as far as events are concerned.
///
/// ```
/// use cloudevents_rabbitmq::{Field, FieldValue};
///
/// assert_eq!(FieldValue::from("café").as_field(), Field::Bytes("café".as_bytes()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FieldValue {
    /// A string or a byte array: AMQP 0.9.1 has no encoding of text.
    Bytes(Bytes),
    /// A boolean.
    Boolean(bool),
    /// An integer of any width.
    Integer(i128),
    /// Seconds since 1970, in UTC.
    Timestamp(u64),
    /// No value.
    Void,
    /// A value of a type that no attribute has, by the type's name: a table, a float.
    Other(&'static str),
}

impl FieldValue {
    /// The value without a copy.
    #[inline]
    pub fn as_field(&self) -> Field<'_> {
        match self {
            Self::Bytes(bytes) => Field::Bytes(bytes),
            Self::Boolean(boolean) => Field::Boolean(*boolean),
            Self::Integer(number) => Field::Integer(*number),
            Self::Timestamp(seconds) => Field::Timestamp(*seconds),
            Self::Void => Field::Void,
            Self::Other(name) => Field::Other(name),
        }
    }
}

impl From<&str> for FieldValue {
    fn from(text: &str) -> Self {
        Self::Bytes(Bytes::copy_from_slice(text.as_bytes()))
    }
}

impl From<Bytes> for FieldValue {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

/// A value in a table, borrowed from a client's message. See [`FieldValue`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field<'a> {
    /// A string or a byte array.
    Bytes(&'a [u8]),
    /// A boolean.
    Boolean(bool),
    /// An integer of any width.
    Integer(i128),
    /// Seconds since 1970, in UTC.
    Timestamp(u64),
    /// No value.
    Void,
    /// A value of a type that no attribute has, by the type's name.
    Other(&'static str),
}

/// A message as its client library holds it. [`decode`](crate::decode()) reads it without copying the headers.
///
/// To decode the messages of another client, implement it for a newtype:
///
/// ```
/// use cloudevents_rabbitmq::{Field, MessageView};
///
/// struct Delivered { headers: Vec<(String, String)>, body: Vec<u8> }
///
/// impl MessageView for Delivered {
///     fn content_type(&self) -> Option<&str> {
///         None
///     }
///
///     fn headers(&self) -> impl Iterator<Item = (&str, Field<'_>)> {
///         self.headers.iter().map(|(name, value)| (name.as_str(), Field::Bytes(value.as_bytes())))
///     }
///
///     fn body(&self) -> &[u8] {
///         &self.body
///     }
/// }
///
/// let delivered = Delivered { headers: vec![("ce-id".into(), "1".into())], body: vec![] };
/// assert!(cloudevents_rabbitmq::is_cloudevent(&delivered));
/// ```
pub trait MessageView {
    /// The property `content-type`.
    fn content_type(&self) -> Option<&str>;

    /// The property `content-encoding`. An event whose body is compressed is refused.
    fn content_encoding(&self) -> Option<&str> {
        None
    }

    /// Names and values of the headers, in order. They are gone through twice.
    fn headers(&self) -> impl Iterator<Item = (&str, Field<'_>)>;

    /// The body.
    fn body(&self) -> &[u8];

    /// The body to keep. It is copied, unless the client shares it: then override this.
    fn body_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.body())
    }
}

impl MessageView for RabbitMessage {
    #[inline]
    fn content_type(&self) -> Option<&str> {
        self.content_type.as_ref().map(TextBuffer::as_str)
    }

    #[inline]
    fn content_encoding(&self) -> Option<&str> {
        self.content_encoding.as_ref().map(TextBuffer::as_str)
    }

    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, Field<'_>)> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_field()))
    }

    #[inline]
    fn body(&self) -> &[u8] {
        &self.body
    }

    #[inline]
    fn body_bytes(&self) -> Bytes {
        self.body.clone()
    }
}
