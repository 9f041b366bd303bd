//! The messages that are still handled when the receiver is stopped.

use crate::Delivery;
use cloudevents_core::{Error, ErrorKind};
use std::collections::HashMap;
use tokio::time::Instant;

/// The position of a message in a log: its assignment, and its offset.
pub(super) type Place = (u64, u64);

/// The end of a run: nothing more is received.
///
/// In a log, a settled message comes again if a message before it is not settled. So when the receiver was stopped, messages that were
/// *overtaken* are handled, too: a message behind them is settled, or a handler has it. All other messages that no handler has go back.
pub(super) struct Ending {
    pub(super) result: Result<(), Error>,
    /// When the handlers that still run are dropped.
    pub(super) late: Instant,
    /// The first message of each assignment that is not handled any more. The messages behind it come again in any case.
    stuck: HashMap<u64, u64>,
}

/// The last message of each assignment that a handler has.
#[derive(Default)]
pub(super) struct UnderWay(HashMap<u64, u64>);

impl Ending {
    pub(super) fn new(result: Result<(), Error>, late: Instant) -> Self {
        Self { result, late, stuck: HashMap::new() }
    }

    /// The message is not handled any more.
    pub(super) fn leaves(&mut self, delivery: &Delivery) {
        if let Some((assignment, offset)) = delivery.place() {
            let first = self.stuck.entry(assignment).or_insert(offset);
            *first = offset.min(*first);
        }
    }

    /// Whether the message has to be handled before the end.
    pub(super) fn needs(&self, delivery: &Delivery, under_way: &UnderWay) -> bool {
        let Some((assignment, offset)) = delivery.place().filter(|_| self.result.is_ok()) else {
            return false;
        };
        let is_stuck = self.stuck.get(&assignment).is_some_and(|stuck| *stuck <= offset);
        !is_stuck && under_way.overtakes(delivery)
    }
}

impl UnderWay {
    /// Whether a message behind this one in its log is settled, or a handler has it.
    pub(super) fn overtakes(&self, delivery: &Delivery) -> bool {
        let is_behind = |(assignment, offset)| self.0.get(&assignment).is_some_and(|last| *last > offset);
        delivery.place().is_some_and(is_behind) || delivery.is_overtaken()
    }
}

impl FromIterator<Place> for UnderWay {
    fn from_iter<T: IntoIterator<Item = Place>>(places: T) -> Self {
        let mut last = HashMap::new();
        for (assignment, offset) in places {
            let known = last.entry(assignment).or_insert(offset);
            *known = offset.max(*known);
        }
        Self(last)
    }
}

/// The error of handlers that still run at the end of the time.
pub(super) fn late(running: usize) -> Error {
    Error::new(ErrorKind::Timeout)
        .with_detail(format!("handlers were still running at the deadline: {running}"))
}

/// The result of handling and draining. The error of late handlers also has the error about messages that come again.
pub(crate) fn both(handled: Result<(), Error>, drained: Result<(), Error>) -> Result<(), Error> {
    match (handled, drained) {
        (Err(late), Err(again)) if late.kind() == ErrorKind::Timeout => {
            let detail = format!("{}; {}", late.detail(), again.detail());
            Err(late.with_detail(detail))
        }
        (handled, drained) => handled.and(drained),
    }
}
