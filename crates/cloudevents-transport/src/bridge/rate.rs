//! A limit of messages per second.

use crate::Delivery;
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

/// Evenly spaced times. Unused times expire after a tenth of a second.
#[derive(Debug)]
pub(super) struct Rate {
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: Option<Instant>,
    begun: u64,
    /// The messages that wait for a time, in the order in which they began: single messages, and events of batches.
    single: BTreeMap<u64, Arc<Notify>>,
    batches: BTreeMap<u64, Arc<Notify>>,
    /// Whether the last time was one of a batch.
    was_batch: bool,
    /// The last offset that had its time, of each assignment of a log.
    last: HashMap<u64, u64>,
}

/// A message that needs times. A batch that is split needs several.
///
/// The next time is for the batch that has begun first, so that it ends, or for the first single message, by turns. So a batch that is too
/// large for ever has no more than half of the times.
#[derive(Debug)]
pub(super) struct Turns<'a> {
    rate: &'a Rate,
    number: u64,
    is_batch: bool,
}

impl State {
    fn waiting(&mut self, is_batch: bool) -> &mut BTreeMap<u64, Arc<Notify>> {
        if is_batch { &mut self.batches } else { &mut self.single }
    }

    /// Whose turn is next.
    fn first(&self) -> Option<(&u64, &Arc<Notify>)> {
        let (single, batch) = (self.single.first_key_value(), self.batches.first_key_value());
        if self.was_batch { single.or(batch) } else { batch.or(single) }
    }
}

const BURST: Duration = Duration::from_millis(100);

impl Rate {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let pause = Duration::from_secs(1).checked_div(per_second.get()).unwrap_or_default();
        Self { pause, state: Mutex::default() }
    }

    pub(super) fn begin(&self, is_batch: bool) -> Turns<'_> {
        let mut state = self.lock();
        state.begun = state.begun.saturating_add(1);
        Turns { rate: self, number: state.begun, is_batch }
    }

    /// Whether a message behind this one in its log had its time.
    pub(super) fn has_overtaken(&self, delivery: &Delivery) -> bool {
        let Some((assignment, offset)) = delivery.place() else { return false };
        self.lock().last.get(&assignment).is_some_and(|last| *last > offset)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns<'_> {
    /// Waits for the next time of this message. Dropping the future leaves it to others.
    pub(super) async fn next(&mut self, delivery: &Delivery) {
        self.turn().await;
        if let Some((assignment, offset)) = delivery.place() {
            let mut state = self.rate.lock();
            let last = state.last.entry(assignment).or_insert(offset);
            *last = offset.max(*last);
        }
    }

    async fn turn(&mut self) {
        let first = Arc::new(Notify::new());
        self.rate.lock().waiting(self.is_batch).insert(self.number, Arc::clone(&first));
        let waits = Waits(self);
        while let Some(at) = waits.turn() {
            // A message may come whose turn is earlier.
            match at {
                Some(at) => sleep_until(at).await,
                None => first.notified().await,
            }
        }
    }
}

/// One that waits. When it ends, the next one is notified.
struct Waits<'a>(&'a Turns<'a>);

impl Waits<'_> {
    /// Takes the time if it is there. Otherwise returns when to look again; without a time, once it is the first one.
    fn turn(&self) -> Option<Option<Instant>> {
        let mut state = self.0.rate.lock();
        if state.first().is_some_and(|(first, _)| *first != self.0.number) {
            return Some(None);
        }
        let now = Instant::now();
        let at = state.next.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
        if at > now {
            return Some(Some(at));
        }
        state.next = at.checked_add(self.0.rate.pause);
        state.was_batch = self.0.is_batch;
        None
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.0.rate.lock();
        state.waiting(self.0.is_batch).remove(&self.0.number);
        if let Some((_, first)) = state.first() {
            first.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_hundred_per_second() {
        let rate = Rate::new(NonZeroU32::new(100).unwrap());
        let begun = Instant::now();
        for _ in 0..201 {
            rate.begin(false).turn().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 200);
        // A pause does not save up more than a tenth of a second.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..111 {
            rate.begin(false).turn().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 100);
    }
}
