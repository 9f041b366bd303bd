//! Senders that wait for consent by callback.

use crate::handshake::PendingConsent;
use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// A bounded queue of them.
#[derive(Debug, Default)]
pub(super) struct Pending {
    queue: Mutex<VecDeque<PendingConsent>>,
    added: Notify,
}

impl Pending {
    /// Whether the queue had a free place. A sender that waits already is not added again.
    pub(super) fn push(&self, pending: PendingConsent, bound: usize) -> bool {
        let mut queue = self.queue();
        if !queue.contains(&pending) {
            if queue.len() >= bound {
                return false;
            }
            queue.push_back(pending);
        }
        drop(queue);
        self.added.notify_one();
        true
    }

    pub(super) async fn next(&self) -> PendingConsent {
        loop {
            let next = self.queue().pop_front();
            match next {
                Some(pending) => {
                    // Notifications do not add up: another task may wait for the rest.
                    self.added.notify_one();
                    return pending;
                }
                None => self.added.notified().await,
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<PendingConsent>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
