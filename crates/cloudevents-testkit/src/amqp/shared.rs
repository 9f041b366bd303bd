//! The state of a broker.

use super::{idle::Idle, locks::Locks, mutex::lock, options::BrokerOptions, queue::Queue, tokens::PutToken};
use std::{
    collections::{HashMap, HashSet},
    sync::Mutex,
};
use tokio::sync::broadcast;

/// State that outlives a restart.
pub(super) struct Shared {
    pub(super) options: BrokerOptions,
    pub(super) queues: Mutex<HashMap<String, Queue>>,
    /// The addresses whose queues were deleted, and not made again.
    pub(super) deleted: Mutex<HashSet<String>>,
    pub(super) tokens: Mutex<Vec<PutToken>>,
    pub(super) changed: tokio::sync::Notify,
    pub(super) locks: Option<Locks>,
    pub(super) idle: Idle,
    /// The addresses whose links have to end.
    pub(super) detached: broadcast::Sender<String>,
}

impl Shared {
    pub(super) fn queue(&self, address: &str) -> Queue {
        lock(&self.queues).entry(address.to_owned()).or_default().clone()
    }

    pub(super) fn is_deleted(&self, address: &str) -> bool {
        lock(&self.deleted).contains(address)
    }

    pub(super) fn remove(&self, address: &str) {
        lock(&self.queues).remove(address);
    }
}
