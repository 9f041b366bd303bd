//! Acknowledges deliveries: `basic.ack`, neighbours together, and `basic.nack`.

use super::failure;
use cloudevents_core::Error;
use futures_util::task::noop_waker_ref;
use lapin::{
    Channel,
    options::{BasicAckOptions, BasicNackOptions},
};
use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, PoisonError},
    task::{Context, Poll},
};

/// Settles deliveries of one channel.
pub(super) struct Settling {
    channel: Channel,
    unsettled: Mutex<Unsettled>,
}

impl Settling {
    pub(super) fn new(channel: Channel) -> Self {
        Self { channel, unsettled: Mutex::default() }
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    /// Acknowledges these deliveries, neighbours together.
    pub(super) fn accept(&self, numbers: impl Iterator<Item = u64>) -> Result<(), Error> {
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        unsettled.settle(numbers, &mut |Ack { number, multiple }| {
            hand_over(self.channel.basic_ack(number, BasicAckOptions { multiple }))
        })
    }

    /// Returns these deliveries to the queue, or gives them up.
    pub(super) fn refuse(&self, numbers: impl Iterator<Item = u64>, requeue: bool) -> Result<(), Error> {
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        unsettled.settle_one_by_one(numbers, &mut |Ack { number, .. }| {
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

/// The deliveries of a channel, which are numbered from 1.
#[derive(Debug, Default)]
struct Unsettled {
    /// How many deliveries are settled without a gap.
    settled: u64,
    /// Whether each of the following is settled. The first is not.
    after: VecDeque<bool>,
}

impl Unsettled {
    /// Settles these deliveries with as few acknowledgements as possible.
    fn settle(
        &mut self,
        numbers: impl Iterator<Item = u64>,
        send: &mut dyn FnMut(Ack) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut numbers: Vec<u64> = numbers.collect();
        numbers.iter().for_each(|number| self.mark(*number));
        self.advance();
        // All before this number are settled: those by these deliveries, the others earlier.
        let (mut count, mut last) = (0_u32, 0);
        numbers.retain(|number| {
            let before = *number <= self.settled;
            if before {
                (count, last) = (count.saturating_add(1), last.max(*number));
            }
            !before
        });
        if count > 0 {
            send(Ack { number: last, multiple: count > 1 })?;
        }
        numbers.into_iter().try_for_each(|number| send(Ack { number, multiple: false }))
    }

    /// Settles these deliveries, each by itself.
    fn settle_one_by_one(
        &mut self,
        mut numbers: impl Iterator<Item = u64>,
        send: &mut dyn FnMut(Ack) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let sent = numbers.try_for_each(|number| {
            self.mark(number);
            send(Ack { number, multiple: false })
        });
        self.advance();
        sent
    }

    fn mark(&mut self, number: u64) {
        let Some(index) = number.checked_sub(self.settled.saturating_add(1)) else { return };
        let Ok(index) = usize::try_from(index) else { return };
        if index >= self.after.len() {
            self.after.resize(index.saturating_add(1), false);
        }
        if let Some(settled) = self.after.get_mut(index) {
            *settled = true;
        }
    }

    fn advance(&mut self) {
        while self.after.front() == Some(&true) {
            self.after.pop_front();
            self.settled = self.settled.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acks(unsettled: &mut Unsettled, numbers: &[u64]) -> Vec<(u64, bool)> {
        let mut sent = Vec::new();
        let send = &mut |ack: Ack| {
            sent.push((ack.number, ack.multiple));
            Ok(())
        };
        unsettled.settle(numbers.iter().copied(), send).unwrap();
        sent
    }

    #[test]
    fn neighbours_are_acknowledged_together() {
        let mut unsettled = Unsettled::default();
        assert_eq!(acks(&mut unsettled, &[1, 2, 3]), [(3, true)]);
        assert_eq!(acks(&mut unsettled, &[4]), [(4, false)]);
        // 5 is open, so nothing behind it is acknowledged with others.
        assert_eq!(acks(&mut unsettled, &[7, 6]), [(7, false), (6, false)]);
        assert_eq!(acks(&mut unsettled, &[9, 5, 8]), [(9, true)]);
        assert_eq!(unsettled.after.len(), 0);
    }

    #[test]
    fn what_was_refused_is_settled() {
        let mut unsettled = Unsettled::default();
        let mut sent = Vec::new();
        let send = &mut |ack: Ack| {
            sent.push((ack.number, ack.multiple));
            Ok(())
        };
        unsettled.settle_one_by_one([2, 1].into_iter(), send).unwrap();
        assert_eq!(sent, [(2, false), (1, false)]);
        assert_eq!(acks(&mut unsettled, &[4, 3]), [(4, true)]);
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
            let (mut unsettled, mut broker) =
                (Unsettled::default(), (1..=40).collect::<std::collections::BTreeSet<u64>>());
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
