//! Counts deliveries, and acknowledges them: `basic.ack`, neighbours together, and `basic.nack`.

use super::{failure, stream::Watched};
use cloudevents_core::Error;
use futures_util::task::noop_waker_ref;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use std::{
    collections::BTreeSet,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

/// Settles deliveries of one channel.
pub(super) struct Settling {
    channel: Channel,
    watched: Arc<Watched>,
    /// Held while frames are handed over: an acknowledgement of all messages before it must not overtake their own.
    order: Mutex<()>,
}

impl Settling {
    pub(super) fn new(channel: Channel, watched: Arc<Watched>) -> Self {
        Self { channel, watched, order: Mutex::default() }
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Acknowledges these deliveries, neighbours together.
    pub(super) fn accept(&self, numbers: impl Iterator<Item = u64>) -> Result<(), Error> {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let acks = self.watched.deliveries().settle(numbers.collect());
        acks.into_iter().try_for_each(|Ack { number, multiple }| {
            hand_over(self.channel.basic_ack(number, BasicAckOptions { multiple }))
        })
    }

    /// Returns these deliveries to the queue, or gives them up.
    pub(super) fn refuse(&self, numbers: impl Iterator<Item = u64>, requeue: bool) -> Result<(), Error> {
        let _order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let numbers: Vec<u64> = numbers.collect();
        self.watched.deliveries().forget(&numbers);
        numbers.into_iter().try_for_each(|number| {
            hand_over(self.channel.basic_nack(number, BasicNackOptions { multiple: false, requeue }))
        })
    }
}

/// Hands a frame to lapin, which takes it in the first poll, and does not wait until it is written.
fn hand_over(sending: impl Future<Output = lapin::Result<()>>) -> Result<(), Error> {
    let mut sending = pin!(sending);
    match sending.as_mut().poll(&mut Context::from_waker(noop_waker_ref())) {
        Poll::Ready(Err(error)) => Err(failure::lost(error)),
        Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
    }
}

/// An acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ack {
    number: u64,
    /// Whether it includes all unsettled deliveries before it.
    multiple: bool,
}

/// The unsettled deliveries of a connection, all on the channel of its only consumer.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    open: BTreeSet<u64>,
    /// The number of the last delivery. The broker counts from 1.
    last: u64,
    /// How many may be open. None before something is consumed.
    most: usize,
}

impl Deliveries {
    /// The most deliveries, as a multiple of the prefetch.
    ///
    /// A quorum queue may lose the node of its consumer and see it again. Then it sends unsettled messages again, over the same channel.
    const MORE: usize = 8;

    /// Takes deliveries from now on.
    pub(super) fn take(&mut self, prefetch: u16) {
        self.most = usize::from(prefetch).saturating_mul(Self::MORE);
    }

    /// The broker sends a delivery. An error ends the connection: lapin would keep every delivery.
    pub(super) fn begin(&mut self, number: u64) -> Result<(), Error> {
        if number <= self.last {
            let last = self.last;
            return Err(failure::disconnected(format!(
                "the broker numbers a delivery {number} after {last}"
            )));
        }
        self.last = number;
        self.open.insert(number);
        if self.open.len() > self.most {
            let most = self.most;
            return Err(failure::disconnected(format!(
                "the broker sends more than {most} unsettled messages, {} times the prefetch",
                Self::MORE
            )));
        }
        Ok(())
    }

    /// The most settlements that the broker may not have. With as many unsettled messages as the prefetch, it sends none, so it has
    /// the settlements of all others.
    pub(super) fn unconfirmed(&self) -> usize {
        let prefetch = self.most / Self::MORE;
        let sent = usize::try_from(self.last).unwrap_or(usize::MAX).min(prefetch);
        sent.saturating_sub(self.open.len())
    }

    /// Settles these deliveries with as few acknowledgements as possible.
    fn settle(&mut self, numbers: Vec<u64>) -> Vec<Ack> {
        self.forget(&numbers);
        // All deliveries before this number are settled: some by these settlements, the others earlier.
        let first = self.open.first().copied().unwrap_or(u64::MAX);
        let (before, after): (Vec<u64>, Vec<u64>) = numbers.into_iter().partition(|number| *number < first);
        let last = before.iter().max().map(|last| Ack { number: *last, multiple: before.len() > 1 });
        let apart = after.into_iter().map(|number| Ack { number, multiple: false });
        last.into_iter().chain(apart).collect()
    }

