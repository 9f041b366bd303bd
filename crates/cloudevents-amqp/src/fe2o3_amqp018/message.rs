//! Conversion between messages of fe2o3-amqp and sections.

use super::received::ReceivedMessage;
use crate::{AmqpMessage, AmqpValue, Body, Encoding, encode::core_properties, name, value::Native};
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Losses, Message, TextBuffer,
    codec::{binary_mode_body, check_binary_mode},
};
use fe2o3_amqp_types::{
    messaging::{self, ApplicationProperties, Batch, Data, MessageId},
    primitives::{Binary, LazyValue, OrderedMap, SimpleValue, Symbol, Timestamp, Uuid, Value},
};
use serde_amqp::{lazy::to_lazy_value, serialized_size};

/// A message of fe2o3-amqp with any body, for receiving.
pub type Fe2o3Message = messaging::Message<messaging::Body<Value>>;

/// A message whose values are kept as they are on the wire. The sender and the receiver use it, so that a body that is made again is the
/// same.
pub(super) type WireMessage = messaging::Message<WireBody>;

pub(super) type WireBody = messaging::Body<LazyValue>;

/// Decodes the event of a message of fe2o3-amqp. The payload is moved, not copied. Errors are those of
/// [`decode`](crate::decode).
///
/// ```
/// use cloudevents_amqp::fe2o3_amqp018::{decode, encode};
/// use cloudevents_core::{DecodeOptions, Event, Mode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = encode(&event, Mode::Binary)?; // sender.send(message).await?
/// assert_eq!(decode(message, &DecodeOptions::strict())?.value, event); // receiver.recv::<Body<Value>>().await?.into_message()
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: Fe2o3Message, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    crate::decode::event(&ReceivedMessage::from(message), with)
}

/// Decodes a message of fe2o3-amqp without parsing its document or payload. Errors are those of
/// [`decode_message`](crate::decode_message).
pub fn decode_message(message: Fe2o3Message, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    crate::decode::message(&ReceivedMessage::from(message), with)
}

/// Encodes an event as a message of fe2o3-amqp and returns it with the losses: the parts that the format could not represent.
///
/// The payload is copied. Errors are those of [`encode`](crate::encode).
pub fn encode<'a>(event: &Event, with: impl Into<Encoding<'a>>) -> Result<(Fe2o3Message, Losses), Error> {
    let (message, losses) = crate::encode(event, with)?;
    Ok((from_sections(message)?, losses))
}

/// Encodes a message as a message of fe2o3-amqp. Documents do not change. Errors are those of [`encode_message`](crate::encode_message).
pub fn encode_message<'a>(message: &Message, with: impl Into<Encoding<'a>>) -> Result<Fe2o3Message, Error> {
    encode_with_room(message, with.into(), 0)
}

/// As [`encode_message`], with capacity for more application properties. An event is not written to sections first.
pub(super) fn encode_with_room(
    message: &Message,
    with: Encoding<'_>,
    more: usize,
) -> Result<Fe2o3Message, Error> {
    match message {
        Message::Binary(event) => binary(event, with, more),
        other => from_sections(crate::encode_message(other, with)?),
    }
}

fn binary(event: &Event, with: Encoding<'_>, more: usize) -> Result<Fe2o3Message, Error> {
    let Encoding { separator, strings, .. } = with;
    check_binary_mode(event)?;
    let count = event.attributes().len().saturating_add(1).saturating_add(more);
    let mut map = OrderedMap::with_capacity(count);
    let specversion = SimpleValue::String(event.specversion().as_str().to_owned());
    map.insert(name::core("specversion", separator).into(), specversion);
    for (name, attribute) in core_properties(event, separator) {
        map.insert(name.into(), native(Native::new(attribute, strings)));
    }
    for (name, attribute) in event.extensions() {
        let name = [name::prefix(separator), name.as_str()].concat();
        map.insert(name, native(Native::new(attribute, strings)));
    }
    let payload = data(&binary_mode_body(event).unwrap_or_default());
    let mut message = messaging::Message::from(messaging::Body::Data(vec![payload].into()));
    message.properties = event.content_type().map(|media_type| {
        let mut properties = messaging::Properties::new();
        properties.content_type = Some(Symbol::from(media_type.as_str()));
        properties
    });
    message.application_properties = Some(ApplicationProperties(map));
    Ok(message)
}

fn native(value: Native<'_>) -> SimpleValue {
    match value {
        Native::Boolean(boolean) => SimpleValue::Bool(boolean),
        Native::Long(number) => SimpleValue::Long(number),
        Native::Binary(bytes) => SimpleValue::Binary(Binary::from(bytes)),
        Native::Timestamp(time) => SimpleValue::Timestamp(Timestamp::from_milliseconds(time)),
        Native::String(text) => SimpleValue::String(text.into_owned()),
    }
}

