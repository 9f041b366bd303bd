//! An idempotency store in memory.

use super::{Begun, Claim, IdempotencyStore};
use crate::DeliveryKey;
use cloudevents_core::{Error, ErrorKind};
use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Remembers deliveries in the memory of this process: some 100 bytes for each.
///
/// Processed deliveries are remembered for a day, or until there are `capacity` later ones. Deliveries that are being processed are never
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
    claims: u64,
    known: HashMap<DeliveryKey, Known>,
    /// In the order in which they were finished.
    finished: VecDeque<(Instant, DeliveryKey)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Unfinished(Claim),
    Finished,
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
        while let Some((at, oldest)) = state.finished.front().copied()
            && now.saturating_duration_since(at) >= self.retention
        {
            state.finished.pop_front();
            state.known.remove(&oldest);
        }
        let is_full = state.known.len() >= self.capacity;
        if is_full && !state.known.contains_key(&key) {
            let Some((_, oldest)) = state.finished.pop_front() else {
                return Err(
                    Error::new(ErrorKind::TooMany).with_detail("too many deliveries are being processed")
                );
            };
            state.known.remove(&oldest);
        }
        let State { claims, known, .. } = &mut *state;
        match known.entry(key) {
            Entry::Occupied(known) => Ok(match known.get() {
                Known::Unfinished(_) => Begun::Unfinished,
                Known::Finished => Begun::Finished,
            }),
            Entry::Vacant(new) => {
                *claims = claims.wrapping_add(1);
                let claim = Claim(*claims);
                new.insert(Known::Unfinished(claim));
                Ok(Begun::Claimed(claim))
            }
        }
    }
}

impl IdempotencyStore for MemoryStore {
    async fn begin(&self, key: DeliveryKey) -> Result<Begun, Error> {
        self.begin_at(key, Instant::now())
    }

    async fn complete(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let mut state = self.state();
        if let Some(known) = state.known.get_mut(&key)
            && *known == Known::Unfinished(claim)
        {
            *known = Known::Finished;
            state.finished.push_back((Instant::now(), key));
        }
        Ok(())
    }

    async fn abandon(&self, key: DeliveryKey, claim: Claim) -> Result<(), Error> {
        let mut state = self.state();
        if state.known.get(&key) == Some(&Known::Unfinished(claim)) {
            state.known.remove(&key);
        }
        Ok(())
    }

    fn is_shared(&self) -> bool {
        false
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
