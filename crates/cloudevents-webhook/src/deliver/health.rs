//! Whether a target is to be delivered to.

use super::Conclusion;
use cloudevents_core::Error;
use std::{
    fmt,
    time::{Duration, Instant},
};

/// The state of a target.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetState {
    /// Deliveries are sent.
    Active,
    /// Deliveries wait: until this time, or until the target is resumed.
    Paused {
        /// When the next delivery may be sent. `None` if only [`resume`](Health::resume) ends the pause.
        until: Option<Instant>,
        /// Why.
        reason: Reason,
    },
    /// Nothing is sent, and deliveries are refused.
    Disabled(Reason),
}

/// Why no deliveries are sent to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The application paused or disabled the target.
    Operator,
    /// The target requested a pause (`Retry-After` with 429 or 5xx, for example).
    Throttled,
    /// Too many deliveries failed, one after the other.
    Failing,
    /// The target has not agreed to deliveries yet. It may do so by callback.
    AwaitingConsent,
    /// The target is retired (410).
    Gone,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "by the operator",
            Self::Throttled => "the target is overloaded",
            Self::Failing => "too many deliveries failed",
            Self::AwaitingConsent => "the target has not agreed yet",
            Self::Gone => "the target is retired",
        })
    }
}

/// Whether a delivery may be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// Send it, and record the result.
    Send,
    /// Wait until this time. With `None`, wait until the state changes.
    Wait(Option<Instant>),
    /// Give it up, for this reason.
    Refuse(Reason),
}

/// The health of one target: a circuit breaker, pauses that the target requests, and its end.
///
/// After `threshold` failures in a row the target is paused. When the pause ends, one delivery goes as a probe. If it fails, the next pause
/// is twice as long. A success ends the pause, also that of a delivery that was on its way. If the target requests another wait, the longer
/// one counts, and no success ends it.
///
/// ```
/// use cloudevents_webhook::deliver::{Admission, Conclusion, Health, Reason, TargetState};
/// use std::time::{Duration, Instant};
///
/// let (mut health, now) = (Health::new(2, Duration::from_secs(5), Duration::from_secs(300)), Instant::now());
/// let failed = Conclusion::Retry { not_before: None, throttled: false };
/// for _ in 0..2 {
///     assert_eq!(health.admit(now), Admission::Send);
///     health.record(failed, now);
/// }
/// let until = Some(now + Duration::from_secs(5));
/// assert_eq!(*health.state(), TargetState::Paused { until, reason: Reason::Failing });
/// assert_eq!(health.admit(now), Admission::Wait(until));
///
/// let later = now + Duration::from_secs(6);
/// assert_eq!(health.admit(later), Admission::Send);
/// assert_eq!(health.admit(later), Admission::Wait(None)); // there is one probe
/// health.record(Conclusion::Delivered, later);
/// assert_eq!(*health.state(), TargetState::Active);
/// ```
#[derive(Clone, Debug)]
pub struct Health {
    state: TargetState,
    threshold: u32,
    first: Duration,
    longest: Duration,
    /// Failures in a row, and the pauses after them.
    failures: u32,
    pauses: u32,
    probing: bool,
    /// Until when the target requested a pause, in any state.
    requested: Option<Instant>,
    /// Until when the application paused the target, in any state. With `Some(None)`, until it is resumed.
    operator: Option<Option<Instant>>,
}

impl Health {
    /// Creates an active target. It is paused after `threshold` failures in a row: at first for `first`, and at most for `longest`.
    pub fn new(threshold: u32, first: Duration, longest: Duration) -> Self {
        let threshold = threshold.max(1);
        Self {
            state: TargetState::Active,
            threshold,
            first,
            longest,
            failures: 0,
            pauses: 0,
            probing: false,
            requested: None,
            operator: None,
        }
    }

    /// The state.
    pub fn state(&self) -> &TargetState {
        &self.state
    }

    /// Whether a delivery may be sent now. After [`Admission::Send`], call [`record`](Self::record) or [`forget`](Self::forget).
    pub fn admit(&mut self, now: Instant) -> Admission {
        match &self.state {
            TargetState::Active => Admission::Send,
            TargetState::Disabled(reason) => Admission::Refuse(*reason),
            TargetState::Paused { until: Some(until), .. } if *until > now => Admission::Wait(Some(*until)),
            TargetState::Paused { until: None, .. } => Admission::Wait(None),
            TargetState::Paused { .. } if self.probing => Admission::Wait(None),
            TargetState::Paused { .. } => {
                self.probing = true;
                Admission::Send
            }
        }
    }

