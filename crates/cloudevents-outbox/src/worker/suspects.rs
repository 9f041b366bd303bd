//! Messages that were refused for a reason that may concern all messages: a wrong token, for example.

use super::flight::Flight;
use std::{collections::HashMap, sync::Arc, time::SystemTime};

/// The most messages that are remembered. With more, a message is refused once more before it is a dead letter.
const MOST: usize = 10_000;

/// Remembers when messages were refused, and whether the place that they go to has accepted other messages since: the target, and there what
/// [`Outgoing::to`](cloudevents_transport::Outgoing::to) names. What one place accepts says nothing about another one.
#[derive(Default)]
pub(super) struct Suspects {
    targets: HashMap<Arc<str>, HashMap<u64, Suspect>>,
    len: usize,
}

struct Suspect {
    destination: Option<Box<str>>,
    refused: SystemTime,
    /// Whether a message that was begun later was accepted.
    is_proven: bool,
}

impl Suspects {
    /// Whether the refusals of this message are its own fault, because its place accepted a message that was begun after the first one.
    pub(super) fn is_proven(&self, target: &str, number: u64) -> bool {
        let suspect = self.targets.get(target).and_then(|target| target.get(&number));
        suspect.is_some_and(|suspect| suspect.is_proven)
    }

    /// This message was refused now.
    pub(super) fn refused(&mut self, flight: &Flight, now: SystemTime) {
        if self.len >= MOST {
            *self = Self::default();
        }
        let suspects = self.targets.entry(Arc::clone(&flight.target)).or_default();
        let destination = flight.destination.clone();
        let before =
            suspects.insert(flight.ticket.number, Suspect { destination, refused: now, is_proven: false });
        self.len = self.len.saturating_add(usize::from(before.is_none()));
    }

    /// This message, which was begun at this time, was accepted.
    pub(super) fn accepted(&mut self, flight: &Flight, begun: SystemTime) {
        for suspect in self.targets.get_mut(&flight.target).into_iter().flat_map(HashMap::values_mut) {
            suspect.is_proven |= begun >= suspect.refused && suspect.destination == flight.destination;
        }
    }

    /// This message has ended.
    pub(super) fn ended(&mut self, target: &str, number: u64) {
        let Some(suspects) = self.targets.get_mut(target) else { return };
        self.len = self.len.saturating_sub(usize::from(suspects.remove(&number).is_some()));
        if suspects.is_empty() {
            self.targets.remove(target);
        }
    }
}
