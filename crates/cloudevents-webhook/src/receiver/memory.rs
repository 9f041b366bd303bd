//! An idempotency store in memory.

use super::{Begun, Claim, IdempotencyStore, Seen};
use crate::DeliveryKey;
use cloudevents_core::{Error, ErrorKind};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Remembers deliveries in the memory of this process: some 200 bytes for each.
///
/// Processed deliveries are remembered for a day, or until there are `capacity` later ones. A delivery with several message signatures
/// counts as some more. Deliveries that are being processed are never
/// forgotten: with `capacity` of them, new deliveries get 503. Clones share the memory.
///
/// After a restart nothing is remembered. Then only the windows of signatures bound which deliveries can be replayed.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use cloudevents_webhook::{DeliveryKey, receiver::{Begun, IdempotencyStore, MemoryStore}};
///
/// let (store, key) = (MemoryStore::new(10_000), DeliveryKey::of_event("/orders", "1"));
/// let Begun::Claimed(claim) = store.begin(key).await? else { panic!() };
/// assert_eq!(store.begin(key).await?, Begun::Unfinished);
/// store.complete(key, claim).await?;
/// assert_eq!(store.begin(key).await?, Begun::Finished);
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct MemoryStore {
    capacity: usize,
    retention: Duration,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the last claim, or end.
    numbers: u64,
    known: HashMap<DeliveryKey, Known>,
    /// By the numbers of their ends.
    finished: BTreeMap<u64, (Instant, DeliveryKey)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Unfinished(Claim),
    /// With its number, and whether it was only seen.
    Finished(u64, bool),
}

impl State {
    fn number(&mut self) -> u64 {
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }

    fn finish(&mut self, key: DeliveryKey, is_only_seen: bool, now: Instant) {
        let number = self.number();
        let before = self.known.insert(key, Known::Finished(number, is_only_seen));
        if let Some(Known::Finished(before, _)) = before {
            self.finished.remove(&before);
        }
        self.finished.insert(number, (now, key));
    }

    /// Forgets old ones, and the oldest one if another key needs its place.
    fn make_room(
        &mut self,
        key: DeliveryKey,
        now: Instant,
        (capacity, retention): (usize, Duration),
    ) -> Result<(), Error> {
        while let Some(oldest) = self.finished.first_entry()
            && now.saturating_duration_since(oldest.get().0) >= retention
        {
            self.known.remove(&oldest.remove().1);
        }
        if self.known.len() >= capacity && !self.known.contains_key(&key) {
            let Some((_, (_, oldest))) = self.finished.pop_first() else {
                return Err(
                    Error::new(ErrorKind::TooMany).with_detail("too many deliveries are being processed")
                );
            };
            self.known.remove(&oldest);
        }
        Ok(())
    }
}

impl MemoryStore {
    /// Remembers at most this many deliveries.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, retention: Duration::from_secs(24 * 3600), state: Arc::default() }
    }

    /// Remembers processed deliveries for this long.
    pub fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_at(&self, key: DeliveryKey, now: Instant) -> Result<Begun, Error> {
        let mut state = self.state();
        state.make_room(key, now, (self.capacity, self.retention))?;
        Ok(match state.known.get(&key) {
            Some(Known::Unfinished(_)) => Begun::Unfinished,
            Some(Known::Finished(..)) => Begun::Finished,
            None => {
                let claim = Claim(state.number());
                state.known.insert(key, Known::Unfinished(claim));
                Begun::Claimed(claim)
            }
        })
    }

    fn seen_at(&self, key: DeliveryKey, now: Instant) -> Result<Seen, Error> {
        let mut state = self.state();
        state.make_room(key, now, (self.capacity, self.retention))?;
        let is_only_seen = match state.known.get(&key) {
            Some(Known::Unfinished(_)) => return Ok(Seen::Unfinished),
            Some(Known::Finished(_, is_only_seen)) => *is_only_seen,
            None => true,
        };
        state.finish(key, is_only_seen, now);
        Ok(if is_only_seen { Seen::Recorded } else { Seen::Finished })
    }
}

