//! How messages are written: version, mode and prefix.

use cloudevents_core::{Format, Mode, Peer};
use cloudevents_json::Json;

/// The version of MQTT.
///
/// ```
/// assert_eq!(cloudevents_mqtt::Version::default(), cloudevents_mqtt::Version::V5);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Version {
    /// MQTT 3.1.1, which has structured mode in JSON only.
    V3,
    /// MQTT 5.0, which has binary and structured mode.
    #[default]
    V5,
}

/// How an event is written.
///
/// A [`Mode`] converts into an encoding for MQTT 5.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode.
    pub mode: Mode<'a>,
    /// The version of MQTT.
    pub version: Version,
    /// Whether attributes have the prefix `ce-` in user properties, as in HTTP. Default: no.
    ///
    /// **Outside the specification**, in which names are unchanged (MQTT-3.1.3.1-a): for peers that read no other.
    pub prefixed: bool,
    /// Whether `datacontenttype` is a user property besides the Content Type, as in an example of the binding: for peers that do not read
    /// the latter. Default: no.
    pub repeated: bool,
}

impl<'a> Encoding<'a> {
    /// In this mode, for MQTT 5.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, ..Self::default() }
    }

    /// In binary mode, for MQTT 5.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// In structured mode, for MQTT 5.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(format))
    }

    /// For MQTT 3.1.1, which implies the JSON format: any other is an error when an event is written.
    pub fn v3(json: &'a dyn Format) -> Self {
        Self::structured(json).with_version(Version::V3)
    }

    /// Returns a copy for this version.
    pub fn with_version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Returns a copy that the peer reads.
    ///
    /// It has [`prefixed`](Self::prefixed) for [`Go2`](Peer::Go2), [`repeated`](Self::repeated) for [`JavaScript10`](Peer::JavaScript10),
    /// and structured mode in JSON for peers that [take documents only](Peer::takes_documents_only).
    ///
    /// ```
    /// use cloudevents_core::{Event, Peer};
    /// use cloudevents_mqtt::Encoding;
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// let (message, _) = cloudevents_mqtt::encode(&event, Encoding::binary().for_peer(Peer::Go2))?;
    /// assert_eq!(message.user_property("ce-id"), Some("1"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_peer(mut self, peer: Peer) -> Self {
        self.prefixed |= peer == Peer::Go2;
        self.repeated |= peer == Peer::JavaScript10;
        if peer.takes_documents_only() {
            self.mode = Mode::Structured(&JSON);
        }
        self
    }
}

const JSON: Json = Json::new();

impl From<Version> for Encoding<'_> {
    fn from(version: Version) -> Self {
        Self::default().with_version(version)
    }
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}
