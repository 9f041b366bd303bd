//! Messages of MQTT as the protocol writes them.

use super::{Codec, To, Written, body, pairs, text};
use crate::tagged;
use cloudevents_core::{Error, TextBuffer};
use cloudevents_mqtt::{Encoding, MqttMessage, Version, decode_message};
use serde_json::{Value as Json, json};

pub(super) const CODEC_3: Codec = Codec {
    name: "mqtt3",
    options: &["peer", "prefix", "topic"],
    decode: |message, with| decode_message(&read(message, Version::V3)?, with),
    encode: |to| to.addressed("topic", write(to, Version::V3)),
};

pub(super) const CODEC_5: Codec = Codec {
    name: "mqtt5",
    decode: |message, with| decode_message(&read(message, Version::V5)?, with),
    encode: |to| to.addressed("topic", write(to, Version::V5)),
    ..CODEC_3
};

/// The message of MQTT that the message of a request describes.
pub fn read(message: &Json, version: Version) -> Result<MqttMessage, Error> {
    let mut read = MqttMessage::new(body(message, "payload")?).with_version(version);
    if let Some(content_type) = message.get("content-type").and_then(Json::as_str) {
        read = read.with_content_type(content_type);
    }
    read.payload_is_text = message.get("payload-format-indicator").and_then(Json::as_u64) == Some(1);
    for pair in pairs(message, "user-properties") {
        let (name, value) = pair?;
        read = read.with_user_property(name, text(value)?);
    }
    Ok(read)
}

fn write(to: &To<'_>, version: Version) -> Written {
    let peer = to.peer()?;
    to.written(
        |event, mode| {
            let mut with = Encoding::new(mode).with_version(version);
            with = peer.map_or(with, |peer| with.for_peer(peer));
            with.prefixed = match to.option("prefix").and_then(Json::as_str) {
                None => with.prefixed,
                Some(prefix) => prefix == "ce-",
            };
            let (message, losses) = cloudevents_mqtt::encode(event, with)?;
            Ok((written(&message), losses))
        },
        |batch| Ok(written(&cloudevents_mqtt::encode_message(batch, version)?)),
    )
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
