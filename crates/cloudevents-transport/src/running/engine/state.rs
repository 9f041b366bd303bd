//! The state of the engine for observers, and warnings if no handler ends for long.

use super::{Engine, Handled};
use crate::{
    RunState,
    deadline::later,
    running::{activity::Seen, name::Name},
};
use std::time::Duration;
use tokio::time::Instant;

/// How long no handler may end before that is reported: while no permit is free, and while all are in use. After that, at twice the time.
const BLOCKED: Duration = Duration::from_secs(10);
const BUSY: Duration = Duration::from_secs(60);

/// How soon to look again whether a permit is free.
const LOOK: Duration = Duration::from_secs(5);

impl Engine {
    fn state(&self, is_held_up: bool) -> RunState {
        let now = Instant::now();
        if self.ending.is_some() {
            RunState::Ending
        } else if self.reconnect.is_some_and(|at| at > now) {
            RunState::Disconnected
        } else if self.pace.is_slow() {
            RunState::Slowed
        } else if self.handled.len() >= self.window.size() {
            if now.duration_since(self.moved) < BUSY { RunState::Busy } else { RunState::Blocked }
        } else if self.receives() && self.in_flight.has_room() && !is_held_up {
            RunState::Receiving
        } else if !(self.handled.is_empty() && self.storing.is_empty())
            && now.duration_since(self.moved) < self.patience()
        {
            RunState::Busy
        } else {
            RunState::Blocked
        }
    }

    /// How long no handler may end while no permit is free. An attempt with a time limit of its own may take all of that time, as at a slow
    /// target.
    fn patience(&self) -> Duration {
        self.settings.follows.unwrap_or_default().max(BLOCKED)
    }

    /// Publishes the state, and reports if no handler ends for long.
    pub(super) fn publish(&mut self, is_held_up: bool) {
        let (state, now) = (self.state(is_held_up), Instant::now());
        let is_empty = self.handled.is_empty() && self.lanes.is_empty();
        self.here = if is_empty { None } else { self.here.or(Some(now)) };
        self.blocked = !is_empty && (self.blocked || state == RunState::Blocked);
        let oldest = self.handled.first_key_value().map(|(_, handled)| handled);
        self.activity.set(Seen {
            state,
            running: self.handled.len(),
            oldest: oldest.map(|oldest| oldest.since),
            waiting: self.lanes.waiting(),
            held: self.held.len(),
            finishing: self
                .ending
                .as_ref()
                .map_or(0, |_| self.handled.len().saturating_add(self.lanes.len())),
            here: self.here,
            blocked: self.blocked,
        });
        // Messages that are held outside may have been settled.
        self.look = (state == RunState::Blocked).then(|| later(now, LOOK));
        let patience = match state {
            RunState::Blocked => BLOCKED,
            RunState::Busy if self.handled.len() < self.window.size() => self.patience(),
            RunState::Busy => BUSY,
            // While it slows down or ends, handlers may hang as well.
            _ if self.handled.len() >= self.window.size() => BUSY,
            _ => return self.report = None,
        };
        let report = *self.report.get_or_insert_with(|| later(self.moved, patience).max(now));
        if report > now {
            return;
        }
        let none_for = now.duration_since(self.moved);
        self.report = Some(later(now, none_for.max(patience)));
        // A bridge says by itself that it moves nothing, and has no handlers.
        if self.settings.follows.is_some() {
            return;
        }
        let (running, waiting) = (self.handled.len(), self.lanes.waiting());
        match oldest {
            Some(Handled { since, attempt, received, .. }) => tracing::warn!(
                ?state, running, waiting, ?none_for, oldest = %Name { received, decoding: &self.decoding }, attempt, running_for = ?since.elapsed(),
                "no handler has ended for long; one that hangs can be ended by a time limit",
            ),
            None => tracing::warn!(
                ?state,
                waiting,
                ?none_for,
                "there is no room: everything received waits behind messages that are tried again later, or the program holds it",
            ),
        }
    }
}
