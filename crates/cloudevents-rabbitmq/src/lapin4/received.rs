//! A received message: decoded without conversion, and kept unchanged.

use super::{message::field, returns::NUMBER};
use crate::{
    Field, MessageView,
    mode::Look,
    name::{self, Spelling},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message};
use cloudevents_transport::Origin;
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, DecimalValue, FieldTable, ShortString},
};
use std::{
    any::Any,
    borrow::Cow,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The header with the number of the next attempt, in a message that waits to be delivered again.
pub(super) const ATTEMPT: &str = "delivery-attempt";

/// A message with all of its properties. [`Received::native`](cloudevents_transport::Received::native)
/// returns it for RabbitMQ.
///
/// The topic is the queue. The offset is that of a stream (`x-stream-offset`), the time the property
/// `timestamp`. Headers are the content type and the table `headers`. There is no key.
///
/// ```no_run
/// use cloudevents_rabbitmq::lapin4::ReceivedMessage;
///
/// # async fn example(mut receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// let Some(delivery) = receiver.next().await? else { return Ok(()) };
/// if let Some(message) = delivery.native::<ReceivedMessage>() {
///     println!("{} to {}", message.routing_key, message.exchange);
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The exchange that it was sent to. Empty for the default exchange.
    pub exchange: ShortString,
    /// The routing key it was sent with.
    pub routing_key: ShortString,
    /// Whether the broker has delivered it before.
    pub redelivered: bool,
    /// The properties, headers among them.
    pub properties: BasicProperties,
    /// The body.
    pub body: Bytes,
    /// The queue.
    queue: Option<Arc<str>>,
}

impl From<Delivery> for ReceivedMessage {
    fn from(delivery: Delivery) -> Self {
        Self {
            exchange: delivery.exchange,
            routing_key: delivery.routing_key,
            redelivered: delivery.redelivered,
            properties: delivery.properties,
            body: delivery.data.into(),
            queue: None,
        }
    }
}

impl ReceivedMessage {
    /// Returns the message with the queue it came from.
    pub(super) fn at(mut self, queue: &Arc<str>) -> Self {
        self.queue = Some(Arc::clone(queue));
        self
    }

    /// The message, decoded as far as that is cheap.
    pub(super) fn decode(&self, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
        self.check_body()?;
        crate::decode_message(self, with)
    }

    /// An error for a body that is not a body of AMQP 0.9.1.
    pub(super) fn check_body(&self) -> Result<(), Error> {
        if self.properties.kind().as_ref().is_some_and(|kind| kind.as_str() == "amqp-1.0") {
            return Err(Error::new(ErrorKind::InvalidDocument)
                .with_detail("the body is one of AMQP 1.0 that RabbitMQ could not convert")
                .with_help("let the producer send one data section, or receive the queue over AMQP 1.0"));
        }
        Ok(())
    }

    /// Delivery attempt, starting at 1: as the receiver counted before it sent the message again, plus the
    /// deliveries that a quorum queue has counted since.
    pub(super) fn attempt(&self) -> u32 {
        let begun = self.count(ATTEMPT).unwrap_or(1).max(1);
        begun.saturating_add(self.came_back())
    }

    /// How often it came back to a quorum queue.
    pub(super) fn came_back(&self) -> u32 {
        self.count("x-delivery-count").unwrap_or(0)
    }

    fn count(&self, name: &str) -> Option<u32> {
        match field(self.table()?.inner().get(name)?) {
            Field::Integer(number) => Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX)),
            _ => None,
        }
    }

    fn table(&self) -> Option<&FieldTable> {
        self.properties.headers().as_ref()
    }
}

impl MessageView for ReceivedMessage {
    fn content_type(&self) -> Option<&str> {
        self.properties.content_type().as_ref().map(ShortString::as_str)
    }

