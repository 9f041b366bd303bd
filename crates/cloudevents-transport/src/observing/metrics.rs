//! Counters of sent, received and settled messages.

use super::{LETTERS, MESSAGES, SETTLEMENTS};
use crate::Settlement;
use cloudevents_core::{Error, ErrorKind, Repair};
use std::{
    fmt,
    ops::{Add, AddAssign},
    sync::atomic::{AtomicU64, Ordering},
};

/// A counter in a cache line of its own: the program counts messages that it hands over while another thread counts confirmed messages.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Apart(AtomicU64);

macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $name:ident)*) => {
        /// A snapshot of the counters of a sender or receiver since it was created. Snapshots can be added.
        ///
        /// Each number is exact, but the numbers are not read at the same instant.
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

        /// The atomic counters of a sender or receiver. Any thread can read them at any time.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: Apart,)*
            /// Settlements that failed, other than rejections.
            failed_at_peer: Apart,
        }

        impl Counters {
            /// Returns the current numbers.
            pub fn snapshot(&self) -> Metrics {
                Metrics { $($name: self.$name.0.load(Ordering::Relaxed),)* }
            }
        }

        impl Metrics {
            /// Returns names and numbers, for publishing them.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }

        impl Metrics {
            /// Returns names, descriptions and numbers.
            pub(crate) fn described(&self) -> impl Iterator<Item = (&'static str, String, u64)> + use<> {
                [$((stringify!($name), plain(concat!($($doc),*)), self.$name)),*].into_iter()
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
    /// Received messages of any kind.
    received
    /// Bytes of received messages.
    received_bytes
    /// Messages that are CloudEvents but invalid. A document is decoded when the program first reads its
    /// event, and counts once.
    invalid
    /// Messages with mistakes that leniency repaired. A document counts when the program first reads its event.
    repaired
    /// Messages that are not CloudEvents.
    not_cloud_events
    /// Messages that are not CloudEvents, and were accepted without delivering them
    /// ([`UnreadablePolicy::Skip`](crate::UnreadablePolicy::Skip)).
    skipped
    /// Events that were accepted without delivering them, because they do not match
    /// ([`Receiver::filter`](crate::Receiver::filter)).
    unmatched
    /// Accepted messages.
    accepted
    /// Messages settled to be delivered again later.
    retried
    /// Rejected messages.
    rejected
    /// Released messages, for example by dropping them or by draining.
    released
    /// Released messages that had been released before. They are delivered again after a growing delay.
    released_again
    /// Settlements that failed.
    settlements_failed
    /// Attempts of [`Receiver::run`](crate::Receiver::run) whose handler returned an error, panicked or took too long, except for
    /// rejections.
    handlers_failed
    /// Outages that [`Receiver::run`](crate::Receiver::run) detected.
    outages
    /// How often a partition was held back, because its unsettled messages had taken its share of the permits.
    held_back
    /// Messages that were handed over for sending.
    enqueued
    /// Messages that the peer confirmed.
    sent
    /// Messages that could not be handed over, that the peer does not have, or with an unknown result.
    failed
    /// Messages of which a part was left out because the protocol does not carry it, such as a key or a header
    /// ([`LossPolicy`](crate::LossPolicy)). A part of an event that a format or binary mode cannot hold, such as the type URL of a payload,
    /// is not counted.
    lossy
    /// Messages that came and were dropped, because no permit was free or because the receiver ended, and that do not come again: messages
    /// of protocols that keep none, such as core NATS. They are not among the received ones. While a receiver is in use,
    /// [`Connectivity::dropped`](crate::Connectivity::dropped) is their number, which [`Counters`] do not have.
    dropped
    /// Connections made, including the first one.
    connects
    /// Lost connections.
    disconnects
}

impl Metrics {
    /// The number of received messages that are not settled.
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

/// Writes the numbers that are not zero: `received=2 accepted=1`.
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

/// Documentation without links and markup.
fn plain(documentation: &str) -> String {
    let mut rest = documentation.trim();
    let mut plain = String::new();
    while let Some((before, link)) = rest.split_once("](") {
        plain.push_str(before);
        rest = link.split_once(')').map_or("", |(_, behind)| behind);
    }
    plain.push_str(rest);
    plain.replace(['[', ']', '`'], "")
}

fn add(counter: &Apart, number: u64) {
    counter.0.fetch_add(number, Ordering::Relaxed);
}

impl Counters {
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received, 1);
        add(&self.received_bytes, bytes as u64);
    }

    pub(crate) fn invalid(&self, received: &dyn fmt::Debug, error: &Error) {
        add(&self.invalid, 1);
        tracing::warn!(target: MESSAGES, ?received, %error, "an invalid event was received");
    }

    /// Counts a message if it was repaired.
    pub(crate) fn repaired(&self, repairs: &[Repair]) {
        if !repairs.is_empty() {
            add(&self.repaired, 1);
            for repair in repairs {
                tracing::debug!(%repair, "what was received is repaired");
            }
        }
    }

    pub(crate) fn not_a_cloud_event(&self) {
        add(&self.not_cloud_events, 1);
    }

    pub(crate) fn skipped(&self) {
        add(&self.skipped, 1);
    }

    pub(crate) fn unmatched(&self) {
        add(&self.unmatched, 1);
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

    #[cfg(feature = "log")]
    pub(crate) fn released_again(&self) {
        add(&self.released_again, 1);
    }

    pub(crate) fn settlement_failed(&self, error: &Error) {
        add(&self.settlements_failed, 1);
        add(&self.failed_at_peer, 1);
        match error.kind() {
            ErrorKind::Disconnected => {
                tracing::warn!(target: SETTLEMENTS, %error, "a settlement failed; unless it arrived, the message comes again");
            }
            ErrorKind::Unreachable => tracing::warn!(target: SETTLEMENTS, %error, "a settlement failed"),
            // The error has the outcome of the message.
            _ => tracing::warn!(%error, "a settlement failed"),
        }
    }

    /// The number of settlements that failed, other than rejections, whose messages may wait for their destination.
    pub(crate) fn failed_at_peer(&self) -> u64 {
        self.failed_at_peer.0.load(Ordering::Relaxed)
    }

    /// Counts a settlement that failed of a rejected message: its destination does not take it, for example.
    pub(crate) fn rejection_failed(&self, error: &Error) {
        add(&self.settlements_failed, 1);
        tracing::warn!(target: LETTERS, %error, "a settlement failed");
    }

    pub(crate) fn handler_failed(&self) {
        add(&self.handlers_failed, 1);
    }

    pub(crate) fn outage(&self, error: &dyn fmt::Display) {
        add(&self.outages, 1);
        tracing::warn!(%error, "nothing succeeds: something that handlers need may be away");
    }

    #[cfg(feature = "log")]
    pub(crate) fn held_back(&self) {
        add(&self.held_back, 1);
    }

    pub(crate) fn enqueued(&self) {
        add(&self.enqueued, 1);
    }

    /// Counts the result of a message that was handed over.
    pub(crate) fn sent_or_not(&self, result: Result<(), &Error>) {
        match result {
            Ok(()) => add(&self.sent, 1),
            Err(error) => self.not_sent(error),
        }
    }

    /// Counts a message that was sent without a part that the protocol does not carry.
    pub(crate) fn lossy(&self) {
        add(&self.lossy, 1);
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
