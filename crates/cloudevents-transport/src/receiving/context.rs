//! The state that all deliveries of a receiver share.

use crate::{Counters, InFlight};
use cloudevents_core::DecodeOptions;
use std::sync::Arc;

/// The state that all deliveries of a receiver share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) decoding: DecodeOptions,
    pub(crate) counters: Arc<Counters>,
    pub(crate) in_flight: InFlight,
    /// Attempts after which a retry is a rejection.
    pub(crate) attempts: u32,
}
