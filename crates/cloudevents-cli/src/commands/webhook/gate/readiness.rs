//! The parts that a gate needs, as looks and deliveries find them. A delivery that uses a part with success is a look that found it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::{sync::Notify, time::Instant};

/// A part that a gate needs.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The store of accepted deliveries.
    Store,
    Service,
}

/// Which parts are away.
#[derive(Debug, Default)]
pub(crate) struct Readiness {
    parts: Mutex<Parts>,
    /// The last part that was away was used with success.
    is_back: Notify,
}

#[derive(Debug, Default)]
struct Parts {
    store: Known,
    service: Known,
}

#[derive(Debug, Default)]
struct Known {
    /// The end of the last look, if it found the part away, and no delivery has used the part with success since.
    away: Option<Instant>,
    /// When the last delivery began that used the part with success.
    used: Option<Instant>,
}

impl Readiness {
    /// A delivery that began to use the part at this time has used it with success.
    ///
    /// A delivery that was on its way during a look says nothing about the time after the look: its connection may be older.
    pub(crate) fn used(&self, part: Part, since: Instant) {
        let mut parts = self.parts();
        let was_away = parts.is_away();
        let known = parts.of(part);
        known.used = known.used.max(Some(since));
        if known.away.is_some_and(|away| away < since) {
            known.away = None;
        }
        if was_away && !parts.is_away() {
            self.is_back.notify_one();
        }
    }

    /// Whether a delivery that began at this time, or later, has used the part with success.
    pub(crate) fn is_used_since(&self, part: Part, begin: Instant) -> bool {
        self.parts().of(part).used.is_some_and(|used| used >= begin)
    }

    /// A look has ended, and has found these parts away.
    pub(super) fn looked(&self, is_store_away: bool, is_service_away: bool) {
        let now = Instant::now();
        let mut parts = self.parts();
        parts.store.away = is_store_away.then_some(now);
        parts.service.away = is_service_away.then_some(now);
    }

    /// Waits until deliveries have used each part that the last look found away.
    pub(super) async fn back(&self) {
        loop {
            self.is_back.notified().await;
            // Another look may have found a part away since.
            let is_away = self.parts().is_away();
            if !is_away {
                return;
            }
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Parts {
    fn of(&mut self, part: Part) -> &mut Known {
        match part {
            Part::Store => &mut self.store,
            Part::Service => &mut self.service,
        }
    }

    fn is_away(&self) -> bool {
        self.store.away.is_some() || self.service.away.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::{advance, timeout};

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_part_that_was_away_has_to_be_used_after_the_look() {
        let readiness = Readiness::default();
        let is_back = async || timeout(SECOND, readiness.back()).await.is_ok();
        let before = Instant::now();
        advance(SECOND).await;
        readiness.looked(true, true);
        advance(SECOND).await;
        readiness.used(Part::Service, Instant::now());
        assert!(!is_back().await);
        // A delivery that began before the look.
        readiness.used(Part::Store, before);
        assert!(!is_back().await);
        readiness.used(Part::Store, Instant::now());
        assert!(is_back().await);
        // Once.
        readiness.used(Part::Store, Instant::now());
        assert!(!is_back().await);
        // Another look has found it away before the use was seen.
        readiness.looked(false, true);
        advance(SECOND).await;
        readiness.used(Part::Service, Instant::now());
        readiness.looked(false, true);
        assert!(!is_back().await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_use_within_a_look_counts_for_its_part() {
        let readiness = Readiness::default();
        readiness.used(Part::Service, Instant::now());
        advance(SECOND).await;
        let begin = Instant::now();
        assert!(!readiness.is_used_since(Part::Service, begin));
        advance(SECOND).await;
        readiness.used(Part::Service, Instant::now());
        // One that began earlier ends later.
        readiness.used(Part::Service, begin.checked_sub(SECOND).unwrap());
        assert!(readiness.is_used_since(Part::Service, begin));
        assert!(!readiness.is_used_since(Part::Store, begin));
    }
}
