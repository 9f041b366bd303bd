//! Messages that were refused for a reason that may concern all messages: a wrong token, for example.

use super::attempt::Flight;
use cloudevents_transport::Fault;
use std::{collections::HashMap, sync::Arc, time::SystemTime};
use tokio::time::Instant;

/// The most messages that are remembered. With more, a message is refused once more before it is a dead letter.
const MOST: usize = 10_000;

/// Remembers when messages were refused, and whether their destination has accepted other messages since. A destination is the target, and
/// there the name in [`Outgoing::to`](cloudevents_transport::Outgoing::to). An acceptance by one destination says nothing about another
/// one.
#[derive(Default)]
pub(super) struct Suspects {
    targets: HashMap<Arc<str>, HashMap<u64, Suspect>>,
    len: usize,
}

struct Suspect {
    /// When the message was due at first. If the store has lost its last transactions, another message may get its number.
    started: SystemTime,
    destination: Option<Box<str>>,
    /// The last refusal at the destination, of this message or of another one.
    refused: Instant,
    /// When messages were accepted that were begun later: the first and the last one.
    accepted: Option<(Instant, Instant)>,
    evidence: Evidence,
}

/// The evidence against a message, in its order.
#[derive(PartialEq, Eq)]
enum Evidence {
    Refused,
    /// Again, and the destination had accepted another one in between, perhaps long ago.
    RefusedAgain,
    /// And after that it accepted another one, before it refused any.
    RefusedAlone,
}

impl Suspects {
    /// Whether a refusal of this message now, in an attempt that was begun at this time, is its own fault. It is if the destination had
    /// accepted a message by then that was begun after the last refusal. That acceptance has to be fresh, unless this message was already
    /// refused alone.
    pub(super) fn is_proven(&self, flight: &Flight, begun: Instant, now: Instant) -> bool {
        let suspect = self.targets.get(&flight.target).and_then(|target| target.get(&flight.ticket.number));
        suspect.filter(|suspect| suspect.started == flight.started).is_some_and(|suspect| {
            suspect.accepted.is_some_and(|(first, last)| {
                let is_fresh = now.saturating_duration_since(last) <= Fault::FRESH;
                first <= begun && (is_fresh || suspect.evidence == Evidence::RefusedAlone)
            })
        })
    }

    /// This message, which was begun at this time, was refused now, and is tried again. Earlier acceptances by the destination say no more
    /// about any message.
    pub(super) fn refused(&mut self, flight: &Flight, begun: Instant, now: Instant) {
        if self.len >= MOST {
            *self = Self::default();
        }
        let (number, destination) = (flight.ticket.number, &flight.destination);
        let suspects = self.targets.entry(Arc::clone(&flight.target)).or_default();
        for (other, suspect) in suspects.iter_mut().filter(|(_, other)| other.destination == *destination) {
            match suspect.accepted {
                // While this one was on its way, which does not show which of them was first.
                Some((_, last)) if last > begun => continue,
                Some(_) if *other == number && suspect.evidence == Evidence::Refused => {
                    suspect.evidence = Evidence::RefusedAgain;
                }
                None if suspect.evidence == Evidence::RefusedAgain => suspect.evidence = Evidence::Refused,
                _ => {}
            }
            (suspect.accepted, suspect.refused) = (None, now);
        }
        let before = suspects.len();
        if suspects.get(&number).is_some_and(|suspect| suspect.started != flight.started) {
            suspects.remove(&number);
        }
        suspects.entry(number).or_insert_with(|| Suspect {
            started: flight.started,
            destination: destination.clone(),
            refused: now,
            accepted: None,
            evidence: Evidence::Refused,
        });
        self.len = self.len.saturating_add(suspects.len().saturating_sub(before));
    }

    /// This message, which was begun at this time, was accepted now.
    pub(super) fn accepted(&mut self, flight: &Flight, begun: Instant, now: Instant) {
        for suspect in self.targets.get_mut(&flight.target).into_iter().flat_map(HashMap::values_mut) {
            if begun >= suspect.refused && suspect.destination == flight.destination {
                let first = suspect.accepted.map_or(now, |(first, _)| first);
                suspect.accepted = Some((first, now));
                if suspect.evidence == Evidence::RefusedAgain {
                    suspect.evidence = Evidence::RefusedAlone;
                }
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
