//! The protocol bindings, each with a server or broker in this process.

#[cfg(feature = "amqp")]
mod amqp;
mod binding;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[cfg(feature = "mqtt")]
mod mqtt;
#[cfg(feature = "nats")]
mod nats;
#[cfg(feature = "rabbitmq")]
mod rabbitmq;
#[cfg(feature = "websockets")]
mod websockets;

pub(super) use binding::Binding;

/// The bindings of this build, in the order of the tour. To add one, add a line here and a file.
pub(super) const BINDINGS: &[Binding] = &[
    http::BINDING,
    #[cfg(feature = "kafka")]
    kafka::BINDING,
    #[cfg(feature = "amqp")]
    amqp::BINDING,
    #[cfg(feature = "mqtt")]
    mqtt::BINDING,
    #[cfg(feature = "rabbitmq")]
    rabbitmq::BINDING,
    #[cfg(feature = "nats")]
    nats::BINDING,
    #[cfg(feature = "websockets")]
    websockets::BINDING,
];
