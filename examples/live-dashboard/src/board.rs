//! What the dashboards show.

use cloudevents_kit::Event;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::broadcast;

/// The most sources that are shown.
const SOURCES: usize = 1000;

/// How many events a dashboard may be behind before it skips them.
const BEHIND: usize = 256;

/// The last event of each source. Cloning shares it.
#[derive(Clone)]
pub(crate) struct Board {
    last: Arc<Mutex<BTreeMap<String, Event>>>,
    changes: broadcast::Sender<Event>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self { last: Arc::default(), changes: broadcast::channel(BEHIND).0 }
    }

    /// Shows an event in place of the last one of its source. Returns whether there was room for the source.
    pub(crate) fn show(&self, event: Event) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() >= SOURCES && !last.contains_key(event.source().as_str()) {
            return false;
        }
        last.insert(event.source().as_str().to_owned(), event.clone());
        // Under the lock, so that no dashboard gets an older event after a newer one.
        let _ = self.changes.send(event); // an error means that no dashboard is open
        true
    }

    /// The last events, and those that come after them.
    pub(crate) fn watch(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        (last.values().cloned().collect(), self.changes.subscribe())
    }
}
