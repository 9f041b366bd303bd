//! When a delivery is tried again.

use crate::jitter;
use std::{hash::Hash, time::Duration};

const SECOND: Duration = Duration::from_secs(1);
const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}
const fn hours(hours: u64) -> Duration {
    minutes(hours.saturating_mul(60))
}

/// The waits between the attempts at a delivery, and the deadline after which it is given up: of an outbox, and of webhooks.
///
/// ```
/// use cloudevents_transport::RetrySchedule;
/// use std::time::Duration;
///
/// let schedule = RetrySchedule::new([Duration::from_secs(5), Duration::from_secs(300)]).with_jitter(0);
/// let early = Duration::from_secs(1);
/// assert_eq!(schedule.wait(1, early, None, 0.5), Some(Duration::from_secs(5)));
/// assert_eq!(schedule.wait(2, early, None, 0.5), Some(Duration::from_secs(300)));
/// assert_eq!(schedule.wait(3, early, None, 0.5), None); // given up
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrySchedule {
    /// The wait before the second attempt, the third, and so on.
    waits: Vec<Duration>,
    /// Whether the last wait goes on until the deadline.
    repeats: bool,
    deadline: Option<Duration>,
    /// The random part of a wait, in percent.
    jitter: u32,
    seed: Option<u64>,
}

impl RetrySchedule {
    /// These waits, and no more attempts after them. No deadline; a fifth of each wait is jitter.
    pub fn new(waits: impl IntoIterator<Item = Duration>) -> Self {
        Self { waits: waits.into_iter().collect(), repeats: false, deadline: None, jitter: 20, seed: None }
    }

    /// Doubles the wait from `first` up to `longest`, which then repeats. Without a deadline it repeats for ever.
    pub fn exponential(first: Duration, longest: Duration) -> Self {
        let first = first.max(Duration::from_millis(1));
        let doubled = std::iter::successors(Some(first), |wait| wait.checked_mul(2));
        let waits = doubled.take_while(|wait| *wait < longest).chain([longest]);
        Self { repeats: true, ..Self::new(waits) }
    }

    /// Doubles from a second to an hour, for a day. The webhook specification of CloudEvents names no schedule.
    pub fn cloudevents() -> Self {
        Self::exponential(SECOND, hours(1)).with_deadline(hours(24))
    }

    /// Doubles from 0.2 seconds, `retries` times, for at most a day.
    ///
    /// [Knative](https://knative.dev/docs/eventing/event-delivery/) does so with its usual settings.
    pub fn knative(retries: u32) -> Self {
        let first = Duration::from_millis(200);
        let waits = (0..retries).map(|attempt| first.saturating_mul(2_u32.saturating_pow(attempt)));
        // A wait that is longer than the deadline is never made.
        Self::new(waits.take_while(|wait| *wait <= hours(24))).with_deadline(hours(24))
    }

    /// The schedule of [Event Grid](https://learn.microsoft.com/en-us/azure/event-grid/delivery-and-retry).
    ///
    /// 10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h, then every 12 h, for a day.
    pub fn event_grid() -> Self {
        let waits = [
            SECOND.saturating_mul(10),
            SECOND.saturating_mul(30),
            minutes(1),
            minutes(5),
            minutes(10),
            minutes(30),
            hours(1),
            hours(3),
            hours(6),
            hours(12),
        ];
        Self { repeats: true, ..Self::new(waits) }.with_deadline(hours(24))
    }

    /// The schedule of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md).
    ///
    /// 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, for at most five days.
    pub fn standard_webhooks() -> Self {
        let waits = [
            SECOND.saturating_mul(5),
            minutes(5),
            minutes(30),
            hours(2),
            hours(5),
            hours(10),
            hours(14),
            hours(20),
            hours(24),
        ];
        Self::new(waits).with_deadline(hours(24 * 5))
    }

    /// Sets the number of attempts after which a delivery is given up; at least one.
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

    /// Sets the time after the beginning at which a delivery is given up.
    ///
    /// It begins with the first attempt; in an outbox, when the message is due for the first time or replayed.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Sets the random part of each wait, in percent up to 100. Then deliveries that failed together are not tried again at the same time.
    pub fn with_jitter(mut self, percent: u32) -> Self {
        self.jitter = percent.min(100);
        self
    }

    /// Sets the seed of the [random numbers](Self::random), so that a simulation can repeat its waits.
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The time after the beginning at which a delivery is given up.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Whether the last wait repeats, so that only the deadline ends the attempts.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// Whether a failed delivery is tried again.
    pub fn has_retries(&self) -> bool {
        !self.waits.is_empty()
    }