    /// Records the result of a delivery that was admitted.
    pub fn record(&mut self, conclusion: Conclusion, now: Instant) {
        self.conclude(conclusion, false, false, now);
    }

    fn conclude(&mut self, conclusion: Conclusion, is_late: bool, waits: bool, now: Instant) {
        self.probing = false;
        match conclusion {
            // The target works, even if it refuses the event.
            Conclusion::Delivered | Conclusion::Refused => {
                if let TargetState::Paused { until: Some(until), reason } = self.state
                    && (until <= now || reason == Reason::Failing)
                {
                    self.end_pause(now);
                }
                (self.failures, self.pauses) = (0, 0);
            }
            // The decision of an operator holds.
            Conclusion::Gone if self.state == TargetState::Disabled(Reason::Operator) => {}
            Conclusion::Gone => self.state = TargetState::Disabled(Reason::Gone),
            Conclusion::Retry { .. } | Conclusion::Denied => {
                // Deliveries that were on their way together fail together. That is one outage, whose pause has begun.
                let is_new = !is_late || self.pauses == 0;
                self.failures = self.failures.saturating_add(u32::from(is_new));
                if let Conclusion::Retry { not_before: Some(wait), throttled: true } = conclusion {
                    let until = Some(later(now, wait.min(Error::LONGEST_RETRY_AFTER)));
                    self.requested = self.requested.max(until);
                    self.pause(until, Reason::Throttled);
                }
                // Also where the target requests a pause: its `Retry-After: 0` does not make it one that works.
                if is_new && self.failures >= self.threshold && !(waits && self.pauses == 0) {
                    self.pauses = self.pauses.saturating_add(1);
                    self.pause(Some(later(now, self.next_pause())), Reason::Failing);
                }
            }
        }
    }

    /// Records the result of a delivery that was admitted before a pause: its probe is another one. The first pause after failures `waits`
    /// for a delivery that was admitted before this one, and may succeed.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn record_late(&mut self, conclusion: Conclusion, waits: bool, now: Instant) {
        let probing = self.probing;
        self.conclude(conclusion, true, waits, now);
        self.probing = probing && matches!(self.state, TargetState::Paused { .. });
    }

    /// Whether a delivery probes the target.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn is_probing(&self) -> bool {
        self.probing
    }

    /// Ends an admission without a result: the delivery was not sent.
    pub fn forget(&mut self) {
        self.probing = false;
    }

    /// Pauses until this time, or for an indefinite time. A pause never becomes shorter, and a disabled target stays so.
    pub fn pause(&mut self, until: Option<Instant>, reason: Reason) {
        if reason == Reason::Operator {
            self.operator = Some(match self.operator {
                Some(present) => present.zip(until).map(|(present, until)| present.max(until)),
                None => until,
            });
        }
        let longer = match &self.state {
            TargetState::Active => true,
            TargetState::Disabled(_) | TargetState::Paused { until: None, .. } => false,
            TargetState::Paused { until: Some(present), .. } => until.is_none_or(|until| until > *present),
        };
        if longer {
            self.state = TargetState::Paused { until, reason };
        }
    }

    /// Makes the target active, from any state.
    pub fn resume(&mut self) {
        self.state = TargetState::Active;
        (self.failures, self.pauses) = (0, 0);
        self.probing = false;
        (self.requested, self.operator) = (None, None);
    }

    /// Ends the wait for consent, and no pause that the target or the application requested.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn consented(&mut self, now: Instant) {
        if matches!(self.state, TargetState::Paused { reason: Reason::AwaitingConsent, .. }) {
            self.end_pause(now);
        }
    }

    /// Ends a pause, and none that the target or the application requested and that lasts.
    fn end_pause(&mut self, now: Instant) {
        let requested = self.requested.filter(|until| *until > now);
        let operator = self.operator.filter(|until| until.is_none_or(|until| until > now));
        self.resume();
        self.requested = requested;
        if requested.is_some() {
            self.pause(requested, Reason::Throttled);
        }
        if let Some(until) = operator {
            self.pause(until, Reason::Operator);
        }
    }

    /// Whether the target requested the present pause, until this time.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn is_requested(&self, until: Instant) -> bool {
        self.requested == Some(until)
    }

    /// The health of the target that replaces this one at another URL. Decisions of the application hold.
    #[cfg(feature = "reqwest013")]
    pub(crate) fn elsewhere(&self, fresh: Self) -> Self {
        let mut health = fresh;
        if let Some(until) = self.operator {
            health.pause(until, Reason::Operator);
        }
        if self.state == TargetState::Disabled(Reason::Operator) {
            health.disable(Reason::Operator);
        }
        health
    }

    /// Disables the target.
    pub fn disable(&mut self, reason: Reason) {
        self.state = TargetState::Disabled(reason);
    }

    fn next_pause(&self) -> Duration {
        let doubled = self.pauses.saturating_sub(1).min(20);
        self.first.saturating_mul(2_u32.saturating_pow(doubled)).min(self.longest)
    }
}

