//! The parts of the input that messages in flight keep in memory.

use crate::source::Source;
use std::sync::{Arc, Weak};

/// The parts of the input before the present one, as long as a message in flight needs one of its lines.
///
/// A part has hundreds of lines. Brokers confirm messages in any order, so one late message may keep a part that is else done. The bytes
/// in flight alone would be no bound for the memory.
#[derive(Debug, Default)]
pub(super) struct Kept {
    before: Vec<(Weak<Source>, usize)>,
    present: Weak<Source>,
}

impl Kept {
    /// Whether this part of the input is another one than the present one, which it replaces.
    pub(super) fn begins(&mut self, part: &Arc<Source>) -> bool {
        if self.present.as_ptr() == Arc::as_ptr(part) {
            return false;
        }
        let last = std::mem::replace(&mut self.present, Arc::downgrade(part));
        if let Some(source) = last.upgrade() {
            self.before.push((last, source.text.len()));
        }
        true
    }

    /// The bytes of the parts before the present one that are still in memory.
    pub(super) fn bytes(&mut self) -> usize {
        self.before.retain(|(part, _)| part.strong_count() > 0);
        self.before.iter().fold(0, |all, (_, bytes)| all.saturating_add(*bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_counts_while_a_message_has_it() {
        let part = |length: usize| Arc::new(Source::new("f", vec![b' '; length], 1));
        let mut kept = Kept::default();
        let first = part(10);
        assert!(kept.begins(&first));
        assert!(!kept.begins(&first));
        // The input has the present one.
        assert_eq!(kept.bytes(), 0);
        let second = part(5);
        assert!(kept.begins(&second));
        assert_eq!(kept.bytes(), 10);
        let third = part(1);
        drop(second);
        assert!(kept.begins(&third));
        assert_eq!(kept.bytes(), 10);
        drop(first);
        assert_eq!(kept.bytes(), 0);
    }
}
