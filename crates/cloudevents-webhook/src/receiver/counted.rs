//! The deliveries that counted against the rate lately.

use crate::DeliveryKey;
use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

/// The most deliveries that are remembered: some 100 bytes each.
const MOST: usize = 16 * 1024;

/// How long a delivery is remembered.
const MINUTE: Duration = Duration::from_secs(60);

/// How often senders repeat a delivery in a minute.
const FEW: u32 = 3;

/// How often the same content came in a minute. The rate holds for each of these by itself. So a peer that sends captured content again
/// does not use up the rate of new deliveries. With few captured deliveries, it does not use up the rate of repeated ones either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Times {
    /// For the first time.
    New,
    /// As often as a sender repeats it.
    Repeated,
    /// More often.
    Often,
}

/// Remembers for a minute the signed content of deliveries that counted against the rate. Only deliveries within the rate come in here.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// How often each one came.
    known: HashMap<DeliveryKey, u32>,
    /// In the order in which they came first.
    order: VecDeque<(Instant, DeliveryKey)>,
}

impl Counted {
    /// How often this content came in the minute since it came first, if it comes once more.
    pub(super) fn times(&mut self, content: DeliveryKey, now: Instant) -> Times {
        while let Some((at, oldest)) = self.order.front().copied()
            && now.saturating_duration_since(at) >= MINUTE
        {
            self.forget(oldest);
        }
        match self.known.get(&content) {
            None => Times::New,
            Some(1..=FEW) => Times::Repeated,
            Some(_) => Times::Often,
        }
    }

    /// This content counts now.
    pub(super) fn add(&mut self, content: DeliveryKey, now: Instant) {
        if let Some(times) = self.known.get_mut(&content) {
            *times = times.saturating_add(1);
            return;
        }
        if self.order.len() >= MOST
            && let Some((_, oldest)) = self.order.front().copied()
        {
            self.forget(oldest);
        }
        self.known.insert(content, 1);
        self.order.push_back((now, content));
    }

    /// Forgets the oldest one, which is this.
    fn forget(&mut self, oldest: DeliveryKey) {
        self.order.pop_front();
        self.known.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: usize) -> DeliveryKey {
        DeliveryKey::of_id(&id.to_string())
    }

    #[test]
    fn a_minute_and_so_many_are_remembered() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        assert_eq!(counted.times(key(0), now), Times::New);
        (0..=MOST).for_each(|id| counted.add(key(id), now));
        assert_eq!((counted.known.len(), counted.order.len()), (MOST, MOST));
        assert_eq!([0, 1].map(|id| counted.times(key(id), now)), [Times::New, Times::Repeated]);
        let minute = now + MINUTE;
        assert_eq!(counted.times(key(MOST), minute - Duration::from_millis(1)), Times::Repeated);
        assert_eq!(counted.times(key(MOST), minute), Times::New);
        assert!(counted.known.is_empty() && counted.order.is_empty());
    }

    #[test]
    fn a_few_repeats_are_distinguished_from_many() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        let times = [(); 6].map(|()| {
            let times = counted.times(key(1), now);
            counted.add(key(1), now);
            times
        });
        let [new, few @ .., fifth, sixth] = times;
        assert_eq!((new, few, fifth, sixth), (Times::New, [Times::Repeated; 3], Times::Often, Times::Often));
        // A minute after it came first, whatever came since.
        assert_eq!(counted.times(key(1), now + MINUTE), Times::New);
    }
}
