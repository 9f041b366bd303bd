//! Decodes AMQP messages into messages and events.

use crate::{AmqpMessage, AmqpValue, Body, name, sections::Sections, value};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, Message, Payload,
    codec::{Assembler, Detected, Given, TextBuffer, decode_base64, detect},
};
use cloudevents_json::{find, recognize};

/// Decodes the event of a message in binary or structured mode.
///
/// One data section is not copied; several are joined. JSON documents are decoded even when JSON is not in
/// [`DecodeOptions::formats`].
///
/// Errors: [`NotACloudEvent`](ErrorKind::NotACloudEvent) when nothing marks the message as a CloudEvent;
/// [`Batched`](ErrorKind::Batched) when its content type is that of a batch, which AMQP does not have.
///
/// Attributes are read from AMQP's native types and from strings. Integers of any width that fit 32 bits
/// become Integers, symbols become Strings, timestamps are in UTC. Strings stay Strings except for the core
/// attributes, whose types are known. A null value is an absent attribute.
///
/// ```
/// use cloudevents_amqp::{AmqpMessage, AmqpValue, Body};
/// use cloudevents_core::{DecodeOptions, Value};
///
/// let mut message = AmqpMessage::default();
/// message.properties.content_type = Some("application/json".into());
/// for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/orders"), ("type", "com.example.order.placed")] {
///     message.application_properties.push((format!("cloudEvents_{name}").into(), AmqpValue::String(value.into())));
/// }
/// message.application_properties.push(("cloudEvents_time".into(), AmqpValue::Timestamp(1_522_949_460_000)));
/// message.application_properties.push(("cloudEvents_priority".into(), AmqpValue::Long(3)));
/// message.body = Body::Data(bytes::Bytes::from_static(b"{\"total\":1.10}"));
///
/// let event = cloudevents_amqp::decode(&message, &DecodeOptions::strict())?.value;
/// assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
/// assert_eq!(event.extension("priority"), Some(Value::Integer(3)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &AmqpMessage, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    event(message, with)
}

/// Decodes a message without parsing its document or payload. Use it to forward messages, or to read an
/// attribute first.
///
/// Documents in unknown formats are messages too (AMQP binding, clause AMQP-3-b).
pub fn decode_message(message: &AmqpMessage, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    self::message(message, with)
}

/// [`decode`] for any message type.
#[inline]
pub(crate) fn event(message: &impl Sections, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    match detect(message.content_type())? {
        Detected::NotADocument => binary(message, with),
        Detected::Structured(id) => find(&id, &with.formats)?.decode(document(message, with)?, with),
        Detected::Batched(_) => Err(batched()),
    }
}

/// [`decode_message`] for any message type.
#[inline]
pub(crate) fn message(message: &impl Sections, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    match detect(message.content_type())? {
        Detected::NotADocument => binary(message, with).map(|decoded| decoded.map(Message::Binary)),
        Detected::Structured(id) => {
            let document = recognize(id, document(message, with)?, &with.formats);
            Ok(Decoded::clean(Message::Structured(document)))
        }
        Detected::Batched(_) => Err(batched()),
    }
}

/// The content of the body.
enum Content {
    Bytes(Bytes),
    Text(TextBuffer),
}

impl Content {
    #[inline]
    fn into_bytes(self) -> Bytes {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Text(text) => text.as_bytes().clone(),
        }
    }
}

/// Returns the body of a structured message.
fn document(message: &impl Sections, with: &DecodeOptions) -> Result<Bytes, Error> {
    content(message, with).map(Content::into_bytes)
}

#[inline]
fn content(message: &impl Sections, with: &DecodeOptions) -> Result<Content, Error> {
    if let Some(encoding) = message.content_encoding() {
        check_content_encoding(encoding)?;
    }
    let content = match message.body() {
        Body::Data(bytes) => Content::Bytes(bytes.clone()),
        other => unusual(other, with)?,
    };
    with.limits.check_bytes(match &content {
        Content::Bytes(bytes) => bytes.len(),
        Content::Text(text) => text.as_str().len(),
    })?;
    Ok(content)
}

