//! How far a partition is done.

use std::collections::BTreeSet;

/// The watermark of one partition: everything before it is settled. It follows the first message that is not.
///
/// Offsets may have gaps, as those of a compacted log do. What it keeps is what was taken and is not settled, no more.
///
/// ```
/// use cloudevents_transport::log::Watermark;
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
    /// The first that is not settled. Where one is handled after the other, there are no others.
    first: Option<u64>,
    others: BTreeSet<u64>,
    /// Behind the last offset that was taken.
    next: u64,
}

impl Watermark {
    /// Everything before this offset is done.
    pub fn at(offset: u64) -> Self {
        Self { first: None, others: BTreeSet::new(), next: offset }
    }

    /// Notes that a message is being handled. Within a partition offsets only grow; one that does not was taken before, and the
    /// answer is `false`.
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

    /// Notes that a message is done with; whether it was being handled.
    pub fn settle(&mut self, offset: u64) -> bool {
        if self.first != Some(offset) {
            return self.others.remove(&offset);
        }
        self.first = self.others.pop_first();
        true
    }

    /// What can be committed: the offset of the first message that is not done with.
    pub fn offset(&self) -> u64 {
        self.first.unwrap_or(self.next)
    }

    /// Behind the last message that was taken: where to read on.
    pub fn position(&self) -> u64 {
        self.next
    }

    /// How far the taking is ahead of the watermark: what comes again, settled or not, should the process end now.
    pub fn lead(&self) -> u64 {
        self.next.saturating_sub(self.offset())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the order of settling: nothing unsettled is ever before the watermark, and in the end it is behind everything.
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
