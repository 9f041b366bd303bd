//! What was sent, received and settled, in numbers.

use crate::Settlement;
use cloudevents_core::Error;
use std::{
    fmt,
    ops::{Add, AddAssign},
    sync::atomic::{AtomicU64, Ordering},
};

macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $name:ident)*) => {
        /// A snapshot of what a sender or receiver has done since it was made; snapshots can be added up.
        ///
        /// Each number is exact. Between two of them a message can be on its way.
        ///
        /// ```
        /// use cloudevents_transport::Metrics;
        ///
        /// let mut one = Metrics::default();
        /// one.received = 2;
        /// one.accepted = 1;
        /// assert_eq!((one + one).received, 4);
        /// assert_eq!(one.unsettled(), 1);
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Metrics { $($(#[doc = $doc])* pub $name: u64,)* }

        /// Atomics that a sender or receiver counts in, readable at any time from anywhere.
        #[derive(Debug, Default)]
        pub struct Counters { $($name: AtomicU64,)* }

        impl Counters {
            /// The numbers now.
            pub fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Metrics {
            /// Names and numbers, for whatever publishes them.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        impl AddAssign for Metrics {
            fn add_assign(&mut self, other: Self) {
                $(self.$name = self.$name.saturating_add(other.$name);)*
            }
        }
    };
}

metrics! {
    /// Messages that came in, whatever they are.
    received
    /// Bytes of these messages.
    received_bytes
    /// Messages that are CloudEvents, but wrong ones. Documents are read when somebody asks for the event; each counts once.
    invalid
    /// Messages that are no CloudEvents.
    not_cloud_events
    /// Of these, the ones that were accepted and passed over ([`Policy::Skip`](crate::Policy::Skip)).
    skipped
    /// Messages that were accepted.
    accepted
    /// Messages that come again later.
    retried
    /// Messages that were rejected.
    rejected
    /// Messages that were given back, by dropping them or by draining.
    released
    /// Settlements that were found to have failed. One whose outcome nobody awaits may go unnoticed here.
    settlements_failed
    /// Handlers of [`Receiver::for_each`](crate::Receiver::for_each) that ended with an error.
    handlers_failed
    /// Messages that were handed over for sending.
    enqueued
    /// Of these, the ones the peer has, as far as somebody awaited the outcome.
    sent
    /// Messages that could not be handed over, or that the peer was found not to have.
    failed
}

impl Metrics {
    /// Messages that were received and are not settled.
    pub fn unsettled(&self) -> u64 {
        [self.accepted, self.retried, self.rejected, self.released]
            .into_iter()
            .fold(self.received, u64::saturating_sub)
    }
}

impl Add for Metrics {
    type Output = Self;

    fn add(mut self, other: Self) -> Self {
        self.add_assign(other);
        self
    }
}

impl std::iter::Sum for Metrics {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

/// Writes what is not zero: `received=2 accepted=1`.
impl fmt::Display for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (name, number) in self.iter().filter(|(_, number)| *number > 0) {
            write!(f, "{separator}{name}={number}")?;
            separator = " ";
        }
        Ok(())
    }
}

fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received, 1);
        add(&self.received_bytes, bytes as u64);
    }

    pub(crate) fn invalid(&self, error: &Error) {
        add(&self.invalid, 1);
        tracing::warn!(%error, "an invalid event was received");
    }

    pub(crate) fn not_a_cloud_event(&self) {
        add(&self.not_cloud_events, 1);
    }

    pub(crate) fn skipped(&self) {
        add(&self.skipped, 1);
    }

    pub(crate) fn settled(&self, how: &Settlement) {
        tracing::trace!(%how, "settled");
        match how {
            Settlement::Accept => add(&self.accepted, 1),
            Settlement::Retry { .. } => add(&self.retried, 1),
            Settlement::Reject { .. } => add(&self.rejected, 1),
            Settlement::Release => add(&self.released, 1),
        }
    }

    pub(crate) fn settlement_failed(&self, error: &Error) {
        add(&self.settlements_failed, 1);
        tracing::warn!(%error, "a settlement failed; the message comes again");
    }

    pub(crate) fn handler_failed(&self, error: &dyn fmt::Display) {
        add(&self.handlers_failed, 1);
        tracing::warn!(%error, "a handler failed");
    }

    pub(crate) fn enqueued(&self) {
        add(&self.enqueued, 1);
    }

    pub(crate) fn answered(&self, result: &Result<(), Error>) {
        match result {
            Ok(()) => add(&self.sent, 1),
            Err(error) => self.not_sent(error),
        }
    }

    pub(crate) fn not_sent(&self, error: &Error) {
        add(&self.failed, 1);
        tracing::debug!(%error, "an event was not sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_are_plain_numbers() {
        let counters = Counters::default();
        counters.received(10);
        counters.received(5);
        counters.settled(&Settlement::Accept);
        counters.settled(&Settlement::Release);
        let metrics = counters.snapshot();
        assert_eq!(metrics.to_string(), "received=2 received_bytes=15 accepted=1 released=1");
        assert_eq!(metrics.unsettled(), 0);
        assert_eq!([metrics, metrics].into_iter().sum::<Metrics>().received_bytes, 30);
    }
}
