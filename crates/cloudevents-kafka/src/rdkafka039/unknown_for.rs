//! For how long a topic is unknown.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Whether a topic is unknown, or all are known again but not for long. librdkafka reports it once, and goes on looking.
#[derive(Default)]
pub(super) struct Unknown(Mutex<Option<Seen>>);

struct Seen {
    all_known: bool,
    /// For how long, or since the receiver last got an error because of it. Only while brokers answer.
    lasted: Duration,
    looked: Instant,
}

impl Unknown {
    pub(super) fn begin(&self) {
        self.note(false);
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().is_none()
    }

    /// The receiver has an error because of it.
    pub(super) fn told(&self) {
        if let Some(seen) = &mut *self.lock() {
            seen.lasted = Duration::ZERO;
        }
    }

    /// No broker has answered.
    pub(super) fn unanswered(&self) {
        if let Some(seen) = &mut *self.lock() {
            seen.looked = Instant::now();
        }
    }

    /// Notes whether all topics are known. Returns for how long that has been so, unless it is new.
    pub(super) fn note(&self, all_known: bool) -> Option<Duration> {
        let (mut noted, now) = (self.lock(), Instant::now());
        if let Some(seen) = &mut *noted
            && seen.all_known == all_known
        {
            seen.lasted = seen.lasted.saturating_add(now.duration_since(seen.looked));
            seen.looked = now;
            return Some(seen.lasted);
        }
        *noted = Some(Seen { all_known, lasted: Duration::ZERO, looked: now });
        None
    }

    /// All are known for long enough.
    pub(super) fn end(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_a_topic_is_unknown_counts_while_brokers_answer() {
        let unknown = Unknown::default();
        unknown.begin();
        let later = |seconds| {
            let mut noted = unknown.lock();
            let seen = noted.as_mut().unwrap();
            seen.looked = seen.looked.checked_sub(Duration::from_secs(seconds)).unwrap();
        };
        later(20);
        unknown.note(false);
        later(100);
        unknown.unanswered();
        later(12);
        let lasted = unknown.note(false).unwrap().as_secs();
        assert!((32..37).contains(&lasted), "{lasted}"); // and what this test takes itself
        unknown.note(true);
        assert!(unknown.note(true).unwrap().as_secs() < 5);
    }
}
