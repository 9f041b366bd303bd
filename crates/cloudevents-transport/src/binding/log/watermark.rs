//! The watermark of a partition.

use std::collections::BTreeSet;

/// The watermark of one partition: the offset of the first unsettled message.
///
/// Everything before it is settled.
///
/// Offsets may have gaps, as in a compacted log. It stores only the messages that were taken and are not
/// settled.
///
/// ```
/// use cloudevents_transport::binding::log::Watermark;
///
/// let mut watermark = Watermark::at(10);
/// for offset in [10, 11, 14] {
///     watermark.take(offset);
/// }
/// watermark.settle(11);
/// assert_eq!(watermark.offset(), 10); // 10 is a hole
/// watermark.settle(10);
/// assert_eq!(watermark.offset(), 14); // nothing between 11 and 14 was ever there
/// watermark.settle(14);
/// assert_eq!(watermark.offset(), 15);
/// ```
#[derive(Clone, Debug)]
pub struct Watermark {
    /// The first unsettled offset. If messages are handled one after the other, it is the only one.
    first: Option<u64>,
    others: BTreeSet<u64>,
    /// The offsets that are settled behind the first unsettled one.
    ahead: BTreeSet<u64>,
    /// The offset after the last one taken.
    next: u64,
}

impl Watermark {
    /// Creates a watermark at this offset: everything before it is settled.
    pub fn at(offset: u64) -> Self {
        Self { first: None, others: BTreeSet::new(), ahead: BTreeSet::new(), next: offset }
    }

    /// Records that a message was taken.
    ///
    /// Offsets within a partition only grow: returns `false` for a lower one, which was taken before.
    pub fn take(&mut self, offset: u64) -> bool {
        let new = offset >= self.next;
        if new {
            match self.first {
                None => self.first = Some(offset),
                Some(_) => _ = self.others.insert(offset),
            }
            self.next = offset.saturating_add(1);
        }
        new
    }

    /// Records that a message is settled. Returns whether it was unsettled before.
    pub fn settle(&mut self, offset: u64) -> bool {
        let was_unsettled = self.pass_over(offset);
        if was_unsettled && offset > self.offset() {
            self.ahead.insert(offset);
        }
        was_unsettled
    }

    /// As `settle`, of a message that shows nowhere if it comes again.
    pub(super) fn pass_over(&mut self, offset: u64) -> bool {
        if self.first != Some(offset) {
            return self.others.remove(&offset);
        }
        self.first = self.others.pop_first();
        let first = self.offset();
        while self.ahead.first().is_some_and(|settled| *settled < first) {
            self.ahead.pop_first();
        }
        true
    }

    /// The number of messages that are settled, and come again all the same if the process ends now.
    pub(super) fn ahead(&self) -> usize {
        self.ahead.len()
    }

    /// Whether a message behind this offset is settled.
    pub(super) fn is_ahead_of(&self, offset: u64) -> bool {
        self.ahead.last().is_some_and(|settled| *settled > offset)
    }

    /// Records that the log has gone back: the next message has this offset.
    ///
    /// Forgets the unsettled messages at this offset and behind it, and returns their number.
    pub fn cut(&mut self, offset: u64) -> usize {
        let first = self.first.take_if(|first| *first >= offset);
        let others = self.others.split_off(&offset);
        self.ahead.split_off(&offset);
        self.next = offset;
        others.len().saturating_add(usize::from(first.is_some()))
    }

    /// Whether a message at an offset from `from` to before `to` is unsettled.
    pub(super) fn has_within(&self, from: u64, to: u64) -> bool {
        self.first.is_some_and(|first| (from..to).contains(&first))
            || self.others.range(from..).next().is_some_and(|other| *other < to)
    }

    /// The offset that can be committed: that of the first unsettled message.
    pub fn offset(&self) -> u64 {
        self.first.unwrap_or(self.next)
    }

    /// The offset to continue reading at: after the last message taken.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// The distance from the watermark to the position, in offsets.
    ///
    /// These messages are delivered again, settled or not, if the process ends now.
    pub fn lead(&self) -> u64 {
        self.next.saturating_sub(self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// In any order of settling, no unsettled message is before the watermark, and in the end the
        /// watermark is after all messages.
        #[test]
        fn never_passes_a_hole(gaps in prop::collection::vec(1_u64..4, 1..40), order in any::<prop::sample::Index>(), seed in any::<u64>()) {
            let mut offsets: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            let last = *offsets.last().unwrap();
            let mut watermark = Watermark::at(0);
            for offset in &offsets {
                prop_assert!(watermark.take(*offset));
            }
            let mut state = seed | 1;
            while !offsets.is_empty() {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(order.index(1 << 20) as u64);
                let offset = offsets.swap_remove((state >> 33) as usize % offsets.len());
                prop_assert!(watermark.settle(offset));
                prop_assert!(!watermark.settle(offset));
                prop_assert_eq!(watermark.offset(), offsets.iter().min().copied().unwrap_or(last + 1));
            }
            prop_assert_eq!(watermark.lead(), 0);
            prop_assert!(!watermark.take(last));
        }
    }
}
