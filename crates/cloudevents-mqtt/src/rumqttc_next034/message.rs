//! Messages of rumqttc, as messages of this crate and back.

use super::Qos;
use crate::{Encoding, MessageView, MqttMessage, Version, decode as decode_view, encode as encode_message};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Event, Losses};
use rumqttc_v4::mqttbytes::v4;
use rumqttc_v5::mqttbytes::{QoS, v5};

/// Reads messages that a client of MQTT 5 received, without copying the properties or the payload.
impl MessageView for v5::Publish {
    #[inline]
    fn content_type(&self) -> Option<&str> {
        self.properties.as_ref()?.content_type.as_deref()
    }

    #[inline]
    fn payload_is_text(&self) -> bool {
        self.properties.as_ref().is_some_and(|properties| properties.payload_format_indicator == Some(1))
    }

    #[inline]
    fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let properties = self.properties.as_ref().map_or(&[][..], |properties| &properties.user_properties);
        properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.payload.clone()
    }
}

/// Reads messages that a client of MQTT 3.1.1 received.
impl MessageView for v4::Publish {
    #[inline]
    fn version(&self) -> Version {
        Version::V3
    }

    #[inline]
    fn content_type(&self) -> Option<&str> {
        None
    }

    #[inline]
    fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::empty()
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.payload.clone()
    }
}

/// Reads the event of a message that a client of rumqttc received: `rumqttc::Publish` of either version.
///
/// As [`decode`](crate::decode()) of this crate, which takes the same messages.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Mode};
/// use cloudevents_mqtt::rumqttc_next034::{Qos, decode, encode};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (publish, _) = encode(&event, Mode::Binary, "orders", Qos::AtLeastOnce)?;
/// assert_eq!(decode(&publish, &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn decode(message: &impl MessageView, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    decode_view(message, with)
}

/// Writes an event as a message of rumqttc-v5-next, for this topic. Its parts fit the methods of that client: see [`publish`].
///
/// Errors are those of [`encode`](crate::encode()) of this crate. MQTT 3.1.1 is an error of kind [`Unsupported`](ErrorKind::Unsupported):
/// for this version, encode with [`Encoding::v3`] and pass the message to [`publish_v3`].
pub fn encode<'a>(
    event: &Event,
    with: impl Into<Encoding<'a>>,
    topic: &str,
    qos: Qos,
) -> Result<(v5::Publish, Losses), Error> {
    let with = with.into();
    if with.version != Version::V5 {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("a message of MQTT 3.1.1 is another type")
            .with_help("use `publish_v3`"));
    }
    let (message, losses) = encode_message(event, with)?;
    Ok((publish(message, topic, qos), losses))
}

/// Converts a message into a message of rumqttc-v5-next, for this topic. The payload is not copied. The properties are.
///
/// The client takes the parts: `client.publish(topic, publish.payload, PublishOptions::new(publish.qos).properties(properties))`.
///
/// ```
/// use cloudevents_mqtt::{MqttMessage, rumqttc_next034::{Qos, publish}};
///
/// let message = MqttMessage::new("21.5").with_content_type("text/plain").with_user_property("id", "1");
/// let publish = publish(message, "orders", Qos::AtLeastOnce);
/// assert_eq!(publish.properties.unwrap().content_type.as_deref(), Some("text/plain"));
/// ```
pub fn publish(message: MqttMessage, topic: &str, qos: Qos) -> v5::Publish {
    let owned = |(name, value): &crate::UserProperty| (name.as_str().to_owned(), value.as_str().to_owned());
    let properties = v5::PublishProperties {
        content_type: message.content_type.as_ref().map(|text| text.as_str().to_owned()),
        payload_format_indicator: message.payload_is_text.then_some(1),
        user_properties: message.user_properties.iter().map(owned).collect(),
        ..v5::PublishProperties::default()
    };
    let properties = (properties != v5::PublishProperties::default()).then_some(properties);
    v5::Publish::new(topic, qos.into(), message.payload, properties)
}

/// Converts a message of MQTT 3.1.1 into a message of rumqttc-v4-next, for this topic. The payload is not copied.
///
/// A message of MQTT 5 is an error of kind [`Unsupported`](ErrorKind::Unsupported), because its properties would be lost.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_json::Json;
/// use cloudevents_mqtt::{Encoding, encode, rumqttc_next034::{Qos, publish_v3}};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let (message, _) = encode(&event, Encoding::v3(&Json::new()))?;
/// assert!(publish_v3(message, "orders", Qos::AtLeastOnce)?.payload.starts_with(b"{"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn publish_v3(message: MqttMessage, topic: &str, qos: Qos) -> Result<v4::Publish, Error> {
    if message.version != Version::V3 {
        return Err(Error::new(ErrorKind::Unsupported)
            .with_detail("a message of MQTT 5 has properties, which MQTT 3.1.1 has not")
            .with_clause("MQTT-1.3-b"));
    }
    Ok(v4::Publish::from_bytes(topic, qos.into(), message.payload))
}

impl From<Qos> for QoS {
    fn from(qos: Qos) -> Self {
        match qos {
            Qos::AtMostOnce => Self::AtMostOnce,
            Qos::AtLeastOnce => Self::AtLeastOnce,
            Qos::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

impl From<QoS> for Qos {
    fn from(qos: QoS) -> Self {
        match qos {
            QoS::AtMostOnce => Self::AtMostOnce,
            QoS::AtLeastOnce => Self::AtLeastOnce,
            QoS::ExactlyOnce => Self::ExactlyOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_and_back() {
        let mut message = MqttMessage::new("21.5")
            .with_content_type("text/plain")
            .with_user_property("specversion", "1.0")
            .with_user_property("a", "1")
            .with_user_property("a", "2");
        message.payload_is_text = true;
        let publish = publish(message.clone(), "t", Qos::ExactlyOnce);
        assert_eq!((publish.qos, &publish.topic[..]), (QoS::ExactlyOnce, &b"t"[..]));
        assert!(MessageView::user_properties(&publish).eq(message.user_properties()));
        assert_eq!(MessageView::content_type(&publish), MessageView::content_type(&message));
        assert_eq!(MessageView::payload(&publish), MessageView::payload(&message));
        assert!(MessageView::payload_is_text(&publish));
        assert_eq!(publish_v3(message, "t", Qos::AtMostOnce).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_message_without_properties_has_none() {
        assert!(publish(MqttMessage::new("x"), "t", Qos::AtMostOnce).properties.is_none());
    }
}
