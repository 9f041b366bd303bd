//! A received message: decoded without conversion, and kept unchanged.

use super::{
    extras::PARTITION_KEY,
    message::{Fe2o3Message, WireBody, WireMessage, data_sections, read, simple, size, to_wire_body},
};
use crate::{
    AmqpValue, Body, decode, name,
    sections::{Property, Sections},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::Origin;
use fe2o3_amqp_types::{
    messaging::{
        self, ApplicationProperties, DeliveryAnnotations, Footer, Header, MessageAnnotations, MessageId,
        Properties, annotations::OwnedKey,
    },
    primitives::{SimpleValue, Symbol, Value},
};
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A message with all of its sections. [`Received::native`](cloudevents_transport::Received::native)
/// returns it for AMQP.
///
/// Key, offset and time are the message annotations of Azure Service Bus and Event Hubs
/// (`x-opt-partition-key`, `x-opt-sequence-number`, `x-opt-enqueued-time`). Without the first, the key is
/// the property `group-id`. Headers are the content type and the application properties.
///
/// ```no_run
/// use cloudevents_amqp::fe2o3_amqp018::ReceivedMessage;
///
/// # async fn example(mut receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// let Some(delivery) = receiver.next().await? else { return Ok(()) };
/// if let Some(header) = delivery.native().and_then(|message: &ReceivedMessage| message.header.as_ref()) {
///     println!("durable: {}, priority: {}", header.durable, header.priority.0);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The section `header`.
    pub header: Option<Header>,
    /// The section `delivery-annotations`.
    pub delivery_annotations: Option<DeliveryAnnotations>,
    /// The section `message-annotations`.
    pub message_annotations: Option<MessageAnnotations>,
    /// The section `properties`.
    pub properties: Option<Properties>,
    /// The section `application-properties`.
    pub application_properties: Option<ApplicationProperties>,
    /// The sections of the body. The parts that [`Body`] does not keep are kept beside it: a message that is rejected or forwarded to an
    /// AMQP address has its original body, of any type.
    pub body: Body,
    /// The section `footer`.
    pub footer: Option<Footer>,
    /// The body as it was on the wire, unless it is data.
    kept: Option<WireBody>,
    /// The address of the link.
    topic: Option<Arc<str>>,
}

impl From<Fe2o3Message> for ReceivedMessage {
    fn from(message: Fe2o3Message) -> Self {
        let received = Self {
            header: message.header,
            delivery_annotations: message.delivery_annotations,
            message_annotations: message.message_annotations,
            properties: message.properties,
            application_properties: message.application_properties,
            body: Body::Value(AmqpValue::Other),
            footer: message.footer,
            kept: None,
            topic: None,
        };
        match to_wire_body(message.body) {
            Ok(body) => received.with_body(body),
            Err(_) => received,
        }
    }
}

impl From<WireMessage> for ReceivedMessage {
    fn from(message: WireMessage) -> Self {
        let received = Self {
            header: message.header,
            delivery_annotations: message.delivery_annotations,
            message_annotations: message.message_annotations,
            properties: message.properties,
            application_properties: message.application_properties,
            body: Body::Absent,
            footer: message.footer,
            kept: None,
            topic: None,
        };
        received.with_body(message.body)
    }
}

impl Sections for ReceivedMessage {
    fn content_type(&self) -> Option<&str> {
        self.properties.as_ref()?.content_type.as_ref().map(Symbol::as_str)
    }

    fn content_encoding(&self) -> Option<&str> {
        self.properties.as_ref()?.content_encoding.as_ref().map(Symbol::as_str)
    }

    #[inline]
    fn application_properties(&self) -> impl Iterator<Item = (&str, Property<'_>)> {
        let properties =
            self.application_properties.as_ref().into_iter().flat_map(|properties| properties.0.iter());
        properties.map(|(name, value)| (name.as_str(), property(value)))
    }

    fn body(&self) -> &Body {
        &self.body
    }
}

impl ReceivedMessage {
    /// Returns the message with the address it came from.
    pub(super) fn at(mut self, topic: &Arc<str>) -> Self {
        self.topic = Some(Arc::clone(topic));
        self
    }