/// Reads a body other than the usual single data section.
#[cold]
fn unusual(body: &Body, with: &DecodeOptions) -> Result<Content, Error> {
    Ok(match body {
        Body::Absent | Body::Value(AmqpValue::Null) => Content::Bytes(Bytes::new()),
        Body::Data(bytes) | Body::Value(AmqpValue::Binary(bytes)) => Content::Bytes(bytes.clone()),
        Body::DataSections(sections) => Content::Bytes(join(sections, with)?),
        Body::Value(AmqpValue::String(text)) => Content::Text(text.clone()),
        Body::Value(other) => return Err(no_payload(format!("an amqp-value of type {}", other.type_name()))),
        Body::Sequence => return Err(no_payload("an amqp-sequence".into())),
    })
}

fn join(sections: &[Bytes], with: &DecodeOptions) -> Result<Bytes, Error> {
    if let [section] = sections {
        return Ok(section.clone());
    }
    let length = sections.iter().map(Bytes::len).fold(0, usize::saturating_add);
    with.limits.check_bytes(length)?;
    let mut joined = Vec::with_capacity(length);
    sections.iter().for_each(|section| joined.extend_from_slice(section));
    Ok(joined.into())
}

#[inline]
fn binary(message: &impl Sections, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let media_type = message.content_type();
    // One allocation of the right size, except for the names of core attributes.
    let mut length = media_type.map_or(0, str::len);
    let mut separator = None;
    for (property, value) in message.application_properties() {
        if let Some((name, found)) = name::attribute(property) {
            separator.get_or_insert(found);
            length = length.saturating_add(name.len()).saturating_add(value::length(value));
        }
    }
    let Some(separator) = separator else { return Err(not_a_cloudevent()) };
    let content = content(message, with)?;
    let mut assembler = Assembler::new(with);
    assembler.reserve(length);
    let mut mixed = None;
    for (property, value) in message.application_properties() {
        let Some((name, found)) = name::attribute(property) else { continue };
        if found != separator {
            mixed = Some(name);
        }
        if name == "datacontenttype" {
            prefixed_content_type(&mut assembler)?;
        } else {
            value::read(name, value, &mut assembler)?;
        }
    }
    // Reported last: an attribute in both spellings is a duplicate, which is the more serious error.
    if let Some(name) = mixed {
        return Err(mixed_separators(name));
    }
    if let Some(media_type) = media_type {
        let piece = assembler.push(media_type)?;
        assembler.named("datacontenttype", Given::Text(piece))?;
    }
    let completed = assembler.complete()?;
    let payload = match content {
        Content::Bytes(bytes) if bytes.is_empty() => None,
        Content::Text(text) if text.as_str().is_empty() => None,
        content if completed.base64 => Some(Payload::body(decode_base64(content.into_bytes())?)),
        Content::Bytes(bytes) => Some(Payload::body(bytes)),
        Content::Text(text) => Some(Payload::characters(text, assembler.content_type())),
    };
    assembler.finish(payload)
}

#[cold]
fn check_content_encoding(encoding: &str) -> Result<(), Error> {
    if encoding.eq_ignore_ascii_case("identity") {
        return Ok(());
    }
    Err(Error::new(ErrorKind::ContentEncoding)
        .with_help("undo the encoding before the event is read, and leave the property content-encoding out"))
}

#[cold]
fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail(
            "there is neither an application property that begins with `cloudEvents_` or `cloudEvents:` nor a media type under application/cloudevents",
        )
        .with_clause("AMQP-3-a")
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_detail("AMQP has no batched mode").with_clause("AMQP-1.3-a")
}

#[cold]
fn no_payload(what: String) -> Error {
    Error::new(ErrorKind::InvalidData)
        .with_detail(format!("the body is {what}; the payload of an event is in data sections"))
        .with_clause("AMQP-3.1.2-a")
}

#[cold]
fn mixed_separators(name: &str) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_attribute(name)
        .with_detail("`cloudEvents_` and `cloudEvents:` are both in one message")
        .with_clause("AMQP-3.1.3.1-c")
}

#[cold]
fn prefixed_content_type(assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = Error::new(ErrorKind::InvalidName)
        .with_attribute("datacontenttype")
        .with_detail(
            "it travels as the property content-type and must not be among the application properties",
        )
        .with_clause("AMQP-3.1.1-a");
    assembler.ignore_or_refuse(error)
}