/// Returns the sections of a message of fe2o3-amqp that this binding knows. Omits the others (header,
/// annotations, footer).
pub fn sections(message: Fe2o3Message) -> AmqpMessage {
    let mut sections = AmqpMessage::new(body(message.body));
    if let Some(properties) = message.properties {
        let into = &mut sections.properties;
        into.content_type = properties.content_type.map(|symbol| symbol.0.into());
        into.content_encoding = properties.content_encoding.map(|symbol| symbol.0.into());
        into.message_id = properties.message_id.map(id);
        into.to = properties.to.map(TextBuffer::from);
        into.subject = properties.subject.map(TextBuffer::from);
        into.correlation_id = properties.correlation_id.map(id);
        into.reply_to = properties.reply_to.map(TextBuffer::from);
        into.group_id = properties.group_id.map(TextBuffer::from);
    }
    if let Some(ApplicationProperties(properties)) = message.application_properties {
        sections.application_properties =
            properties.into_iter().map(|(name, value)| (name.into(), simple(value))).collect();
    }
    sections
}

/// Returns the body. Data sections are moved.
fn body(body: messaging::Body<Value>) -> Body {
    match body {
        messaging::Body::Empty => Body::Absent,
        messaging::Body::Sequence(_) => Body::Sequence,
        messaging::Body::Value(value) => Body::Value(any(value.0)),
        messaging::Body::Data(sections) => data_sections(sections),
    }
}

pub(super) fn data_sections(sections: Batch<Data>) -> Body {
    let mut data = sections.into_iter().map(|data| data.0.into_vec().into());
    match (data.next(), data.len()) {
        (None, _) => Body::Absent,
        (Some(first), 0) => Body::Data(first),
        (Some(first), _) => Body::DataSections(std::iter::once(first).chain(data).collect()),
    }
}

/// Returns the message with its values as they are on the wire. Errors are those of [`to_wire_body`].
pub(super) fn to_wire(message: Fe2o3Message) -> Result<WireMessage, Error> {
    Ok(WireMessage {
        header: message.header,
        delivery_annotations: message.delivery_annotations,
        message_annotations: message.message_annotations,
        properties: message.properties,
        application_properties: message.application_properties,
        body: to_wire_body(message.body)?,
        footer: message.footer,
    })
}

/// Returns the body with its values as they are on the wire.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for values that the client cannot write.
pub(super) fn to_wire_body(body: messaging::Body<Value>) -> Result<WireBody, Error> {
    let lazy = |value: Value| {
        to_lazy_value(&value).map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
    };
    Ok(match body {
        messaging::Body::Empty => messaging::Body::Empty,
        messaging::Body::Data(sections) => messaging::Body::Data(sections),
        messaging::Body::Value(value) => messaging::Body::Value(messaging::AmqpValue(lazy(value.0)?)),
        messaging::Body::Sequence(sections) => {
            let section = |section: messaging::AmqpSequence<Value>| {
                section.0.into_iter().map(lazy).collect::<Result<_, _>>().map(messaging::AmqpSequence)
            };
            let sections = sections.into_iter().map(section).collect::<Result<Vec<_>, _>>()?;
            messaging::Body::Sequence(sections.into())
        }
    })
}

/// Returns the size of a body in bytes.
pub(super) fn size(body: &WireBody) -> usize {
    let of = |value: &LazyValue| value.as_slice().len();
    match body {
        messaging::Body::Empty => 0,
        messaging::Body::Data(sections) => {
            sections.iter().map(|data| data.0.len()).fold(0, usize::saturating_add)
        }
        messaging::Body::Value(value) => of(&value.0),
        messaging::Body::Sequence(sections) => {
            sections.iter().flat_map(|section| &section.0).map(of).fold(0, usize::saturating_add)
        }
    }
}

/// Returns the bytes of a message on the wire, as far as messages differ in them.
pub(super) fn encoded_size(message: &WireMessage) -> usize {
    let sections = [
        message.header.as_ref().map(serialized_size),
        message.delivery_annotations.as_ref().map(serialized_size),
        message.message_annotations.as_ref().map(serialized_size),
        message.properties.as_ref().map(serialized_size),
        message.application_properties.as_ref().map(serialized_size),
        message.footer.as_ref().map(serialized_size),
    ];
    let sizes = sections.into_iter().flatten().flatten();
    sizes.fold(size(&message.body), usize::saturating_add)
}

/// Reads a value from the wire. Compound and described values are not read: their depth is the peer's choice.
pub(super) fn read(value: &LazyValue) -> AmqpValue {
    /// The first of the format codes of fixed and variable width (AMQP 1.0, part 1, section 1.2).
    const FIXED: u8 = 0x40;
    /// The format code of an empty list.
    const LIST0: u8 = 0x45;
    /// The first of the format codes of compound values and arrays.
    const COMPOUND: u8 = 0xc0;
    match value.as_slice().first() {
        Some(&code) if (FIXED..COMPOUND).contains(&code) && code != LIST0 => {
            serde_amqp::from_slice::<Value>(value.as_slice()).map_or(AmqpValue::Other, any)
        }
        _ => AmqpValue::Other,
    }
}

