//! Dead letters that their destination has not stored yet, and whether it takes any.

use crate::{
    DeadLetter, InFlight,
    observing::{
        LETTERS,
        seconds::{Moment, Seconds},
    },
    panics::caught,
    streak::{Attempt, LONG, Streak},
};
use cloudevents_core::Error;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use tracing::field::{DisplayValue, display};

/// The rejected messages that a dead-letter destination has not stored yet, and whether it takes any.
///
/// Clones observe the same destination.
#[derive(Clone, Default)]
pub struct LetterBox(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: InFlight,
    streak: Streak,
    /// Since when the destination takes none, and when that was logged last.
    refusing: Mutex<Option<(Instant, Instant)>>,
    listener: OnceLock<Listener>,
    has_place: bool,
}

/// Called for each dead letter that is stored, and each time that one is not.
pub(crate) type Listener = Box<dyn Fn(&DeadLetter, Result<(), &Error>) + Send + Sync>;

impl LetterBox {
    /// Creates the one of a destination.
    pub(crate) fn of_a_place() -> Self {
        Self(Arc::new(Shared { has_place: true, ..Shared::default() }))
    }

    /// The dead letters that the destination has not stored yet, to observe.
    pub fn waiting(&self) -> InFlight {
        self.0.waiting.clone()
    }

    /// Whether rejected messages go to a destination that the program has named, and not to the peer, to the broker, or nowhere.
    pub(crate) fn has_place(&self) -> bool {
        self.0.has_place
    }

    /// Reports dead letters to this function from now on. There is one function.
    pub(crate) fn listen(&self, listener: Listener) {
        let _ = self.0.listener.set(listener);
    }

    /// Why the destination takes nothing: why it has refused the last dead letter, or that it has not answered for a minute. `None` if it
    /// takes dead letters, as far as known.
    pub(crate) fn refuses(&self, waits: bool) -> Option<Option<Error>> {
        if !waits {
            return None;
        }
        self.0.streak.failure().map(Some).or_else(|| self.0.streak.is_long(Some(Duration::MAX)))
    }

    /// Since when the destination has refused all dead letters, if it has.
    pub(crate) fn refuses_since(&self) -> Option<Instant> {
        self.refusing().map(|(since, _)| since)
    }

    /// A dead letter is passed to the destination.
    pub(crate) fn begin(&self) -> Attempt<'_> {
        self.0.streak.begin(None)
    }

    /// The destination has stored the dead letter.
    pub(crate) fn stored(&self, letter: &DeadLetter, attempt: Attempt<'_>) {
        attempt.succeeded();
        let refused = self.refusing().take();
        if let Some((since, _)) = refused {
            let (after, ended) = (Seconds(since.elapsed()), Moment(Instant::now()));
            tracing::warn!(target: LETTERS, %after, began = %Moment(since), %ended, "dead letters are stored again");
        }
        self.tell(letter, Ok(()));
    }

    /// The destination does not take the dead letter. That is logged at once and then once a minute, not for each dead letter.
    pub(crate) fn failed(&self, letter: &DeadLetter, attempt: Attempt<'_>, error: &Error) {
        attempt.failed(error);
        if let Some(since) = self.is_to_be_logged() {
            tracing::warn!(target: LETTERS, received = ?letter.received, reason = %letter.reason, %error, lasts = lasting(since),
                "a dead letter cannot be stored and is tried again; the message is not settled");
        }
        self.tell(letter, Err(error));
    }

    /// Since when the destination takes nothing, if that is to be logged now.
    fn is_to_be_logged(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut refusing = self.refusing();
        if refusing.is_some_and(|(_, logged)| now.saturating_duration_since(logged) < LONG) {
            return None;
        }
        let since = refusing.map_or(now, |(since, _)| since);
        *refusing = Some((since, now));
        Some(since)
    }

    fn tell(&self, letter: &DeadLetter, stored: Result<(), &Error>) {
        if let Some(listener) = self.0.listener.get()
            && caught(|| listener(letter, stored)).is_err()
        {
            tracing::error!("an observer panicked");
        }
    }

    fn refusing(&self) -> MutexGuard<'_, Option<(Instant, Instant)>> {
        self.0.refusing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For the log: nothing of an outage that has just begun.
fn lasting(since: Instant) -> Option<DisplayValue<Seconds>> {
    let lasts = since.elapsed();
    (lasts >= Duration::from_secs(1)).then(|| display(Seconds(lasts)))
}

impl fmt::Debug for LetterBox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LetterBox").field("waiting", &self.0.waiting.used()).finish_non_exhaustive()
    }
}
