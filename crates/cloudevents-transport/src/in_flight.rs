//! Messages in flight, bounded by count and by bytes.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// Upper bounds of what may be in flight.
///
/// ```
/// use cloudevents_transport::Bounds;
///
/// assert_eq!(Bounds::default(), Bounds { messages: 1024, bytes: 64 << 20 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Unsettled messages. Default: 1,024. One message always passes.
    pub messages: usize,
    /// Bytes of these messages. Default: 64 MiB. The message that reaches the bound passes, because the size
    /// of a message is known only after it has arrived. So the most is the bound plus one message.
    pub bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { messages: 1024, bytes: 64 << 20 }
    }
}

/// Limits what is in flight, by count and by bytes. Clones share the limit.
///
/// Every receiver has one for its unsettled deliveries. Bindings use their own for prefetched messages and
/// for unconfirmed ones.
///
/// ```
/// use cloudevents_transport::{Bounds, InFlight};
///
/// let limiter = InFlight::new(Bounds { messages: 10, bytes: 1000 });
/// let mut permit = limiter.try_room().unwrap();
/// permit.charge(1000);
/// assert!(limiter.try_room().is_none()); // no bytes left
/// drop(permit);
/// assert!(limiter.try_room().is_some());
/// ```
#[derive(Clone)]
pub struct InFlight(Arc<Shared>);

struct Shared {
    bounds: Bounds,
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    used: Bounds,
    /// Whether a task may wait for a change. If none does, there is nothing to wake.
    watched: bool,
}

impl InFlight {
    /// Creates a limit with these bounds.
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            state: Mutex::new(State { used: Bounds { messages: 0, bytes: 0 }, watched: false }),
            changed: Notify::new(),
        }))
    }

    /// The bounds.
    pub fn bounds(&self) -> Bounds {
        self.0.bounds
    }

    /// The messages and bytes in flight now.
    pub fn used(&self) -> Bounds {
        self.0.state().used
    }

    /// Whether there is room for one message now.
    pub fn has_room(&self) -> bool {
        self.0.has_room(self.used())
    }

    /// Waits for room for one message, and takes it. Charge the bytes when they are known.
    ///
    /// Dropping the future takes nothing.
    pub async fn room(&self) -> Permit {
        loop {
            self.ready().await;
            if let Some(permit) = self.try_room() {
                return permit;
            }
        }
    }

    /// Takes room for one message, if there is room now.
    pub fn try_room(&self) -> Option<Permit> {
        self.try_take(0)
    }

    /// Takes room for one message of this many bytes, if there is room for a message now.
    pub fn try_take(&self, bytes: usize) -> Option<Permit> {
        let mut state = self.0.state();
        if !self.0.has_room(state.used) {
            return None;
        }
        state.used.add(bytes);
        drop(state);
        Some(Permit { shared: Arc::clone(&self.0), bytes })
    }

    /// Waits until there is room, without taking it. Dropping the future changes nothing.
    pub async fn ready(&self) {
        self.until(|used| self.0.has_room(used)).await;
    }

    /// Counts a message of this many bytes, even without room: for a message that has arrived already.
    pub fn take(&self, bytes: usize) -> Permit {
        self.count(bytes);
        Permit { shared: Arc::clone(&self.0), bytes }
    }

    /// Counts a message of this many bytes, even without room. [`give_back`](Self::give_back) ends it.
    pub(crate) fn count(&self, bytes: usize) {
        self.0.state().used.add(bytes);
    }

    /// Ends one message of this many bytes.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.give_back(bytes);
    }

    /// Waits until nothing is in flight. Dropping the future changes nothing.
    pub async fn idle(&self) {
        self.until(|used| used.messages == 0).await;
    }

    async fn until(&self, condition: impl Fn(Bounds) -> bool) {
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state();
                if condition(state.used) {
                    return;
                }
                state.watched = true;
            }
            changed.await;
        }
    }
}

impl Default for InFlight {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl fmt::Debug for InFlight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InFlight").field("bounds", &self.bounds()).field("used", &self.used()).finish()
    }
}

impl Shared {
    /// One message always passes.
    fn has_room(&self, used: Bounds) -> bool {
        let Bounds { messages, bytes } = self.bounds;
        used.messages == 0 || (used.messages < messages && used.bytes < bytes)
    }

    fn give_back(&self, bytes: usize) {
        let mut state = self.state();
        state.used.remove(bytes);
        let watched = std::mem::take(&mut state.watched);
        drop(state);
        if watched {
            self.changed.notify_waiters();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bounds {
    /// Adds one message of this many bytes.
    fn add(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Removes one message of this many bytes.
    fn remove(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

/// The place of one message in flight. Dropping it frees the place.
#[must_use = "dropping a permit gives its place back"]
pub struct Permit {
    shared: Arc<Shared>,
    bytes: usize,
}

impl Permit {
    /// Adds bytes to the message. Never waits; at the bound, the next message waits.
    pub fn charge(&mut self, bytes: usize) {
        let mut state = self.shared.state();
        state.used.bytes = state.used.bytes.saturating_add(bytes);
        drop(state);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// Frees the bytes and keeps the place: for a message whose content is dropped while its tag is kept.
    pub fn discharge(&mut self) {
        let mut state = self.shared.state();
        state.used.bytes = state.used.bytes.saturating_sub(std::mem::take(&mut self.bytes));
        let watched = std::mem::take(&mut state.watched);
        drop(state);
        if watched {
            self.shared.changed.notify_waiters();
        }
    }

    /// The bytes charged so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.give_back(self.bytes);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn bounded_by_count_and_by_bytes() {
        let limiter = InFlight::new(Bounds { messages: 3, bytes: 100 });
        let mut first = limiter.try_room().unwrap();
        first.charge(60);
        let mut second = limiter.try_room().unwrap();
        second.charge(60); // the message that reaches the bound
        assert_eq!(limiter.used(), Bounds { messages: 2, bytes: 120 });
        assert!(limiter.try_room().is_none() && limiter.try_take(1).is_none() && !limiter.has_room());
        drop(first);
        let (third, fourth) = (limiter.try_room().unwrap(), limiter.try_room().unwrap());
        assert!(limiter.try_room().is_none());
        drop((second, third, fourth));
        let large = limiter.try_take(1000).unwrap(); // the message that reaches the bound
        assert_eq!((limiter.used(), limiter.has_room()), (Bounds { messages: 1, bytes: 1000 }, false));
        drop(large);
        assert_eq!(limiter.used(), Bounds { messages: 0, bytes: 0 });
    }

    #[test]
    fn one_message_always_passes() {
        let limiter = InFlight::new(Bounds { messages: 0, bytes: 0 });
        let one = limiter.try_room().unwrap();
        assert!(limiter.try_room().is_none());
        drop(one);
        assert!(limiter.try_room().is_some());
    }

    #[tokio::test]
    async fn everyone_who_waits_is_woken_and_a_cancelled_wait_takes_nothing() {
        let limiter = InFlight::new(Bounds { messages: 2, bytes: 100 });
        let held = [limiter.room().await, limiter.room().await];
        assert!(limiter.room().now_or_never().is_none());
        assert!(limiter.idle().now_or_never().is_none());
        let (one, two, ()) = tokio::join!(limiter.room(), limiter.room(), async { drop(held) });
        drop((one, two));
        assert!(limiter.idle().now_or_never().is_some());
    }
}
