//! Locks, like the locks of Azure Service Bus: a message that a receiver holds for too long is delivered again.

use super::mutex::lock;
use fe2o3_amqp_types::{
    messaging::{Body, DeliveryAnnotations, Message, annotations::OwnedKey},
    primitives::{LazyValue, Uuid, Value},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::time::{Instant, sleep_until};

/// The locks of a broker, by token.
#[derive(Clone)]
pub(super) struct Locks {
    state: Arc<Mutex<State>>,
    duration: Duration,
}

#[derive(Default)]
struct State {
    until: HashMap<[u8; 16], Instant>,
    last: u128,
    renewed: usize,
}

impl Locks {
    pub(super) fn new(duration: Duration) -> Self {
        Self { state: Arc::default(), duration }
    }

    /// Locks a message, and adds the token to it.
    pub(super) fn lock(&self, message: &mut Message<Body<LazyValue>>) -> Lock {
        let mut state = lock(&self.state);
        state.last = state.last.wrapping_add(1);
        let token = state.last.to_be_bytes();
        state.until.insert(token, self.until());
        drop(state);
        let annotations =
            message.delivery_annotations.get_or_insert_with(|| DeliveryAnnotations(Default::default()));
        annotations.0.insert(OwnedKey::from("x-opt-lock-token"), Value::Uuid(Uuid::from(token)));
        Lock { locks: self.clone(), token }
    }

    /// How many locks were renewed.
    pub(super) fn renewed(&self) -> usize {
        lock(&self.state).renewed
    }

    /// Ends all locks: they cannot be renewed any more.
    pub(super) fn lose(&self) {
        lock(&self.state).until.clear();
    }

    fn until(&self) -> Instant {
        let now = Instant::now();
        now.checked_add(self.duration).unwrap_or(now)
    }

    /// Renews all of them, or none if one is lost.
    pub(super) fn renew(&self, tokens: &[[u8; 16]]) -> bool {
        let mut state = lock(&self.state);
        if !tokens.iter().all(|token| state.until.contains_key(token)) {
            return false;
        }
        for token in tokens {
            state.until.insert(*token, self.until());
        }
        state.renewed = state.renewed.saturating_add(tokens.len());
        true
    }
}

/// The lock of one message. Dropping it unlocks the message.
pub(super) struct Lock {
    locks: Locks,
    token: [u8; 16],
}

impl Lock {
    /// Waits until the lock has not been renewed in time.
    pub(super) async fn lost(&self) {
        loop {
            let until = lock(&self.locks.state).until.get(&self.token).copied();
            match until {
                Some(until) if until > Instant::now() => sleep_until(until).await,
                _ => return,
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        lock(&self.locks.state).until.remove(&self.token);
    }
}