    /// The wait after this attempt, counted from 1; `None` if the delivery is given up.
    ///
    /// `elapsed` is the time since the beginning. `not_before` is the wait that the target requested: the result is never shorter. If it
    /// ends after the deadline, the delivery is given up. `random` is a number from 0 up to 1, for the jitter, which shortens the wait and
    /// never that of the target.
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
        let shorter = Duration::try_from_secs_f64(wait.as_secs_f64() * (1.0 - less));
        let wait = shorter.unwrap_or(wait).max(not_before.unwrap_or_default());
        self.is_within_deadline(elapsed, wait).then_some(wait)
    }

    /// A number from 0 up to 1 for the jitter of [`wait`](Self::wait), after an attempt that this value names.
    ///
    /// With a [seed](Self::with_seed), it depends on the seed and the value alone. It is not a secret.
    pub fn random(&self, attempt: impl Hash) -> f64 {
        jitter::random(self.seed, attempt)
    }

    /// Whether a delivery that began this long ago may still be sent after this wait.
    pub fn is_within_deadline(&self, elapsed: Duration, wait: Duration) -> bool {
        let due = elapsed.checked_add(wait);
        self.deadline.is_none_or(|deadline| due.is_some_and(|due| due <= deadline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits in seconds after the attempts up to this one.
    fn seconds(schedule: RetrySchedule, attempts: u32) -> Vec<u64> {
        let schedule = schedule.with_jitter(0);
        let waits = (1..=attempts).map_while(|attempt| schedule.wait(attempt, Duration::ZERO, None, 0.9));
        waits.map(|wait| wait.as_secs()).collect()
    }

    #[test]
    fn presets_have_the_waits_of_their_documents() {
        let standard = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(seconds(RetrySchedule::standard_webhooks(), 20), standard);
        let event_grid = [10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 43_200];
        assert_eq!(seconds(RetrySchedule::event_grid(), 11), event_grid);
        assert_eq!(seconds(RetrySchedule::cloudevents(), 14)[10..], [1024, 2048, 3600, 3600]);
        let knative = RetrySchedule::knative(3).with_jitter(0);
        let waits: Vec<_> = (1..=4).map(|attempt| knative.wait(attempt, Duration::ZERO, None, 0.0)).collect();
        let some = |millis| Some(Duration::from_millis(millis));
        assert_eq!(waits, [some(200), some(400), some(800), None]);
        let most = RetrySchedule::knative(u32::MAX).with_jitter(0);
        assert_eq!(most.wait(18, Duration::ZERO, None, 0.0), some(200 << 17));
        assert_eq!(most.wait(20, Duration::ZERO, None, 0.0), None);
    }

    #[test]
    fn waits_double_and_then_repeat_until_the_deadline() {
        let schedule = RetrySchedule::exponential(SECOND, 10 * SECOND).with_deadline(60 * SECOND);
        assert_eq!(seconds(schedule.clone(), 7), [1, 2, 4, 8, 10, 10, 10]);
        let schedule = schedule.with_jitter(0);
        assert_eq!(schedule.wait(1000, Duration::ZERO, None, 0.0), Some(10 * SECOND));
        assert_eq!(schedule.wait(9, 50 * SECOND, None, 0.0), Some(10 * SECOND));
        assert_eq!(schedule.wait(9, 51 * SECOND, None, 0.0), None);
        assert_eq!(schedule.wait(1, SECOND, Some(60 * SECOND), 0.0), None);
        assert_eq!(schedule.wait(1, SECOND, Some(Duration::MAX), 0.0), None);
    }

    #[test]
    fn jitter_shortens_a_wait_but_never_that_of_the_target() {
        let schedule = RetrySchedule::new([10 * SECOND]).with_jitter(50);
        assert_eq!(schedule.wait(1, SECOND, None, 0.0), Some(10 * SECOND));
        assert_eq!(schedule.wait(1, SECOND, None, 0.5), Some(Duration::from_millis(7500)));
        assert_eq!(schedule.wait(1, SECOND, Some(9 * SECOND), 1.0), Some(9 * SECOND));
    }

    #[test]
    fn the_longest_wait_is_no_overflow() {
        let schedule = RetrySchedule::new([Duration::MAX]).with_jitter(0);
        assert_eq!(schedule.wait(1, Duration::ZERO, None, 0.0), Some(Duration::MAX));
        let wait = schedule.with_jitter(100).wait(1, Duration::ZERO, None, 0.5).unwrap();
        assert!(Duration::MAX / 3 < wait && wait < Duration::MAX / 3 * 2, "{wait:?}");
    }

    #[test]
    fn attempts_are_limited() {
        let schedule = RetrySchedule::exponential(SECOND, 2 * SECOND).with_attempts(5);
        assert_eq!(seconds(schedule.clone(), 9), [1, 2, 2, 2]);
        assert!(schedule.has_retries());
        assert!(!schedule.with_attempts(1).has_retries());
    }
}
