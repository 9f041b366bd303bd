//! The idle timer of Azure Service Bus: a receiver's link without activity ends.

use super::mutex::lock;
use std::{collections::HashMap, sync::Mutex, time::Duration};
use tokio::time::{Instant, sleep_until};

/// When receivers' links were last active, by name.
pub(super) struct Idle {
    limit: Option<Duration>,
    active: Mutex<HashMap<String, Instant>>,
}

impl Idle {
    pub(super) fn new(limit: Option<Duration>) -> Self {
        Self { limit, active: Mutex::default() }
    }

    /// The link with this name is active now.
    pub(super) fn reset(&self, link: &str) {
        if self.limit.is_some() {
            lock(&self.active).insert(link.to_owned(), Instant::now());
        }
    }

    /// Waits until the link has been idle for too long.
    pub(super) async fn over(&self, link: &str) {
        let Some(limit) = self.limit else { return std::future::pending().await };
        self.reset(link);
        loop {
            let active = lock(&self.active).get(link).copied();
            match active.and_then(|active| active.checked_add(limit)) {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return,
            }
        }
    }
}
