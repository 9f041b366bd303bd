//! Events and messages to messages of MQTT.

use crate::{Encoding, MqttMessage, Version, name, value, wire::UserProperty};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Format, FormatId, Losses, Message, Mode, TextBuffer,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode, extension_headers},
};
use std::borrow::Cow;

/// Writes an event as a message. The payload is not copied. Attributes are copied, unless the event shares its text.
///
/// The losses list the parts that the format could not represent. Features that MQTT 3.1.1 does not have are errors of kind
/// [`Unsupported`](ErrorKind::Unsupported). An attribute beyond the 65,535 bytes that a string of MQTT may have is an error of kind
/// [`TooLarge`](ErrorKind::TooLarge).
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (message, _) = cloudevents_mqtt::encode(&event, Mode::Binary)?;
/// assert_eq!(message.user_property("subject"), Some("100 %"));
///
/// let (message, losses) = cloudevents_mqtt::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(message.content_type.unwrap().as_str(), "application/cloudevents+json");
/// assert!(losses.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(event: &Event, with: impl Into<Encoding<'a>>) -> Result<(MqttMessage, Losses), Error> {
    let with = with.into();
    match (with.mode, with.version) {
        (Mode::Structured(format), version) => structured(event, format, version),
        (_, Version::V5) => Ok((binary(event, with)?, binary_mode_losses(event, BinaryMode::TEXT))),
        (_, Version::V3) => Err(no_binary()),
    }
}

/// Writes a message, for a [`Version`] of MQTT, or with an [`Encoding`], whose mode does not apply.
///
/// The document of a structured message is moved, unchanged. A batch is an error of kind [`Unsupported`](ErrorKind::Unsupported). So are
/// features that MQTT 3.1.1 does not have. The changes that binary mode makes to an event are not reported here. [`encode`] returns them,
/// and [`Mode::message`](cloudevents_core::Mode::message) returns changes of the meaning.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
/// use cloudevents_mqtt::Version;
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let encoded = cloudevents_mqtt::encode_message(&message, Version::V5)?;
/// assert_eq!(encoded.content_type.unwrap().as_str(), "application/cloudevents+toml");
/// assert!(cloudevents_mqtt::encode_message(&message, Version::V3).is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message<'a>(message: &Message, with: impl Into<Encoding<'a>>) -> Result<MqttMessage, Error> {
    let with = with.into();
    let version = with.version;
    match message {
        Message::Binary(event) if version == Version::V5 => binary(event, with),
        Message::Binary(_) => Err(no_binary()),
        Message::Structured(found) => {
            document(found.format(), &found.format().media_type(), found.body().clone(), version)
        }
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("MQTT has no batched mode")
            .with_help("send the events one by one")
            .with_clause("MQTT-1.3-a")),
    }
}

fn structured(event: &Event, format: &dyn Format, version: Version) -> Result<(MqttMessage, Losses), Error> {
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    Ok((document(&format.id(), format.media_type().as_str(), body.into(), version)?, losses))
}

fn document(id: &FormatId, media_type: &str, payload: Bytes, version: Version) -> Result<MqttMessage, Error> {
    let content_type = match version {
        Version::V3 if *id != FormatId::JSON => return Err(only_json()),
        Version::V3 => None,
        Version::V5 => Some(text(media_type)),
    };
    Ok(MqttMessage { version, content_type, payload, ..MqttMessage::default() })
}

#[inline]
fn binary(event: &Event, with: Encoding<'_>) -> Result<MqttMessage, Error> {
    let Encoding { prefixed, repeated, .. } = with;
    check_binary_mode(event)?;
    let attributes = event.attributes();
    let mut user_properties: Vec<UserProperty> = Vec::with_capacity(attributes.len().saturating_add(1));
    let prefix = if prefixed { name::FOREIGN_PREFIX } else { "" };
    user_properties.push((
        TextBuffer::from_static(if prefixed { "ce-specversion" } else { "specversion" }),
        TextBuffer::from_static(event.specversion().as_str()),
    ));
    let mut extensions = extension_headers(event, prefix);
    // An extension of specversion 0.3 may have the name of a core attribute of 1.0.
    let core = attributes.len().saturating_sub(event.extensions().len());
    for (at, (name, attribute)) in attributes.enumerate() {
        if name.as_str() == "datacontenttype" {
            continue;
        }
        let value = match attribute.as_str() {
            Some(text) => Cow::Borrowed(text),
            None => attribute.to_canonical(),
        };
        let known = match at < core {
            true if prefixed => None,
            true => name::core(name.as_str()),
            false => extensions.next(),
        };
        let property = known.unwrap_or_else(|| [prefix, name.as_str()].concat().into());
        user_properties.push((property, value::write(event, name.as_str(), value)?));
    }
    let content_type = match event.content_type() {
        Some(media_type) => Some(value::write(event, "datacontenttype", media_type.as_str().into())?),
        None => None,
    };
    if let Some(content_type) = content_type.as_ref().filter(|_| repeated) {
        user_properties.push(([prefix, "datacontenttype"].concat().into(), content_type.clone()));
    }
    let payload = binary_mode_body(event).unwrap_or_default();
    Ok(MqttMessage { content_type, user_properties, payload, ..MqttMessage::default() })
}

/// Copies a text that is not part of an event, except for the most common one.
fn text(text: &str) -> TextBuffer {
    match text {
        "application/cloudevents+json" => TextBuffer::from_static("application/cloudevents+json"),
        other => other.into(),
    }
}

#[cold]
fn no_binary() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("MQTT 3.1.1 has no user properties, so there is no binary mode")
        .with_help("send structured mode in JSON, or use MQTT 5")
        .with_clause("MQTT-1.3-b")
}

#[cold]
fn only_json() -> Error {
    Error::new(ErrorKind::Unsupported)
        .with_detail("MQTT 3.1.1 has no content type, so that a document is always taken for JSON")
        .with_help("use the JSON format, or MQTT 5")
        .with_clause("MQTT-3-c")
}
