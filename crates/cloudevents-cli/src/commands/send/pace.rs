//! A steady rate.

use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Turns at a steady rate. Turns that were missed are made up for within a second, so that the average holds.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    next: Option<Instant>,
}

impl Pace {
    /// This number of turns a second, which is more than 0.
    pub(super) fn new(rate: f64) -> Self {
        Self { gap: Duration::try_from_secs_f64(rate.recip()).unwrap_or(Duration::MAX), next: None }
    }

    /// Waits for the next turn. The first one is at once. When the future is dropped, the turn is not taken.
    pub(super) async fn next(&mut self) {
        let now = Instant::now();
        let turn = self.turn(now);
        sleep_until(turn).await;
        self.next = turn.checked_add(self.gap);
    }

    /// Returns when the next turn is, which may be in the past.
    fn turn(&self, now: Instant) -> Instant {
        let oldest = now.checked_sub(Duration::from_secs(1)).unwrap_or(now);
        self.next.map_or(now, |next| next.max(oldest))
    }
}

/// Reads a rate: a number of turns a second, more than 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate: Option<f64> = text.parse().ok().filter(|rate| (1e-6..=1e7).contains(rate));
    rate.ok_or_else(|| "expected a number from 0.000001 to 10000000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_made_up_for_within_a_second() {
        let mut pace = Pace::new(100.0);
        let now = Instant::now();
        assert_eq!((pace.gap, pace.turn(now)), (Duration::from_millis(10), now));
        let later = now + Duration::from_millis(10);
        pace.next = Some(later);
        assert_eq!(pace.turn(now), later);
        assert_eq!(pace.turn(now + Duration::from_millis(900)), later);
        let pause = now + Duration::from_secs(60);
        assert_eq!(pace.turn(pause), pause - Duration::from_secs(1));
    }

    #[test]
    fn rates() {
        assert_eq!(rate("2.5"), Ok(2.5));
        for wrong in ["0", "-1", "nan", "inf", "x"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
