//! Keeping to a rate.

use crate::handshake::Rate;
use std::{
    collections::HashMap,
    hash::Hash,
    time::{Duration, Instant},
};

/// Counts deliveries against a rate for each of many keys, in bounded memory.
///
/// A key that has not delivered for long takes no memory. When `capacity` keys deliver at once, the other keys share one limit.
#[derive(Debug)]
pub(crate) struct Pace<K> {
    capacity: usize,
    /// The time at which a key has used up nothing.
    accounts: HashMap<K, Instant>,
    others: Option<Instant>,
}

impl<K: Eq + Hash> Pace<K> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, accounts: HashMap::new(), others: None }
    }

    /// Counts one delivery. The error is the time to wait. `burst` deliveries may come at once.
    pub(crate) fn take(&mut self, key: K, rate: Rate, burst: u32, now: Instant) -> Result<(), Duration> {
        let interval = rate.interval();
        if interval.is_zero() {
            return Ok(());
        }
        if self.accounts.len() >= self.capacity && !self.accounts.contains_key(&key) {
            self.accounts.retain(|_, free| *free > now);
        }
        let account = match self.accounts.len() < self.capacity || self.accounts.contains_key(&key) {
            true => self.accounts.entry(key).or_insert(now),
            false => self.others.get_or_insert(now),
        };
        let free = (*account).max(now);
        let ahead = free.saturating_duration_since(now);
        let allowed = interval.saturating_mul(burst.saturating_sub(1));
        if ahead > allowed {
            return Err(ahead.saturating_sub(allowed));
        }
        *account = free.checked_add(interval).unwrap_or(free);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate() -> Rate {
        Rate::per_minute(60).unwrap()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let (mut pace, start) = (Pace::new(10), Instant::now());
        for _ in 0..3 {
            pace.take("a", rate(), 3, start).unwrap();
        }
        assert_eq!(pace.take("a", rate(), 3, start), Err(Duration::from_secs(1)));
        assert_eq!(pace.take("b", rate(), 3, start), Ok(()));
        assert_eq!(pace.take("a", rate(), 3, start + Duration::from_secs(1)), Ok(()));
        assert!(pace.take("a", rate(), 3, start + Duration::from_secs(1)).is_err());
        assert_eq!(pace.take("a", Rate::unlimited(), 1, start), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_the_rate_holds_for_the_rest_together() {
        let (mut pace, start) = (Pace::new(2), Instant::now());
        for key in 0..2 {
            pace.take(key, rate(), 1, start).unwrap();
        }
        assert_eq!(pace.take(2, rate(), 1, start), Ok(()));
        assert!(pace.take(3, rate(), 1, start).is_err(), "it shares the account of the rest");
        assert_eq!(pace.accounts.len(), 2);
        // Keys that are quiet make room.
        assert_eq!(pace.take(3, rate(), 1, start + Duration::from_secs(2)), Ok(()));
        assert_eq!(pace.accounts.len(), 1);
    }
}
