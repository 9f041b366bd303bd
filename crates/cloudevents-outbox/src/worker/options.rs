//! Options of workers, and their counters.

use super::Clock;
use crate::{Retention, RetrySchedule};
use cloudevents_transport::{Bounds, binding::connect::Backoff};
use std::{
    fmt,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Options of a worker.
///
/// ```
/// use cloudevents_outbox::{OutboxOptions, RetrySchedule};
/// use std::time::Duration;
///
/// let mut options = OutboxOptions::default();
/// let day = Duration::from_secs(86_400);
/// options.retry = RetrySchedule::exponential(Duration::from_secs(1), Duration::from_secs(60)).with_attempts(8).with_deadline(day);
/// options.per_target = 1;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OutboxOptions {
    /// When a message is tried again, and when it is a dead letter. Default: doubles from a second to an hour, for three days.
    ///
    /// With a limit of attempts and no deadline, temporary errors use up the attempts of messages in order also in an outage of their
    /// target. Otherwise a faulty message would block the messages behind it for ever.
    pub retry: RetrySchedule,
    /// The pauses of a target that is unavailable. Default: from one second to five minutes, with jitter.
    pub pauses: Backoff,
    /// The maximum number of messages that the worker holds at a time, and their maximum size. Default: 1,024, and 64 MiB. With fewer than
    /// three, messages in order behind a refused message wait for its deadline.
    pub in_flight: Bounds,
    /// The maximum number of messages of one target that the worker holds. Default: 64.
    ///
    /// It begins with four, and adds one for each delivery, so that many targets that hang leave permits for the others. Messages in order
    /// are sent one after the other. Of these it may hold three, and up to 32 in an outage of the target that lasts, because the next ones
    /// show whose fault it is if the first is refused.
    pub per_target: usize,
    /// How long an attempt may take. The sender may still deliver a message after that, so this is longer than its own limits. Default:
    /// 45 seconds.
    pub attempt_timeout: Duration,
    /// How long the store reserves a message for this worker. Default: one minute. The worker renews it. After a crash, other workers have
    /// the message after this time.
    pub lease: Duration,
    /// How often to look for messages that are due, when there were none. Messages enqueued through this [`Outbox`](crate::Outbox) are
    /// found at once. Other messages wait for the next look: retries, messages that other programs enqueue, and messages of a worker that
    /// crashed. Default: 250 milliseconds.
    pub poll: Duration,
    /// How long to wait for attempts under way at the end, and for a store that fails. Calls of the store that are under way then are
    /// waited for. Default: 30 seconds.
    pub drain: Duration,
    /// How long messages are kept after they ended. With `None`, they are kept for ever. Default: [`Retention::default`], a day for
    /// delivered messages and 30 days for dead letters.
    pub retention: Option<Retention>,
    /// Where the time comes from.
    pub clock: Clock,
}

impl Default for OutboxOptions {
    fn default() -> Self {
        Self {
            retry: RetrySchedule::exponential(Duration::from_secs(1), Duration::from_secs(3600))
                .with_deadline(Duration::from_secs(3 * 24 * 3600)),
            pauses: Backoff::default().with_delays(Duration::from_secs(1), Duration::from_secs(300)),
            in_flight: Bounds::default(),
            per_target: 64,
            attempt_timeout: Duration::from_secs(45),
            lease: Duration::from_secs(60),
            poll: Duration::from_millis(250),
            drain: Duration::from_secs(30),
            retention: Some(Retention::default()),
            clock: Clock::system(),
        }
    }
}

/// The counts of the workers of an [`Outbox`](crate::Outbox), in this process.
///
/// ```
/// use cloudevents_outbox::OutboxMetrics;
/// use cloudevents_transport::PrometheusPage;
///
/// let (mut page, metrics) = (PrometheusPage::new(), OutboxMetrics::default()); // of `Outbox::metrics`
/// for (name, number) in metrics.iter() {
///     page.counter(&format!("cloudevents_outbox_{name}_total"), "Of the outbox.", &[], number);
/// }
/// assert!(page.to_string().contains("cloudevents_outbox_dead_total 0\n"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutboxMetrics {
    /// Messages that were delivered.
    pub delivered: u64,
    /// Attempts that failed and will be repeated.
    pub retried: u64,
    /// Messages that became dead letters.
    pub dead: u64,
    /// Pauses of unavailable targets.
    pub pauses: u64,
    /// Messages that this worker settled too late, after another worker had taken them.
    pub lost_leases: u64,
}

impl OutboxMetrics {
    /// Returns names and numbers, for publishing them.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        let Self { delivered, retried, dead, pauses, lost_leases } = *self;
        let numbers = [
            ("delivered", delivered),
            ("retried", retried),
            ("dead", dead),
            ("pauses", pauses),
            ("lost_leases", lost_leases),
        ];
        numbers.into_iter()
    }
}

/// One line.
impl fmt::Display for OutboxMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, retried, dead, pauses, lost_leases } = self;
        write!(
            f,
            "delivered {delivered}, retried {retried}, dead {dead}, pauses {pauses}, lost leases {lost_leases}"
        )
    }
}

/// The counters of [`OutboxMetrics`].
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) delivered: AtomicU64,
    pub(crate) retried: AtomicU64,
    pub(crate) dead: AtomicU64,
    pub(crate) pauses: AtomicU64,
    pub(crate) lost_leases: AtomicU64,
    /// The number of workers, and of their kinds of calls, whose last call of the store failed.
    pub(crate) away: AtomicU64,
}

impl Tally {
    pub(crate) fn add(counter: &AtomicU64, number: u64) {
        counter.fetch_add(number, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> OutboxMetrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        OutboxMetrics {
            delivered: read(&self.delivered),
            retried: read(&self.retried),
            dead: read(&self.dead),
            pauses: read(&self.pauses),
            lost_leases: read(&self.lost_leases),
        }
    }
}
