//! Messages of this crate and of client libraries, seen through one trait.

use crate::Version;
use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// The parts of a PUBLISH packet that an event is mapped to, of no client library in particular.
///
/// Cloning is cheap: only the list of user properties is copied.
///
/// ```
/// use cloudevents_mqtt::MqttMessage;
///
/// let message = MqttMessage::new("21.5").with_content_type("text/plain").with_user_property("id", "1");
/// assert_eq!(message.user_property("id"), Some("1"));
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MqttMessage {
    /// The version of MQTT. Version 3.1.1 has neither a content type nor user properties.
    pub version: Version,
    /// The property Content Type (MQTT 5.0, section 3.3.2.3.9).
    pub content_type: Option<TextBuffer>,
    /// Whether the Payload Format Indicator is 1: the payload is UTF-8 text (MQTT 5.0, section 3.3.2.3.2).
    pub payload_is_text: bool,
    /// The User Properties, in order. MQTT allows several of one name.
    pub user_properties: Vec<UserProperty>,
    /// The payload.
    pub payload: Bytes,
}

/// Name and value of a User Property (MQTT 5.0, section 3.3.2.3.7).
pub type UserProperty = (TextBuffer, TextBuffer);

impl MqttMessage {
    /// A message of MQTT 5 with this payload and no properties.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self { payload: payload.into(), ..Self::default() }
    }

    /// Returns a copy of this version.
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Returns a copy with this content type.
    pub fn with_content_type(mut self, content_type: impl Into<TextBuffer>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// Returns a copy with one user property more.
    pub fn with_user_property(mut self, name: impl Into<TextBuffer>, value: impl Into<TextBuffer>) -> Self {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// The value of the first user property of this name, in this case.
    pub fn user_property(&self, name: &str) -> Option<&str> {
        self.user_properties.iter().find(|(known, _)| known.as_str() == name).map(|(_, value)| value.as_str())
    }
}

/// A message as its client library holds it. [`decode`](crate::decode()) reads it without copying the properties.
///
/// To decode the messages of another client, implement it for a newtype:
///
/// ```
/// use cloudevents_mqtt::MessageView;
///
/// struct Publish { user_properties: Vec<(String, String)>, payload: Vec<u8> }
///
/// impl MessageView for Publish {
///     fn content_type(&self) -> Option<&str> {
///         None
///     }
///
///     fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
///         self.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
///     }
///
///     fn payload(&self) -> &[u8] {
///         &self.payload
///     }
/// }
///
/// let publish = Publish { user_properties: vec![("specversion".into(), "1.0".into())], payload: vec![] };
/// assert!(cloudevents_mqtt::is_cloudevent(&publish));
/// ```
pub trait MessageView {
    /// The version of MQTT that the message came over. With 3.1.1, neither of the properties is read.
    fn version(&self) -> Version {
        Version::V5
    }

    /// The property Content Type.
    fn content_type(&self) -> Option<&str>;

    /// Whether the Payload Format Indicator is 1.
    fn payload_is_text(&self) -> bool {
        false
    }

    /// Names and values of the User Properties, in order. They are gone through twice.
    fn user_properties(&self) -> impl Iterator<Item = (&str, &str)>;

    /// The payload.
    fn payload(&self) -> &[u8];

    /// The payload to keep. It is copied, unless the client shares it: then override this.
    fn payload_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.payload())
    }
}

impl MessageView for MqttMessage {
    #[inline]
    fn version(&self) -> Version {
        self.version
    }

    #[inline]
    fn content_type(&self) -> Option<&str> {
        self.content_type.as_ref().map(TextBuffer::as_str)
    }

    #[inline]
    fn payload_is_text(&self) -> bool {
        self.payload_is_text
    }

    #[inline]
    fn user_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        self.user_properties.iter().map(|(name, value)| (name.as_str(), value.as_str()))
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
