//! A received message: decoded without conversion, and kept unchanged.

use super::{
    Qos,
    packet::{Arrived, copied},
};
use crate::{MessageView, Version, decode_message, mode::Look, name};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message, RepairKind};
use cloudevents_transport::{Origin, Partition, Received};
use rumqttc_v5::mqttbytes::v5;
use std::{any::Any, borrow::Cow, fmt};

/// A message with all of its properties. [`Received::native`] returns it for MQTT.
///
/// Headers are the content type and the user properties. The partition is the topic filter of the receiver, since a session is in order.
///
/// ```no_run
/// use cloudevents_mqtt::rumqttc_next034::ReceivedPublish;
///
/// # async fn example(mut receiver: cloudevents_transport::Receiver) -> Result<(), cloudevents_core::Error> {
/// let Some(delivery) = receiver.next().await? else { return Ok(()) };
/// if let Some(message) = delivery.native::<ReceivedPublish>() {
///     println!("retained: {}, duplicate: {}, {:?}", message.is_retained(), message.is_duplicate(), message.qos());
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ReceivedPublish {
    publish: v5::Publish,
    version: Version,
    partition: Partition,
    attributes: Attributes,
    /// Whether all of the packet was read.
    is_whole: bool,
    /// The bytes in memory.
    size: usize,
}

/// Which user properties are attributes.
#[derive(Clone, Copy, PartialEq)]
enum Attributes {
    /// It is no CloudEvent, or a document without the properties of binary mode.
    None,
    /// Those of binary mode, also beside a document.
    Plain,
    /// With the prefix of HTTP, which leniency has allowed.
    Prefixed,
}

/// A packet of MQTT 5. Its partition is its topic.
impl From<v5::Publish> for ReceivedPublish {
    fn from(publish: v5::Publish) -> Self {
        let partition = Partition::new(String::from_utf8_lossy(&publish.topic).as_ref(), 0);
        let frame = publish.topic.len().saturating_add(publish.payload.len());
        let size = frame.saturating_add(copied(&publish));
        Self { publish, version: Version::V5, partition, attributes: Attributes::Plain, is_whole: true, size }
    }
}

impl ReceivedPublish {
    /// The packet, as rumqttc-v5-next has it. A packet of MQTT 3.1.1 has no properties.
    pub fn publish(&self) -> &v5::Publish {
        &self.publish
    }

    /// Whether the broker had kept the message from before the subscription: the RETAIN flag (MQTT 5.0, section 3.3.1.3).
    pub fn is_retained(&self) -> bool {
        self.publish.retain
    }

    /// Whether the broker may have sent the message before: the DUP flag (MQTT 5.0, section 3.3.1.1).
    pub fn is_duplicate(&self) -> bool {
        self.publish.dup
    }

    /// The quality of service at which the message came.
    pub fn qos(&self) -> Qos {
        self.publish.qos.into()
    }

    pub(super) fn properties(&self) -> Option<&v5::PublishProperties> {
        self.publish.properties.as_ref()
    }
}

impl MessageView for ReceivedPublish {
    #[inline]
    fn version(&self) -> Version {
        self.version
    }

    #[inline]
    fn content_type(&self) -> Option<&str> {
        self.publish.content_type()
    }

    #[inline]
    fn payload_is_text(&self) -> bool {
        self.publish.payload_is_text()
    }

    #[inline]
    fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        MessageView::user_properties(&self.publish)
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.publish.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.publish.payload.clone()
    }
}

/// Decodes a message that has arrived.
pub(super) fn received(
    arrived: Arrived,
    version: Version,
    partition: &Partition,
    with: &DecodeOptions,
) -> Received {
    let size = arrived.size();
    let Arrived { publish, error, .. } = arrived;
    let (partition, attributes, is_whole) = (partition.clone(), Attributes::Plain, error.is_none());
    let mut origin = ReceivedPublish { publish, version, partition, attributes, is_whole, size };
    let decoded = match error {
        None => decode_message(&origin, with),
        Some(error) => Err(error),
    };
    let is_prefixed = |decoded: &Decoded<_>| {
        decoded.repairs().iter().any(|repair| repair.kind() == RepairKind::ForeignPrefix)
    };
    origin.attributes = match &decoded {
        // The properties of binary mode may stand beside a document (MQTT-3.2.3-a).
        Ok(decoded) if !matches!(decoded.value, Message::Binary(_)) => match Look::at(&origin).is_marked {
            true => Attributes::Plain,
            false => Attributes::None,
        },
        Ok(decoded) if is_prefixed(decoded) => Attributes::Prefixed,
        Err(error) if error.kind() == ErrorKind::NotACloudEvent => Attributes::None,
        _ => Attributes::Plain,
    };
    Received::new(decoded, origin)
}

