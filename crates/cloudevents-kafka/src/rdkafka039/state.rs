//! The state of a client's connections.

use super::{
    config::failed,
    refusals::{Refusals, is_login},
};
use cloudevents_transport::{Connectivity, binding::Reporter};
use rdkafka::{
    ClientContext,
    client::Client,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long one look for a broker may take, and how often it is done.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Tracks the state of the connections. librdkafka reconnects by itself. It reports when no broker can be
/// reached, but not when one can be reached again. Messages and confirmations show that, and [`look`](Self::look).
pub(super) struct State {
    reporter: Reporter,
    /// Lets each message check the state cheaply.
    connected: AtomicBool,
}

impl State {
    pub(super) fn connectivity(&self) -> Connectivity {
        self.reporter.connectivity()
    }

    /// A broker has answered.
    pub(super) fn connected(&self) {
        if !self.connected.load(Ordering::Relaxed) && !self.connected.swap(true, Ordering::AcqRel) {
            self.reporter.connected(None);
        }
    }

    /// The client reports an error.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str, refusals: &Refusals) {
        let this = || failed(error.clone()).with_detail(reason.to_owned());
        let is_login = is_login(error);
        if (is_login || error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown))
            && self.connected.swap(false, Ordering::AcqRel)
        {
            self.reporter.lost(&this());
        }
        match refusals.are_final() {
            Some(error) if is_login => self.reporter.failed(&error),
            _ if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) => self.reporter.failed(&this()),
            _ => {}
        }
    }

    /// While no broker is known to be reachable, asks for one. Blocks for a second at most.
    pub(super) fn look<C: ClientContext>(&self, client: &Client<C>, topic: Option<&str>) {
        if !self.connected.load(Ordering::Acquire) && client.fetch_metadata(topic, LOOK).is_ok() {
            self.connected();
        }
    }
}

impl Default for State {
    fn default() -> Self {
        Self { reporter: Connectivity::channel().0, connected: AtomicBool::new(false) }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("connected", &self.connected).finish_non_exhaustive()
    }
}
