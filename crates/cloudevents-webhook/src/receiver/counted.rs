//! What counted against the rate lately.

use crate::DeliveryKey;
use std::{
    collections::{HashSet, VecDeque},
    time::{Duration, Instant},
};

/// The most deliveries that are remembered: some 100 bytes each.
const MOST: usize = 16 * 1024;

/// How long a delivery is remembered.
const MINUTE: Duration = Duration::from_secs(60);

/// Remembers for a minute the signed content of what counted against the rate, so that somebody who sends it again does not use up the rate of
/// those who sign. Only what the rate allowed comes in here.
#[derive(Debug, Default)]
pub(super) struct Counted {
    known: HashSet<DeliveryKey>,
    /// In the order in which they came.
    order: VecDeque<(Instant, DeliveryKey)>,
}

impl Counted {
    /// Whether this content counted in the last minute.
    pub(super) fn has(&mut self, content: DeliveryKey, now: Instant) -> bool {
        while let Some((at, oldest)) = self.order.front().copied()
            && now.saturating_duration_since(at) >= MINUTE
        {
            self.forget(oldest);
        }
        self.known.contains(&content)
    }

    /// This content counts now.
    pub(super) fn add(&mut self, content: DeliveryKey, now: Instant) {
        if !self.known.insert(content) {
            return;
        }
        if self.order.len() >= MOST
            && let Some((_, oldest)) = self.order.front().copied()
        {
            self.forget(oldest);
        }
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

    #[test]
    fn a_minute_and_so_many_are_remembered() {
        let (mut counted, now) = (Counted::default(), Instant::now());
        let key = |id: usize| DeliveryKey::of_id(&id.to_string());
        assert!(!counted.has(key(0), now));
        (0..=MOST).for_each(|id| counted.add(key(id), now));
        assert_eq!((counted.known.len(), counted.order.len()), (MOST, MOST));
        assert!(!counted.has(key(0), now) && counted.has(key(1), now));
        assert!(counted.has(key(MOST), now + MINUTE - Duration::from_millis(1)));
        assert!(!counted.has(key(MOST), now + MINUTE));
        assert!(counted.known.is_empty() && counted.order.is_empty());
    }
}
