//! Finds the filters that an event passes without evaluating all of them.

mod access;
mod attribute;
mod shared;

use crate::Filters;
use crate::text::with_text;
use access::{Key, requirements};
use attribute::AttributeIndex;
use cloudevents_core::{Event, Value};
use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

pub use shared::SharedFilterIndex;

/// An index of the filters of many subscriptions, each with a key.
///
/// Each subscription is indexed by a condition that its filters require: the exact text of an attribute, found in a hash table, or its
/// prefix or suffix, found in a radix tree. CESQL expressions are analysed, too: `type = 'x'`, `type LIKE 'com.example.%'`, and
/// combinations of these with AND and OR. For each event, only subscriptions whose condition holds are evaluated. Subscriptions without
/// such a condition (`not`, comparisons of numbers) are evaluated for every event.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_subscriptions::{Filter, FilterIndex, Filters};
///
/// let mut index = FilterIndex::new();
/// index.insert("orders", Filter::prefix([("type", "com.example.order.")])?);
/// index.insert("urgent", Filter::Sql("priority > 5".parse()?));
/// index.insert("all", Filters::default());
///
/// let event = Event::builder().id("1").source("/s").ty("com.example.order.placed").build()?;
/// let mut found = index.matches(&event);
/// found.sort();
/// assert_eq!(found, [&"all", &"orders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct FilterIndex<K> {
    entries: Vec<Option<Entry<K>>>,
    free: Vec<usize>,
    keys: HashMap<K, usize>,
    attributes: HashMap<Box<str>, AttributeIndex>,
    /// The entries that are evaluated for every event.
    rest: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    filters: Filters,
    /// The conditions that it is indexed by: one of them holds if the filters are true. Empty: evaluated for every event.
    access: Vec<Key>,
    /// Whether the filters are true when the condition holds.
    proven: bool,
}

impl<K> Default for FilterIndex<K> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
            keys: HashMap::new(),
            attributes: HashMap::new(),
            rest: BTreeSet::new(),
        }
    }
}

impl<K: Clone + Eq + Hash> FilterIndex<K> {
    /// Creates an empty index.
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of subscriptions.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it has no subscriptions.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The number of subscriptions that are evaluated for every event, because they require no condition that can be indexed.
    pub fn unindexed(&self) -> usize {
        self.rest.len()
    }

    /// Adds the filters of a subscription. Replaces the filters with the same key, and returns the old ones.
    pub fn insert(&mut self, key: K, filters: impl Into<Filters>) -> Option<Filters> {
        let filters = filters.into();
        let before = self.remove(&key);
        let at = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len().saturating_sub(1)
        });
        let (required, complete) = requirements(&filters);
        let only = required.len() == 1 && complete;
        let access = required.into_iter().min_by_key(|keys| self.cost(keys)).unwrap_or_default();
        for key in &access {
            self.attributes.entry(key.attribute.clone()).or_default().insert(key, at);
        }
        if access.is_empty() {
            self.rest.insert(at);
        }
        self.keys.insert(key.clone(), at);
        if let Some(place) = self.entries.get_mut(at) {
            *place = Some(Entry { key, filters, access, proven: only });
        }
        before
    }

    /// Removes the filters of a subscription, and returns them.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<Filters>
    where
        K: Borrow<Q>,
    {
        let at = self.keys.remove(key)?;
        let entry = self.entries.get_mut(at)?.take()?;
        for key in &entry.access {
            if let Some(index) = self.attributes.get_mut(&key.attribute) {
                index.remove(key, at);
                if index.is_empty() {
                    self.attributes.remove(&key.attribute);
                }
            }
        }
        self.rest.remove(&at);
        self.free.push(at);
        Some(entry.filters)
    }

    /// The filters of a subscription.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&Filters>
    where
        K: Borrow<Q>,
    {
        self.entries.get(*self.keys.get(key)?)?.as_ref().map(|entry| &entry.filters)
    }

    /// The keys of the subscriptions whose filters the event passes, each once, in no particular order.
    pub fn matches(&self, event: &Event) -> Vec<&K> {
        let mut found = Vec::new();
        self.for_each_match(event, |key| found.push(key));
        found
    }

    /// Calls a function with the key of every subscription whose filters the event passes, each once, in no particular order.
    pub fn for_each_match<'a>(&'a self, event: &Event, mut found: impl FnMut(&'a K)) {
        // A subscription that waits at several conditions may be met several times.
        let mut several = Vec::new();
        let mut candidate = |at: usize| {
            let Some(entry) = self.entries.get(at).and_then(Option::as_ref) else { return };
            if entry.access.len() > 1 {
                several.push(at);
            } else if entry.proven || entry.filters.matches(event) {
                found(&entry.key);
            }
        };
        self.rest.iter().for_each(|at| candidate(*at));
        let specversion = Value::String(event.specversion().as_str());
        let attributes = event.attributes().map(|(name, value)| (name.as_str(), value));
        for (name, value) in attributes.chain([("specversion", specversion)]) {
            if let Some(index) = self.attributes.get(name) {
                with_text(value, |text| index.candidates(text, &mut candidate));
            }
        }
        several.sort_unstable();
        several.dedup();
        for at in several {
            if let Some(Some(entry)) = self.entries.get(at)
                && entry.filters.matches(event)
            {
                found(&entry.key);
            }
        }
    }

    /// The number of entries that are indexed by these conditions already. Fewer is better: the conditions are more selective.
    fn cost(&self, keys: &[Key]) -> usize {
        let others = |key: &Key| {
            let count = self.attributes.get(&key.attribute).map_or(0, |index| index.count(key));
            count.saturating_add(key.weight())
        };
        keys.iter().map(others).sum()
    }
}