/// Creates a message of fe2o3-amqp with these sections.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported), for values whose content the sections do not
/// keep: [`AmqpValue::Other`] and [`Body::Sequence`].
pub fn from_sections(sections: AmqpMessage) -> Result<Fe2o3Message, Error> {
    let body = match sections.body {
        Body::Absent => messaging::Body::Empty,
        Body::Data(bytes) => messaging::Body::Data(vec![data(&bytes)].into()),
        Body::DataSections(sections) => {
            messaging::Body::Data(sections.iter().map(|bytes| data(bytes)).collect::<Vec<_>>().into())
        }
        Body::Value(value) => messaging::Body::Value(messaging::AmqpValue(to_simple(value)?.into())),
        Body::Sequence => return Err(not_kept()),
    };
    let given = sections.properties;
    let mut properties = messaging::Properties::new();
    properties.content_type = given.content_type.map(|text| Symbol::from(text.as_str()));
    properties.content_encoding = given.content_encoding.map(|text| Symbol::from(text.as_str()));
    properties.message_id = given.message_id.map(to_id).transpose()?;
    properties.to = given.to.map(owned);
    properties.subject = given.subject.map(owned);
    properties.correlation_id = given.correlation_id.map(to_id).transpose()?;
    properties.reply_to = given.reply_to.map(owned);
    properties.group_id = given.group_id.map(owned);
    let mut map = OrderedMap::with_capacity(sections.application_properties.len());
    for (name, value) in sections.application_properties {
        map.insert(owned(name), to_simple(value)?);
    }
    let mut message = messaging::Message::from(body);
    message.properties = (properties != messaging::Properties::new()).then_some(properties);
    message.application_properties = (!map.is_empty()).then_some(ApplicationProperties(map));
    Ok(message)
}

fn data(bytes: &[u8]) -> Data {
    Data(Binary::from(bytes))
}

fn owned(text: TextBuffer) -> String {
    text.as_str().to_owned()
}

pub(super) fn simple(value: SimpleValue) -> AmqpValue {
    match value {
        SimpleValue::Null => AmqpValue::Null,
        SimpleValue::Bool(value) => AmqpValue::Boolean(value),
        SimpleValue::Ubyte(value) => AmqpValue::Ubyte(value),
        SimpleValue::Ushort(value) => AmqpValue::Ushort(value),
        SimpleValue::Uint(value) => AmqpValue::Uint(value),
        SimpleValue::Ulong(value) => AmqpValue::Ulong(value),
        SimpleValue::Byte(value) => AmqpValue::Byte(value),
        SimpleValue::Short(value) => AmqpValue::Short(value),
        SimpleValue::Int(value) => AmqpValue::Int(value),
        SimpleValue::Long(value) => AmqpValue::Long(value),
        SimpleValue::Float(value) => AmqpValue::Float(value.0),
        SimpleValue::Double(value) => AmqpValue::Double(value.0),
        SimpleValue::Char(value) => AmqpValue::Char(value),
        SimpleValue::Timestamp(value) => AmqpValue::Timestamp(value.into_inner()),
        SimpleValue::Uuid(value) => AmqpValue::Uuid(value.into_inner()),
        SimpleValue::Binary(value) => AmqpValue::Binary(value.into_vec().into()),
        SimpleValue::String(value) => AmqpValue::String(value.into()),
        SimpleValue::Symbol(value) => AmqpValue::Symbol(value.0.into()),
        _ => AmqpValue::Other,
    }
}

fn any(value: Value) -> AmqpValue {
    SimpleValue::try_from(value).map_or(AmqpValue::Other, simple)
}

fn to_simple(value: AmqpValue) -> Result<SimpleValue, Error> {
    Ok(match value {
        AmqpValue::Null => SimpleValue::Null,
        AmqpValue::Boolean(value) => SimpleValue::Bool(value),
        AmqpValue::Ubyte(value) => SimpleValue::Ubyte(value),
        AmqpValue::Ushort(value) => SimpleValue::Ushort(value),
        AmqpValue::Uint(value) => SimpleValue::Uint(value),
        AmqpValue::Ulong(value) => SimpleValue::Ulong(value),
        AmqpValue::Byte(value) => SimpleValue::Byte(value),
        AmqpValue::Short(value) => SimpleValue::Short(value),
        AmqpValue::Int(value) => SimpleValue::Int(value),
        AmqpValue::Long(value) => SimpleValue::Long(value),
        AmqpValue::Float(value) => SimpleValue::Float(value.into()),
        AmqpValue::Double(value) => SimpleValue::Double(value.into()),
        AmqpValue::Char(value) => SimpleValue::Char(value),
        AmqpValue::Timestamp(value) => SimpleValue::Timestamp(Timestamp::from_milliseconds(value)),
        AmqpValue::Uuid(value) => SimpleValue::Uuid(Uuid::from(value)),
        AmqpValue::Binary(value) => SimpleValue::Binary(Binary::from(&*value)),
        AmqpValue::String(value) => SimpleValue::String(owned(value)),
        AmqpValue::Symbol(value) => SimpleValue::Symbol(Symbol::from(value.as_str())),
        AmqpValue::Other => return Err(not_kept()),
    })
}

