//! Attempts at something, since the last one that succeeded.

use cloudevents_core::{Error, ErrorKind};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long attempts go on without a success before they count as standing still.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// How long a failure counts that comes again after a lock. Locks of minutes are usual.
const AGAIN: Duration = Duration::from_secs(600);

/// Within this time after a success, one failure shows nothing about the next attempt.
const SOON: Duration = Duration::from_secs(5);

/// Failures for a shorter time have no line in the log at their end.
const SHORT: Duration = Duration::from_secs(10);

/// A streak of attempts without a success.
#[derive(Debug, Default)]
pub(crate) struct Streak(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    running: usize,
    /// Since when there has been a running attempt without a break.
    resumed: Option<Instant>,
    /// When the first attempt was begun that no success has followed.
    begun: Option<Instant>,
    /// The failures since the last success.
    failing: Option<Failing>,
    /// When the last one was begun that has succeeded.
    succeeded: Option<Instant>,
    /// When the first one has succeeded since [`Streak::expect_first`].
    first: Option<Instant>,
    over: Option<Over>,
}

#[derive(Debug)]
struct Failing {
    since: Instant,
    last: Instant,
    error: Error,
    number: u32,
    /// How many of them are tried again.
    again: u32,
    /// Whether the last one was long ago when another attempt began. It shows nothing any more, and another failure is the first one.
    is_old: bool,
}

/// Failures that are over, and are to be logged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Over {
    pub(crate) since: Instant,
    pub(crate) until: Instant,
}

impl Over {
    pub(crate) fn lasted(&self) -> Duration {
        self.until.saturating_duration_since(self.since)
    }
}

/// An attempt that runs. One that is dropped, or ends otherwise, shows nothing.
#[must_use = "dropping it ends the attempt"]
pub(crate) struct Attempt<'a>(&'a Streak, Instant);

impl Streak {
    /// An attempt begins. `here` is for how long there has been something to try without a break. A failure long before that shows nothing
    /// any more.
    pub(crate) fn begin(&self, here: Option<Duration>) -> Attempt<'_> {
        let now = Instant::now();
        let mut seen = self.seen();
        let is_old = |failed: Duration| failed >= LONG && here.is_none_or(|here| here < failed);
        let is_idle = seen.running == 0;
        if let Some(failing) = &mut seen.failing
            && is_idle
            && is_old(now.saturating_duration_since(failing.last))
        {
            failing.is_old = true;
            seen.begun = None;
        }
        if is_idle {
            seen.resumed = Some(now);
        }
        seen.running = seen.running.saturating_add(1);
        seen.begun.get_or_insert(now);
        drop(seen);
        Attempt(self, now)
    }

    /// Why the last attempt failed, unless one has succeeded since.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.seen().failing().map(|failing| failing.error.clone())
    }

    /// Why the last attempt failed, however long ago, unless one has succeeded since.
    pub(crate) fn error(&self) -> Option<Error> {
        self.seen().failing.as_ref().map(|failing| failing.error.clone())
    }

    /// Since when attempts fail.
    pub(crate) fn since(&self) -> Option<Instant> {
        self.seen().failing.as_ref().map(|failing| failing.since)
    }

    /// Since when attempts fail, if their end would be logged and the last one failed within a minute.
    pub(crate) fn lasting(&self) -> Option<Instant> {
        let seen = self.seen();
        let failing = seen.failing.as_ref()?;
        let lasts = failing.again > 1 && failing.since.elapsed() > SHORT && failing.last.elapsed() < LONG;
        lasts.then_some(failing.since)
    }

    /// The failures that are over and were not returned before.
    pub(crate) fn over(&self) -> Option<Over> {
        self.seen().over.take()
    }

    /// From now on, [`first`](Self::first) is the first success after this.
    pub(crate) fn expect_first(&self) {
        self.seen().first = None;
    }

    /// When the first one has succeeded since [`expect_first`](Self::expect_first).
    pub(crate) fn first(&self) -> Option<Instant> {
        self.seen().first
    }

    /// Whether at most one has failed since another one has succeeded that was begun a moment ago.
    pub(crate) fn has_just_succeeded(&self) -> bool {
        let seen = self.seen();
        seen.failing().is_none_or(|failing| failing.number < 2)
            && seen.succeeded.is_some_and(|at| at.elapsed() < SOON)
    }

    /// Whether none has succeeded for long, as far as this is still so. `here` is for how long there has been something to try without a
    /// break, if there is something. Returns the failure of the last one; `None` in it if none has ended.
    pub(crate) fn is_long(&self, here: Option<Duration>) -> Option<Option<Error>> {
        let seen = self.seen();
        let begun = seen.begun?;
        let failing = seen.failing();
        // Failures of a moment show nothing a minute later.
        let lasted = failing.is_some_and(|failing| failing.last.saturating_duration_since(begun) >= LONG);
        let is_now = here.is_some() || failing.is_some_and(|failing| failing.last.elapsed() < LONG);
        let waits = here.is_some_and(|here| here >= LONG) && begun.elapsed() >= LONG;
        (waits || lasted && is_now).then(|| failing.map(|failing| failing.error.clone()))
    }

    /// Whether attempts have gone on for long without a success, if an attempt that runs is something to try. A failure of something other
    /// than the connection counts for long: what failed comes again after the time of its lock.
    pub(crate) fn is_long_now(&self) -> Option<Option<Error>> {
        let seen = self.seen();
        let lasts = |at: Instant| seen.begun.is_some_and(|begun| at.saturating_duration_since(begun) >= LONG);
        if let Some(Failing { last, error, number, .. }) =
            seen.failing().filter(|failing| lasts(failing.last))
        {
            // Two may be of two messages that are gone.
            let comes_again = error.kind() != ErrorKind::Disconnected && *number > 2;
            let stays = if comes_again { AGAIN } else { LONG };
            if last.elapsed() < stays {
                return Some(Some(error.clone()));
            }
        }
        let hangs = seen.running > 0 && seen.resumed.max(seen.begun).is_some_and(|at| at.elapsed() >= LONG);
        hangs.then(|| seen.failing().map(|failing| failing.error.clone()))
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// The failures that show something about the next attempt.
    fn failing(&self) -> Option<&Failing> {
        self.failing.as_ref().filter(|failing| !failing.is_old)
    }
}

