//! An inbox in memory, of bounded size.

use crate::{Begun, InboxStore, Seen, Started, millis::later};
use cloudevents_core::{Error, EventKey};
use std::{
    collections::{BTreeMap, HashMap},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// Keeps the keys of the last events in memory, for programs whose duplicates come soon and whose effects may happen twice after a restart.
///
/// Beyond its capacity, it forgets the event that was begun first. An event takes some 100 bytes and twice its key. Clones share one
/// memory.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_core::EventKey;
/// use cloudevents_outbox::{Inbox, MemoryInbox};
///
/// let inbox = Inbox::new(MemoryInbox::new(10_000.try_into().unwrap()), "billing");
/// let key = EventKey::new("/shop", "1")?;
/// for _ in 0..2 {
///     inbox.once(key.clone(), async { println!("once") }).await.unwrap();
/// }
/// assert_eq!(inbox.duplicates(), 1);
/// # Ok::<(), cloudevents_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MemoryInbox {
    kept: Arc<Mutex<Kept>>,
    capacity: NonZeroUsize,
}

type Name = (Arc<str>, EventKey);

#[derive(Debug, Default)]
struct Kept {
    events: HashMap<Name, Row>,
    /// The events in the order in which they were begun first.
    order: BTreeMap<u64, Name>,
    begun: u64,
}

#[derive(Debug)]
struct Row {
    number: u64,
    /// The number of the beginning. 0 for an event that was only seen.
    times: u64,
    /// When the lease ends, or when it was given up.
    until: SystemTime,
    is_abandoned: bool,
    completed: Option<SystemTime>,
}

impl Row {
    fn has_lease(&self, now: SystemTime) -> bool {
        !self.is_abandoned && self.until > now
    }
}

impl Kept {
    /// Adds a new event. If there is no place, the oldest one goes.
    fn insert(&mut self, name: Name, row: Row, capacity: NonZeroUsize) {
        if self.events.len() >= capacity.get()
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.events.remove(&oldest);
        }
        self.order.insert(row.number, name.clone());
        self.events.insert(name, row);
    }
}

impl MemoryInbox {
    /// An inbox that keeps this many events.
    pub fn new(capacity: NonZeroUsize) -> Self {
        Self { kept: Arc::default(), capacity }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls the function with the event, if it is not completed and no other delivery has begun with it since.
    fn of(&self, started: &Started, change: impl FnOnce(&mut Row)) -> bool {
        let mut kept = self.kept();
        let name = (Arc::clone(&started.consumer), started.key.clone());
        let row = kept.events.get_mut(&name);
        let row = row.filter(|row| row.times == started.times && row.completed.is_none());
        row.map(change).is_some()
    }

    /// Whether this beginning is completed already: the first answer may be lost.
    fn was_completed(&self, started: &Started) -> bool {
        let name = (Arc::clone(&started.consumer), started.key.clone());
        let kept = self.kept();
        kept.events.get(&name).is_some_and(|row| row.times == started.times && row.completed.is_some())
    }
}

impl InboxStore for MemoryInbox {
    async fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> Result<Begun, Error> {
        let mut kept = self.kept();
        let name = (Arc::clone(&consumer), key.clone());
        let until = later(now, lease);
        kept.begun = kept.begun.saturating_add(1);
        // A number that no beginning had before, also of an event that was forgotten.
        let times = kept.begun;
        match kept.events.get_mut(&name) {
            Some(Row { completed: Some(_), .. }) => return Ok(Begun::Done),
            Some(row) if row.has_lease(now) => return Ok(Begun::UnderWay(row.until)),
            Some(row) => (row.times, row.until, row.is_abandoned) = (times, until, false),
            None => {
                let row = Row { number: times, times, until, is_abandoned: false, completed: None };
                kept.insert(name, row, self.capacity);
            }
        }
        Ok(Begun::First(Started { consumer, key, times }))
    }

    async fn complete(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        Ok(self.of(&started, |row| row.completed = Some(now)) || self.was_completed(&started))
    }

    async fn abandon(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        Ok(self.of(&started, |row| (row.until, row.is_abandoned) = (now, true)))
    }

    async fn see(&self, consumer: Arc<str>, key: EventKey, now: SystemTime) -> Result<Seen, Error> {
        let mut kept = self.kept();
        kept.begun = kept.begun.saturating_add(1);
        let (name, number) = ((consumer, key), kept.begun);
        let seen = match kept.events.remove(&name) {
            Some(row) if row.completed.is_none() && row.has_lease(now) => {
                kept.events.insert(name, row);
                return Ok(Seen::UnderWay);
            }
            Some(Row { number, times, completed, .. }) => {
                kept.order.remove(&number);
                completed.map_or(0, |_| times)
            }
            None => 0,
        };
        // The last one again: it is forgotten after what came before.
        let row = Row { number, times: seen, until: now, is_abandoned: true, completed: Some(now) };
        kept.insert(name, row, self.capacity);
        Ok(if seen == 0 { Seen::Recorded } else { Seen::Done })
    }

    async fn forget(&self, consumer: Arc<str>, before: SystemTime, limit: usize) -> Result<usize, Error> {
        let mut kept = self.kept();
        let old = kept
            .events
            .iter()
            .filter(|((of, _), row)| *of == consumer && row.completed.unwrap_or(row.until) < before);
        let old: Vec<(Name, u64)> = old.take(limit).map(|(name, row)| (name.clone(), row.number)).collect();
        for (name, number) in &old {
            kept.events.remove(name);
            kept.order.remove(number);
        }
        Ok(old.len())
    }
}
