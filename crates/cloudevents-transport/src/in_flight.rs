//! Messages in flight, bounded by count and by bytes.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};
use tokio::sync::Notify;

/// Upper bounds of messages in flight.
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

impl Bounds {
    /// How many messages are under way at once at a target that has not answered yet, if their number follows the answers.
    pub const FIRST: usize = 4;
}

impl Default for Bounds {
    fn default() -> Self {
        Self { messages: 1024, bytes: 64 << 20 }
    }
}

/// Limits messages in flight, by count and by bytes. Clones share the limit.
///
/// Every receiver has one for its unsettled deliveries. Bindings use their own for prefetched messages and
/// for unconfirmed messages.
///
/// Tasks that wait for a permit of [`room`](Self::room) get it in the order in which they began to wait, with messages of any size. While
/// one waits, others get no permit.
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
    /// The tasks that wait for a permit, in order, by ascending number.
    waiting: VecDeque<(u64, Waker)>,
    last: u64,
}

impl InFlight {
    /// Creates a limit with these bounds.
    pub fn new(bounds: Bounds) -> Self {
        Self(Arc::new(Shared {
            bounds,
            state: Mutex::new(State {
                used: Bounds { messages: 0, bytes: 0 },
                watched: false,
                waiting: VecDeque::new(),
                last: 0,
            }),
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

    /// Whether a permit is free now, and no task waits for it.
    pub fn has_room(&self) -> bool {
        self.0.is_free(&self.0.state())
    }

    /// Waits for a permit for one message, and takes it.
    ///
    /// Charge the bytes when they are known. Tasks that wait are served in order.
    ///
    /// Dropping the future takes nothing.
    pub fn room(&self) -> impl Future<Output = Permit> + Send + use<> {
        Waiting { shared: Arc::clone(&self.0), number: None }
    }

    /// Takes a permit for one message, if one is free now and no task waits for it.
    pub fn try_room(&self) -> Option<Permit> {
        self.try_take(0)
    }

    /// Takes a permit for one message of this many bytes, if one is free now and no task waits for it.
    pub fn try_take(&self, bytes: usize) -> Option<Permit> {
        let mut state = self.0.state();
        if !self.0.is_free(&state) {
            return None;
        }
        state.used.add(bytes);
        drop(state);
        Some(Permit { shared: Arc::clone(&self.0), used: Bounds { messages: 1, bytes } })
    }

    /// Waits until a permit is free and no task waits for it, without taking it.
    ///
    /// Dropping the future changes nothing.
    pub async fn ready(&self) {
        self.until(|state| self.0.is_free(state)).await;
    }

    /// Counts a message of this many bytes, even if no permit is free: for a message that has arrived already.
    pub fn take(&self, bytes: usize) -> Permit {
        self.count(bytes);
        Permit { shared: Arc::clone(&self.0), used: Bounds { messages: 1, bytes } }
    }

    /// Counts a message of this many bytes, even if no permit is free. [`give_back`](Self::give_back) ends it.
    pub(crate) fn count(&self, bytes: usize) {
        self.count_all(Bounds { messages: 1, bytes });
    }

    /// As [`count`](Self::count), for this many messages with these bytes together.
    pub(crate) fn count_all(&self, more: Bounds) {
        let mut state = self.0.state();
        state.used.messages = state.used.messages.saturating_add(more.messages);
        state.used.bytes = state.used.bytes.saturating_add(more.bytes);
    }

    /// Frees these bytes of a message, which keeps its permit.
    pub(crate) fn discharge(&self, bytes: usize) {
        let mut state = self.0.state();
        state.used.bytes = state.used.bytes.saturating_sub(bytes);
        self.0.wake(state);
    }

    /// Ends one message of this many bytes.
    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.give_back(Bounds { messages: 1, bytes });
    }

    /// Waits until nothing is in flight. Dropping the future changes nothing.
    pub async fn idle(&self) {
        self.until(|state| state.used.messages == 0).await;
    }

    async fn until(&self, condition: impl Fn(&State) -> bool) {
        loop {
            // Created before the check, so that a change in between is not missed.
            let changed = self.0.changed.notified();
            {
                let mut state = self.0.state();
                if condition(&state) {
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

/// Waits for a permit. It keeps its place in the line until it is dropped.
struct Waiting {
    shared: Arc<Shared>,
    number: Option<u64>,
}

impl Future for Waiting {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        let this = &mut *self;
        let mut state = this.shared.state();
        let first = state.waiting.front().map(|(number, _)| *number);
        if first == this.number && this.shared.has_room(state.used) {
            state.used.add(0);
            if this.number.take().is_some() {
                state.waiting.pop_front();
                this.shared.wake(state); // there may be room for the next one, too
            }
            return Poll::Ready(Permit {
                shared: Arc::clone(&this.shared),
                used: Bounds { messages: 1, bytes: 0 },
            });
        }
        match this.number {
            Some(number) => {
                if let Some((_, waker)) = state.place(number).and_then(|place| state.waiting.get_mut(place)) {
                    waker.clone_from(context.waker());
                }
            }
            None => {
                state.last = state.last.wrapping_add(1);
                this.number = Some(state.last);
                let entry = (state.last, context.waker().clone());
                state.waiting.push_back(entry);
            }
        }
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.state();
        if let Some(place) = state.place(number) {
            state.waiting.remove(place);
        }
        self.shared.wake(state);
    }
}

impl State {
    /// Where in the line this number is.
    fn place(&self, number: u64) -> Option<usize> {
        self.waiting.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

impl Shared {
    /// One message always passes.
    fn has_room(&self, used: Bounds) -> bool {
        let Bounds { messages, bytes } = self.bounds;
        used.messages == 0 || (used.messages < messages && used.bytes < bytes)
    }

    /// Whether a permit is free for a task that has not waited.
    fn is_free(&self, state: &State) -> bool {
        state.waiting.is_empty() && self.has_room(state.used)
    }

    fn give_back(&self, used: Bounds) {
        let mut state = self.state();
        state.used.remove(used);
        self.wake(state);
    }

    /// Wakes the first task that waits for a permit, if one is free, and tasks that wait for a change.
    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let has_room = self.has_room(state.used);
        let first = state.waiting.front().filter(|_| has_room).map(|(_, waker)| waker.clone());
        let watched = std::mem::take(&mut state.watched);
        drop(state); // a woken task may run immediately
        if let Some(first) = first {
            first.wake();
        }
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

    fn remove(&mut self, used: Bounds) {
        self.messages = self.messages.saturating_sub(used.messages);
        self.bytes = self.bytes.saturating_sub(used.bytes);
    }
}

/// The permit of one message in flight. Dropping it frees the permit.
#[must_use = "dropping a permit gives its place back"]
pub struct Permit {
    shared: Arc<Shared>,
    used: Bounds,
}

impl Permit {
    /// Adds bytes to the message. Never waits; at the bound, the next message waits.
    pub fn charge(&mut self, bytes: usize) {
        let mut state = self.shared.state();
        state.used.bytes = state.used.bytes.saturating_add(bytes);
        drop(state);
        self.used.bytes = self.used.bytes.saturating_add(bytes);
    }

    /// Frees the bytes and keeps the permit: for a message whose content is dropped while its tag is kept.
    pub fn discharge(&mut self) {
        let limit = InFlight(Arc::clone(&self.shared));
        limit.discharge(std::mem::take(&mut self.used.bytes));
    }

    /// The bytes charged so far.
    pub fn bytes(&self) -> usize {
        self.used.bytes
    }

    /// The bounds of the messages that are in flight together with it.
    pub(crate) fn bounds(&self) -> Bounds {
        self.shared.bounds
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.give_back(self.used);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("bytes", &self.used.bytes).finish_non_exhaustive()
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

    /// A task that never waits does not take the room of one that does.
    #[tokio::test]
    async fn who_waits_is_not_overtaken() {
        let limiter = InFlight::new(Bounds { messages: 2, bytes: 100 });
        let (first, second) = (limiter.room().await, limiter.room().await);
        let mut waiting = Box::pin(limiter.room());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(limiter.try_take(1).is_none() && !limiter.has_room());
        assert!(limiter.room().now_or_never().is_none() && limiter.ready().now_or_never().is_none());
        let third = waiting.await;
        drop(second);
        assert!(limiter.has_room() && limiter.ready().now_or_never().is_some());
        drop((limiter.try_room().unwrap(), third));
    }

    /// Neither large messages nor small ones starve the others: room is given in the order of waiting.
    #[tokio::test]
    async fn room_is_given_in_the_order_of_waiting() {
        let sizes = [1000_usize, 1, 1, 1000, 1, 1000, 1, 1];
        let limiter = InFlight::new(Bounds { messages: 3, bytes: 100 });
        let held = limiter.take(100);
        let order = Mutex::new(Vec::new());
        let send = async |number: usize, size: usize| {
            let mut permit = limiter.room().await;
            permit.charge(size);
            order.lock().unwrap().push(number);
            tokio::task::yield_now().await;
        };
        let all = futures_util::future::join_all(
            sizes.into_iter().enumerate().map(|(number, size)| send(number, size)),
        );
        tokio::join!(all, async { drop(held) });
        assert_eq!(order.into_inner().unwrap(), (0..sizes.len()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn who_stops_waiting_passes_the_room_on() {
        let limiter = InFlight::new(Bounds { messages: 1, bytes: 100 });
        let held = limiter.room().await;
        let mut first = Box::pin(limiter.room());
        assert!(first.as_mut().now_or_never().is_none());
        let second = tokio::spawn(limiter.room());
        tokio::task::yield_now().await; // it waits now
        drop(held); // wakes the first, which is dropped without having looked
        drop(first);
        drop(second.await.unwrap());
        assert!(limiter.has_room());
    }
}