    fn with_body(mut self, body: WireBody) -> Self {
        (self.body, self.kept) = match body {
            messaging::Body::Empty => (Body::Absent, None),
            messaging::Body::Data(sections) => (data_sections(sections), None),
            messaging::Body::Value(value) => {
                (Body::Value(read(&value.0)), Some(messaging::Body::Value(value)))
            }
            sequence => (Body::Sequence, Some(sequence)),
        };
        self
    }

    /// The body as it was on the wire, unless it is data, or cannot be written.
    pub(super) fn kept(&self) -> Option<&WireBody> {
        self.kept.as_ref()
    }

    /// Whether RabbitMQ says that it comes from a stream. The publisher may have said so, too.
    pub(super) fn is_of_stream(&self) -> bool {
        self.annotation("x-stream-offset").is_some()
    }

    fn annotation(&self, name: &str) -> Option<&Value> {
        let annotations = &self.message_annotations.as_ref()?.0;
        annotations
            .iter()
            .find(|(key, _)| matches!(key, OwnedKey::Symbol(key) if key.as_str() == name))
            .map(|(_, value)| value)
    }
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        let body = match (&self.body, &self.kept) {
            (Body::Data(bytes), _) => bytes.len(),
            (Body::DataSections(sections), _) => {
                sections.iter().map(Bytes::len).fold(0, usize::saturating_add)
            }
            (_, kept) => kept.as_ref().map_or(0, size),
        };
        let properties = self.application_properties.iter().flat_map(|properties| properties.0.iter());
        let property = |(name, value): (&String, &SimpleValue)| name.len().saturating_add(simple_size(value));
        properties.map(property).fold(body, usize::saturating_add)
    }

    fn body(&self) -> Option<Bytes> {
        match &self.body {
            Body::Data(bytes) => Some(bytes.clone()),
            Body::DataSections(sections) => Some(sections.concat().into()),
            Body::Value(value) => written(value),
            Body::Absent | Body::Sequence => None,
        }
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(decode::message(self, with))
    }

    fn has_whole_body(&self) -> bool {
        !matches!(self.body, Body::Value(AmqpValue::Other) | Body::Sequence)
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        if let Some(content_type) = Sections::content_type(self) {
            each("content-type", Some(Cow::Borrowed(content_type.as_bytes())));
        }
        for (name, value) in self.application_properties.iter().flat_map(|properties| properties.0.iter()) {
            each(name, text(value));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        name::attribute(name).is_none() && name != "content-type"
    }

    fn topic(&self) -> Option<&str> {
        self.topic.as_deref()
    }

    fn offset(&self) -> Option<u64> {
        match self.annotation("x-opt-sequence-number")? {
            Value::Long(number) => u64::try_from(*number).ok(),
            Value::Ulong(number) => Some(*number),
            _ => None,
        }
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        let key = match self.annotation(PARTITION_KEY) {
            Some(Value::String(key)) => Some(key.as_str()),
            Some(Value::Symbol(key)) => Some(key.as_str()),
            _ => self.properties.as_ref().and_then(|properties| properties.group_id.as_deref()),
        };
        key.map(|key| Cow::Borrowed(key.as_bytes()))
    }

    fn timestamp(&self) -> Option<SystemTime> {
        match self.annotation("x-opt-enqueued-time")? {
            Value::Timestamp(time) => {
                let since = Duration::from_millis(u64::try_from(time.milliseconds()).ok()?);
                SystemTime::UNIX_EPOCH.checked_add(since)
            }
            _ => None,
        }
    }

    /// A `delivery-count` above 0 means redelivered, a `first-acquirer` means not. Without either, another
    /// link may have acquired the message before.
    fn is_redelivered(&self) -> Option<bool> {
        let header = self.header.as_ref()?;
        match (header.delivery_count, header.first_acquirer) {
            (0, true) => Some(false),
            (0, false) => None,
            _ => Some(true),
        }
    }

    fn reply_to(&self) -> Option<&str> {
        self.properties.as_ref()?.reply_to.as_deref()
    }

    /// Returns the `correlation-id`, or the `message-id` if there is none.
    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        let properties = self.properties.as_ref()?;
        Some(match properties.correlation_id.as_ref().or(properties.message_id.as_ref())? {
            MessageId::String(id) => Cow::Borrowed(id.as_bytes()),
            MessageId::Binary(id) => Cow::Borrowed(id),
            MessageId::Ulong(id) => Cow::Owned(id.to_string().into_bytes()),
            MessageId::Uuid(id) => Cow::Owned(hex(id.as_inner()).into_bytes()),
        })
    }
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Vec::new();
        self.headers(&mut |name, _| names.push(name));
        f.debug_struct("ReceivedMessage")
            .field("topic", &self.topic)
            .field("headers", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[inline]
fn property(value: &SimpleValue) -> Property<'_> {
    match value {
        SimpleValue::String(text) => Property::Text(text),
        SimpleValue::Symbol(text) => Property::Text(text.as_str()),
        SimpleValue::Timestamp(time) => Property::Timestamp(time.milliseconds()),
        SimpleValue::Bool(boolean) => Property::Boolean(*boolean),
        SimpleValue::Binary(bytes) => Property::Binary(bytes),
        SimpleValue::Ubyte(number) => Property::Integer((*number).into()),
        SimpleValue::Ushort(number) => Property::Integer((*number).into()),
        SimpleValue::Uint(number) => Property::Integer((*number).into()),
        SimpleValue::Ulong(number) => Property::Integer((*number).into()),
        SimpleValue::Byte(number) => Property::Integer((*number).into()),
        SimpleValue::Short(number) => Property::Integer((*number).into()),
        SimpleValue::Int(number) => Property::Integer((*number).into()),
        SimpleValue::Long(number) => Property::Integer((*number).into()),
        SimpleValue::Null => Property::Null,
        other => Property::Other(simple(other.clone()).type_name()),
    }
}

