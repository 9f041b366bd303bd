//! How far a receiver is in its stream, should its consumer be gone.

use std::{
    collections::BTreeSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// How many messages that are not settled are remembered. Beyond, the latest are forgotten, which come again then.
const REMEMBERED: usize = 65_536;

/// By how much two times may differ at which one consumer was created: nats-server 2.9 has another one when it was started again.
const SAME: Duration = Duration::from_millis(100);

/// The unsettled messages of a stream, as far as one receiver has seen them.
#[derive(Debug, Default)]
pub(super) struct Position(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    unsettled: BTreeSet<u64>,
    /// The sequence number behind the last message that was delivered. It is 0 until that is known.
    next: u64,
    /// When the stream had that already.
    known: Option<SystemTime>,
    consumer: Incarnation,
    /// When it was created.
    created: Option<SystemTime>,
}

/// The identity of a consumer among the consumers that a receiver has had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Incarnation {
    /// Consumers that continue an earlier one in the same stream have its number. Deliveries of the earlier one can still be settled.
    pub(super) number: u64,
    /// How often a consumer was made. A consumer that was made again delivers unsettled messages by itself.
    pub(super) made: u64,
}

impl Position {
    /// A new consumer begins behind this message.
    pub(super) fn begins(&self, behind: u64, now: SystemTime) {
        let mut state = self.state();
        if state.known.is_none() {
            (state.next, state.known) = (behind.saturating_add(1), Some(now));
        }
    }

    /// A message was delivered, which the stream has `stored` then.
    pub(super) fn delivered(&self, sequence: u64, stored: SystemTime) {
        let mut state = self.state();
        state.unsettled.insert(sequence);
        if state.unsettled.len() > REMEMBERED {
            state.unsettled.pop_last();
        }
        state.next = state.next.max(sequence.saturating_add(1));
        state.known = state.known.max(Some(stored));
    }

    /// A message will not come again.
    pub(super) fn settled(&self, sequence: u64) {
        self.state().unsettled.remove(&sequence);
    }

    /// The first message that is not settled, and a time at which the stream existed.
    pub(super) fn first(&self) -> Option<(u64, SystemTime)> {
        let state = self.state();
        Some((state.unsettled.first().copied().unwrap_or(state.next), state.known?))
    }

    /// How many messages are not settled.
    pub(super) fn unsettled(&self) -> usize {
        self.state().unsettled.len()
    }

    /// The last message of the stream that was delivered, or was left out at the beginning. It is 0 if there is none.
    pub(super) fn seen(&self) -> u64 {
        self.state().next.saturating_sub(1)
    }

    /// The stream was made anew: nothing is known of it.
    pub(super) fn forget(&self) {
        let mut state = self.state();
        *state = State { consumer: state.consumer, created: state.created, ..State::default() };
    }

    /// The consumer that was created at this time, which may continue the one before.
    pub(super) fn consumer(&self, created: SystemTime, continues: bool) -> Incarnation {
        let mut state = self.state();
        let is_same = state.created.replace(created).is_some_and(|known| {
            let apart = created.duration_since(known).unwrap_or_else(|before| before.duration());
            apart <= SAME
        });
        if !is_same {
            let Incarnation { number, made } = state.consumer;
            let number = if continues { number } else { number.saturating_add(1) };
            state.consumer = Incarnation { number, made: made.saturating_add(1) };
        }
        state.consumer
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_not_settled() {
        let (position, now) = (Position::default(), SystemTime::now());
        let first = || position.first().map(|(first, _)| first);
        assert_eq!(first(), None);
        position.begins(41, now);
        assert_eq!(first(), Some(42));
        (42..45).for_each(|sequence| position.delivered(sequence, now));
        position.settled(42);
        position.settled(44);
        assert_eq!(first(), Some(43));
        position.settled(43);
        assert_eq!(first(), Some(45));
        // A consumer that is made again changes nothing.
        position.begins(50, now);
        assert_eq!(first(), Some(45));
        // What is forgotten is the latest.
        (100..100 + 70_000).for_each(|sequence| position.delivered(sequence, now));
        assert_eq!((first(), position.state().unsettled.len()), (Some(100), REMEMBERED));
        position.forget();
        assert_eq!(first(), None);
    }

    #[test]
    fn a_consumer_that_was_made_again_is_another_one() {
        let (position, now) = (Position::default(), SystemTime::now());
        let later = |seconds| now + Duration::from_secs(seconds);
        let first = position.consumer(now, false);
        assert_eq!(position.consumer(now + SAME, false), first);
        let second = position.consumer(later(1), true);
        assert_eq!((second.number, position.consumer(later(1), false)), (first.number, second));
        assert_ne!(second.made, first.made);
        position.forget();
        assert_ne!(position.consumer(later(2), false).number, first.number);
    }
}
