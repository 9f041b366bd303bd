//! The connections of a client: their state, and the search for a broker.

use super::{
    failure::failed,
    login_refusals::{Refusals, is_login},
};
use cloudevents_core::Error;
use cloudevents_transport::{Connectivity, binding::Reporter};
use rdkafka::{
    ClientContext,
    client::Client,
    error::{KafkaError, RDKafkaErrorCode},
};
use std::{
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long one look for a broker may take, and how often it is done.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Tracks the state of the connections. librdkafka reconnects by itself. It reports when no broker can be
/// reached, but not when one can be reached again. Messages and confirmations show that, and [`look`](Self::look).
pub(super) struct State {
    /// Two threads report, one change after the other.
    reporter: Mutex<Reporter>,
    connectivity: Connectivity,
    /// Lets each message check the state cheaply.
    connected: AtomicBool,
    over: AtomicBool,
}

impl State {
    pub(super) fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    /// A broker has answered.
    pub(super) fn connected(&self) {
        if !self.is_connected() {
            let reporter = self.reporter();
            if !self.connected.swap(true, Ordering::AcqRel) {
                reporter.connected(None);
            }
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    /// Whether there is no connection, and the reason is known.
    pub(super) fn knows_why_not(&self) -> bool {
        !self.is_connected() && self.connectivity.state().error().is_some()
    }

    /// There is no client that works, or no topic, for now.
    pub(super) fn lost(&self, error: &Error) {
        let reporter = self.reporter();
        if !self.over.load(Ordering::Acquire) && self.connected.swap(false, Ordering::AcqRel) {
            reporter.lost(error);
        }
    }

    /// The group has taken the partitions away. If there was no connection before, that is why there is none once brokers answer.
    pub(super) fn expelled(&self, error: &Error) {
        let reporter = self.reporter();
        if self.over.load(Ordering::Acquire) {
            return;
        }
        match self.connected.swap(false, Ordering::AcqRel) {
            true => reporter.lost(error),
            false => reporter.trying_again(1, error),
        }
    }

    /// The client has ended, for good.
    pub(super) fn ended(&self, error: &Error) {
        let reporter = self.reporter();
        if !self.over.swap(true, Ordering::AcqRel) {
            self.connected.store(true, Ordering::Release); // a late answer is no new connection
            reporter.failed(error);
        }
    }

    /// The client reports an error.
    pub(super) fn hear(&self, error: &KafkaError, reason: &str, refusals: &Refusals) {
        if self.over.load(Ordering::Acquire) {
            return;
        }
        let this = || failed(error.clone()).with_detail(reason.to_owned());
        let is_login = is_login(error);
        if is_login {
            self.lost(&this());
        } else if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AllBrokersDown) {
            // The reason of librdkafka counts brokers that it does not know yet, and may be "0/1 brokers are down".
            self.lost(&failed(error.clone()).with_detail("no broker can be reached"));
        }
        match refusals.are_final() {
            Some(error) if is_login => self.reporter().failed(&error),
            _ if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) => self.ended(&this()),
            _ => {}
        }
    }

    /// While no broker is known to be reachable, asks for one. Returns whether one has answered. Blocks for a second at most.
    pub(super) fn look<C: ClientContext>(&self, client: &Client<C>, topic: Option<&str>) -> bool {
        !self.connected.load(Ordering::Acquire) && client.fetch_metadata(topic, LOOK).is_ok()
    }

    fn reporter(&self) -> MutexGuard<'_, Reporter> {
        self.reporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        let (reporter, connectivity) = Connectivity::channel();
        let (connected, over) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { reporter: Mutex::new(reporter), connectivity, connected, over }
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("connected", &self.connected).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In each round as in the first one.
    #[test]
    fn each_connection_and_each_loss_is_counted() {
        let (state, refused) = (State::default(), KafkaError::Global(RDKafkaErrorCode::Authentication));
        let seen = state.connectivity();
        for round in 1..=3 {
            state.connected();
            state.connected();
            assert_eq!((seen.connects(), seen.losses()), (round, round - 1));
            assert!(seen.state().is_connected());
            (0..2).for_each(|_| state.lost(&failed(refused.clone())));
            assert_eq!((seen.connects(), seen.losses()), (round, round));
            assert!(!seen.state().is_connected());
        }
    }
}
