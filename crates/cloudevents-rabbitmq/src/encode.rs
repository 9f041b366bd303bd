//! Events and messages to messages of AMQP 0.9.1.

use crate::{RabbitMessage, name, value, wire::Header};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Format, Losses, Message, Mode, TextBuffer,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode, extension_headers, share},
};
use std::borrow::Cow;

/// Writes an event as a message. The payload is not copied. Attributes are copied, unless the event shares its text.
///
/// The losses list the parts that the format could not represent.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (message, _) = cloudevents_rabbitmq::encode(&event, Mode::Binary)?;
/// assert_eq!(message.header("ce-subject"), Some(&"100 %".into()));
///
/// let (message, losses) = cloudevents_rabbitmq::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.content_type.unwrap().as_str(), "application/cloudevents+json");
/// assert!(losses.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(RabbitMessage, Losses), Error> {
    match mode {
        Mode::Structured(format) => structured(event, format),
        _ => Ok((binary(event)?, binary_mode_losses(event, BinaryMode::TEXT))),
    }
}

/// Writes a message. The document of a structured message is moved, unchanged.
///
/// A batch is an error of kind [`Unsupported`](ErrorKind::Unsupported). The changes that binary mode makes to an event are not reported
/// here. [`encode`] returns them, and [`Mode::message`](cloudevents_core::Mode::message) returns changes of the meaning.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let encoded = cloudevents_rabbitmq::encode_message(&message)?;
/// assert_eq!(encoded.content_type.unwrap().as_str(), "application/cloudevents+toml");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<RabbitMessage, Error> {
    match message {
        Message::Binary(event) => binary(event),
        Message::Structured(found) => Ok(document(&found.format().media_type(), found.body().clone())),
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("the binding of RabbitMQ has no batched mode")
            .with_help("send the events one by one")),
    }
}

fn structured(event: &Event, format: &dyn Format) -> Result<(RabbitMessage, Losses), Error> {
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    Ok((document(format.media_type().as_str(), body.into()), losses))
}

fn document(media_type: &str, body: Bytes) -> RabbitMessage {
    let content_type = match media_type {
        "application/cloudevents+json" => TextBuffer::from_static("application/cloudevents+json"),
        other => other.into(),
    };
    RabbitMessage { content_type: Some(content_type), body, ..RabbitMessage::default() }
}

#[inline]
fn binary(event: &Event) -> Result<RabbitMessage, Error> {
    check_binary_mode(event)?;
    let attributes = event.attributes();
    let mut headers: Vec<Header> = Vec::with_capacity(attributes.len().saturating_add(1));
    let version = Bytes::from_static(event.specversion().as_str().as_bytes());
    headers.push((name::core("specversion").unwrap_or_default(), version.into()));
    let mut extensions = extension_headers(event, name::PREFIX);
    // An extension of specversion 0.3 may have the name of a core attribute of 1.0.
    let core = attributes.len().saturating_sub(event.extensions().len());
    for (at, (name, attribute)) in attributes.enumerate() {
        if name.as_str() == "datacontenttype" {
            continue;
        }
        let known = if at < core { name::core(name.as_str()) } else { extensions.next() };
        let header = known.unwrap_or_else(|| format!("ce-{}", name.as_str()).into());
        let text = match attribute.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => attribute.to_canonical(),
        };
        headers.push((header, value::write(event, text)));
    }
    let content_type = event.content_type().map(|media_type| shared(event, media_type.as_str()));
    Ok(RabbitMessage {
        content_type,
        headers,
        body: binary_mode_body(event).unwrap_or_default(),
        ..RabbitMessage::default()
    })
}

/// A text of this event. It shares the event's buffer if it is in it.
fn shared(event: &Event, text: &str) -> TextBuffer {
    share(event, text).and_then(|bytes| TextBuffer::new(bytes).ok()).unwrap_or_else(|| text.into())
}
