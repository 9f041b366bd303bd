//! What the tour knows of a protocol binding.

use super::super::route::Route;
use crate::failure::Failure;
use cloudevents_kit::transport::Received;
use std::pin::Pin;

/// A protocol binding.
pub(in crate::commands::tour) struct Binding {
    pub(in crate::commands::tour) name: &'static str,
    /// The part that runs in this process: a server or a broker.
    pub(in crate::commands::tour) server: &'static str,
    /// A description of binary mode, if there is one.
    pub(in crate::commands::tour) binary: Option<&'static str>,
    /// Why it cannot carry every type.
    pub(in crate::commands::tour) why: &'static str,
    pub(in crate::commands::tour) batches: bool,
    /// The ids of the formats of structured mode; `None` for all.
    pub(in crate::commands::tour) formats: Option<&'static [&'static str]>,
    /// Returns the line shown before the headers of a message on the wire.
    pub(in crate::commands::tour) head: fn(&Received) -> String,
    /// Starts the server, and opens a sender and a receiver.
    pub(in crate::commands::tour) open: fn() -> Opening,
}

type Opening = Pin<Box<dyn Future<Output = Result<Route, Failure>>>>;
