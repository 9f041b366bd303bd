//! When a message is tried again.

use std::time::Duration;

/// The waits between the attempts at a message, and the deadline after which it is a dead letter.
///
/// ```
/// use cloudevents_outbox::RetrySchedule;
/// use std::time::Duration;
///
/// let schedule = RetrySchedule::new([Duration::from_secs(5), Duration::from_secs(300)]).with_jitter(0);
/// let early = Duration::from_secs(1);
/// assert_eq!(schedule.wait(1, early, None, 0.5), Some(Duration::from_secs(5)));
/// assert_eq!(schedule.wait(2, early, None, 0.5), Some(Duration::from_secs(300)));
/// assert_eq!(schedule.wait(3, early, None, 0.5), None); // dead
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    waits: Vec<Duration>,
    repeats: bool,
    deadline: Option<Duration>,
    jitter: u32,
}

/// Doubles from a second to an hour; the deadline is three days.
impl Default for RetrySchedule {
    fn default() -> Self {
        Self::exponential(Duration::from_secs(1), Duration::from_secs(3600))
            .with_deadline(Duration::from_secs(3 * 24 * 3600))
    }
}

impl RetrySchedule {
    /// These waits, and no more attempts after them. No deadline; a fifth of each wait is jitter.
    pub fn new(waits: impl IntoIterator<Item = Duration>) -> Self {
        Self { waits: waits.into_iter().collect(), repeats: false, deadline: None, jitter: 20 }
    }

    /// Doubles the wait from `first` up to `longest`, which then repeats. Without a deadline it repeats for ever.
    pub fn exponential(first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        let doubled = std::iter::successors(Some(first), |wait| wait.checked_mul(2));
        let waits = doubled.take_while(|wait| *wait < longest).chain([longest]);
        Self { repeats: true, ..Self::new(waits) }
    }

    /// Sets the number of attempts after which a message is dead; at least one.
    pub fn with_attempts(mut self, attempts: u32) -> Self {
        let waits = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
        if let (true, Some(last)) = (self.repeats, self.waits.last().copied()) {
            // A schedule that repeats more often than this is one without a limit.
            self.waits.resize(waits.min(10_000), last);
        }
        self.waits.truncate(waits);
        self.repeats = false;
        self
    }

    /// Sets the time after enqueuing, or after the last replay, at which a message is dead.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the part of each wait, in percent up to 100, that is random, so that messages that failed together are not tried again at
    /// the same time.
    pub fn with_jitter(mut self, percent: u32) -> Self {
        self.jitter = percent.min(100);
        self
    }

    /// The wait after this attempt, counted from 1; `None` where the message is dead.
    ///
    /// `elapsed` is the time since enqueuing. `not_before` is the wait that the target requested; the result is never shorter. `random`
    /// is a number from 0 up to 1, for the jitter, which shortens the wait.
    pub fn wait(
        &self,
        attempt: u32,
        elapsed: Duration,
        not_before: Option<Duration>,
        random: f64,
    ) -> Option<Duration> {
        let index = usize::try_from(attempt.saturating_sub(1)).ok()?;
        let wait = match self.waits.get(index) {
            Some(wait) => *wait,
            None => *self.waits.last().filter(|_| self.repeats)?,
        };
        let less = f64::from(self.jitter) / 100.0 * random.clamp(0.0, 1.0);
        let wait = wait.mul_f64(1.0 - less).max(not_before.unwrap_or_default());
        self.is_within_deadline(elapsed, wait).then_some(wait)
    }

    /// Whether a message that was enqueued this long ago may still be sent after this wait.
    pub fn is_within_deadline(&self, elapsed: Duration, wait: Duration) -> bool {
        self.deadline.is_none_or(|deadline| elapsed.saturating_add(wait) <= deadline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn waits_double_and_then_repeat_until_the_deadline() {
        let schedule =
            RetrySchedule::exponential(SECOND, 10 * SECOND).with_deadline(60 * SECOND).with_jitter(0);
        let wait = |attempt| schedule.wait(attempt, Duration::ZERO, None, 0.9).unwrap().as_secs();
        assert_eq!([1, 2, 3, 4, 5, 6, 1000].map(wait), [1, 2, 4, 8, 10, 10, 10]);
        assert_eq!(schedule.wait(9, 50 * SECOND, None, 0.0), Some(10 * SECOND));
        assert_eq!(schedule.wait(9, 51 * SECOND, None, 0.0), None);
        assert_eq!(schedule.wait(1, SECOND, Some(60 * SECOND), 0.0), None);
    }

    #[test]
    fn jitter_shortens_a_wait_but_never_that_of_the_target() {
        let schedule = RetrySchedule::new([10 * SECOND]).with_jitter(50);
        assert_eq!(schedule.wait(1, SECOND, None, 0.0), Some(10 * SECOND));
        assert_eq!(schedule.wait(1, SECOND, None, 0.5), Some(Duration::from_millis(7500)));
        assert_eq!(schedule.wait(1, SECOND, Some(9 * SECOND), 1.0), Some(9 * SECOND));
    }

    #[test]
    fn attempts_are_limited() {
        let schedule = RetrySchedule::exponential(SECOND, 2 * SECOND).with_attempts(5).with_jitter(0);
        let waits: Vec<_> = (1..=5).map(|attempt| schedule.wait(attempt, SECOND, None, 0.0)).collect();
        assert_eq!(waits, [Some(SECOND), Some(2 * SECOND), Some(2 * SECOND), Some(2 * SECOND), None]);
        assert_eq!(schedule.with_attempts(1).wait(1, SECOND, None, 0.0), None);
    }
}