impl IdempotencyStore for MemoryStore {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.begin_at(key, Instant::now())
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let mut state = self.state();
        if state.known.get(&key) == Some(&Known::Unfinished(claim)) {
            state.finish(key, false, Instant::now());
        }
        Ok(())
    }

    async fn seen(&self, key: DeliveryKey) -> Result<Seen, Error> {
        self.seen_at(key, Instant::now())
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let mut state = self.state();
        if state.known.get(&key) == Some(&Known::Unfinished(claim)) {
            state.known.remove(&key);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: u32) -> DeliveryKey {
        DeliveryKey::of_id(&id.to_string())
    }

    async fn claim(store: &MemoryStore, id: u32) -> Claim {
        match store.begin(key(id)).await.unwrap() {
            Begun::Claimed(claim) => claim,
            other => panic!("{id}: {other:?}"),
        }
    }

    #[tokio::test]
    async fn unfinished_ones_are_never_forgotten_and_the_oldest_finished_one_goes() {
        let store = MemoryStore::new(3);
        let first = claim(&store, 1).await;
        for id in [2, 3] {
            let claimed = claim(&store, id).await;
            store.complete(key(id), claimed).await.unwrap();
        }
        let fourth = claim(&store, 4).await; // takes the place of the second
        assert_eq!(store.begin(key(1)).await.unwrap(), Begun::Unfinished);
        assert_eq!(store.begin(key(3)).await.unwrap(), Begun::Finished);
        let second = claim(&store, 2).await; // takes the place of the third
        assert_eq!(store.begin(key(5)).await.unwrap_err().kind(), ErrorKind::TooMany);
        store.abandon(key(4), fourth).await.unwrap();
        claim(&store, 5).await;
        store.abandon(key(2), first).await.unwrap(); // somebody else's claim
        assert_eq!(store.begin(key(2)).await.unwrap(), Begun::Unfinished);
        store.complete(key(2), second).await.unwrap();
        assert_eq!(store.begin(key(2)).await.unwrap(), Begun::Finished);
        assert_eq!(store.state().known.len(), 3);
    }

    #[tokio::test]
    async fn one_that_is_seen_again_is_forgotten_later() {
        let store = MemoryStore::new(2).with_retention(Duration::from_secs(60));
        let (now, second) = (Instant::now(), Duration::from_secs(1));
        let see = |id, after: u32| store.seen_at(key(id), now + second * after).unwrap();
        let begin = |id, after: u32| store.begin_at(key(id), now + second * after).unwrap();
        assert_eq!([see(1, 0), see(2, 1), see(1, 50)], [Seen::Recorded; 3]);
        assert_eq!(begin(1, 109), Begun::Finished);
        let Begun::Claimed(claimed) = begin(2, 109) else { panic!("it is older than a minute") };
        assert_eq!(see(2, 109), Seen::Unfinished);
        store.complete(key(2), claimed).await.unwrap();
        assert_eq!([see(2, 109), see(2, 110)], [Seen::Finished; 2]);
        // The one that was seen last stays where there is no room for both.
        assert_eq!(see(1, 110), Seen::Recorded);
        assert_eq!(see(2, 111), Seen::Finished);
        assert_eq!(see(3, 112), Seen::Recorded);
        assert_eq!((begin(2, 113), begin(3, 113)), (Begun::Finished, Begun::Finished));
        let state = store.state();
        assert_eq!((state.known.len(), state.finished.len()), (2, 2));
    }

    #[tokio::test]
    async fn finished_ones_are_forgotten_after_their_retention() {
        let store = MemoryStore::new(3).with_retention(Duration::from_secs(60));
        let claimed = claim(&store, 1).await;
        let before = Instant::now();
        store.complete(key(1), claimed).await.unwrap();
        let after = Instant::now();
        assert_eq!(store.begin_at(key(1), before + Duration::from_secs(59)).unwrap(), Begun::Finished);
        assert!(matches!(
            store.begin_at(key(1), after + Duration::from_secs(61)).unwrap(),
            Begun::Claimed(_)
        ));
    }
}
