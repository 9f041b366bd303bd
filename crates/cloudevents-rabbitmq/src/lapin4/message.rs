//! Conversion between messages of lapin and messages of the codec.

use super::{options::short, received::ReceivedMessage};
use crate::{Field, FieldValue, MessageView, RabbitMessage};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Losses, Message, Mode, TextBuffer};
use lapin::{
    BasicProperties,
    message::Delivery,
    types::{AMQPValue, FieldTable, ShortString},
};

/// Properties and payload, as [`Channel::basic_publish`](lapin::Channel::basic_publish) takes them.
///
/// ```no_run
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_rabbitmq::lapin4::encode;
///
/// # async fn example(channel: lapin::Channel, event: Event) -> Result<(), Box<dyn std::error::Error>> {
/// let (message, _) = encode(&event, Mode::Binary)?;
/// let options = lapin::options::BasicPublishOptions::default();
/// channel.basic_publish("".into(), "orders".into(), options, &message.payload, message.properties).await?.await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LapinMessage {
    /// The properties, headers among them.
    pub properties: BasicProperties,
    /// The body.
    pub payload: Bytes,
}

/// Decodes the event of a delivery of lapin. The body is moved, not copied. Errors are those of
/// [`decode`](crate::decode()).
///
/// ```
/// use cloudevents_core::{DecodeOptions, ErrorKind};
/// use cloudevents_rabbitmq::lapin4::decode;
/// use lapin::message::Delivery;
///
/// let delivery = Delivery::mock(1, "".into(), "orders".into(), false, b"21.5".to_vec());
/// let error = decode(delivery, &DecodeOptions::strict()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotACloudEvent);
/// ```
pub fn decode(delivery: Delivery, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let received = ReceivedMessage::from(delivery);
    received.check_body()?;
    crate::decode(&received, with)
}

/// Decodes a delivery of lapin without parsing its document or payload. Errors are those of
/// [`decode_message`](crate::decode_message).
pub fn decode_message(delivery: Delivery, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    let received = ReceivedMessage::from(delivery);
    received.check_body()?;
    crate::decode_message(&received, with)
}

/// Encodes an event for lapin, and returns it with the losses: the parts that the format could not represent.
///
/// Headers are copied, the payload is not. Errors are those of [`encode`](crate::encode()). Names and content types of more than 255 bytes
/// are errors of kind [`TooLarge`](ErrorKind::TooLarge).
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(LapinMessage, Losses), Error> {
    let (message, losses) = crate::encode(event, mode)?;
    Ok((from_rabbit(&message)?, losses))
}

/// Encodes a message for lapin. Documents do not change. Errors are those of
/// [`encode_message`](crate::encode_message) and of [`encode`].
pub fn encode_message(message: &Message) -> Result<LapinMessage, Error> {
    from_rabbit(&crate::encode_message(message)?)
}

/// Returns the parts of a delivery of lapin that the binding knows. Omits the other properties.
pub fn rabbit(delivery: Delivery) -> RabbitMessage {
    let received = ReceivedMessage::from(delivery);
    let mut message = RabbitMessage::new(received.body.clone());
    message.content_type = received.content_type().map(TextBuffer::from);
    message.content_encoding = received.content_encoding().map(TextBuffer::from);
    let headers = received.properties.headers().as_ref().into_iter().flatten();
    message.headers = headers.map(|(name, value)| (TextBuffer::from(name.as_str()), owned(value))).collect();
    message
}

/// Returns a message for lapin. Text becomes long strings. Other bytes become byte arrays.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) for values whose content was not kept ([`FieldValue::Other`]). They are of
/// kind [`TooLarge`](ErrorKind::TooLarge) for names and content types of more than 255 bytes.
pub fn from_rabbit(message: &RabbitMessage) -> Result<LapinMessage, Error> {
    Parts::of(message).map(Parts::whole)
}

/// A message whose headers can still be changed.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) headers: FieldTable,
    /// The properties besides `headers`.
    pub(super) properties: BasicProperties,
    pub(super) payload: Bytes,
}

impl Parts {
    pub(super) fn of(message: &RabbitMessage) -> Result<Self, Error> {
        let mut properties = BasicProperties::default();
        if let Some(content_type) = &message.content_type {
            properties = properties.with_content_type(short("the content type", content_type.as_str())?);
        }
        if let Some(encoding) = &message.content_encoding {
            properties = properties.with_content_encoding(short("the content encoding", encoding.as_str())?);
        }
        let mut headers = FieldTable::default();
        for (name, value) in &message.headers {
            headers.insert(header_name(name.as_str())?, to_value(value)?);
        }
        Ok(Self { headers, properties, payload: message.body.clone() })
    }

    /// The broker keeps it across a restart.
    pub(super) fn durable(mut self) -> Self {
        self.properties = self.properties.with_delivery_mode(2);
        self
    }

    pub(super) fn whole(self) -> LapinMessage {
        let Self { headers, mut properties, payload } = self;
        if !headers.inner().is_empty() {
            properties = properties.with_headers(headers);
        }
        LapinMessage { properties, payload }
    }
}

/// The name of a header, which has at most 255 bytes.
pub(super) fn header_name(name: &str) -> Result<ShortString, Error> {
    short("the name of a header", name)
}

/// Text as a string, other bytes as bytes.
pub(super) fn text_or_bytes(bytes: &[u8]) -> AMQPValue {
    match std::str::from_utf8(bytes) {
        Ok(_) => AMQPValue::LongString(bytes.into()),
        Err(_) => AMQPValue::ByteArray(bytes.into()),
    }
}

