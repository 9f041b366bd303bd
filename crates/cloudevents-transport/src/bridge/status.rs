//! The state of a bridge, for probes and metrics.

use super::{BridgeMetrics, Stall, Unready, metrics::Tally};
use crate::{
    Activity, Connectivity, Counters, InFlight, LetterBox, Metrics, PrometheusPage, RunState, Sender,
};
use std::{fmt, sync::Arc, time::SystemTime};
use tokio::time::Instant;

/// Observes a bridge from other tasks. Clones observe the same bridge.
#[derive(Clone)]
pub struct BridgeStatus {
    pub(super) tally: Arc<Tally>,
    pub(super) received: Arc<Counters>,
    pub(super) in_flight: InFlight,
    pub(super) letters: LetterBox,
    pub(super) rejected: LetterBox,
    pub(super) activity: Activity,
    pub(super) source: Connectivity,
    pub(super) target: Sender,
    pub(super) dead_letters: Option<Sender>,
    /// Whether the peer of the source keeps messages that are not accepted, and sends them again when it likes.
    pub(super) is_asked: bool,
}

impl BridgeStatus {
    /// Whether the bridge moves its messages.
    ///
    /// It does if it does not [stall](Self::stall), and the last attempt did not show the target to be unavailable for now. A single
    /// failure within five seconds after a success shows nothing.
    ///
    /// Some sources send nothing to a server that is not ready, as HTTP. A bridge from such a source is ready without
    /// [pending](Self::pending) messages though its last attempts failed: only the next message shows whether the target is back.
    pub fn is_ready(&self) -> bool {
        self.reason().is_none()
    }

    /// Returns the reason why the bridge is not [ready](Self::is_ready), and for how long this has been so. `None` if it is ready.
    pub fn unready(&self) -> Option<Unready> {
        let reason = self.reason()?;
        let lasts = self.since(&reason).or_else(|| self.tally.stalled_since());
        Some(Unready { lasts: lasts.map(|since| since.elapsed()), reason })
    }

    fn reason(&self) -> Option<Stall> {
        let is_empty = self.pending() == 0;
        match self.stall() {
            None if is_empty || !self.tally.is_down() => None,
            None => Some(Stall::Attempts(self.tally.attempts.error())),
            Some(Stall::Attempts(_)) if is_empty && self.is_asked => None,
            stall => stall,
        }
    }

    /// Since when the bridge has stalled for this reason, if that is known: since the loss of the connection, or since the first failure
    /// that no success has followed.
    pub(super) fn since(&self, stall: &Stall) -> Option<Instant> {
        let failing = self.tally.attempts.since();
        match stall {
            Stall::NotRunning | Stall::Settlements(_) | Stall::Attempts(None) => None,
            Stall::Source(_) => self.source.away_since().or_else(|| self.activity.away_since()),
            Stall::Target(_) => first([self.target.connectivity().away_since(), failing]),
            Stall::Blocked(_) => first([self.target.connectivity().blocked_since(), failing]),
            Stall::Attempts(Some(_)) => failing,
            Stall::DeadLetters(_) => {
                let place = self.dead_letters.as_ref().and_then(|place| place.connectivity().away_since());
                first([place, self.letters.refuses_since(), self.rejected.refuses_since()])
            }
            Stall::Room => self.activity.blocked_since(),
        }
    }

    /// Since when an end is away that was connected before.
    pub(super) fn lost_since(&self) -> Option<Instant> {
        let ends = [&self.source, &self.target.connectivity()];
        let lost = |end: &Connectivity| {
            let is_lost = end.connects() > 0 && end.state().error().is_some();
            end.away_since().filter(|_| is_lost)
        };
        first(ends.map(lost))
    }

    /// Returns the reason why the bridge moves nothing, or stores no dead letters.
    ///
    /// Messages of other keys may still move. Returns `None` while the bridge moves its messages, or has none.
    ///
    /// The result of an attempt counts for a minute, and for as long as there are [pending](Self::pending) messages. A message that is
    /// refused is a failed attempt here, too, though it becomes a dead letter: a target that refuses all is as good as none.
    pub fn stall(&self) -> Option<Stall> {
        let state = self.activity.state();
        if state == RunState::NotRunning {
            return Some(Stall::NotRunning);
        }
        let away = |end: &Connectivity| {
            let state = end.state();
            (!state.is_connected()).then(|| state.error().cloned())
        };
        let is_away = (state == RunState::Disconnected).then_some(None);
        if let Some(why) = away(&self.source).or(is_away) {
            return Some(Stall::Source(why));
        }
        if let Some(why) = self.source.settles_nothing() {
            return Some(Stall::Settlements(why));
        }
        if let Some(why) = away(&self.target.connectivity()) {
            return Some(Stall::Target(why));
        }
        if let Some(why) = self.target.connectivity().blocked() {
            return Some(Stall::Blocked(why));
        }
        let place = self.dead_letters.as_ref().and_then(|letters| away(&letters.connectivity()));
        let waits = self.pending() > 0;
        let refuses = || self.letters.refuses(waits);
        let rejects = || self.rejected.refuses(self.waiting_letters() > 0);
        if let Some(why) = place.or_else(refuses).or_else(rejects) {
            return Some(Stall::DeadLetters(why));
        }
        let slowed = || (waits && state == RunState::Slowed).then(|| self.tally.attempts.failure());
        let here = self.activity.here_for().filter(|_| waits);
        if let Some(why) = self.tally.attempts.is_long(here).or_else(slowed) {
            return Some(Stall::Attempts(why));
        }
        let fails = || self.tally.attempts.failure().map_or(Stall::Room, |why| Stall::Attempts(Some(why)));
        (waits && self.activity.is_blocked()).then(fails)
    }

