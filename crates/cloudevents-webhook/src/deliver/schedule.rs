//! When a delivery is tried again.

use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}
const fn hours(hours: u64) -> Duration {
    minutes(hours.saturating_mul(60))
}

/// The waits between the attempts of a delivery, and the deadline after which it is given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The wait before the second attempt, the third, and so on.
    waits: Vec<Duration>,
    /// Whether the last wait goes on for ever, until the deadline.
    repeats: bool,
    deadline: Duration,
    /// The part of a wait, in percent, that is drawn by chance.
    jitter: u32,
}

impl Schedule {
    /// These waits, and no more attempts after them. The deadline is a day; a fifth of each wait is jitter.
    pub fn new(waits: impl IntoIterator<Item = Duration>) -> Self {
        Self { waits: waits.into_iter().collect(), repeats: false, deadline: hours(24), jitter: 20 }
    }

    /// Doubles the wait from `first` up to `longest`, which then repeats until the deadline.
    pub fn exponential(first: Duration, longest: Duration) -> Self {
        let doubled =
            std::iter::successors(Some(first.max(Duration::from_millis(1))), |wait| wait.checked_mul(2));
        let waits = doubled.take_while(|wait| *wait < longest).chain([longest]);
        Self { repeats: true, ..Self::new(waits) }
    }

    /// Doubles from a second to an hour, for a day. The webhook specification names no schedule.
    pub fn cloudevents() -> Self {
        Self::exponential(SECOND, hours(1))
    }

    /// Doubles from 0.2 seconds, `retries` times, as Knative does with its usual settings.
    pub fn knative(retries: u32) -> Self {
        let first = Duration::from_millis(200);
        Self::new((0..retries).map(|attempt| first.saturating_mul(2_u32.saturating_pow(attempt))))
    }

    /// Event Grid's: 10 s, 30 s, 1 min, 5 min, 10 min, 30 min, 1 h, 3 h, 6 h, then every 12 h, for a day.
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
        Self { repeats: true, ..Self::new(waits) }
    }

    /// Standard Webhooks': 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h; over four days.
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
        Self { deadline: hours(24 * 5), ..Self::new(waits) }
    }

    /// Sets the time after the first attempt at which a delivery is given up.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets the random part of each wait, in percent up to 100, so that a target that was down does not get all deliveries at once.
    pub fn with_jitter(mut self, percent: u32) -> Self {
        self.jitter = percent.min(100);
        self
    }

    /// The time after the first attempt at which a delivery is given up.
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Whether a failed delivery is tried again.
    pub fn has_retries(&self) -> bool {
        !self.waits.is_empty()
    }

    /// How long to wait after this attempt, counted from 1; `None` where the delivery is given up.
    ///
    /// `elapsed` is the time since the first attempt. `not_before` is the wait that the target requested: the wait is never shorter, and
    /// one that ends after the deadline gives the delivery up. `random` is a number from 0 up to 1, for the jitter, which shortens the
    /// wait and never that of the target.
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
        let due = elapsed.checked_add(wait)?;
        (due <= self.deadline).then_some(wait)
    }
}