/// A day later, if the clock does not reach as far: no pause that the program did not request lasts for ever.
fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).or_else(|| now.checked_add(Error::LONGEST_RETRY_AFTER)).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn failed(not_before: Option<u64>) -> Conclusion {
        let not_before = not_before.map(Duration::from_secs);
        Conclusion::Retry { not_before, throttled: not_before.is_some() }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_a_success_ends_them() {
        let (mut health, mut now) = (Health::new(1, SECOND, 3 * SECOND), Instant::now());
        for seconds in [1, 2, 3, 3] {
            assert_eq!(health.admit(now), Admission::Send);
            health.record(failed(None), now);
            let until = now + seconds * SECOND;
            assert_eq!(health.admit(now), Admission::Wait(Some(until)));
            now = until;
        }
        assert_eq!(health.admit(now), Admission::Send);
        health.record(Conclusion::Refused, now);
        assert_eq!(*health.state(), TargetState::Active);
    }

    #[test]
    fn what_the_target_requests_is_never_shortened() {
        let (mut health, now) = (Health::new(1, SECOND, 3 * SECOND), Instant::now());
        health.record(failed(Some(100)), now);
        health.record(failed(None), now);
        health.record(failed(Some(10)), now);
        health.record(Conclusion::Delivered, now); // was on its way
        assert_eq!(health.admit(now + 99 * SECOND), Admission::Wait(Some(now + 100 * SECOND)));
        assert_eq!(health.admit(now + 100 * SECOND), Admission::Send);
        // Longer than time itself: a day.
        let (asked, day) = (now + 100 * SECOND, 24 * 3600 * SECOND);
        health.record(failed(Some(u64::MAX)), asked);
        assert_eq!(health.admit(asked + day - SECOND), Admission::Wait(Some(asked + day)));
        assert_eq!(health.admit(asked + day), Admission::Send);
    }

    #[test]
    fn a_request_to_wait_for_no_time_does_not_shorten_pauses_after_failures() {
        let (mut health, mut now) = (Health::new(2, SECOND, 60 * SECOND), Instant::now());
        health.record(failed(Some(0)), now);
        assert_eq!(health.admit(now), Admission::Send);
        for seconds in [1, 2, 4] {
            health.record(failed(Some(0)), now);
            now += seconds * SECOND;
            assert_eq!(health.admit(now - Duration::from_millis(1)), Admission::Wait(Some(now)));
            assert_eq!(health.admit(now), Admission::Send);
        }
        // The longer one counts.
        health.record(failed(Some(100)), now);
        assert_eq!(health.admit(now + 99 * SECOND), Admission::Wait(Some(now + 100 * SECOND)));
    }

    #[test]
    fn a_target_that_refuses_the_sender_is_paused() {
        let (mut health, now) = (Health::new(2, SECOND, SECOND), Instant::now());
        health.record(Conclusion::Denied, now);
        assert_eq!(health.admit(now), Admission::Send);
        health.record(Conclusion::Denied, now);
        assert_eq!(health.admit(now), Admission::Wait(Some(now + SECOND)));
    }

    #[test]
    fn a_retired_target_stays_disabled() {
        let (mut health, now) = (Health::new(1, SECOND, 3 * SECOND), Instant::now());
        health.record(Conclusion::Gone, now);
        health.pause(None, Reason::Operator);
        health.record(Conclusion::Delivered, now);
        assert_eq!(health.admit(now + 1_000 * SECOND), Admission::Refuse(Reason::Gone));
    }

    /// Its reason decides whether the target stays disabled where it is added again.
    #[test]
    fn a_late_end_of_the_target_does_not_undo_that_an_operator_disabled_it() {
        let (mut health, now) = (Health::new(1, SECOND, 3 * SECOND), Instant::now());
        health.disable(Reason::Operator);
        health.record(Conclusion::Gone, now);
        assert_eq!(health.admit(now), Admission::Refuse(Reason::Operator));
        let (mut health, now) = (Health::new(1, SECOND, 3 * SECOND), Instant::now());
        health.record(Conclusion::Gone, now);
        health.disable(Reason::Operator);
        assert_eq!(health.admit(now), Admission::Refuse(Reason::Operator));
    }

    #[cfg(feature = "reqwest013")]
    #[test]
    fn what_was_on_its_way_before_a_pause_is_not_its_probe() {
        for late in [failed(None), Conclusion::Gone, Conclusion::Delivered] {
            let (mut health, now) = (Health::new(2, SECOND, SECOND), Instant::now());
            for _ in 0..3 {
                assert_eq!(health.admit(now), Admission::Send);
            }
            health.record(failed(None), now);
            health.record(failed(None), now);
            let then = now + SECOND;
            assert!(!health.is_probing());
            assert_eq!(health.admit(then), Admission::Send);
            assert!(health.is_probing());
            // The third one lands.
            health.record_late(late, false, then);
            let expected = match late {
                Conclusion::Gone => Admission::Refuse(Reason::Gone),
                Conclusion::Delivered => Admission::Send,
                _ => Admission::Wait(None),
            };
            assert_eq!(health.admit(then + 60 * SECOND), expected);
        }
    }

    #[cfg(feature = "reqwest013")]
    #[test]
    fn what_fails_with_others_does_not_lengthen_their_pause() {
        let (mut health, now) = (Health::new(2, SECOND, 60 * SECOND), Instant::now());
        for _ in 0..64 {
            assert_eq!(health.admit(now), Admission::Send);
        }
        for millis in 0..64 {
            health.record_late(failed(None), false, now + Duration::from_millis(millis));
        }
        let begun = now + Duration::from_millis(1);
        assert_eq!(health.admit(begun), Admission::Wait(Some(begun + SECOND)));
        // The probe does.
        let probing = begun + SECOND;
        assert_eq!(health.admit(probing), Admission::Send);
        health.record(failed(None), probing);
        assert_eq!(health.admit(probing), Admission::Wait(Some(probing + 2 * SECOND)));
        // What the target requests counts.
        health.record_late(failed(Some(100)), false, probing);
        assert_eq!(health.admit(probing), Admission::Wait(Some(probing + 100 * SECOND)));
    }

    /// As in `run` and in an outbox.
    #[test]
    fn a_success_during_a_pause_after_failures_ends_it_and_no_other_pause() {
        let (mut health, now) = (Health::new(2, SECOND, 60 * SECOND), Instant::now());
        for conclusion in [failed(None), failed(None), Conclusion::Delivered] {
            health.record(conclusion, now);
        }
        assert_eq!(*health.state(), TargetState::Active);
        health.record(failed(None), now);
        assert_eq!(health.admit(now), Admission::Send, "it is the first failure of another row");
        // Behind the longer pause after failures is one that the target requested, or the application.
        for (reason, conclusion) in [(Reason::Throttled, failed(Some(10))), (Reason::Operator, failed(None))]
        {
            let mut health = Health::new(1, 60 * SECOND, 60 * SECOND);
            let until = Some(now + 10 * SECOND);
            health.record(conclusion, now);
            if reason == Reason::Operator {
                health.pause(until, reason);
            }
            assert_eq!(health.admit(now), Admission::Wait(Some(now + 60 * SECOND)));
            health.record(Conclusion::Delivered, now);
            assert_eq!(*health.state(), TargetState::Paused { until, reason });
        }
    }

    /// Failures may be faster than successes.
    #[cfg(feature = "reqwest013")]
    #[test]
    fn the_first_pause_after_failures_waits_for_an_earlier_delivery() {
        let (mut health, now) = (Health::new(2, SECOND, 60 * SECOND), Instant::now());
        for _ in 0..9 {
            health.record_late(failed(None), true, now);
            assert_eq!(*health.state(), TargetState::Active);
        }
        // It fails, too. Then the pause is the first one, however many failed.
        health.record_late(failed(None), false, now);
        assert_eq!(health.admit(now), Admission::Wait(Some(now + SECOND)));
    }

    #[test]
    fn a_probe_that_was_not_sent_leaves_its_place() {
        let (mut health, now) = (Health::new(1, SECOND, SECOND), Instant::now());
        health.record(failed(None), now);
        let later = now + SECOND;
        assert_eq!(health.admit(later), Admission::Send);
        health.forget();
        assert_eq!(health.admit(later), Admission::Send);
    }
}