impl Origin for ReceivedPublish {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.publish.payload.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        self.is_whole.then(|| decode_message(self, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        if let Some(content_type) = MessageView::content_type(self) {
            each("content-type", Some(Cow::Borrowed(content_type.as_bytes())));
        }
        for (name, value) in MessageView::user_properties(self) {
            each(name, Some(Cow::Borrowed(value.as_bytes())));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        let attribute = match self.attributes {
            Attributes::None => None,
            Attributes::Plain => name::attribute(name),
            Attributes::Prefixed => name::prefixed(name),
        };
        attribute.is_none() && name != "content-type"
    }

    /// The topic of the message, not the filter.
    fn topic(&self) -> Option<&str> {
        std::str::from_utf8(&self.publish.topic).ok()
    }

    fn partition(&self) -> Option<&Partition> {
        Some(&self.partition)
    }

    /// Known only if it was: deliveries from memory have no flag.
    fn is_redelivered(&self) -> Option<bool> {
        self.publish.dup.then_some(true)
    }

    fn reply_to(&self) -> Option<&str> {
        self.properties()?.response_topic.as_deref()
    }

    fn correlation(&self) -> Option<Cow<'_, [u8]>> {
        self.properties()?.correlation_data.as_deref().map(Cow::Borrowed)
    }
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedPublish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = MessageView::user_properties(self).map(|(name, _)| name).collect();
        f.debug_struct("ReceivedPublish")
            .field("topic", &self.topic())
            .field("qos", &self.qos())
            .field("user_properties", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::{ErrorKind, Peer};
    use rumqttc_v5::mqttbytes::QoS;

    #[test]
    fn everything_is_shown() {
        let owned = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let properties = v5::PublishProperties {
            content_type: Some("text/plain".into()),
            response_topic: Some("answers".into()),
            correlation_data: Some(Bytes::from_static(b"\xff7")),
            user_properties: owned(&[("specversion", "1.0"), ("id", "1"), ("x-a", "1"), ("x-a", "2")]),
            ..v5::PublishProperties::default()
        };
        let mut publish = v5::Publish::new("plant/7", QoS::ExactlyOnce, "21.5", Some(properties));
        (publish.dup, publish.retain) = (true, true);
        let arrived = Arrived { publish, error: None, frame: 0 };
        let partition = Partition::new("plant/+", 0);
        let received = received(arrived, Version::V5, &partition, &DecodeOptions::strict());
        assert_eq!(received.message().unwrap_err().kind(), ErrorKind::MissingAttribute);
        assert_eq!((received.topic(), received.partition()), (Some("plant/7"), Some(&partition)));
        assert_eq!(
            (received.reply_to(), received.correlation().as_deref()),
            (Some("answers"), Some(&b"\xff7"[..]))
        );
        assert_eq!(
            (received.is_redelivered(), received.body().unwrap()),
            (Some(true), Bytes::from_static(b"21.5"))
        );
        assert_eq!(received.header("x-a").as_deref(), Some(&b"1"[..]));
        let names: Vec<_> = received.headers().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["content-type", "specversion", "id", "x-a", "x-a"]);
        let forwarded = names.iter().filter(|name| received.origin().is_forwarded(name)).count();
        assert_eq!(forwarded, 2);
        let native: &ReceivedPublish = received.native().unwrap();
        assert!(native.is_retained() && native.is_duplicate());
        assert_eq!((native.qos(), native.publish().payload.len()), (Qos::ExactlyOnce, 4));
        assert!(!format!("{native:?}").contains("21.5"));
    }

    /// Over other protocols, attributes beside a document are left out by their prefix.
    #[test]
    fn attributes_beside_a_document_are_not_forwarded() {
        let forwarded = |names: &[&str]| {
            let properties = v5::PublishProperties {
                content_type: Some("application/cloudevents+json".into()),
                user_properties: names.iter().map(|name| ((*name).to_owned(), "1.0".to_owned())).collect(),
                ..v5::PublishProperties::default()
            };
            let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
            let publish = v5::Publish::new("t", QoS::AtLeastOnce, document, Some(properties));
            let arrived = Arrived { publish, error: None, frame: 0 };
            let received = received(arrived, Version::V5, &Partition::new("t", 0), &DecodeOptions::strict());
            let headers = received.forward().headers().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
            headers.join(" ")
        };
        assert_eq!(forwarded(&["specversion", "id", "source", "type", "X-Trace"]), "X-Trace");
        // Without specversion, they are properties of the program.
        assert_eq!(forwarded(&["id", "tenant", "X-Trace"]), "id tenant X-Trace");
    }

    /// What is no attribute is a header like others, also where HTTP would have an attribute.
    #[test]
    fn forwarded_is_what_is_no_attribute() {
        let forwarded = |names: &[&str], with: &DecodeOptions| {
            let properties = v5::PublishProperties {
                user_properties: names.iter().map(|name| ((*name).to_owned(), "1.0".to_owned())).collect(),
                ..v5::PublishProperties::default()
            };
            let publish = v5::Publish::new("t", QoS::AtLeastOnce, "x", Some(properties));
            let arrived = Arrived { publish, error: None, frame: 0 };
            let received = received(arrived, Version::V5, &Partition::new("t", 0), with);
            assert!(received.message().is_ok());
            let headers = received.forward().headers().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
            headers.join(" ")
        };
        let bare = ["specversion", "id", "source", "type", "ext", "ce-other", "X-Trace"];
        assert_eq!(forwarded(&bare, &DecodeOptions::strict()), "ce-other X-Trace");
        let prefixed = ["ce-specversion", "ce-id", "ce-source", "ce-type", "ce-ext", "other", "X-Trace"];
        let with = DecodeOptions::strict().with_leniency(Peer::Go2.leniency());
        assert_eq!(forwarded(&prefixed, &with), "other X-Trace");
    }
}
