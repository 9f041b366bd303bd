//! A limit of messages per second.

use std::{num::NonZeroU32, time::Duration};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep_until},
};

/// Evenly spaced times, for one after the other. Unused times expire after a tenth of a second.
#[derive(Debug)]
pub(super) struct Rate {
    pause: Duration,
    next: Mutex<Option<Instant>>,
    batch: Mutex<()>,
}

const BURST: Duration = Duration::from_millis(100);

impl Rate {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        let pause = Duration::from_secs(1).checked_div(per_second.get()).unwrap_or_default();
        Self { pause, next: Mutex::new(None), batch: Mutex::new(()) }
    }

    /// Waits for the next time. Dropping the future leaves it to others.
    pub(super) async fn wait(&self) {
        let mut next = self.next.lock().await;
        let now = Instant::now();
        let at = next.unwrap_or(now).max(now.checked_sub(BURST).unwrap_or(now));
        if at > now {
            sleep_until(at).await;
        }
        *next = at.checked_add(self.pause);
    }

    /// Waits until no other batch needs its times, so that the first one ends first.
    pub(super) async fn batch(&self) -> MutexGuard<'_, ()> {
        self.batch.lock().await
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
            rate.wait().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 200);
        // A pause does not save up more than a tenth of a second.
        tokio::time::sleep(Duration::from_secs(60)).await;
        let begun = Instant::now();
        for _ in 0..111 {
            rate.wait().await;
        }
        assert_eq!(begun.elapsed().as_millis() / 10, 100);
    }
}