/// A value as the codec reads it.
#[inline]
pub(super) fn field(value: &AMQPValue) -> Field<'_> {
    match value {
        AMQPValue::LongString(text) => Field::Bytes(text.as_bytes()),
        AMQPValue::ShortString(text) => Field::Bytes(text.as_str().as_bytes()),
        AMQPValue::ByteArray(bytes) => Field::Bytes(bytes.as_slice()),
        AMQPValue::Boolean(value) => Field::Boolean(*value),
        AMQPValue::ShortShortInt(value) => Field::Integer((*value).into()),
        AMQPValue::ShortShortUInt(value) => Field::Integer((*value).into()),
        AMQPValue::ShortInt(value) => Field::Integer((*value).into()),
        AMQPValue::ShortUInt(value) => Field::Integer((*value).into()),
        AMQPValue::LongInt(value) => Field::Integer((*value).into()),
        AMQPValue::LongUInt(value) => Field::Integer((*value).into()),
        AMQPValue::LongLongInt(value) => Field::Integer((*value).into()),
        AMQPValue::Timestamp(seconds) => Field::Timestamp(*seconds),
        AMQPValue::Void => Field::Void,
        AMQPValue::Float(_) => Field::Other("float"),
        AMQPValue::Double(_) => Field::Other("double"),
        AMQPValue::DecimalValue(_) => Field::Other("decimal"),
        AMQPValue::FieldArray(_) => Field::Other("array"),
        AMQPValue::FieldTable(_) => Field::Other("table"),
    }
}

fn owned(value: &AMQPValue) -> FieldValue {
    match field(value) {
        Field::Bytes(bytes) => FieldValue::Bytes(Bytes::copy_from_slice(bytes)),
        Field::Boolean(value) => FieldValue::Boolean(value),
        Field::Integer(value) => FieldValue::Integer(value),
        Field::Timestamp(seconds) => FieldValue::Timestamp(seconds),
        Field::Void => FieldValue::Void,
        Field::Other(name) => FieldValue::Other(name),
    }
}

fn to_value(value: &FieldValue) -> Result<AMQPValue, Error> {
    Ok(match value {
        FieldValue::Bytes(bytes) => text_or_bytes(bytes),
        FieldValue::Boolean(value) => AMQPValue::Boolean(*value),
        FieldValue::Integer(value) => match (i32::try_from(*value), i64::try_from(*value)) {
            (Ok(value), _) => AMQPValue::LongInt(value),
            (_, Ok(value)) => AMQPValue::LongLongInt(value),
            _ => return Err(unsupported(format!("{value} does not fit into 64 bits"))),
        },
        FieldValue::Timestamp(seconds) => AMQPValue::Timestamp(*seconds),
        FieldValue::Void => AMQPValue::Void,
        FieldValue::Other(name) => return Err(unsupported(format!("a {name}, whose content was not kept"))),
    })
}

#[cold]
fn unsupported(detail: String) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(detail)
}

/// Every type of a value in a table.
#[cfg(test)]
pub(super) fn every_value() -> Vec<AMQPValue> {
    vec![
        AMQPValue::Boolean(true),
        AMQPValue::ShortShortInt(-1),
        AMQPValue::ShortShortUInt(1),
        AMQPValue::ShortInt(-2),
        AMQPValue::ShortUInt(2),
        AMQPValue::LongInt(-3),
        AMQPValue::LongUInt(3),
        AMQPValue::LongLongInt(-4),
        AMQPValue::Float(0.5),
        AMQPValue::Double(0.25),
        AMQPValue::DecimalValue(lapin::types::DecimalValue { scale: 1, value: 5 }),
        AMQPValue::LongString("text".into()),
        AMQPValue::FieldArray(vec![AMQPValue::Void].into()),
        AMQPValue::Timestamp(1_522_949_460),
        AMQPValue::FieldTable(FieldTable::default()),
        AMQPValue::ByteArray(vec![0xff].into()),
        AMQPValue::Void,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(message: LapinMessage) -> Delivery {
        let mut delivery =
            Delivery::mock(1, ShortString::default(), ShortString::default(), false, message.payload.into());
        delivery.properties = message.properties;
        delivery
    }

    #[test]
    fn values_survive() {
        let mut message = RabbitMessage::new("body").with_content_type("text/plain");
        message.content_encoding = Some("identity".into());
        let values = [
            FieldValue::from("Größe"),
            FieldValue::Bytes(Bytes::from_static(b"\xff")),
            FieldValue::Boolean(false),
            FieldValue::Integer(i32::MIN.into()),
            FieldValue::Integer(i64::MAX.into()),
            FieldValue::Timestamp(1),
            FieldValue::Void,
        ];
        for (number, value) in values.into_iter().enumerate() {
            message = message.with_header(number.to_string(), value);
        }
        let read = rabbit(delivery(from_rabbit(&message).unwrap()));
        assert_eq!(format!("{read:?}"), format!("{message:?}"));
    }

    #[test]
    fn what_has_no_place_is_an_error() {
        for (value, kind) in [
            (FieldValue::Other("table"), ErrorKind::Unsupported),
            (FieldValue::Integer(i128::MAX), ErrorKind::Unsupported),
        ] {
            let message = RabbitMessage::new("").with_header("h", value);
            assert_eq!(from_rabbit(&message).unwrap_err().kind(), kind);
        }
        for message in [
            RabbitMessage::new("").with_header("h".repeat(256), ""),
            RabbitMessage::new("").with_content_type("h".repeat(256)),
        ] {
            assert_eq!(from_rabbit(&message).unwrap_err().kind(), ErrorKind::TooLarge);
        }
    }

    #[test]
    fn every_type_is_read() {
        let read: Vec<_> = every_value().iter().map(|value| format!("{:?}", field(value))).collect();
        assert_eq!(read.iter().filter(|value| value.starts_with("Other")).count(), 5);
        assert_eq!(read.iter().filter(|value| value.starts_with("Integer")).count(), 7);
    }
}
