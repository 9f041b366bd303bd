//! The memory of messages that are arriving, which connections share.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// How much a message may have without a share: what a connection reads at once, for which it has a buffer anyway.
const OWN: u64 = super::socket::READ as u64;

/// The memory of messages that have begun to arrive, and have not ended. Clones share it.
///
/// Beyond the bound, connections are not read. The message that has held memory for longest goes on in any case, so that two messages
/// never wait for each other. So the most is the bound, that message, and what every other connection reads at once.
#[derive(Clone, Default)]
pub(crate) struct Arriving(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    used: u64,
    /// The messages that hold memory, by age, and their tasks if these wait.
    messages: BTreeMap<u64, Option<Waker>>,
    last: u64,
}

impl Arriving {
    /// Returns the share of a connection, in memory of this many bytes.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn share(&self, bound: usize) -> Share {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        Share { all: self.clone(), bound, message: None, held: 0, waiting: false, has_waited: false }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Arriving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Arriving")
            .field("bytes", &state.used)
            .field("messages", &state.messages.len())
            .finish()
    }
}

/// What the message of one connection holds. Dropping it frees that.
pub(crate) struct Share {
    all: Arriving,
    bound: u64,
    message: Option<u64>,
    held: u64,
    waiting: bool,
    /// Whether the message has waited.
    has_waited: bool,
}

impl Share {
    /// Whether the connection waits for memory.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether the connection has waited for memory since its message began.
    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Waits until more of the message may be read. One that needs no share never waits.
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.waiting = false;
        let Some(message) = self.message else { return Poll::Ready(()) };
        let mut state = self.all.state();
        let is_oldest = state.messages.first_key_value().is_some_and(|(oldest, _)| *oldest == message);
        if is_oldest || state.used < self.bound {
            return Poll::Ready(());
        }
        state.messages.insert(message, Some(context.waker().clone()));
        (self.waiting, self.has_waited) = (true, true);
        Poll::Pending
    }

    /// The message has this many bytes now; 0 when it has ended.
    pub(crate) fn hold(&mut self, bytes: u64) {
        let held = bytes.saturating_sub(OWN);
        if held == self.held {
            return;
        }
        let mut state = self.all.state();
        state.used = state.used.saturating_sub(self.held).saturating_add(held);
        let freed = held < self.held;
        self.held = held;
        if held == 0 {
            self.has_waited = false;
            if let Some(message) = self.message.take() {
                state.messages.remove(&message);
            }
        } else if self.message.is_none() {
            state.last = state.last.saturating_add(1);
            let last = state.last;
            state.messages.insert(last, None);
            self.message = Some(last);
        }
        if freed {
            let woken: Vec<Waker> = state.messages.values_mut().filter_map(Option::take).collect();
            drop(state); // a woken task may run immediately
            woken.into_iter().for_each(Waker::wake);
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::future::poll_fn;

    fn may(share: &mut Share) -> bool {
        poll_fn(|context| share.poll_room(context)).now_or_never().is_some()
    }

    #[test]
    fn the_oldest_message_goes_on_in_any_case() {
        let all = Arriving::default();
        let [mut one, mut two, mut small] = [(); 3].map(|()| all.share(100));
        one.hold(OWN + 50);
        two.hold(OWN + 60);
        small.hold(OWN);
        assert!(may(&mut one) && may(&mut small) && !one.is_waiting());
        assert!(!may(&mut two) && two.is_waiting());
        one.hold(OWN + 1000);
        assert!(may(&mut one) && !may(&mut two));
        // Its next message is the youngest.
        one.hold(0);
        one.hold(OWN + 70);
        assert!(may(&mut two) && !may(&mut one));
        drop(two);
        assert!(may(&mut one));
        drop(one);
        assert_eq!(format!("{all:?}"), "Arriving { bytes: 0, messages: 0 }");
    }

    #[tokio::test]
    async fn freed_memory_wakes_those_that_wait() {
        let all = Arriving::default();
        let [mut one, mut two] = [(); 2].map(|()| all.share(100));
        one.hold(OWN + 100);
        two.hold(OWN + 1);
        let waiting = tokio::spawn(async move { poll_fn(|context| two.poll_room(context)).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(one);
        waiting.await.unwrap();
    }
}
