//! The messages of a link that have no answer: how long to wait for credit, and which one is too large.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};
use tokio::time::Instant;

/// The messages of a link that have no answer.
#[derive(Default)]
pub(super) struct Unanswered {
    /// How many messages there are of each size.
    sizes: BTreeMap<usize, usize>,
    /// The size of the largest one when the broker ended the link because one is too large.
    too_large: Option<usize>,
    /// Since when a message waits for credit, while none is sent or answered.
    waits: Option<Instant>,
}

impl Unanswered {
    pub(super) fn add(&mut self, size: usize) {
        self.waits = None;
        let count = self.sizes.entry(size).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn remove(&mut self, size: usize) {
        self.waits = None;
        if let Entry::Occupied(mut count) = self.sizes.entry(size) {
            match count.get().checked_sub(1) {
                None | Some(0) => _ = count.remove(),
                Some(rest) => _ = count.insert(rest),
            }
        }
    }

    /// How much longer to wait for credit: then none of the messages was answered within the limit. Without messages, it is the broker's
    /// choice to take none.
    pub(super) fn patience(&mut self, limit: Duration) -> Duration {
        let since = *self.waits.get_or_insert_with(Instant::now);
        if self.sizes.is_empty() { Duration::MAX } else { limit.saturating_sub(since.elapsed()) }
    }

    /// Whether the broker may have ended the link because of a message of this size. The condition names no message.
    ///
    /// One of the messages without an answer is too large, and so the largest is. The other messages may be.
    pub(super) fn explains(&mut self, size: usize) -> bool {
        let largest = self.sizes.last_key_value().map_or(size, |(largest, _)| *largest);
        size >= *self.too_large.get_or_insert(largest)
    }
}
