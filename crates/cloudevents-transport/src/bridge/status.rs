//! The state of a bridge, for probes and metrics.

use super::{BridgeMetrics, fate::Tally};
use crate::{Activity, Connectivity, Counters, InFlight, Metrics, PrometheusPage, RunState, Sender};
use std::{fmt, sync::Arc};

/// Observes a bridge from other tasks. Clones observe the same bridge.
#[derive(Clone)]
pub struct BridgeStatus {
    pub(super) tally: Arc<Tally>,
    pub(super) received: Arc<Counters>,
    pub(super) in_flight: InFlight,
    pub(super) letters: InFlight,
    pub(super) activity: Activity,
    pub(super) source: Connectivity,
    pub(super) target: Sender,
    pub(super) dead_letters: Option<Sender>,
}

impl BridgeStatus {
    /// Whether the bridge runs, both ends, and the dead-letter place, are connected, and messages are moved: those that the bridge holds as
    /// they come, and the last attempt did not show the target to be unavailable.
    ///
    /// A bridge without [pending](Self::pending) messages is ready though its last attempts failed: only the next message shows whether the
    /// target is back. This is so from HTTP, where the sender of a message makes the next attempt, and sends none to a server that is not
    /// ready.
    pub fn is_ready(&self) -> bool {
        let letters = self.dead_letters.as_ref();
        let state = self.activity.state();
        self.source.state().is_connected()
            && self.target.connectivity().state().is_connected()
            && letters.is_none_or(|letters| letters.connectivity().state().is_connected())
            && !matches!(state, RunState::NotRunning | RunState::Disconnected)
            && !(self.pending() > 0 && (self.tally.is_down() || state.is_stalled()))
    }

    /// The number of messages that are still to be moved: those on their way, those that wait for another attempt, and
    /// [those without a dead letter](Self::waiting_letters). What stays as it is until the bridge ends does not count: what a dry run
    /// shows, and what the filter of a redrive leaves in a queue.
    pub fn pending(&self) -> u64 {
        let here = self.received.snapshot().unsettled().saturating_sub(self.activity.held() as u64);
        here.saturating_add(self.waiting_letters() as u64)
    }

    /// The number of messages rejected at the source that its dead-letter sink does not have. After the end: those that it never got. They
    /// are at the source as before, unless it keeps nothing.
    pub fn waiting_letters(&self) -> usize {
        self.letters.used().messages
    }

    /// What it does now.
    pub fn activity(&self) -> &Activity {
        &self.activity
    }

    /// What happened to messages.
    pub fn metrics(&self) -> BridgeMetrics {
        self.tally.snapshot(self.activity.here_for())
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

    /// Adds everything to a page of Prometheus: the counters of both ends with the label `end`, and those of
    /// the bridge, named `cloudevents_bridge_...`.
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
        let help = "Refused messages, which became dead letters.";
        for (reason, value) in &metrics.refused {
            count("refused", help, &[("reason", reason)], *value);
        }
        let used = self.in_flight.used();
        let mut gauge = |name: &str, help: &str, value: usize| {
            page.gauge(&format!("cloudevents_bridge_{name}"), help, &[], value as u64);
        };
        gauge("in_flight_messages", "Messages that are received and not settled.", used.messages);
        gauge("in_flight_bytes", "Bytes of these messages.", used.bytes);
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
        let longest = self.activity.longest_running().unwrap_or_default().as_millis();
        let help = "For how long the message has been on its way that was begun first of those that are.";
        gauge("longest_running_milliseconds", help, usize::try_from(longest).unwrap_or(usize::MAX));
        let state = self.activity.state();
        gauge(
            "stalled",
            "Whether nothing is moved, because the bridge does not run, an end is away, nothing succeeds, or there is no room.",
            (state == RunState::NotRunning || state.is_stalled()).into(),
        );
        if let Some(lag) = metrics.lag {
            let lag = usize::try_from(lag.as_millis()).unwrap_or(usize::MAX);
            gauge(
                "lag_milliseconds",
                "How old the last message was that the target confirmed, and the time since then while others are on their way.",
                lag,
            );
        }
        gauge(
            "ready",
            "Whether the bridge runs, both ends are connected, and what it holds is moved.",
            self.is_ready().into(),
        );
    }
}

impl fmt::Debug for BridgeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BridgeStatus")
            .field("source", &self.source.state())
            .field("target", &self.target.connectivity().state())
            .field("state", &self.activity.state())
            .field("available", &!self.tally.is_down())
            .field("metrics", &self.metrics())
            .finish_non_exhaustive()
    }
}
