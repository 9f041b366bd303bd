//! The state of a broker, and its changes.

use super::{options::BrokerOptions, state::State};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// State that outlives a restart.
pub(super) struct Shared {
    pub(super) options: BrokerOptions,
    state: Mutex<State>,
    /// Something of the state changed.
    pub(super) changed: Notify,
}

impl Shared {
    pub(super) fn new(options: BrokerOptions) -> Self {
        Self { options, state: Mutex::default(), changed: Notify::new() }
    }

    /// Looks at the state.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes the state, gives messages to consumers, and wakes all that wait for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.expire();
        let changed = change(&mut state);
        state.dispatch();
        drop(state);
        self.changed.notify_waiters();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves messages on when they expire.
    pub(super) async fn expire(&self) {
        loop {
            let changed = self.changed.notified();
            let (moved, due) = self.with(State::expire);
            if moved {
                self.with(State::dispatch);
                self.changed.notify_waiters();
                continue;
            }
            match due {
                None => changed.await,
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(due.into()) => {}
                    }
                }
            }
        }
    }
}
