//! Counters of the outcomes of messages.

use super::Fate;
use crate::{
    Received,
    streak::{LONG, Streak},
};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// Numbers of messages since the bridge was created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BridgeMetrics {
    /// Messages that the target confirmed.
    pub confirmed: u64,
    /// Confirmed messages that the target reported as duplicates.
    pub duplicates: u64,
    /// Refused messages, by the code of the error. Messages whose dead letters are not stored yet do not count. In a
    /// [redrive](super::Redrive), messages that stay where they are count, too.
    pub refused: BTreeMap<&'static str, u64>,
    /// When the last of these messages was refused.
    pub last_refused: Option<SystemTime>,
    /// Failed attempts at the target or at the dead-letter destination of the policy, after which the message was tried again.
    pub failed: u64,
    /// Messages refused because they had passed too many bridges.
    pub looped: u64,
    /// The lag: how old the last confirmed message was, by the time of the source's broker.
    ///
    /// While messages are on their way, the time since then is added, so that the lag grows while nothing is confirmed or refused. If no
    /// message has come for a minute from a source that is connected, the lag is zero: nothing is behind. `None` before the first confirmed
    /// message, and for protocols without such a time.
    pub lag: Option<Duration>,
}

impl BridgeMetrics {
    /// The number of all refused messages.
    pub fn all_refused(&self) -> u64 {
        self.refused.values().fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// The counters behind [`BridgeMetrics`], and the results of attempts.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Attempts at the target.
    pub(super) attempts: Streak,
    confirmed: AtomicU64,
    duplicates: AtomicU64,
    failed: AtomicU64,
    looped: AtomicU64,
    refused: Mutex<BTreeMap<&'static str, u64>>,
    last_refused: Mutex<Option<SystemTime>>,
    /// Whether the last attempt showed the target to be unavailable.
    down: AtomicBool,
    /// Since when the log has seen that the bridge stalls.
    stalled: Mutex<Option<Instant>>,
    /// The lag of the last message that was confirmed, and when that was.
    lag: Mutex<Option<(Duration, Instant)>>,
}

impl Tally {
    fn count(&self, fate: &Fate) {
        match fate {
            Fate::Confirmed => add(&self.confirmed),
            Fate::Failed(_) | Fate::Waiting { .. } => add(&self.failed),
            Fate::Refused(error) | Fate::DeadLetter(error) | Fate::Kept(error) => {
                let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
                let count = refused.entry(error.kind().code()).or_default();
                *count = count.saturating_add(1);
                *self.last_refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemTime::now());
            }
            _ => {}
        }
    }

    /// Counts a message that an attempt has ended for, and the progress.
    pub(super) fn concluded(&self, received: &Received, fate: &Fate) {
        self.count(fate);
        match (fate, received.timestamp()) {
            (Fate::Confirmed, Some(time)) => self.confirmed_of(time),
            (Fate::Refused(_) | Fate::DeadLetter(_) | Fate::Kept(_), _) => self.moved(),
            _ => {}
        }
    }

    /// Records the time of a message that was confirmed now. A time in the future is no lag.
    fn confirmed_of(&self, time: SystemTime) {
        let lag = SystemTime::now().duration_since(time).unwrap_or_default();
        *self.lag.lock().unwrap_or_else(PoisonError::into_inner) = Some((lag, Instant::now()));
    }

    /// A message was refused, which is progress, too.
    fn moved(&self) {
        if let Some((_, since)) = &mut *self.lag.lock().unwrap_or_else(PoisonError::into_inner) {
            *since = Instant::now();
        }
    }

    pub(super) fn duplicate(&self) {
        add(&self.duplicates);
    }

    pub(super) fn looped(&self) {
        add(&self.looped);
    }

    /// The log sees that the bridge stalls since then, or that it does not.
    pub(super) fn stalls_since(&self, since: Option<Instant>) {
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    pub(super) fn stalled_since(&self) -> Option<Instant> {
        *self.stalled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// One failure between successes shows that the target takes messages all the same.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed) && !self.attempts.has_just_succeeded()
    }

    /// With the time for which messages have been on their way without a break, and whether the source has no message, as far as known.
    pub(super) fn snapshot(&self, pending: Option<Duration>, is_idle: bool) -> BridgeMetrics {
        let lag = *self.lag.lock().unwrap_or_else(PoisonError::into_inner);
        let lag_now = |(lag, since): (Duration, Instant)| match pending {
            None if is_idle && since.elapsed() >= LONG => Duration::ZERO,
            pending => lag.saturating_add(since.elapsed().min(pending.unwrap_or_default())),
        };
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        BridgeMetrics {
            confirmed: read(&self.confirmed),
            duplicates: read(&self.duplicates),
            refused: self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            last_refused: *self.last_refused.lock().unwrap_or_else(PoisonError::into_inner),
            failed: read(&self.failed),
            looped: read(&self.looped),
            lag: lag.map(lag_now),
        }
    }
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_lag_grows_while_nothing_is_confirmed_of_what_is_on_its_way() {
        let (tally, minute) = (Tally::default(), Duration::from_secs(60));
        assert_eq!(tally.snapshot(Some(minute), false).lag, None);
        tally.confirmed_of(SystemTime::now());
        tokio::time::advance(minute).await;
        let lag = |pending| tally.snapshot(pending, false).lag.unwrap();
        assert!(lag(None) < minute && lag(Some(minute)) >= minute && lag(Some(2 * minute)) < 2 * minute);
        assert!(lag(Some(minute / 60)) < minute); // a first message after a quiet minute
        assert_eq!(tally.snapshot(None, true).lag, Some(Duration::ZERO));
        tally.moved();
        assert!(lag(Some(minute)) < minute);
    }
}
