//! How many messages a request asks for, and when.

use crate::{
    Bounds,
    binding::{later, queue::Arrived},
};
use std::{collections::VecDeque, time::Duration};
use tokio::time::Instant;

/// How long a request waits for more permits at most, if far fewer are free than for the requests before: many small requests cost more
/// time. It waits no longer than a request takes.
const GATHERING: Duration = Duration::from_millis(10);

/// The messages of requests: one at first, and twice as many after each full answer, but no more than fit into the bytes that are left, if
/// they are as large as the largest of late. If permits become free one by one, a request waits a moment for some more of them.
pub(super) struct Amount {
    /// How many messages to request, and the bytes of the largest of late.
    ask: usize,
    largest: usize,
    /// How many messages a request usually asks for, and when it no longer waits for as many permits.
    usual: usize,
    pub(super) gathered: Option<Instant>,
    /// How long the latest request took.
    pub(super) took: Duration,
}

impl Amount {
    pub(super) fn new() -> Self {
        Self { ask: 1, largest: 0, usual: 0, gathered: None, took: Duration::ZERO }
    }

    /// The messages of a request that may have so many. `None` without room besides the messages that have arrived, or as long as it waits
    /// for more permits.
    pub(super) fn next<T>(
        &mut self,
        most: usize,
        room: Bounds,
        arrived: &VecDeque<Arrived<T>>,
    ) -> Option<usize> {
        let free = room.messages.saturating_sub(arrived.len());
        let waiting = arrived.iter().map(|arrived| arrived.received.size()).fold(0, usize::saturating_add);
        let fit = room.bytes.saturating_sub(waiting).checked_div(self.largest).unwrap_or(usize::MAX);
        if free == 0 || (fit == 0 && !arrived.is_empty()) {
            return None;
        }
        let asked = self.ask.min(most).min(free).min(fit).max(1);
        let is_little = asked.saturating_mul(2) < self.usual;
        let until = *self.gathered.get_or_insert_with(|| later(Instant::now(), self.took.min(GATHERING)));
        if is_little && Instant::now() < until {
            return None;
        }
        self.usual = if is_little { asked.saturating_mul(2) } else { self.usual.max(asked) };
        self.gathered = None;
        Some(asked)
    }

    /// Takes note of the messages that a request has brought.
    pub(super) fn answered<T>(&mut self, asked: usize, arrived: &[Arrived<T>]) {
        if arrived.len() >= asked {
            self.ask = asked.saturating_mul(2).max(self.ask);
        }
        if let Some(largest) = arrived.iter().map(|arrived| arrived.received.size()).max() {
            self.largest = largest.max(self.largest.saturating_sub(self.largest / 8));
        }
    }
}