fn id(id: MessageId) -> AmqpValue {
    match id {
        MessageId::Ulong(id) => AmqpValue::Ulong(id),
        MessageId::Uuid(id) => AmqpValue::Uuid(id.into_inner()),
        MessageId::Binary(id) => AmqpValue::Binary(id.into_vec().into()),
        MessageId::String(id) => AmqpValue::String(id.into()),
    }
}

fn to_id(value: AmqpValue) -> Result<MessageId, Error> {
    Ok(match value {
        AmqpValue::Ulong(id) => MessageId::Ulong(id),
        AmqpValue::Uuid(id) => MessageId::Uuid(Uuid::from(id)),
        AmqpValue::Binary(id) => MessageId::Binary(Binary::from(&*id)),
        AmqpValue::String(id) => MessageId::String(owned(id)),
        other => {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail(format!("a message id cannot be a {}", other.type_name()))
                .with_help("use a ulong, a uuid, binary or a string"));
        }
    })
}

#[cold]
fn not_kept() -> Error {
    Error::new(ErrorKind::Unsupported).with_detail("the value itself was not kept, and so cannot be written")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Separator;
    use bytes::Bytes;
    use cloudevents_core::{Payload, Peer};

    /// Converts every type of the wire in both directions.
    #[test]
    fn values_survive() {
        let mut message = AmqpMessage::new(Body::DataSections(vec!["a".into(), "b".into()]));
        for (number, value) in crate::wire::tests::every_value().into_iter().enumerate() {
            message = message.with_property(number.to_string(), value);
        }
        message.properties.content_type = Some("text/plain".into());
        message.properties.message_id = Some(AmqpValue::Uuid([1; 16]));
        message.properties.group_id = Some("g".into());
        let bytes = serde_amqp::to_vec(&messaging::message::__private::Serializable(
            from_sections(message.clone()).unwrap(),
        ))
        .unwrap();
        let read: messaging::message::__private::Deserializable<Fe2o3Message> =
            serde_amqp::from_slice(&bytes).unwrap();
        assert_eq!(format!("{:?}", sections(read.0)), format!("{message:?}"));
    }

    /// A message of an event is the one that its sections make.
    #[test]
    fn events_are_written_as_their_sections() {
        let builder = || Event::builder().id("1").source("/s").ty("t");
        let events = [
            builder().build().unwrap(),
            builder()
                .subject("ä")
                .time("2018-04-05T17:31:00.123Z")
                .dataschema("https://example.com/schema")
                .extension("flag", true)
                .extension("number", -7)
                .extension("bytes", Bytes::from_static(b"\x00\xff"))
                .extension("text", "x")
                .binary("text/plain", Bytes::from_static(b"payload"))
                .build()
                .unwrap(),
            builder()
                .time("2018-04-05T17:31:00+02:00")
                .payload_only(Payload::json(r#"{"a":1}"#).unwrap())
                .build()
                .unwrap(),
        ];
        let encodings =
            [Separator::Underscore.into(), Separator::Colon.into(), Encoding::binary().for_peer(Peer::Java4)];
        for (event, with) in events.iter().flat_map(|event| encodings.map(|with| (event, with))) {
            let message = Message::from(event);
            let expected = from_sections(crate::encode_message(&message, with).unwrap()).unwrap();
            assert_eq!(encode_with_room(&message, with, 3).unwrap(), expected);
        }
    }

    #[test]
    fn bodies_survive() {
        for body in [
            Body::Data(Bytes::from_static(b"x")),
            Body::Data(Bytes::new()),
            Body::Value(AmqpValue::String("x".into())),
        ] {
            let read = sections(from_sections(AmqpMessage::new(body.clone())).unwrap());
            assert_eq!(format!("{:?}", read.body), format!("{body:?}"));
        }
        assert_eq!(
            from_sections(AmqpMessage::new(Body::Sequence)).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
        assert_eq!(
            from_sections(AmqpMessage::new(Body::Value(AmqpValue::Other))).unwrap_err().kind(),
            ErrorKind::Unsupported
        );
    }
}