impl Attempt<'_> {
    pub(crate) fn succeeded(self) {
        let mut seen = self.0.seen();
        seen.succeeded = Some(self.1);
        seen.first.get_or_insert_with(Instant::now);
        if let Some(failing) = seen.failing.take() {
            let over = Over { since: failing.since, until: Instant::now() };
            if failing.again > 1 && over.lasted() > SHORT {
                seen.over = Some(over);
            }
        }
        // Others may hang.
        seen.begun = (seen.running > 1).then(Instant::now);
    }

    #[cfg(feature = "queue")]
    pub(crate) fn ended(self, result: &Result<(), Error>) {
        match result {
            Ok(()) => self.succeeded(),
            Err(error) => self.failed(error),
        }
    }

    /// It failed, and is tried again.
    pub(crate) fn failed(self, error: &Error) {
        self.note(error, 1);
    }

    /// It failed, and is not tried again.
    pub(crate) fn refused(self, error: &Error) {
        self.note(error, 0);
    }

    fn note(self, error: &Error, again: u32) {
        let (mut seen, now) = (self.0.seen(), Instant::now());
        let before = seen.failing().map(|failing| (failing.since, failing.number, failing.again));
        let (since, number, before) = before.unwrap_or((now, 0, 0));
        seen.failing = Some(Failing {
            since,
            last: now,
            error: error.clone(),
            number: number.saturating_add(1),
            again: before.saturating_add(again),
            is_old: false,
        });
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let mut seen = self.0.seen();
        seen.running = seen.running.saturating_sub(1);
        if seen.running == 0 && seen.failing().is_none() {
            seen.begun = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    /// As settlements of a message that comes again after its lock of two minutes.
    #[tokio::test(start_paused = true)]
    async fn failures_minutes_apart_are_long_if_none_between_succeeds() {
        let streak = Streak::default();
        streak.begin(HERE).failed(&error());
        advance(2 * LONG).await;
        assert!(streak.is_long_now().is_none());
        streak.begin(HERE).failed(&error());
        assert!(streak.is_long_now().is_some());
        advance(2 * LONG).await;
        assert!(streak.is_long_now().is_none());
        for _ in 0..3 {
            streak.begin(HERE).failed(&error());
            for _ in 0..4 {
                assert!(streak.is_long_now().is_some());
                advance(LONG / 2).await;
            }
        }
        streak.begin(HERE).succeeded();
        assert!(streak.is_long_now().is_none());
        streak.begin(HERE).failed(&error());
        advance(LONG).await;
        streak.begin(HERE).failed(&error());
        assert!(streak.is_long_now().is_some());
        advance(LONG).await;
        assert!(streak.is_long_now().is_none()); // nothing comes any more
        let slow = streak.begin(HERE);
        advance(LONG / 2).await;
        assert!(streak.is_long_now().is_none());
        advance(LONG / 2).await;
        assert!(streak.is_long_now().is_some());
        slow.succeeded();
        assert!(streak.is_long_now().is_none());
    }

    /// As settlements of messages that all come again after their lock of ten minutes.
    #[tokio::test(start_paused = true)]
    async fn failures_of_a_moment_are_long_when_they_come_again() {
        let streak = Streak::default();
        for again in [false, true] {
            for _ in 0..5 {
                streak.begin(HERE).failed(&error());
            }
            assert_eq!(streak.is_long_now().is_some(), again);
            advance(9 * LONG).await;
            assert_eq!(streak.is_long_now().is_some(), again);
            advance(LONG).await;
            assert!(streak.is_long_now().is_none());
        }
        streak.begin(HERE).failed(&error());
        assert!(streak.is_long_now().is_some());
        streak.begin(HERE).succeeded();
        assert!(streak.is_long_now().is_none(), "one success ends it");
    }

    const SECOND: Duration = Duration::from_secs(1);
    const HERE: Option<Duration> = Some(Duration::MAX);

    fn error() -> Error {
        Error::new(ErrorKind::Refused)
    }

    /// Twice: what is behind a success begins anew.
    #[tokio::test(start_paused = true)]
    async fn a_minute_without_a_success_is_long() {
        let streak = Streak::default();
        for _ in 0..2 {
            for _ in 0..60 {
                assert!(streak.is_long(HERE).is_none());
                streak.begin(None).failed(&error());
                advance(SECOND).await;
            }
            assert!(streak.is_long(HERE).is_some() && streak.is_long(None).is_none());
            streak.begin(None).failed(&error());
            let why = streak.is_long(None).unwrap().unwrap();
            assert_eq!(
                (why.kind(), streak.failure().unwrap().kind()),
                (ErrorKind::Refused, ErrorKind::Refused)
            );
            streak.begin(None).succeeded();
            assert!(streak.is_long(HERE).is_none() && streak.failure().is_none());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_ended_without_a_result_shows_nothing() {
        let streak = Streak::default();
        drop(streak.begin(None));
        advance(LONG).await;
        assert!(streak.is_long(HERE).is_none());
        let hangs = streak.begin(None);
        advance(LONG).await;
        assert!(matches!(streak.is_long(HERE), Some(None)));
        assert!(streak.is_long(None).is_none()); // it was lost with its connection
        // Another one succeeds, and this one still hangs.
        streak.begin(None).succeeded();
        assert!(streak.is_long(HERE).is_none());
        advance(LONG).await;
        assert!(matches!(streak.is_long(HERE), Some(None)));
        drop(hangs);
        assert!(streak.is_long(HERE).is_none());
    }

    /// Neither when it is a minute old, nor when something comes then.
    #[tokio::test(start_paused = true)]
    async fn failures_of_a_moment_are_not_long() {
        let streak = Streak::default();
        for _ in 0..5 {
            streak.begin(None).failed(&error());
            advance(SECOND / 10).await;
        }
        for _ in 0..700 {
            advance(SECOND / 10).await;
            assert!(streak.is_long(None).is_none() && streak.is_long(Some(SECOND)).is_none());
        }
    }

    /// A request each hour that fails tells nothing about the next one; a message that waited here for that hour does.
    #[tokio::test(start_paused = true)]
    async fn a_failure_of_long_ago_counts_only_while_something_waits() {
        let streak = Streak::default();
        streak.begin(None).failed(&error());
        advance(60 * LONG).await;
        assert!(streak.is_long(None).is_none());
        let again = streak.begin(Some(61 * LONG));
        assert!(streak.is_long(HERE).is_some());
        drop(again);
        let other = streak.begin(Some(SECOND));
        assert!(streak.is_long(HERE).is_none() && streak.failure().is_none());
        drop(other);
    }
}
