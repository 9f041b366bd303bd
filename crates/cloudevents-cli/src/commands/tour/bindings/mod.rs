//! The protocol bindings, each with a server or broker in this process.

#[cfg(feature = "amqp")]
mod amqp;
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

use super::route::Route;
use crate::failure::Failure;
use cloudevents_kit::transport::Received;
use std::pin::Pin;

/// A protocol binding.
pub(super) struct Binding {
    pub(super) name: &'static str,
    /// The part that runs in this process: a server or a broker.
    pub(super) server: &'static str,
    /// A description of binary mode, if there is one.
    pub(super) binary: Option<&'static str>,
    /// Why it cannot carry every type.
    pub(super) why: &'static str,
    pub(super) batches: bool,
    /// The ids of the formats of structured mode; `None` for all.
    pub(super) formats: Option<&'static [&'static str]>,
    /// Returns the line shown before the headers of a message on the wire.
    pub(super) head: fn(&Received) -> String,
    /// Starts the server, and opens a sender and a receiver.
    pub(super) open: fn() -> Opening,
}

pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Route, Failure>>>>;

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
