//! How messages are written: version and mode.

use cloudevents_core::{Format, Mode};

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
/// A [`Mode`] converts into one for MQTT 5.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode.
    pub mode: Mode<'a>,
    /// The version of MQTT.
    pub version: Version,
}

impl<'a> Encoding<'a> {
    /// In this mode, for MQTT 5.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, version: Version::V5 }
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
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}
