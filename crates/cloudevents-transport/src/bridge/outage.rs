//! An outage of the target: its attempts have failed since the last one that succeeded.

use crate::streak::LONG;
use cloudevents_core::Error;
use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// A shorter outage has no line at its end.
const SHORT: Duration = Duration::from_secs(10);

/// The outage that there is, and the last one that is over.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// So that a success takes no lock while there is none.
    is_one: AtomicBool,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    failing: Option<Failing>,
    over: Option<Over>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    last: Instant,
    error: Error,
    /// Failures after which the message is tried again.
    again: u32,
}

/// An outage that is over, and is to be logged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Over {
    pub(super) since: Instant,
    pub(super) until: Instant,
}

impl Over {
    pub(super) fn lasted(&self) -> Duration {
        self.until.saturating_duration_since(self.since)
    }
}

impl Outage {
    /// An attempt has failed. `here` is for how long there has been something to try without a break: a failure long before that belongs to
    /// another outage. `is_again` is whether the message is tried again.
    pub(super) fn failed(&self, error: &Error, here: Option<Duration>, is_again: bool) {
        let now = Instant::now();
        let mut seen = self.seen();
        let is_old = |last: Instant| {
            let ago = now.saturating_duration_since(last);
            ago >= LONG && here.is_none_or(|here| here < ago)
        };
        let before = seen.failing.take().filter(|failing| !is_old(failing.last));
        let (since, again) = before.map_or((now, 0), |before| (before.since, before.again));
        let again = again.saturating_add(is_again.into());
        seen.failing = Some(Failing { since, last: now, error: error.clone(), again });
        self.is_one.store(true, Ordering::Relaxed);
    }

    /// An attempt has succeeded.
    pub(super) fn succeeded(&self) {
        if !self.is_one.load(Ordering::Relaxed) {
            return;
        }
        let mut seen = self.seen();
        self.is_one.store(false, Ordering::Relaxed);
        let Some(failing) = seen.failing.take() else { return };
        let over = Over { since: failing.since, until: Instant::now() };
        if failing.again > 1 && over.lasted() > SHORT {
            seen.over = Some(over);
        }
    }

    /// Since when attempts fail.
    pub(super) fn since(&self) -> Option<Instant> {
        self.seen().failing.as_ref().map(|failing| failing.since)
    }

    /// Since when attempts fail, if their end would be logged and the last one failed within a minute.
    pub(super) fn lasting(&self) -> Option<Instant> {
        let seen = self.seen();
        let failing = seen.failing.as_ref()?;
        let is_one = failing.again > 1 && failing.since.elapsed() > SHORT && failing.last.elapsed() < LONG;
        is_one.then_some(failing.since)
    }

    /// Why the last one failed.
    pub(super) fn error(&self) -> Option<Error> {
        self.seen().failing.as_ref().map(|failing| failing.error.clone())
    }

    /// The outage that is over and was not returned before.
    pub(super) fn over(&self) -> Option<Over> {
        self.seen().over.take()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
