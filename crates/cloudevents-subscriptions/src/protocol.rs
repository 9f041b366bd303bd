//! Delivery protocols.

use std::fmt;

/// How events are delivered (Subscriptions API, `protocol`). Names compare with regard to letter case.
///
/// ```
/// use cloudevents_subscriptions::Protocol;
///
/// assert_eq!(Protocol::from_name("MQTT5"), Protocol::Mqtt5);
/// assert_eq!(Protocol::from_name("http").as_str(), "http"); // another protocol than HTTP
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `AMQP`, version 1.0.
    Amqp,
    /// `HTTP`.
    Http,
    /// `KAFKA`.
    Kafka,
    /// `MQTT3`, version 3.1.1.
    Mqtt3,
    /// `MQTT5`.
    Mqtt5,
    /// `NATS`.
    Nats,
    /// A protocol that the specification does not name.
    Other(Box<str>),
}

impl Protocol {
    /// The six that the specification names.
    pub const NAMED: [Self; 6] = [Self::Amqp, Self::Http, Self::Kafka, Self::Mqtt3, Self::Mqtt5, Self::Nats];

    /// The protocol of this name.
    pub fn from_name(name: &str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|known| known.as_str() == name)
            .unwrap_or_else(|| Self::Other(name.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Amqp => "AMQP",
            Self::Http => "HTTP",
            Self::Kafka => "KAFKA",
            Self::Mqtt3 => "MQTT3",
            Self::Mqtt5 => "MQTT5",
            Self::Nats => "NATS",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
