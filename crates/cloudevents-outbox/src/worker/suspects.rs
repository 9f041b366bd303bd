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
    /// When a message was accepted that was begun later.
    proven: Option<SystemTime>,
}

impl Suspects {
    /// Whether a refusal of this message in an attempt that was begun at this time is its own fault, because its place had accepted a message
    /// then, which was begun after the first refusal.
    pub(super) fn is_proven(&self, target: &str, number: u64, begun: SystemTime) -> bool {
        let suspect = self.targets.get(target).and_then(|target| target.get(&number));
        suspect.and_then(|suspect| suspect.proven).is_some_and(|proven| proven <= begun)
    }

    /// This message was refused now.
    pub(super) fn refused(&mut self, flight: &Flight, now: SystemTime) {
        if self.len >= MOST {
            *self = Self::default();
        }
        let suspects = self.targets.entry(Arc::clone(&flight.target)).or_default();
        let destination = flight.destination.clone();
        let before = suspects.len();
        suspects.entry(flight.ticket.number).or_insert(Suspect { destination, refused: now, proven: None });
        self.len = self.len.saturating_add(suspects.len().saturating_sub(before));
    }

    /// This message, which was begun at this time, was accepted now.
    pub(super) fn accepted(&mut self, flight: &Flight, begun: SystemTime, now: SystemTime) {
        for suspect in self.targets.get_mut(&flight.target).into_iter().flat_map(HashMap::values_mut) {
            if begun >= suspect.refused && suspect.destination == flight.destination {
                suspect.proven.get_or_insert(now);
            }
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
