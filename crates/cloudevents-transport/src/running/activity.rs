//! The state of a receiver that runs.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Observes [`Receiver::run`](crate::Receiver::run) or a bridge from other tasks. Clones observe the same one.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() {
/// # let receiver = cloudevents_transport::fake::FakeQueue::new().receiver(cloudevents_core::DecodeOptions::strict());
/// use cloudevents_transport::RunState;
///
/// let activity = receiver.activity(); // before `run` takes the receiver
/// assert_eq!(activity.state(), RunState::NotRunning);
/// assert_eq!(activity.longest_running(), None);
/// # }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Mutex<Shown>>);

/// The state of [`Receiver::run`](crate::Receiver::run) or of a bridge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunState {
    /// It has not begun, or has ended.
    #[default]
    NotRunning,
    /// Messages are handled as they come.
    Receiving,
    /// All handlers are in use, or the running handlers have all permits. Another message is received as soon as one ends.
    Busy,
    /// The source has failed, and is tried again after a pause. A client that connects again by itself shows that in
    /// [`Receiver::connectivity`](crate::Receiver::connectivity).
    Disconnected,
    /// Nothing succeeds: one message at a time is tried, until one does.
    Slowed,
    /// No permit is free. Received messages wait behind messages that are tried again, or behind handlers none of which has ended for ten
    /// seconds. Or all handlers are in use, and none has ended for a minute.
    Blocked,
    /// It was stopped, or its source has ended, and it waits for handlers.
    Ending,
}

impl RunState {
    /// Whether received messages are not handled at the moment, for another reason than that all handlers are in use.
    pub fn is_stalled(self) -> bool {
        matches!(self, Self::Disconnected | Self::Slowed | Self::Blocked)
    }
}

#[derive(Debug, Default)]
struct Shown {
    seen: Seen,
    /// Since when its source has been away, and since when no permit has been free.
    away: Option<Instant>,
    blocked: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) state: RunState,
    /// Handlers that run, and when the oldest of them began.
    pub(super) running: usize,
    pub(super) oldest: Option<Instant>,
    /// Messages that wait for their next attempt.
    pub(super) waiting: usize,
    /// Messages that stay as they are until it ends.
    pub(super) held: usize,
    /// Messages that are still handled before it ends.
    pub(super) finishing: usize,
    /// Since when there have been messages here.
    pub(super) here: Option<Instant>,
    /// No permit was free, and no message has ended since.
    pub(super) blocked: bool,
}

impl Activity {
    /// Returns the state.
    pub fn state(&self) -> RunState {
        self.seen().state
    }

    /// The number of handlers that run.
    pub fn running(&self) -> usize {
        self.seen().running
    }

    /// The number of messages that failed, and wait here for their next attempt.
    pub fn waiting(&self) -> usize {
        self.seen().waiting
    }

    /// While it is [ending](RunState::Ending), the number of messages that it still handles.
    ///
    /// Handlers have these messages. In a log, the messages before them are handled, too: otherwise they would come again, with the settled
    /// messages behind them.
    pub fn finishing(&self) -> usize {
        self.seen().finishing
    }

    /// The number of messages that stay as they are until it ends.
    pub(crate) fn held(&self) -> usize {
        self.seen().held
    }

    /// For how long the oldest handler has been running. `None` if none runs. A handler that hangs shows here.
    pub fn longest_running(&self) -> Option<Duration> {
        self.seen().oldest.map(|oldest| oldest.elapsed())
    }

    /// For how long there have been messages here, without a break.
    pub(crate) fn here_for(&self) -> Option<Duration> {
        self.seen().here.map(|here| here.elapsed())
    }

    /// Whether no permit was free, and no message has ended since. An attempt that begins frees none.
    pub(crate) fn is_blocked(&self) -> bool {
        self.seen().blocked
    }

    /// Since when it has been [blocked](Self::is_blocked).
    pub(crate) fn blocked_since(&self) -> Option<Instant> {
        self.shown().blocked
    }

    /// Since when it has been [`Disconnected`](RunState::Disconnected).
    pub(crate) fn away_since(&self) -> Option<Instant> {
        self.shown().away
    }

    pub(super) fn set(&self, seen: Seen) {
        let mut shown = self.shown();
        let since = |is_so: bool, before: Option<Instant>| is_so.then(|| before.unwrap_or_else(Instant::now));
        shown.away = since(seen.state == RunState::Disconnected, shown.away);
        shown.blocked = since(seen.blocked, shown.blocked);
        shown.seen = seen;
    }

    fn seen(&self) -> Seen {
        self.shown().seen
    }

    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
