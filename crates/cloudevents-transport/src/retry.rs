//! The policy for retries.

use std::time::Duration;

/// When [`Receiver::run`](crate::Receiver::run) tries a message again, and when it gives up.
///
/// The delay doubles with each attempt.
///
/// ```
/// use cloudevents_transport::RetryPolicy;
/// use std::time::Duration;
///
/// let mut retry = RetryPolicy::default();
/// retry.attempts = 3;
/// assert_eq!(retry.after(1), Some(Duration::from_secs(1)));
/// assert_eq!(retry.after(2), Some(Duration::from_secs(2)));
/// assert_eq!(retry.after(3), None); // rejected
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The delay after the first attempt. Default: one second.
    pub first: Duration,
    /// The longest delay. Default: five minutes.
    pub longest: Duration,
    /// The number of attempts after which a failure rejects the message; at least one. Attempts during an
    /// outage do not count. Default: 10.
    pub attempts: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(300), attempts: 10 }
    }
}

impl RetryPolicy {
    /// The delay after this attempt, counted from 1; `None` after the last one.
    pub fn after(&self, attempt: u32) -> Option<Duration> {
        (attempt < self.attempts).then(|| self.delay(attempt))
    }

    /// The delay after this number of failures, counted from 1.
    pub(crate) fn delay(&self, failures: u32) -> Duration {
        doubled(self.first, self.longest, failures)
    }
}

/// `first`, doubled with each round after the first one, up to `longest`.
pub(crate) fn doubled(first: Duration, longest: Duration, round: u32) -> Duration {
    let factor = 1_u32.checked_shl(round.saturating_sub(1));
    factor.and_then(|factor| first.checked_mul(factor)).unwrap_or(longest).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_longest() {
        let mut retry = RetryPolicy { attempts: u32::MAX, ..RetryPolicy::default() };
        let seconds = |attempt| retry.after(attempt).unwrap().as_secs();
        assert_eq!([1, 2, 9, 10, 33, 1000].map(seconds), [1, 2, 256, 300, 300, 300]);
        retry.attempts = 0;
        assert_eq!(retry.after(1), None);
    }
}
