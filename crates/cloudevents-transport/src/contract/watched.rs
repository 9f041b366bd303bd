//! An address that remembers the counters of its senders and receivers, to compare the numbers at the end of each check.

use super::{Claims, Failure, Venue};
use crate::{Connectivity, Counters, Metrics, Receiver, ReceiverOptions, Sender};
use cloudevents_core::{Error, ErrorKind};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep};

pub(super) struct Watched<V> {
    venue: V,
    watched: Mutex<Vec<Counted>>,
}

/// The counters of a sender or a receiver.
struct Counted {
    counters: Arc<Counters>,
    connectivity: Connectivity,
}

impl<V: Venue> Watched<V> {
    pub(super) fn new(venue: V) -> Self {
        Self { venue, watched: Mutex::default() }
    }

    /// Waits until the numbers of all senders and receivers agree, which the check has dropped.
    pub(super) async fn add_up(&self) -> Result<(), Failure> {
        let begin = Instant::now();
        while let Err(failure) = self.agree() {
            if begin.elapsed() > self.venue.claims().patience {
                return Err(failure);
            }
            sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    fn agree(&self) -> Result<(), Failure> {
        let watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.iter().try_for_each(|counted| agrees(&counted.metrics()))
    }

    fn watch(&self, counters: Arc<Counters>, connectivity: Connectivity) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.push(Counted { counters, connectivity });
    }
}

impl Counted {
    fn metrics(&self) -> Metrics {
        let mut metrics = self.counters.snapshot();
        (metrics.connects, metrics.disconnects) = (self.connectivity.connects(), self.connectivity.losses());
        metrics
    }
}

/// Whether each message that was received or handed over has an end, and no part is larger than its whole.
fn agrees(metrics: &Metrics) -> Result<(), Failure> {
    let settled =
        [metrics.accepted, metrics.retried, metrics.rejected, metrics.released].into_iter().sum::<u64>();
    let ended = metrics.sent.saturating_add(metrics.failed);
    let rules = [
        ("what is received is settled once", settled == metrics.received),
        ("what is handed over is sent or has failed", ended >= metrics.enqueued),
        ("only what is handed over is sent", metrics.sent <= metrics.enqueued),
        ("only what is released is released again", metrics.released_again <= metrics.released),
        ("only what is no CloudEvent is skipped", metrics.skipped <= metrics.not_cloud_events),
        ("only what is connected is disconnected", metrics.disconnects <= metrics.connects),
    ];
    match rules.into_iter().find(|(_, holds)| !holds) {
        Some((rule, _)) => Err(Failure(format!("the counters do not agree: {rule}: {metrics}"))),
        None => Ok(()),
    }
}

impl<V: Venue> Venue for Watched<V> {
    fn claims(&self) -> Claims {
        self.venue.claims()
    }

    async fn sender(&self) -> Result<Sender, Error> {
        let sender = self.venue.sender().await?;
        self.watch(sender.counters(), sender.connectivity());
        Ok(sender)
    }

    async fn receiver(&self, options: ReceiverOptions) -> Result<Receiver, Error> {
        let receiver = self.venue.receiver(options).await?;
        self.watch(receiver.counters(), receiver.connectivity());
        Ok(receiver)
    }

    async fn put_garbage(&self, kind: ErrorKind, body: &[u8]) -> Result<(), Error> {
        self.venue.put_garbage(kind, body).await
    }

    async fn interrupt(&self) -> Result<(), Error> {
        self.venue.interrupt().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_do_not_agree_fail() {
        let of = |change: fn(&mut Metrics)| {
            let mut metrics = Metrics::default();
            (metrics.received, metrics.accepted, metrics.enqueued, metrics.sent) = (3, 3, 2, 2);
            change(&mut metrics);
            agrees(&metrics)
        };
        assert!(of(|_| {}).is_ok());
        assert!(of(|metrics| metrics.accepted = 2).is_err());
        assert!(of(|metrics| metrics.released = 1).is_err());
        assert!(of(|metrics| metrics.sent = 1).is_err());
        assert!(of(|metrics| metrics.enqueued = 1).is_err());
        assert!(of(|metrics| metrics.disconnects = 1).is_err());
        // A settlement that fails counts as what it was to be, too.
        assert!(of(|metrics| metrics.settlements_failed = 1).is_ok());
    }
}
