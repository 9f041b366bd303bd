//! Delays between attempts.

use crate::{jitter, running::retry::doubled};
use std::time::Duration;

/// Delays and limits of attempts to connect. The delay doubles with each round, up to the longest, with jitter.
///
/// ```
/// use cloudevents_transport::binding::connect::Backoff;
/// use std::time::Duration;
///
/// let backoff = Backoff::default();
/// let third = backoff.delay(3);
/// assert!(Duration::from_millis(200) <= third && third <= Duration::from_millis(400));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The delay after the first failed round. Default: 100 ms.
    pub first: Duration,
    /// The longest delay. Default: 30 seconds.
    pub longest: Duration,
    /// The limit for one attempt at one host. Default: 10 seconds.
    pub per_host: Duration,
    /// How long to try again while the peer refuses the login or the address, each time with fresh
    /// credentials. After that, the refusal is returned as the error. Default: 5 minutes.
    pub refused: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
            per_host: Duration::from_secs(10),
            refused: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// Returns a copy with this limit for one attempt at one host.
    pub fn with_per_host(mut self, limit: Duration) -> Self {
        self.per_host = limit;
        self
    }

    /// Returns a copy with these delays: after the first failed round, and at most.
    pub fn with_delays(mut self, first: Duration, longest: Duration) -> Self {
        (self.first, self.longest) = (first, longest);
        self
    }

    /// The delay after this round, counted from 1: a random time between half of the doubled delay and all of it.
    ///
    /// Clients that reconnect by themselves without waiting can use this method alone.
    pub fn delay(&self, round: u32) -> Duration {
        self.delay_with(round, jitter::random(None, round))
    }

    /// The [delay](Self::delay) after this round with a random number from 0 up to 1, such as that of
    /// [`RetrySchedule::random`](crate::RetrySchedule::random).
    pub fn delay_with(&self, round: u32, random: f64) -> Duration {
        let half = doubled(self.first, self.longest, round).mul_f64(0.5);
        half.saturating_add(half.mul_f64(random.clamp(0.0, 1.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_with_jitter_up_to_the_longest() {
        let backoff = Backoff::default();
        for round in [1, 2, 5, 9, 10, 40, u32::MAX] {
            let doubled = 100_u64.saturating_mul(2_u64.saturating_pow(round.min(40) - 1));
            let most = Duration::from_millis(doubled).min(backoff.longest);
            let delays: Vec<_> = (0..50).map(|_| backoff.delay(round)).collect();
            assert!(delays.iter().all(|delay| most / 2 <= *delay && *delay <= most), "{round}: {delays:?}");
            assert!(delays.iter().any(|delay| *delay != delays[0]), "{round}: no jitter");
        }
    }
}
