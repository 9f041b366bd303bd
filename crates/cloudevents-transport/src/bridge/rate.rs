//! A limit of messages per second.

use std::{
    collections::BTreeMap,
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
    /// Who waits for a time, in the order in which they began.
    waiting: BTreeMap<u64, Arc<Notify>>,
}

/// One that needs times: several, if it is a batch that is split. The next time is for who has begun first, so that a batch ends before
/// what comes behind it.
#[derive(Debug)]
pub(super) struct Turns<'a> {
    rate: &'a Rate,
    number: u64,
}

const BURST: Duration = Duration::from_millis(100);

impl Rate {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let pause = Duration::from_secs(1).checked_div(per_second.get()).unwrap_or_default();
        Self { pause, state: Mutex::default() }
    }

    pub(super) fn begin(&self) -> Turns<'_> {
        let mut state = self.lock();
        state.begun = state.begun.saturating_add(1);
        Turns { rate: self, number: state.begun }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns<'_> {
    /// Waits for the next time. Dropping the future leaves it to others.
    pub(super) async fn next(&mut self) {
        let first = Arc::new(Notify::new());
        self.rate.lock().waiting.insert(self.number, Arc::clone(&first));
        let waits = Waits(self);
        while let Some(at) = waits.turn() {
            // Somebody may come who has begun earlier.
            match at {
                Some(at) => sleep_until(at).await,
                None => first.notified().await,
            }
        }
    }
}

/// One that waits. The next one is told when it ends.
struct Waits<'a>(&'a Turns<'a>);

impl Waits<'_> {
    /// Takes the time if it is there. Otherwise returns when to look again; without a time, once it is the first one.
    fn turn(&self) -> Option<Option<Instant>> {
        let mut state = self.0.rate.lock();
        if state.waiting.first_key_value().is_some_and(|(first, _)| *first != self.0.number) {
            return Some(None);
        }
        let now = Instant::now();
        let at = state.next.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
        if at > now {
            return Some(Some(at));
        }
        state.next = at.checked_add(self.0.rate.pause);
        None
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut state = self.0.rate.lock();
        state.waiting.remove(&self.0.number);
        if let Some((_, first)) = state.waiting.first_key_value() {
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
            rate.begin().next().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 200);
        // A pause does not save up more than a tenth of a second.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..111 {
            rate.begin().next().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 100);
    }
}
