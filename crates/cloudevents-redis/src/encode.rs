//! Events and messages to entries.

use crate::wire::{CONTENT_TYPE, DATA, RedisMessage};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Losses, Message, Mode,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode},
};
use cloudevents_json::fields::of_event;

/// Writes an event as an entry. The payload is not copied; attributes are where the event shares its text.
///
/// The losses name the parts that the format could not hold.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (message, _) = cloudevents_redis::encode(&event, Mode::Binary)?;
/// assert_eq!(message.field("ce-subject").unwrap(), "100 %");
///
/// let (message, losses) = cloudevents_redis::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.field("content-type").unwrap(), "application/cloudevents+json");
/// assert!(losses.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode(event: &Event, mode: Mode<'_>) -> Result<(RedisMessage, Losses), Error> {
    match mode {
        Mode::Structured(format) => {
            let mut document = Vec::new();
            let losses = format.encode(event, &mut document)?;
            Ok((structured(format.media_type().as_str(), document.into()), losses))
        }
        _ => Ok((binary(event)?, binary_mode_losses(event, BinaryMode::TEXT))),
    }
}

/// Writes a message. The document of a structured message is moved, unchanged.
///
/// A batch is an error of kind [`Unsupported`](ErrorKind::Unsupported). Changes of an event in binary mode are not reported here:
/// [`encode`] returns them.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let encoded = cloudevents_redis::encode_message(&message)?;
/// assert_eq!(encoded.field("content-type").unwrap(), "application/cloudevents+toml");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<RedisMessage, Error> {
    match message {
        Message::Binary(event) => binary(event),
        Message::Structured(found) => Ok(structured(&found.format().media_type(), found.body().clone())),
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("an entry of a stream has one event")
            .with_help("send the events one by one")),
    }
}

fn structured(media_type: &str, document: Bytes) -> RedisMessage {
    let media_type = Bytes::copy_from_slice(media_type.as_bytes());
    vec![(name(CONTENT_TYPE), media_type), (name(DATA), document)].into()
}

fn binary(event: &Event) -> Result<RedisMessage, Error> {
    check_binary_mode(event)?;
    let mut fields = Vec::with_capacity(event.attributes().len().saturating_add(3));
    fields.push((name("ce-specversion"), name(event.specversion().as_str())));
    fields.extend(of_event(event).map(|(field, value)| (field.into(), value)));
    if let Some(media_type) = event.content_type() {
        fields.push((name(CONTENT_TYPE), Bytes::copy_from_slice(media_type.as_str().as_bytes())));
    }
    if let Some(body) = binary_mode_body(event) {
        fields.push((name(DATA), body));
    }
    Ok(fields.into())
}

fn name(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}
