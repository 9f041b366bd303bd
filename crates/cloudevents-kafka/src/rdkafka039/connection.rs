//! The connections of a client: their state, and the search for a broker.

use super::{
    failure::failed,
    login_refusals::{Refusals, is_login},
};
use cloudevents_core::{Error, ErrorKind};
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
    /// librdkafka has reported that no broker can be reached, and none has answered since.
    unreachable: AtomicBool,
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
            self.unreachable.store(false, Ordering::Release);
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

    /// The group has removed the client, for this reason. As long as no broker can be reached, that is the reason.
    pub(super) fn removed(&self, error: &Error) {
        if !self.is_unreachable() {
            self.away(error);
        }
    }

    /// There is no connection, for this reason. If there was none before, this reason is the state's from now on.
    fn away(&self, error: &Error) {
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
            let error = failed(error.clone()).with_detail("no broker can be reached");
            match self.knows_why_not() {
                // It is not back in its group or its topic. librdkafka reports this with each attempt.
                true if !self.unreachable.swap(true, Ordering::AcqRel) => self.away(&error),
                true => {}
                false => {
                    self.unreachable.store(true, Ordering::Release);
                    self.lost(&error);
                }
            }
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

    /// Whether no broker has answered since librdkafka reported that none can be reached.
    pub(super) fn is_unreachable(&self) -> bool {
        self.unreachable.load(Ordering::Acquire)
    }

    /// A broker has answered a receiver. If the receiver is not connected all the same, it waits for its group or its topic.
    pub(super) fn answered(&self) {
        // The group may let it in meanwhile. That is no loss.
        let reporter = self.reporter();
        let waits = !self.connected.load(Ordering::Acquire) && !self.over.load(Ordering::Acquire);
        if self.unreachable.swap(false, Ordering::AcqRel) && waits {
            let error = Error::new(ErrorKind::Disconnected);
            let detail = "a broker answers again, and the receiver has no partitions yet";
            reporter.trying_again(1, &error.with_detail(detail));
        }
    }

    fn reporter(&self) -> MutexGuard<'_, Reporter> {
        self.reporter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for State {
    fn default() -> Self {
        let (reporter, connectivity) = Connectivity::channel();
        let [connected, unreachable, over] = [const { AtomicBool::new(false) }; 3];
        Self { reporter: Mutex::new(reporter), connectivity, connected, unreachable, over }
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

    /// A member that its group has removed, and whose brokers go away and come back meanwhile.
    #[test]
    fn the_reason_is_the_last_one() {
        let (state, refusals) = (State::default(), Refusals::default());
        let why = || state.connectivity().state().error().map(|error| error.detail().to_owned());
        let down = || {
            state.hear(
                &KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
                "1/1 brokers are down",
                &refusals,
            )
        };
        let removed = || state.removed(&Error::new(ErrorKind::Disconnected).with_detail("removed"));
        state.connected();
        removed();
        assert_eq!(why().as_deref(), Some("removed"));
        down();
        assert_eq!(why().as_deref(), Some("no broker can be reached"));
        // Its session ends meanwhile.
        removed();
        assert_eq!(why().as_deref(), Some("no broker can be reached"));
        state.answered();
        assert_eq!(why().as_deref(), Some("a broker answers again, and the receiver has no partitions yet"));
        state.connected();
        state.answered();
        assert_eq!(why(), None);
        down();
        assert_eq!(why().as_deref(), Some("no broker can be reached"));
    }
}
