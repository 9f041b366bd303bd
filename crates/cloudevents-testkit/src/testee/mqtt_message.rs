//! Messages of MQTT as the protocol writes them.

use super::encode::{Wanted, one, option, peer, wanted};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, Event, Formats, Losses, Message, TextBuffer};
use cloudevents_mqtt::{Encoding, MqttMessage, Version};
use serde_json::{Value as Json, json};

/// The message of MQTT that the message of a request describes.
pub fn read(message: &Json, version: Version) -> Result<MqttMessage, Error> {
    let payload = message.get("payload").map(tagged::to_bytes).transpose()?.unwrap_or_default();
    let mut read = MqttMessage::new(payload).with_version(version);
    if let Some(content_type) = message.get("content-type").and_then(Json::as_str) {
        read = read.with_content_type(content_type);
    }
    read.payload_is_text = message.get("payload-format-indicator").and_then(Json::as_u64) == Some(1);
    for pair in message.get("user-properties").and_then(Json::as_array).into_iter().flatten() {
        let (Some(name), Some(value)) =
            (pair.get(0).and_then(Json::as_str), pair.get(1).and_then(Json::as_str))
        else {
            return Err(malformed("a user property is a pair of texts"));
        };
        read = read.with_user_property(name, value);
    }
    Ok(read)
}

/// Writes events as `to` specifies. The inner error names what the toolkit does not support.
pub(crate) fn write(
    to: &Json,
    events: &[Event],
    formats: &Formats,
    version: Version,
) -> Result<Result<(Json, Losses), String>, Error> {
    let otherwise = if version == Version::V3 { "structured" } else { "binary" };
    let mode = match wanted(to, formats, otherwise) {
        Ok(Wanted::One(mode)) => mode,
        Ok(Wanted::Batch(format)) => {
            let (message, losses) = Message::batched(events, format)?;
            return Ok(Ok((written(&cloudevents_mqtt::encode_message(&message, version)?), losses)));
        }
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let mut with = Encoding::new(mode).with_version(version);
    with = peer(to)?.map_or(with, |peer| with.for_peer(peer));
    with.prefixed = match option(to, "prefix").and_then(Json::as_str) {
        None => with.prefixed,
        Some(prefix) => prefix == "ce-",
    };
    let (message, losses) = cloudevents_mqtt::encode(one(events)?, with)?;
    Ok(Ok((written(&message), losses)))
}

fn written(message: &MqttMessage) -> Json {
    let payload = tagged::from_bytes(&message.payload);
    if message.version == Version::V3 {
        return json!({"payload": payload});
    }
    let properties: Vec<Json> =
        message.user_properties.iter().map(|(name, value)| json!([name.as_str(), value.as_str()])).collect();
    let content_type = message.content_type.as_ref().map(TextBuffer::as_str);
    let mut written = json!({"user-properties": properties, "payload": payload});
    if let (Some(members), Some(content_type)) = (written.as_object_mut(), content_type) {
        members.insert("content-type".into(), content_type.into());
    }
    written
}
