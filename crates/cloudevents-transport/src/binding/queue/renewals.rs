//! Deadlines of held deliveries.

use crate::deadline::later;
use std::time::Duration;
use tokio::time::Instant;

/// The deliveries whose deadlines are renewed until they are settled. It never has more slots than there
/// were deliveries held at once, and adding one allocates only for a new slot.
pub(super) struct Renewals<T> {
    places: Vec<Option<Renewal<T>>>,
    free: Vec<usize>,
    /// Not later than the first one that is due.
    next: Option<Instant>,
    /// How often all were removed. Earlier slots are no longer known.
    cleared: u64,
}

/// Where a delivery is among the [`Renewals`].
#[derive(Clone, Copy)]
pub(super) struct Place {
    at: usize,
    cleared: u64,
}

struct Renewal<T> {
    tag: T,
    due: Instant,
}

impl<T: Clone> Renewals<T> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), next: None, cleared: 0 }
    }

    /// Renews the deadline at half of each period, until it is removed.
    pub(super) fn add(&mut self, tag: T, now: Instant, period: Duration) -> Place {
        let renewal = Renewal { tag, due: later(now, half(period)) };
        self.next = Some(self.next.map_or(renewal.due, |next| next.min(renewal.due)));
        let at = self.free.pop().unwrap_or(self.places.len());
        match self.places.get_mut(at) {
            Some(free) => *free = Some(renewal),
            None => self.places.push(Some(renewal)),
        }
        Place { at, cleared: self.cleared }
    }

    pub(super) fn remove(&mut self, place: Place) {
        if place.cleared == self.cleared && self.places.get_mut(place.at).and_then(Option::take).is_some() {
            self.free.push(place.at);
        }
    }

    pub(super) fn clear(&mut self) {
        *self = Self { cleared: self.cleared.wrapping_add(1), ..Self::new() };
    }

    /// Has all of them renewed now: the last renewal may not have arrived.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.places.iter_mut().flatten().for_each(|renewal| renewal.due = now);
        self.next = self.next.map(|next| next.min(now));
    }

    /// When to call [`due`](Self::due) next. There may be nothing to renew then.
    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Returns the tags whose deadlines are to be renewed now. Deadlines that are due soon are among them, so that
    /// all of them are checked a few times in each period only.
    pub(super) fn due(&mut self, now: Instant, period: Duration) -> Vec<T> {
        let mut tags = Vec::new();
        if self.next.is_none_or(|next| next > now) {
            return tags;
        }
        let soon = later(now, period.checked_div(8).unwrap_or_default());
        let again = later(now, half(period));
        self.next = None;
        for renewal in self.places.iter_mut().flatten() {
            if renewal.due <= soon {
                tags.push(renewal.tag.clone());
                renewal.due = again;
            }
            self.next = Some(self.next.map_or(renewal.due, |next| next.min(renewal.due)));
        }
        tags
    }
}

/// Half of a period: deadlines are renewed then.
fn half(period: Duration) -> Duration {
    period.checked_div(2).unwrap_or(period)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(8);

    fn after(begin: Instant, seconds: u64) -> Instant {
        begin.checked_add(Duration::from_secs(seconds)).unwrap()
    }

    #[test]
    fn held_deliveries_are_renewed_at_half_of_each_period() {
        let (mut renewals, begin) = (Renewals::new(), Instant::now());
        assert_eq!(renewals.next(), None);
        renewals.add('a', begin, PERIOD);
        renewals.add('b', after(begin, 1), PERIOD);
        let settled = renewals.add('c', after(begin, 1), PERIOD);
        renewals.add('d', after(begin, 3), PERIOD);
        renewals.remove(settled);
        assert_eq!(renewals.next(), Some(after(begin, 4)));
        assert_eq!(renewals.due(after(begin, 3), PERIOD), []);
        assert_eq!(renewals.due(after(begin, 4), PERIOD), ['a', 'b'], "those due soon, too");
        assert_eq!(renewals.due(after(begin, 7), PERIOD), ['a', 'b', 'd'], "at 8 the first ones are due");
        assert_eq!(renewals.next(), Some(after(begin, 11)));
    }

    #[test]
    fn all_are_renewed_at_once_when_it_hurries() {
        let (mut renewals, begin) = (Renewals::new(), Instant::now());
        renewals.hurry(begin);
        assert_eq!(renewals.next(), None);
        renewals.add('a', begin, PERIOD);
        renewals.add('b', after(begin, 3), PERIOD);
        renewals.hurry(after(begin, 3));
        assert_eq!(renewals.next(), Some(after(begin, 3)));
        assert_eq!(renewals.due(after(begin, 3), PERIOD), ['a', 'b']);
        assert_eq!(renewals.next(), Some(after(begin, 7)));
    }

    #[test]
    fn places_are_used_again() {
        let (mut renewals, begin) = (Renewals::new(), Instant::now());
        for _ in 0..1000 {
            let (first, second) = (renewals.add(1, begin, PERIOD), renewals.add(2, begin, PERIOD));
            renewals.remove(first);
            renewals.remove(first);
            renewals.remove(second);
        }
        assert_eq!(renewals.places.len(), 2);
        let before = renewals.add(3, begin, PERIOD);
        renewals.clear();
        assert!(renewals.due(after(begin, 10), PERIOD).is_empty());
        renewals.add(4, begin, PERIOD);
        renewals.remove(before);
        assert_eq!(renewals.due(after(begin, 10), PERIOD), [4]);
    }
}
