//! Judges arrivals: each event once, and in order by key.

use crate::load::Load;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::sleep};

/// Records the events that arrive.
#[derive(Debug)]
pub(crate) struct Judge {
    load: Load,
    begin: Mutex<Instant>,
    state: Mutex<State>,
    full: Notify,
}

#[derive(Clone, Debug, Default)]
struct State {
    seen: Vec<bool>,
    /// By key, the number of the latest event, plus one.
    latest: Vec<usize>,
    counts: Counts,
    /// Since the beginning.
    first: Option<Duration>,
    last: Option<Duration>,
}

/// Counts of arrivals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) distinct: usize,
    pub(crate) twice: usize,
    /// Events that came behind a later one of their key.
    pub(crate) inverted: usize,
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Verdict {
    pub(crate) counts: Counts,
    pub(crate) missing: usize,
    /// The time until the first and the last event.
    pub(crate) first: Duration,
    pub(crate) empty: Duration,
}

impl Verdict {
    /// Events per second, from the first event to the last one.
    pub(crate) fn rate(&self) -> f64 {
        self.counts.distinct as f64 / self.empty.saturating_sub(self.first).as_secs_f64().max(0.001)
    }
}

impl Judge {
    /// The time begins here.
    pub(crate) fn new(load: Load) -> Self {
        let state = State { seen: vec![false; load.count], latest: vec![0; load.keys], ..State::default() };
        Self { load, begin: Mutex::new(Instant::now()), state: Mutex::new(state), full: Notify::new() }
    }

    /// The time begins here instead, and with it the counts.
    pub(crate) fn begin(&self) {
        let mut begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner);
        *begin = Instant::now();
        self.state().counts = Counts::default();
    }

    fn elapsed(&self) -> Duration {
        self.begin.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    /// An event of no number of the load counts as twice: it was never sent.
    pub(crate) fn arrive(&self, number: usize) {
        let mut guard = self.state();
        let state = &mut *guard;
        match state.seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                state.counts.twice += 1;
                return;
            }
        }
        if let Some(latest) = state.latest.get_mut(self.load.key(number)) {
            state.counts.inverted += usize::from(*latest > number);
            *latest = (*latest).max(number + 1);
        }
        let now = self.elapsed();
        state.first.get_or_insert(now);
        state.last = Some(now);
        state.counts.distinct += 1;
        if state.counts.distinct == self.load.count {
            self.full.notify_waiters();
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Waits until every event has arrived.
    pub(crate) async fn full(&self) {
        loop {
            let full = self.full.notified();
            if self.counts().distinct >= self.load.count {
                return;
            }
            full.await;
        }
    }

    /// Waits until every event has arrived, or none for so long.
    pub(crate) async fn full_or_still_for(&self, patience: Duration) {
        let still = async {
            loop {
                let last = self.state().last.unwrap_or_default();
                let Some(rest) = (last + patience).checked_sub(self.elapsed()) else { return };
                sleep(rest.max(Duration::from_millis(10))).await;
            }
        };
        tokio::select! {
            () = self.full() => {}
            () = still => {}
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        let state = self.state();
        Verdict {
            counts: state.counts,
            missing: self.load.count.saturating_sub(state.counts.distinct),
            first: state.first.unwrap_or_default(),
            empty: state.last.unwrap_or_default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_twice_and_inverted_is_counted() {
        let judge = Judge::new(Load { count: 8, size: 2, keys: 2 });
        // Of key 0: 0, 4, 2 behind 4, 4 again. Of key 1: 1, 3. 5, 6 and 7 are missing, and 9 is none of them.
        [0, 1, 4, 2, 3, 4, 9].into_iter().for_each(|number| judge.arrive(number));
        let Verdict { counts, missing, .. } = judge.verdict();
        assert_eq!((counts.distinct, counts.twice, counts.inverted, missing), (5, 2, 1, 3));
    }
}
