//! How fast messages are begun while everything fails.

use super::retry::LONGEST_PAUSE;
use crate::{RetryPolicy, deadline::later, streak::LONG};
use std::time::Duration;
use tokio::time::Instant;

/// More failures in a row than this are not waited for, however many handlers there may be.
const MANY: usize = 256;

/// With fewer failures in a row, messages are begun as always.
const FEW: usize = 8;

/// Slows down while no message succeeds. Then one message at a time is begun, as a probe, with growing pauses. A success ends it. After a
/// long time without a success, all failures count, and the pauses are short again.
///
/// A probe that does not end is no reason to wait: the next one is begun after the longest pause.
pub(super) struct Pace {
    retry: RetryPolicy,
    /// Whether it slows down at all, or only counts.
    slows: bool,
    /// Whether the failures in a row are taken for failures of something that all messages share.
    is_outage: bool,
    give_up_after: Option<Duration>,
    /// How long the latest success took.
    took: Duration,
    /// When the first of the failures was.
    since: Option<Instant>,
    /// Failures in a row from which on it is slow.
    many: usize,
    /// Failures since the last success.
    failures: usize,
    /// Probes that failed.
    probes: u32,
    /// When the next message may be begun, while it is slow.
    next: Option<Instant>,
}

impl Pace {
    pub(super) fn new(
        retry: RetryPolicy,
        give_up_after: Option<Duration>,
        concurrency: usize,
        slows: bool,
    ) -> Self {
        let many = concurrency.clamp(FEW, MANY);
        Self {
            retry,
            slows,
            is_outage: false,
            give_up_after,
            took: Duration::ZERO,
            since: None,
            many,
            failures: 0,
            probes: 0,
            next: None,
        }
    }

    pub(super) fn is_slow(&self) -> bool {
        self.next.is_some()
    }

    /// When the next message may be begun; `None` for now.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.next.filter(|next| *next > now)
    }

    /// A message is begun. Returns whether it is a probe.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        if let Some(next) = &mut self.next {
            *next = later(now, LONGEST_PAUSE);
        }
        self.next.is_some()
    }

    /// An attempt succeeded, which took this long.
    pub(super) fn succeeded(&mut self, took: Duration) {
        self.took = took;
        self.begins_anew();
    }

    /// Forgets the failures.
    pub(super) fn begins_anew(&mut self) {
        (self.failures, self.probes, self.next, self.since, self.is_outage) = (0, 0, None, None, false);
    }

    /// An attempt ended without telling whether others would succeed: the message itself was refused. The next probe need not wait.
    pub(super) fn undecided(&mut self, was_probe: bool, now: Instant) {
        if was_probe && self.is_slow() {
            self.next = Some(now);
        }
    }

    /// An attempt failed. Returns whether an outage begins.
    ///
    /// Failures of a moment may be those of messages that were under way together, so that it takes as many. Failures that go on for a
    /// minute are those of a few messages that are tried again and again. They are an outage if they `concern_all`, and not one message.
    ///
    /// `earlier` is the time when the first attempt was begun that still runs, if that was before this attempt. A message that succeeds may
    /// take longer than a message that fails. So no outage begins while an earlier attempt still runs, nor within the time that the latest
    /// success took. An attempt that takes too long tells nothing.
    pub(super) fn failed(
        &mut self,
        was_probe: bool,
        concern_all: bool,
        now: Instant,
        earlier: Option<Instant>,
    ) -> bool {
        self.failures = self.failures.saturating_add(1);
        let since = *self.since.get_or_insert(now);
        let runs = earlier.is_some_and(|begun| now.duration_since(begun) < LONGEST_PAUSE);
        let may_succeed = runs || now.duration_since(since) < self.took.min(LONGEST_PAUSE);
        let lasts = now.duration_since(since) >= LONG;
        let many = if lasts && concern_all { FEW } else { self.many };
        let begins = !self.is_outage && self.failures >= many && !may_succeed;
        self.is_outage |= begins;
        if self.slows && (begins || (was_probe && self.is_slow())) {
            self.probes = self.probes.saturating_add(1);
            let is_long = self.give_up_after.is_some_and(|after| now.duration_since(since) >= after);
            let pause = self.retry.pause(if is_long { 1 } else { self.probes });
            self.next = Some(later(now, pause));
        }
        begins
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of failures, each so long after the one before, at which an outage begins.
    fn begins_at(apart: Duration, concern_all: bool) -> Option<usize> {
        let mut pace = Pace::new(RetryPolicy::default(), None, 64, true);
        let begin = Instant::now();
        let at = |number: u32| later(begin, apart * number);
        (0..64).position(|number| pace.failed(false, concern_all, at(number), None)).map(|before| before + 1)
    }

    #[test]
    fn few_failures_are_an_outage_if_they_go_on_for_a_minute_and_concern_all() {
        let second = Duration::from_secs(1);
        assert_eq!(begins_at(second / 10, true), Some(64));
        assert_eq!(begins_at(second, true), Some(61));
        assert_eq!(begins_at(5 * second, true), Some(13));
        assert_eq!(begins_at(30 * second, true), Some(8));
        assert_eq!(begins_at(30 * second, false), Some(64));
    }
}