    fn content_encoding(&self) -> Option<&str> {
        self.properties.content_encoding().as_ref().map(ShortString::as_str)
    }

    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, Field<'_>)> {
        let headers = self.table().into_iter().flatten();
        headers.map(|(name, value)| (name.as_str(), field(value)))
    }

    fn body(&self) -> &[u8] {
        &self.body
    }

    fn body_bytes(&self) -> Bytes {
        self.body.clone()
    }
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        let header = |(name, value): (&str, Field<'_>)| match value {
            Field::Bytes(bytes) => name.len().saturating_add(bytes.len()),
            _ => name.len().saturating_add(8),
        };
        MessageView::headers(self).map(header).fold(self.body.len(), usize::saturating_add)
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.body.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(self.decode(with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        if let Some(content_type) = MessageView::content_type(self) {
            each("content-type", Some(Cow::Borrowed(content_type.as_bytes())));
        }
        for (name, value) in self.table().into_iter().flatten() {
            each(name.as_str(), text(value));
        }
    }

    fn headers_without_text<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'static str)) {
        for (name, value) in self.table().into_iter().flatten() {
            match value {
                AMQPValue::FieldArray(_) => each(name.as_str(), "an array of RabbitMQ"),
                AMQPValue::FieldTable(_) => each(name.as_str(), "a table of RabbitMQ"),
                _ => {}
            }
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        let spelling = Look::at(self).map_or(Spelling::Dash, |look| look.spelling);
        name != "content-type" && name::attribute(name, spelling).is_none() && !is_the_brokers(name)
    }

    fn topic(&self) -> Option<&str> {
        self.queue.as_deref()
    }

    fn offset(&self) -> Option<u64> {
        match field(self.table()?.inner().get("x-stream-offset")?) {
            Field::Integer(number) => u64::try_from(number).ok(),
            _ => None,
        }
    }

    fn timestamp(&self) -> Option<SystemTime> {
        let seconds = (*self.properties.timestamp())?;
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
    }

    fn is_redelivered(&self) -> Option<bool> {
        Some(self.redelivered || self.attempt() > 1)
    }

    fn reply_to(&self) -> Option<&str> {
        self.properties.reply_to().as_ref().map(ShortString::as_str)
    }

    /// Returns the `correlation-id`, or the `message-id` if there is none.
    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        let id = self.properties.correlation_id().as_ref().or(self.properties.message_id().as_ref())?;
        Some(Cow::Borrowed(id.as_str().as_bytes()))
    }
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Vec::new();
        Origin::headers(self, &mut |name, _| names.push(name));
        f.debug_struct("ReceivedMessage")
            .field("queue", &self.queue)
            .field("headers", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

/// Headers that a broker or a receiver sets, and that have another meaning at another queue.
///
/// `CC` and `BCC` would send the message to more queues. Interceptors at the broker set `timestamp_in_ms` and `x-routed-by`, shovels
/// `x-shovelled`, and federations `x-received-from`.
pub(super) fn is_the_brokers(name: &str) -> bool {
    const PREFIXES: [&str; 8] = [
        "x-death",
        "x-first-death-",
        "x-last-death-",
        "x-delivery-count",
        "x-acquired-count",
        "x-stream-",
        "x-mqtt-",
        "x-shovelled",
    ];
    matches!(name, ATTEMPT | NUMBER | "CC" | "BCC" | "timestamp_in_ms" | "x-routed-by" | "x-received-from")
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Returns a value as text or bytes.
fn text(value: &AMQPValue) -> Option<Cow<'_, [u8]>> {
    Some(match field(value) {
        Field::Bytes(bytes) => Cow::Borrowed(bytes),
        Field::Boolean(value) => Cow::Owned(value.to_string().into()),
        Field::Integer(value) => Cow::Owned(value.to_string().into()),
        Field::Timestamp(seconds) => Cow::Owned(seconds.to_string().into()),
        Field::Void => return None,
        Field::Other(_) => match value {
            AMQPValue::Float(value) => Cow::Owned(value.to_string().into()),
            AMQPValue::Double(value) => Cow::Owned(value.to_string().into()),
            AMQPValue::DecimalValue(value) => Cow::Owned(decimal(value).into()),
            _ => return None,
        },
    })
}

/// A decimal in plain notation, with as many digits after the point as its scale says.
fn decimal(DecimalValue { scale, value }: &DecimalValue) -> String {
    let scale = usize::from(*scale);
    if scale == 0 {
        return value.to_string();
    }
    let digits = format!("{value:0>width$}", width = scale.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Received;

    fn received(headers: &[(&str, AMQPValue)]) -> ReceivedMessage {
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        let mut delivery = Delivery::mock(1, "e".into(), "k".into(), false, b"body".to_vec());
        delivery.properties = BasicProperties::default().with_headers(table);
        ReceivedMessage::from(delivery).at(&"orders".into())
    }

    #[test]
    fn everything_is_shown() {
        let mut message = received(&[
            ("n", AMQPValue::LongInt(-5)),
            ("text", AMQPValue::LongString("t".into())),
            ("bytes", AMQPValue::ByteArray(vec![0xff].into())),
            ("ce-id", AMQPValue::LongString("1".into())),
            ("absent", AMQPValue::Void),
            ("price", AMQPValue::DecimalValue(DecimalValue { scale: 2, value: 5 })),
            ("table", AMQPValue::FieldTable(FieldTable::default())),
            ("list", AMQPValue::FieldArray(vec![].into())),
            ("x-death", AMQPValue::FieldArray(vec![].into())),
            ("x-stream-offset", AMQPValue::LongLongInt(42)),
        ]);
        message.properties = message
            .properties
            .with_content_type("text/plain".into())
            .with_reply_to("answers".into())
            .with_message_id("m".into())
            .with_timestamp(1500);
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), message);
        let headers = received.headers();
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_deref())).collect();
        let expected: [(&str, Option<&[u8]>); 11] = [
            ("content-type", Some(b"text/plain")),
            ("absent", None),
            ("bytes", Some(b"\xff")),
            ("ce-id", Some(b"1")),
            ("list", None),
            ("n", Some(b"-5")),
            ("price", Some(b"0.05")),
            ("table", None),
            ("text", Some(b"t")),
            ("x-death", None),
            ("x-stream-offset", Some(b"42")),
        ];
        assert_eq!(headers, expected);
        let forwarded: Vec<_> = headers
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| received.origin().is_forwarded(name))
            .collect();
        assert_eq!(forwarded, ["absent", "bytes", "list", "n", "price", "table", "text"]);
        let mut without_text = Vec::new();
        received.origin().headers_without_text(&mut |name, what| without_text.push((name, what)));
        let [array, table] = ["an array of RabbitMQ", "a table of RabbitMQ"];
        assert_eq!(without_text, [("list", array), ("table", table), ("x-death", array)]);
        assert_eq!((received.body().unwrap(), received.topic()), ("body".into(), Some("orders")));
        assert_eq!((received.offset(), received.key()), (Some(42), None));
        assert_eq!(received.timestamp(), Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1500)));
        assert_eq!((received.is_redelivered(), received.reply_to()), (Some(false), Some("answers")));
        assert_eq!(received.correlation().as_deref(), Some(&b"m"[..]));
        let native: &ReceivedMessage = received.native().unwrap();
        assert_eq!((native.exchange.as_str(), native.routing_key.as_str()), ("e", "k"));
    }

    #[test]
    fn attempts_are_counted_by_the_receiver_and_by_quorum_queues() {
        let attempt = |headers: &[(&str, AMQPValue)]| received(headers).attempt();
        let (again, count) = (ATTEMPT, "x-delivery-count");
        assert_eq!(attempt(&[]), 1);
        assert_eq!(attempt(&[(count, AMQPValue::LongLongInt(2))]), 3);
        assert_eq!(attempt(&[(again, AMQPValue::LongUInt(4))]), 4);
        assert_eq!(attempt(&[(again, AMQPValue::LongUInt(4)), (count, AMQPValue::LongInt(1))]), 5);
        // What others wrote there does not stop anything.
        assert_eq!(
            attempt(&[(again, AMQPValue::LongLongInt(i64::MAX)), (count, AMQPValue::LongInt(1))]),
            u32::MAX
        );
        assert_eq!(
            attempt(&[(again, AMQPValue::LongInt(-7)), (count, AMQPValue::LongString("9".into()))]),
            1
        );
    }

    /// RabbitMQ converts user properties of MQTT 5 to headers without a prefix.
    #[test]
    fn attributes_without_a_prefix_are_not_forwarded() {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let message = received(&[
            ("specversion", text("1.0")),
            ("id", text("1")),
            ("source", text("/s")),
            ("type", text("t")),
            ("Foreign", text("f")),
        ]);
        assert!(!message.is_forwarded("id") && message.is_forwarded("Foreign"));
        assert!(received(&[("id", text("1"))]).is_forwarded("id"));
    }

    #[test]
    fn a_body_of_amqp_1_0_is_an_error() {
        let mut message = received(&[]);
        assert!(message.check_body().is_ok());
        message.properties = message.properties.with_type("amqp-1.0".into());
        assert_eq!(message.check_body().unwrap_err().kind(), ErrorKind::InvalidDocument);
    }
}
