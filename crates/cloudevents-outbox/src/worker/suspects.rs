//! Messages that were refused for a reason that may concern all messages: a wrong token, for example.

use std::{collections::HashMap, sync::Arc, time::SystemTime};

/// The most messages that are remembered. With more, a message is refused once more before it is a dead letter.
const MOST: usize = 10_000;

/// Remembers when messages were refused, and whether their targets have accepted other messages since.
#[derive(Default)]
pub(super) struct Suspects {
    targets: HashMap<Arc<str>, HashMap<u64, Suspect>>,
    len: usize,
}

struct Suspect {
    refused: SystemTime,
    /// Whether a message that was begun later was accepted.
    is_proven: bool,
}

impl Suspects {
    /// Whether the refusals of this message are its own fault, because the target accepted a message that was begun after the first one.
    pub(super) fn is_proven(&self, target: &str, number: u64) -> bool {
        let suspect = self.targets.get(target).and_then(|target| target.get(&number));
        suspect.is_some_and(|suspect| suspect.is_proven)
    }

    /// The target refused this message now.
    pub(super) fn refused(&mut self, target: &Arc<str>, number: u64, now: SystemTime) {
        if self.len >= MOST {
            *self = Self::default();
        }
        let suspects = self.targets.entry(Arc::clone(target)).or_default();
        let before = suspects.insert(number, Suspect { refused: now, is_proven: false });
        self.len = self.len.saturating_add(usize::from(before.is_none()));
    }

    /// The target accepted a message that was begun at this time.
    pub(super) fn accepted(&mut self, target: &str, begun: SystemTime) {
        for suspect in self.targets.get_mut(target).into_iter().flat_map(HashMap::values_mut) {
            suspect.is_proven |= begun >= suspect.refused;
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
