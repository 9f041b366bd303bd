//! The index for many threads.

use super::FilterIndex;
use crate::Filters;
use cloudevents_core::Event;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A [`FilterIndex`] that threads match against while others add and remove. Matching threads do not wait for each other.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_subscriptions::{Filter, SharedFilterIndex};
///
/// let index = SharedFilterIndex::new();
/// let event = Event::builder().id("1").source("/s").ty("com.example.t").build()?;
/// std::thread::scope(|scope| {
///     scope.spawn(|| index.insert(1, Filter::exact([("type", "com.example.t")]).unwrap()));
///     scope.spawn(|| index.matches(&event));
/// });
/// assert_eq!(index.matches(&event), [1]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct SharedFilterIndex<K>(RwLock<FilterIndex<K>>);

impl<K> Default for SharedFilterIndex<K> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<K: Clone + Eq + Hash> SharedFilterIndex<K> {
    /// Creates an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the filters of a subscription. Replaces the filters with the same key, and returns the old ones.
    pub fn insert(&self, key: K, filters: impl Into<Filters>) -> Option<Filters> {
        self.write().insert(key, filters)
    }

    /// Removes the filters of a subscription, and returns them.
    pub fn remove(&self, key: &K) -> Option<Filters> {
        self.write().remove(key)
    }

    /// The keys of the subscriptions whose filters the event passes, each once, in no particular order.
    pub fn matches(&self, event: &Event) -> Vec<K> {
        let mut found = Vec::new();
        self.read().for_each_match(event, |key| found.push(key.clone()));
        found
    }

    /// The number of subscriptions.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether it has no subscriptions.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    // No function of a caller runs while the lock is held but `Clone`, `Eq` and `Hash` of the keys. If one of those panics, the index
    // may lack that one entry, and is whole otherwise.
    fn read(&self) -> RwLockReadGuard<'_, FilterIndex<K>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, FilterIndex<K>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}
