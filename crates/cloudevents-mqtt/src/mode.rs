//! Which content mode a message is in.

use crate::{Version, name, wire::MessageView};
use cloudevents_core::{
    Error, ErrorKind, FormatId,
    codec::{CoreName, Detected, detect},
};
use cloudevents_json::is_event;

/// Whether a message bears a mark of CloudEvents: a Content Type under `application/cloudevents`, or the user property `specversion`.
///
/// Over MQTT 3.1.1, the mark is a payload that is a JSON object with a `specversion`.
///
/// A message without a mark is not a CloudEvent, which is normal on a topic with other messages. A message with a mark may still be
/// malformed.
///
/// ```
/// use cloudevents_mqtt::{MqttMessage, is_cloudevent};
///
/// assert!(is_cloudevent(&MqttMessage::new("{}").with_content_type("application/cloudevents+json")));
/// assert!(is_cloudevent(&MqttMessage::new("21.5").with_user_property("specversion", "1.0")));
/// assert!(!is_cloudevent(&MqttMessage::new("21.5").with_user_property("id", "1")));
/// ```
pub fn is_cloudevent(message: &impl MessageView) -> bool {
    match message.version() {
        Version::V3 => is_event(&message.payload_bytes()),
        Version::V5 => {
            !matches!(detect(message.content_type()), Ok(Detected::NotADocument))
                || Look::at(message).is_marked
        }
    }
}

/// The findings of the first look at the user properties.
pub(crate) struct Look {
    /// Whether there is a `specversion`.
    pub(crate) is_marked: bool,
    /// Whether there is a `specversion` with the prefix of HTTP.
    pub(crate) is_prefixed: bool,
    /// Bytes of text that the attributes take, names of extensions included.
    pub(crate) length: usize,
}

impl Look {
    #[inline]
    pub(crate) fn at(message: &impl MessageView) -> Self {
        let length = message.content_type().map_or(0, str::len);
        let mut look = Self { is_marked: false, is_prefixed: false, length };
        for (property, value) in message.user_properties() {
            let Some(name) = name::attribute(property) else {
                look.is_prefixed |= name::prefixed(property) == Some("specversion");
                continue;
            };
            look.is_marked |= name == "specversion";
            let kept = if CoreName::of(name.as_bytes()).is_some() { 0 } else { name.len() };
            look.length = look.length.saturating_add(kept).saturating_add(value.len());
        }
        look
    }
}

/// Returns the mode that the message states.
#[inline]
pub(crate) fn mode(message: &impl MessageView) -> Result<Detected, Error> {
    match message.version() {
        Version::V3 if is_event(&message.payload_bytes()) => Ok(Detected::Structured(FormatId::JSON)),
        Version::V3 => Err(not_an_event()),
        Version::V5 => detect(message.content_type()),
    }
}

#[cold]
fn not_an_event() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("the payload is not a JSON object with a `specversion`")
        .with_clause("MQTT-3-c")
}

#[cold]
pub(crate) fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail(
            "there is neither a user property `specversion` nor a Content Type under application/cloudevents",
        )
        .with_clause("MQTT-3-a")
}
