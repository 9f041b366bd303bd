//! The protocol bindings, each with a server or broker in this process.

#[cfg(feature = "amqp")]
mod amqp;
mod http;
#[cfg(feature = "kafka")]
mod kafka;

use super::route::Route;
use crate::failure::Failure;
use cloudevents_kit::transport::Raw;
use std::pin::Pin;

/// A protocol binding.
pub(super) struct Binding {
    pub(super) name: &'static str,
    /// What is started in this process.
    pub(super) server: &'static str,
    /// What binary mode is.
    pub(super) binary: &'static str,
    pub(super) batches: bool,
    /// What is said of a message on the wire before its headers.
    pub(super) head: fn(&Raw) -> String,
    /// Starts the server, and opens a sender and a receiver.
    pub(super) open: fn() -> Opening,
}

pub(super) type Opening = Pin<Box<dyn Future<Output = Result<Route, Failure>>>>;

/// The bindings of this build, in the order of the tour. The next one is one more line, and a file that says what it is.
pub(super) const BINDINGS: &[Binding] = &[
    http::BINDING,
    #[cfg(feature = "kafka")]
    kafka::BINDING,
    #[cfg(feature = "amqp")]
    amqp::BINDING,
];
