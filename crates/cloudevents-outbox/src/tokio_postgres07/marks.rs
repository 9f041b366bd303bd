//! Where claims begin to look for the messages of a target.
//!
//! A message that was delivered leaves the indexes of claims when the server has vacuumed it. The server cannot do that while a session
//! holds a snapshot, such as that of `pg_dump`. Then a claim that begins at the first entry of a target passes all messages that were
//! delivered since. So claims of targets with many messages begin at the first message that the claim before has found. A look from the
//! first entry finds messages that appear before that, such as a message of a transaction that commits late. While that is cheap, it is
//! done at once, and otherwise now and then.

use cloudevents_transport::binding::later;
use std::{
    collections::BTreeMap,
    ops::Bound,
    sync::Arc,
    time::{Duration, Instant as StdInstant},
};
use tokio::time::Instant;

/// The messages that are claimed of a target before its claims have a mark.
const MANY: usize = 256;

/// The entries that a look may pass for claims to need no mark.
const FEW: u64 = 512;

/// The most targets that are known, and the most marks of a claim.
const KNOWN: usize = 4096;
pub(super) const MOST: usize = 1024;

/// A look takes at most this part of the time: one twentieth. It waits for this long at least.
const PART: u32 = 20;
const SHORTEST: Duration = Duration::from_millis(100);

/// Before this, a target had nothing to claim.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    /// Of the messages without an order: when they are due, and their number.
    pub(super) due: i64,
    pub(super) number: i64,
    /// The number of the messages in order.
    pub(super) in_order: i64,
}

impl Mark {
    const NONE: Self = Self { due: i64::MIN, number: i64::MIN, in_order: i64::MIN };
}

struct Known {
    mark: Mark,
    claimed: usize,
    /// When to look from the first entry. `None` while a look is under way.
    look_at: Option<Instant>,
}

impl Known {
    fn has_mark(&self) -> bool {
        self.claimed >= MANY
    }
}

/// The number of entries that a look has passed. Then the due time and number of the first message without an order. Then the number of the
/// first message in order.
pub(super) type Found = (u64, Option<(i64, i64)>, Option<i64>);

#[derive(Default)]
pub(super) struct Marks(BTreeMap<Arc<str>, Known>);

impl Marks {
    /// The marks of the targets after this one, sorted.
    pub(super) fn after(&self, target: &str) -> Vec<(Arc<str>, Mark)> {
        let behind = self.0.range::<str, _>((Bound::Excluded(target), Bound::Unbounded));
        let marked = behind.filter(|(_, known)| known.has_mark());
        marked.take(MOST).map(|(target, known)| (Arc::clone(target), known.mark)).collect()
    }

    /// A claim has taken so many messages of a target. The first ones that it found are where the next one begins.
    pub(super) fn claimed(
        &mut self,
        target: &Arc<str>,
        number: usize,
        apart: Option<(i64, i64)>,
        line: Option<i64>,
    ) {
        if number == 0 && !self.0.contains_key(target) {
            return;
        }
        if self.0.len() >= KNOWN && !self.0.contains_key(target) {
            self.0.retain(|_, known| known.has_mark());
            if self.0.len() >= KNOWN {
                self.0.clear();
            }
        }
        let known = self.0.entry(Arc::clone(target)).or_insert_with(|| Known {
            mark: Mark::NONE,
            claimed: 0,
            look_at: Some(Instant::now()),
        });
        known.claimed = known.claimed.saturating_add(number);
        if let Some((due, number)) = apart {
            (known.mark.due, known.mark.number) = (due, number);
        }
        if let Some(number) = line {
            known.mark.in_order = number;
        }
    }

    /// A target whose messages are to be looked for from the first entry on now, if there is one.
    pub(super) fn next_look(&mut self) -> Option<Arc<str>> {
        let now = Instant::now();
        let mut due = self.0.iter_mut().filter(|(_, known)| known.has_mark());
        let (target, known) = due.find(|(_, known)| known.look_at.is_some_and(|at| at <= now))?;
        known.look_at = None;
        Some(Arc::clone(target))
    }

    /// A look that was begun then has passed so many entries before the first message of each kind, or has failed.
    pub(super) fn looked(&mut self, target: &str, begun: StdInstant, found: Option<Found>) {
        let Some(known) = self.0.get_mut(target) else { return };
        match found {
            // The first message that it found may hide messages behind it, unless the mark is there.
            Some((passed, apart, line))
                if passed <= FEW
                    && apart.is_none_or(|first| first >= (known.mark.due, known.mark.number))
                    && line.is_none_or(|first| first >= known.mark.in_order) =>
            {
                self.0.remove(target);
                return;
            }
            Some((_, apart, line)) => {
                let mark = &mut known.mark;
                if let Some(first) = apart {
                    (mark.due, mark.number) = first.min((mark.due, mark.number));
                }
                mark.in_order = line.map_or(mark.in_order, |line| line.min(mark.in_order));
            }
            None => {}
        }
        let wait = begun.elapsed().saturating_mul(PART).max(SHORTEST);
        known.look_at = Some(later(Instant::now(), wait));
    }

    /// Claims begin at the first entries again.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_moves_with_claims_and_back_with_looks() {
        let (mut marks, target) = (Marks::default(), Arc::from("a"));
        marks.claimed(&target, MANY - 1, Some((5, 1)), Some(7));
        assert!(marks.after("").is_empty() && marks.next_look().is_none());
        marks.claimed(&target, 1, Some((6, 2)), None);
        let mark =
            |marks: &Marks| marks.after("").first().map(|(_, mark)| (mark.due, mark.number, mark.in_order));
        assert_eq!((mark(&marks), marks.after("a").len()), (Some((6, 2, 7)), 0));
        assert_eq!(marks.next_look(), Some(target.clone()));
        assert_eq!(marks.next_look(), None);
        // A transaction has committed late.
        for passed in [FEW + 1, FEW] {
            marks.looked("a", StdInstant::now(), Some((passed, Some((5, 9)), Some(8))));
            assert_eq!((mark(&marks), marks.next_look()), (Some((5, 9, 7)), None));
            marks.claimed(&target, 1, Some((6, 2)), None);
        }
        marks.looked("a", StdInstant::now(), Some((FEW, None, None)));
        assert!(mark(&marks).is_none());
    }

    #[test]
    fn the_number_of_targets_is_bounded() {
        let mut marks = Marks::default();
        for target in 0..KNOWN * 2 {
            marks.claimed(&format!("{target}").into(), if target % 2 == 0 { MANY } else { 1 }, None, None);
        }
        assert!(marks.0.len() <= KNOWN && marks.after("").len() <= MOST);
    }
}
