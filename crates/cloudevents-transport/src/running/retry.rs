//! The policy for retries.

use std::time::Duration;

/// When [`Receiver::run`](crate::Receiver::run) tries a message again.
///
/// The delay doubles with each attempt. While something that messages share may cause the failures, it is at least 100 milliseconds and
/// at most 30 seconds.
///
/// ```
/// use cloudevents_transport::RetryPolicy;
/// use std::time::Duration;
///
/// let retry = RetryPolicy::default();
/// assert_eq!(retry.delay(1), Duration::from_secs(1));
/// assert_eq!(retry.delay(2), Duration::from_secs(2));
/// assert_eq!(retry.delay(20), Duration::from_secs(300));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The delay after the first attempt. Default: one second.
    pub first: Duration,
    /// The longest delay. Default: five minutes.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), longest: Duration::from_secs(300) }
    }
}

impl RetryPolicy {
    /// The delay after this number of failures, counted from 1.
    pub fn delay(&self, failures: u32) -> Duration {
        doubled(self.first, self.longest, failures)
    }

    /// The pause before something that messages share is used again, which failed this often in a row. It is no busy loop and no long wait,
    /// with every value of [`first`](Self::first).
    pub(crate) fn pause(&self, failures: u32) -> Duration {
        self.delay(failures).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
    }
}

/// Between attempts to use something that messages share.
pub(crate) const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(30);

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
        let retry = RetryPolicy::default();
        let seconds = |attempt| retry.delay(attempt).as_secs();
        assert_eq!([1, 2, 9, 10, 33, 1000].map(seconds), [1, 2, 256, 300, 300, 300]);
    }
}