    /// Returns the number of messages that are still to be moved.
    ///
    /// These are messages on their way, messages that wait for another attempt, and [messages without a dead
    /// letter](Self::waiting_letters). Messages that stay as they are until the bridge ends do not count: messages that a dry run shows,
    /// messages that the filter of a redrive leaves in a queue, and messages that are refused again.
    pub fn pending(&self) -> u64 {
        let here = self.received.snapshot().unsettled().saturating_sub(self.activity.held() as u64);
        here.saturating_add(self.waiting_letters() as u64)
    }

    /// Returns the number of messages rejected at the source that its dead-letter sink has not stored.
    ///
    /// After the end, this is the number of messages that the sink never stored. They are at the source as before, unless it keeps nothing.
    pub fn waiting_letters(&self) -> usize {
        self.rejected.waiting().used().messages
    }

    /// Returns the state of the bridge.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Returns the numbers of messages by their outcomes.
    pub fn metrics(&self) -> BridgeMetrics {
        let is_idle = self.activity.state() == RunState::Receiving && self.source.state().is_connected();
        self.tally.snapshot(self.activity.here_for(), is_idle)
    }

    /// The counters of the receiver.
    pub fn received(&self) -> Metrics {
        let mut metrics = self.received.snapshot();
        (metrics.connects, metrics.disconnects) = (self.source.connects(), self.source.losses());
        metrics.dropped = self.source.dropped();
        metrics
    }

    /// The counters of the sender.
    pub fn sent(&self) -> Metrics {
        self.target.metrics()
    }

    /// Adds everything to a page of Prometheus.
    ///
    /// These are the counters of both ends with the label `end`, and the counters of the bridge, named `cloudevents_bridge_...`.
    pub fn add_to(&self, page: &mut PrometheusPage) {
        page.metrics(&[("end", "source")], self.received());
        page.metrics(&[("end", "target")], self.sent());
        if let Some(letters) = &self.dead_letters {
            page.metrics(&[("end", "dead-letters")], letters.metrics());
        }
        let metrics = self.metrics();
        let mut count = |name: &str, help: &str, labels: &[(&str, &str)], value| {
            page.counter(&format!("cloudevents_bridge_{name}_total"), help, labels, value);
        };
        count("confirmed", "Messages that the target has.", &[], metrics.confirmed);
        let help = "Messages of which the protocol told that the target had them already.";
        count("duplicates", help, &[], metrics.duplicates);
        count("failed", "Failed attempts, after which the message was tried again.", &[], metrics.failed);
        count("looped", "Messages refused because they had passed too many bridges.", &[], metrics.looped);
        let help = "Refused messages, but for those whose dead letters are not stored yet.";
        // From 0 on: the first one of a reason is no increase for Prometheus.
        count("all_refused", help, &[], metrics.all_refused());
        for (reason, value) in &metrics.refused {
            count("refused", help, &[("reason", reason)], *value);
        }
        let used = self.in_flight.used();
        let mut gauge = |name: &str, help: &str, value: usize| {
            page.gauge(&format!("cloudevents_bridge_{name}"), help, &[], value as u64);
        };
        gauge("in_flight_messages", "Messages that are received and not settled.", used.messages);
        gauge("in_flight_bytes", "Bytes of messages that are received and not settled.", used.bytes);
        gauge("running_messages", "Messages that are being sent.", self.activity.running());
        gauge(
            "waiting_messages",
            "Messages that failed, and wait for their next attempt.",
            self.activity.waiting(),
        );
        gauge(
            "waiting_letters",
            "Messages rejected at the source that its dead-letter sink does not have yet.",
            self.waiting_letters(),
        );
        gauge(
            "stalled",
            "Whether nothing is moved: the bridge does not run, an end or the dead-letter place is away, the target takes no messages, nothing succeeds, or there is no room.",
            self.stall().is_some().into(),
        );
        gauge(
            "ready",
            "Whether the bridge runs, both ends are connected, and what it holds is moved, as far as known.",
            self.is_ready().into(),
        );
        if let Some(last) = metrics.last_refused {
            let help = "When the last message was refused, in seconds since 1970.";
            let since_1970 = last.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            page.seconds("cloudevents_bridge_last_refused_timestamp_seconds", help, &[], since_1970);
        }
        let mut seconds = |name: &str, help: &str, value| {
            page.seconds(&format!("cloudevents_bridge_{name}_seconds"), help, &[], value);
        };
        let help = "For how long the message has been on its way that was begun first of those that are.";
        seconds("longest_running", help, self.activity.longest_running().unwrap_or_default());
        if let Some(lag) = metrics.lag {
            let help = "How old the last message was that the target confirmed, and the time since then while others are on their way. 0 after a minute without messages.";
            seconds("lag", help, lag);
        }
    }
}

fn first<const N: usize>(times: [Option<Instant>; N]) -> Option<Instant> {
    times.into_iter().flatten().min()
}

impl fmt::Debug for BridgeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeStatus")
            .field("source", &self.source.state())
            .field("target", &self.target.connectivity().state())
            .field("state", &self.activity.state())
            .field("available", &!self.tally.is_down())
            .field("stall", &self.stall())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
