//! Distinguishes an outage from a message that cannot be handled.

use crate::Delivery;
use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

/// The number of distinct messages that are considered.
const LAST: usize = 20;

/// With fewer failures, there is never an outage.
const FEW: usize = 3;

/// The results of the last distinct messages. While more than half of them failed, something that the
/// handlers need is unavailable, so a message that fails meanwhile is not the cause.
///
/// Successes before the first failure say nothing about the current state, and are not recorded.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// Messages that failed, and messages that were handled while the window had failures. Each is there
    /// once, the latest last.
    last: VecDeque<(u64, bool)>,
    failed: usize,
}

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.failed >= FEW && self.failed > self.last.len() / 2
    }

    /// Records that a message was handled, or rejected by its handler. Does nothing while there are no
    /// failures.
    pub(crate) fn handled(&mut self, delivery: &Delivery) {
        if self.failed > 0 {
            self.note(identity(delivery), false);
        }
    }

    /// Records that a handler failed.
    pub(crate) fn failed(&mut self, delivery: &Delivery) {
        self.note(identity(delivery), true);
    }

    fn note(&mut self, identity: u64, failed: bool) {
        let before = self.last.iter().position(|(known, _)| *known == identity);
        let gone = match before {
            Some(place) => self.last.remove(place),
            None if self.last.len() >= LAST => self.last.pop_front(),
            None => None,
        };
        if let Some((_, true)) = gone {
            self.failed = self.failed.saturating_sub(1);
        }
        self.last.push_back((identity, failed));
        self.failed = self.failed.saturating_add(usize::from(failed));
        if self.failed == 0 {
            self.last.clear();
        }
    }
}

/// A hash that is the same for each delivery of a message.
fn identity(delivery: &Delivery) -> u64 {
    let mut hasher = DefaultHasher::new();
    match (delivery.offset(), delivery.event()) {
        (Some(position), _) => (delivery.partition(), position).hash(&mut hasher),
        (None, Ok(event)) => (event.source(), event.id()).hash(&mut hasher),
        (None, Err(_)) => delivery.body().hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_of_the_last_twenty_distinct_messages() {
        let mut outage = Outage::default();
        for _ in 0..100 {
            outage.note(1, true); // one message, over and over
        }
        assert!(!outage.is_on());
        outage.note(2, true);
        assert!(!outage.is_on());
        outage.note(3, true);
        assert!(outage.is_on()); // all three
        for message in 4..=6 {
            assert!(outage.is_on());
            outage.note(message, false);
        }
        assert!(!outage.is_on()); // three of six
        for message in 100..120 {
            outage.note(message, message >= 110);
        }
        assert!(!outage.is_on()); // ten of twenty
        outage.note(120, true);
        assert!(outage.is_on());
        outage.note(120, false); // this one succeeded in the end
        assert!(!outage.is_on());
    }

    #[test]
    fn where_all_goes_well_nothing_is_kept() {
        let mut outage = Outage::default();
        outage.note(1, true);
        outage.note(1, false);
        assert!(outage.last.is_empty());
    }
}
