//! A table of cached responses, with at most one request per key.

use super::{CacheOptions, is_temporary};
use cloudevents_core::Error;
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// A request in progress. All waiting callers drive it. It is cancelled when all of them are dropped.
type Flight<V> = Shared<BoxFuture<'static, Result<V, Error>>>;

pub(crate) struct Table<K, V> {
    options: CacheOptions,
    entries: Mutex<Entries<K, V>>,
}

struct Entries<K, V> {
    by_key: HashMap<K, Entry<V>>,
    clock: u64,
}

struct Entry<V> {
    state: State<V>,
    used: u64,
}

enum State<V> {
    Asked(WeakShared<BoxFuture<'static, Result<V, Error>>>),
    Known(V),
    Refused(Error, Instant),
}

impl<K, V> Table<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new(options: CacheOptions) -> Arc<Self> {
        Arc::new(Self { options, entries: Mutex::new(Entries { by_key: HashMap::new(), clock: 0 }) })
    }

    /// Returns the response for this key: the cached response, or the result of `ask`. It calls `ask` only if no request for the key is in
    /// progress.
    pub(crate) async fn get<F>(self: &Arc<Self>, key: K, ask: impl FnOnce() -> F) -> Result<V, Error>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let flight = match self.look(&key, ask) {
            Ok(answer) => return answer,
            Err(flight) => flight,
        };
        flight.await
    }

    fn look<F>(self: &Arc<Self>, key: &K, ask: impl FnOnce() -> F) -> Result<Result<V, Error>, Flight<V>>
    where
        F: Future<Output = Result<V, Error>> + Send + 'static,
    {
        let mut entries = self.lock();
        entries.clock = entries.clock.saturating_add(1);
        let clock = entries.clock;
        if let Some(entry) = entries.by_key.get_mut(key) {
            entry.used = clock;
            match &entry.state {
                State::Known(value) => return Ok(Ok(value.clone())),
                State::Refused(error, since) if since.elapsed() < self.options.refused_for => {
                    return Ok(Err(error.clone()));
                }
                State::Refused(..) => {}
                State::Asked(flight) => {
                    if let Some(flight) = flight.upgrade() {
                        return Err(flight);
                    }
                }
            }
        }
        let (table, asked, key) = (Arc::clone(self), ask(), key.clone());
        let flight = {
            let key = key.clone();
            async move {
                let answer = asked.await;
                table.keep(key, &answer);
                answer
            }
        }
        .boxed()
        .shared();
        if let Some(weak) = flight.downgrade() {
            entries.put(key, Entry { state: State::Asked(weak), used: clock }, self.options.entries);
        }
        Err(flight)
    }

    fn keep(&self, key: K, answer: &Result<V, Error>) {
        let mut entries = self.lock();
        let used = entries.clock;
        let state = match answer {
            Ok(value) => State::Known(value.clone()),
            Err(error) if is_temporary(error) => {
                entries.by_key.remove(&key);
                return;
            }
            Err(error) => State::Refused(error.clone(), Instant::now()),
        };
        entries.put(key, Entry { state, used }, self.options.entries);
    }

    fn lock(&self) -> MutexGuard<'_, Entries<K, V>> {
        // The entries are consistent between any two statements.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash, V: Clone> Entries<K, V> {
    fn put(&mut self, key: K, entry: Entry<V>, most: usize) {
        self.by_key.insert(key.clone(), entry);
        while self.by_key.len() > most.max(1) {
            // Unknown ids come from other peers and must not evict entries in use.
            let least = self
                .by_key
                .iter()
                .filter(|(other, entry)| **other != key && !entry.is_under_way())
                .min_by_key(|(_, entry)| (matches!(entry.state, State::Known(_)), entry.used))
                .map(|(key, _)| key.clone());
            match least {
                Some(least) => self.by_key.remove(&least),
                None => break, // all are in progress, with a caller waiting for each
            };
        }
    }
}

impl<V: Clone> Entry<V> {
    fn is_under_way(&self) -> bool {
        matches!(&self.state, State::Asked(flight) if flight.upgrade().is_some())
    }
}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Table").field("options", &self.options).finish_non_exhaustive()
    }
}