    /// These deliveries are settled, each by itself.
    fn forget(&mut self, numbers: &[u64]) {
        for number in numbers {
            self.open.remove(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    /// Deliveries with these numbers.
    fn deliveries(numbers: impl Iterator<Item = u64>) -> Deliveries {
        let mut deliveries = Deliveries::default();
        deliveries.take(100);
        for number in numbers {
            deliveries.begin(number).unwrap();
        }
        deliveries
    }

    fn acks(deliveries: &mut Deliveries, numbers: &[u64]) -> Vec<(u64, bool)> {
        deliveries.settle(numbers.to_vec()).iter().map(|ack| (ack.number, ack.multiple)).collect()
    }

    #[test]
    fn neighbours_are_acknowledged_together() {
        let mut deliveries = deliveries(1..=9);
        assert_eq!(acks(&mut deliveries, &[1, 2, 3]), [(3, true)]);
        assert_eq!(acks(&mut deliveries, &[4]), [(4, false)]);
        // 5 is open, so nothing behind it is acknowledged with others.
        assert_eq!(acks(&mut deliveries, &[7, 6]), [(7, false), (6, false)]);
        assert_eq!(acks(&mut deliveries, &[9, 5, 8]), [(9, true)]);
        assert_eq!(deliveries.open.len(), 0);
    }

    #[test]
    fn the_broker_may_miss_as_many_settlements_as_the_prefetch_allows() {
        let mut deliveries = deliveries(1..=60);
        deliveries.settle((1..=20).collect());
        assert_eq!(deliveries.unconfirmed(), 20);
        (61..=120).for_each(|number| deliveries.begin(number).unwrap());
        // 100 are open, so the broker has sent the last one behind the settlements of the first 20.
        assert_eq!(deliveries.unconfirmed(), 0);
        deliveries.settle((21..=110).collect());
        assert_eq!((deliveries.open.len(), deliveries.unconfirmed()), (10, 90));
    }

    #[test]
    fn what_was_refused_is_settled() {
        let mut deliveries = deliveries(1..=4);
        deliveries.forget(&[2, 1]);
        assert_eq!(acks(&mut deliveries, &[4, 3]), [(4, true)]);
    }

    #[test]
    fn any_growing_numbers_are_deliveries() {
        let mut deliveries = deliveries([5, 6, 1 << 46, u64::MAX].into_iter());
        assert_eq!(acks(&mut deliveries, &[1 << 46, 5]), [(5, false), (1 << 46, false)]);
        assert_eq!(acks(&mut deliveries, &[u64::MAX, 6]), [(6, false), (u64::MAX, false)]);
    }

    #[test]
    fn a_broker_that_is_broken_is_not_believed() {
        for (before, number) in [(0..0, 0), (1..2, 0), (1..2, 1), (1..801, 801)] {
            let error = deliveries(before).begin(number).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Disconnected, "{number}: {error}");
        }
        // Nothing is consumed here.
        assert!(Deliveries::default().begin(1).is_err());
        let mut deliveries = deliveries(1..801);
        deliveries.forget(&[700]);
        assert!(deliveries.begin(801).is_ok());
    }

    /// Settles numbers in any order and grouping; a broker that understands the acknowledgements has settled
    /// the same.
    #[test]
    fn acknowledgements_mean_what_was_settled() {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for _ in 0..200 {
            let mut open: Vec<u64> = (1..=40).collect();
            let (mut unsettled, mut broker) = (deliveries(1..=40), (1..=40).collect::<BTreeSet<u64>>());
            while !open.is_empty() {
                let count = 1 + next() as usize % open.len().min(7);
                let group: Vec<u64> = (0..count).map(|_| open.remove(next() as usize % open.len())).collect();
                for (number, multiple) in acks(&mut unsettled, &group) {
                    assert!(broker.contains(&number), "{number} was settled already");
                    broker.retain(|open| if multiple { *open > number } else { *open != number });
                }
                assert_eq!(broker.iter().copied().collect::<Vec<_>>(), {
                    let mut open = open.clone();
                    open.sort();
                    open
                });
            }
        }
    }
}