/// Returns a value as text or bytes.
fn text(value: &SimpleValue) -> Option<Cow<'_, [u8]>> {
    match value {
        SimpleValue::String(text) => Some(Cow::Borrowed(text.as_bytes())),
        SimpleValue::Symbol(text) => Some(Cow::Borrowed(text.as_str().as_bytes())),
        SimpleValue::Binary(bytes) => Some(Cow::Borrowed(bytes)),
        other => written(&simple(other.clone())).map(|bytes| Cow::Owned(bytes.into())),
    }
}

/// Returns the size of a value in bytes. Numbers count as eight.
fn simple_size(value: &SimpleValue) -> usize {
    match value {
        SimpleValue::String(text) => text.len(),
        SimpleValue::Symbol(text) => text.as_str().len(),
        SimpleValue::Binary(bytes) => bytes.len(),
        _ => 8,
    }
}

fn hex(bytes: &[u8; 16]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a value for display and forwarding: text and binary unchanged, others formatted as text.
fn written(value: &AmqpValue) -> Option<Bytes> {
    Some(match value {
        AmqpValue::Null | AmqpValue::Other => return None,
        AmqpValue::Binary(bytes) => bytes.clone(),
        AmqpValue::String(text) | AmqpValue::Symbol(text) => text.as_bytes().clone(),
        AmqpValue::Boolean(value) => value.to_string().into(),
        AmqpValue::Ubyte(value) => value.to_string().into(),
        AmqpValue::Ushort(value) => value.to_string().into(),
        AmqpValue::Uint(value) => value.to_string().into(),
        AmqpValue::Ulong(value) => value.to_string().into(),
        AmqpValue::Byte(value) => value.to_string().into(),
        AmqpValue::Short(value) => value.to_string().into(),
        AmqpValue::Int(value) => value.to_string().into(),
        AmqpValue::Long(value) | AmqpValue::Timestamp(value) => value.to_string().into(),
        AmqpValue::Float(value) => value.to_string().into(),
        AmqpValue::Double(value) => value.to_string().into(),
        AmqpValue::Char(value) => value.to_string().into(),
        AmqpValue::Uuid(bytes) => hex(bytes).into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AmqpMessage, fe2o3_amqp018::from_sections};
    use cloudevents_core::{Error, ErrorKind};
    use cloudevents_transport::Received;
    use fe2o3_amqp_types::messaging::annotations::Annotations;

    fn received(message: AmqpMessage) -> ReceivedMessage {
        from_sections(message).unwrap().into()
    }

    #[test]
    fn every_section_is_shown() {
        let mut message = AmqpMessage::new(Body::DataSections(vec!["a".into(), "b".into()]))
            .with_property("n", AmqpValue::Int(-5))
            .with_property("text", AmqpValue::String("t".into()))
            .with_property("symbol", AmqpValue::Symbol("s".into()))
            .with_property("bytes", AmqpValue::Binary("b".into()))
            .with_property("cloudEvents_id", AmqpValue::String("1".into()))
            .with_property("absent", AmqpValue::Null);
        message.properties.content_type = Some("text/plain".into());
        message.properties.reply_to = Some("answers".into());
        message.properties.message_id = Some(AmqpValue::Ulong(7));
        let annotations = |values: Vec<(&str, Value)>| -> Annotations {
            values.into_iter().map(|(name, value)| (OwnedKey::from(name), value)).collect()
        };
        let mut message = from_sections(message).unwrap();
        message.header = Some(Header { durable: true, delivery_count: 2, ..Header::default() });
        message.delivery_annotations =
            Some(DeliveryAnnotations(annotations(vec![("x-opt-lock-token", Value::Uuid([1; 16].into()))])));
        message.message_annotations = Some(MessageAnnotations(annotations(vec![
            ("x-opt-sequence-number", Value::Long(42)),
            ("x-opt-enqueued-time", Value::Timestamp(1500.into())),
            ("x-opt-partition-key", Value::String("k".into())),
        ])));
        message.footer = Some(Footer(annotations(vec![("x-hash", Value::Uint(9))])));
        let message = ReceivedMessage::from(message).at(&"orders".into());
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), message);
        let headers = received.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        let expected: [(&str, Option<&[u8]>); 7] = [
            ("content-type", Some(b"text/plain")),
            ("n", Some(b"-5")),
            ("text", Some(b"t")),
            ("symbol", Some(b"s")),
            ("bytes", Some(b"b")),
            ("cloudEvents_id", Some(b"1")),
            ("absent", None),
        ];
        assert_eq!(headers, expected);
        let forwarded = headers.iter().filter(|(name, _)| received.origin().is_forwarded(name)).count();
        assert_eq!(forwarded, 5);
        assert_eq!((received.body().unwrap(), received.topic()), ("ab".into(), Some("orders")));
        assert_eq!((received.offset(), received.key().as_deref()), (Some(42), Some(&b"k"[..])));
        assert_eq!(received.timestamp(), Some(SystemTime::UNIX_EPOCH + Duration::from_millis(1500)));
        assert_eq!((received.is_redelivered(), received.reply_to()), (Some(true), Some("answers")));
        assert_eq!(received.correlation().as_deref(), Some(&b"7"[..]));
        let native: &ReceivedMessage = received.native().unwrap();
        assert!(native.header.as_ref().unwrap().durable);
        assert_eq!(native.delivery_annotations.as_ref().unwrap().0.len(), 1);
        assert_eq!(native.message_annotations.as_ref().unwrap().0.len(), 3);
        let footer = &native.footer.as_ref().unwrap().0;
        assert_eq!(footer.values().next(), Some(&Value::Uint(9)));
    }

    #[test]
    fn the_header_says_whether_a_message_came_before() {
        let redelivered = |header: Option<Header>| {
            let mut message = from_sections(AmqpMessage::new(Body::Absent)).unwrap();
            message.header = header;
            ReceivedMessage::from(message).is_redelivered()
        };
        assert_eq!(redelivered(None), None);
        assert_eq!(redelivered(Some(Header::default())), None);
        assert_eq!(redelivered(Some(Header { first_acquirer: true, ..Header::default() })), Some(false));
        assert_eq!(redelivered(Some(Header { delivery_count: 1, ..Header::default() })), Some(true));
    }

    /// Every type of the wire is the same as in the sections.
    #[test]
    fn properties_are_those_of_the_sections() {
        let mut message = AmqpMessage::new(Body::Data(Bytes::from_static(b"x")));
        for (number, value) in crate::wire::tests::every_value().into_iter().enumerate() {
            message = message.with_property(number.to_string(), value);
        }
        message.properties.content_type = Some("text/plain".into());
        message.properties.content_encoding = Some("gzip".into());
        let expected: Vec<_> =
            message.application_properties().map(|property| format!("{property:?}")).collect();
        let received = received(message.clone());
        let found: Vec<_> =
            Sections::application_properties(&received).map(|property| format!("{property:?}")).collect();
        assert_eq!(found, expected);
        assert_eq!(received.content_type(), message.content_type());
        assert_eq!(received.content_encoding(), message.content_encoding());
    }
}
