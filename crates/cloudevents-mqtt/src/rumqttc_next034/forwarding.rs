//! Messages that are sent as they were received.

use super::received::ReceivedPublish;
use crate::{MessageView, MqttMessage, Version};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Received;

/// Returns the message as it was received. Of a message that did not come over this version of MQTT, these are its body and, for MQTT 5,
/// its content type, and its other headers as user properties.
pub(super) fn as_received(received: &Received, version: Version) -> Result<MqttMessage, Error> {
    if let Some(publish) = received.native::<ReceivedPublish>().filter(|publish| publish.version() == version)
    {
        return Ok(of_publish(publish));
    }
    let mut message = MqttMessage::new(received.whole_body()?.unwrap_or_default()).with_version(version);
    if version == Version::V3 {
        return Ok(message);
    }
    for (name, value) in received.headers() {
        let Some(value) = value else { continue };
        let text = std::str::from_utf8(&value).map_err(|_| not_text(name))?;
        message = if name.eq_ignore_ascii_case("content-type") {
            message.with_content_type(text)
        } else {
            message.with_user_property(name, text)
        };
    }
    Ok(message)
}

/// Returns the parts of a message that came over MQTT.
fn of_publish(received: &ReceivedPublish) -> MqttMessage {
    let mut message = MqttMessage::new(received.payload_bytes()).with_version(received.version());
    message.content_type = MessageView::content_type(received).map(Into::into);
    message.payload_is_text = received.payload_is_text();
    let properties = MessageView::user_properties(received);
    message.user_properties = properties.map(|(name, value)| (name.into(), value.into())).collect();
    message
}

#[cold]
fn not_text(name: &str) -> Error {
    Error::new(ErrorKind::Unsupported).with_detail(format!(
        "the header `{}` is not text, and so cannot be a user property",
        name.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rumqttc_next034::{Qos, publish};
    use cloudevents_transport::{Origin, Raw};

    fn received(origin: impl Origin) -> Received {
        Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), origin)
    }

    #[test]
    fn a_message_of_mqtt_keeps_everything() {
        let mut message =
            MqttMessage::new("21.5").with_content_type("text/plain").with_user_property("id", "1");
        message = message.with_user_property("id", "2");
        message.payload_is_text = true;
        let publish = publish(message.clone(), "plant/7", Qos::AtLeastOnce);
        let kept = as_received(&received(ReceivedPublish::from(publish)), Version::V5).unwrap();
        assert_eq!(format!("{kept:?}"), format!("{message:?}"));
    }

    /// An empty payload removes a retained message, and is one.
    #[test]
    fn a_body_that_is_not_bytes_is_no_empty_payload() {
        let mut raw = Raw::default();
        assert!(as_received(&received(raw.clone()), Version::V5).is_ok());
        raw.lacks_body = true;
        assert_eq!(as_received(&received(raw), Version::V5).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn headers_of_another_protocol_are_user_properties() {
        let mut raw = Raw::default();
        raw.body = Some("body".into());
        raw.headers = vec![
            ("Content-Type".into(), Some("text/plain".into())),
            ("a".into(), Some("1".into())),
            ("null".into(), None),
        ];
        let wanted = MqttMessage::new("body").with_content_type("text/plain").with_user_property("a", "1");
        assert_eq!(
            format!("{:?}", as_received(&received(raw.clone()), Version::V5).unwrap()),
            format!("{wanted:?}")
        );
        raw.headers = vec![("b".into(), Some((&b"\xff"[..]).into()))];
        assert_eq!(as_received(&received(raw), Version::V5).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
