//! The memory of messages that are arriving, which connections share.

use std::{
    collections::BTreeMap,
    fmt, io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// How much is read at once. Messages share the memory of the bytes that were read with them.
pub(super) const READ: usize = 32 << 10;

/// How much a message may have without a share: the bytes that a connection reads at once, for which it has a buffer anyway.
const OWN: u64 = READ as u64;

/// How long a message that holds memory may take for [`PROGRESS`] bytes while others wait for that memory.
const GRACE: Duration = Duration::from_secs(1);

/// How long a message that is given up may need to go.
const MOMENT: Duration = Duration::from_millis(100);

/// Less than any client in good faith sends in that time, and too much for a crowd that only holds memory.
const PROGRESS: u64 = 64 << 10;

/// The memory of messages that have begun to arrive, and have not ended. Clones share it.
///
/// Beyond the bound, connections are not read. The message that has held memory for longest goes on in any case, so that two messages never
/// wait for each other. So the most is the bound, that message, and the bytes that every other connection reads at once. While a message
/// waits, messages that make no progress are given up.
#[derive(Clone, Default)]
pub(crate) struct Arriving(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    used: u64,
    /// The messages that hold memory, by age.
    messages: BTreeMap<u64, Message>,
    last: u64,
    /// When a message may be the first that makes no progress.
    look: Option<Instant>,
}

/// A message that holds memory.
struct Message {
    held: u64,
    /// Since when, and how much has come since then. It begins anew with each [`PROGRESS`].
    since: Instant,
    came: u64,
    /// Whether this side does not read: then the peer is not slow.
    paused: bool,
    /// Whether its task waits for memory.
    waits: bool,
    /// Whether its connection has to end.
    given_up: bool,
    waker: Option<Waker>,
}

impl Message {
    /// When it will have made no progress.
    fn slow_at(&self) -> Option<Instant> {
        self.since.checked_add(GRACE).filter(|_| !self.paused && !self.given_up)
    }

    fn resume(&mut self, now: Instant) {
        if std::mem::take(&mut self.paused) {
            (self.since, self.came) = (now, 0);
        }
    }
}

impl State {
    /// Gives up messages that make no progress, the oldest first, until the bound allows more. Returns their tasks.
    fn make_room(&mut self, except: u64, bound: u64, now: Instant) -> Vec<Waker> {
        if self.look.is_some_and(|look| now < look) {
            return Vec::new();
        }
        // Their memory counts until they are dropped.
        let going = self.messages.values().filter(|message| message.given_up).map(|message| message.held);
        let mut used = self.used.saturating_sub(going.fold(0, u64::saturating_add));
        let mut woken = Vec::new();
        for (number, message) in &mut self.messages {
            if used < bound {
                break;
            }
            if *number != except && message.slow_at().is_some_and(|slow| slow <= now) {
                message.given_up = true;
                used = used.saturating_sub(message.held);
                woken.extend(message.waker.take());
            }
        }
        let others = self.messages.iter().filter(|(number, _)| **number != except);
        let next = others.filter_map(|(_, message)| message.slow_at()).min();
        self.look = next.max(now.checked_add(MOMENT));
        woken
    }
}

impl Arriving {
    /// Returns the share of a connection, in memory of this many bytes.
    #[cfg_attr(not(feature = "server"), allow(dead_code))]
    pub(crate) fn share(&self, bound: usize) -> Share {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX);
        let all = self.clone();
        Share { all, bound, message: None, held: 0, waiting: false, has_waited: false, timer: None }
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

/// The memory that the message of one connection holds. Dropping it frees the memory.
pub(crate) struct Share {
    all: Arriving,
    bound: u64,
    message: Option<u64>,
    held: u64,
    waiting: bool,
    /// Whether the message has waited.
    has_waited: bool,
    /// Until others may have made no progress.
    timer: Option<Pin<Box<Sleep>>>,
}

/// The source of an error of reading: the message made no progress, and others needed its memory.
#[derive(Debug)]
pub(super) struct GivenUp;

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the message made no progress, and others needed its memory")
    }
}

impl std::error::Error for GivenUp {}

impl Share {
    /// Whether the connection waits for memory.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// Whether the connection has waited for memory since its message began.
    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Whether the message was given up: its connection has to end.
    pub(crate) fn is_given_up(&self) -> bool {
        let Some(number) = self.message else { return false };
        self.all.state().messages.get(&number).is_some_and(|message| message.given_up)
    }

    /// This side does not read, for another reason than memory.
    pub(crate) fn pause(&mut self) {
        let Some(number) = self.message else { return };
        if let Some(message) = self.all.state().messages.get_mut(&number) {
            message.paused = true;
        }
    }

    /// Waits until more of the message may be read. A message that needs no share never waits. The error is [`GivenUp`].
    pub(crate) fn poll_room(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.waiting = false;
        let Some(number) = self.message else { return Poll::Ready(Ok(())) };
        let now = Instant::now();
        let mut state = self.all.state();
        let is_oldest = state.messages.first_key_value().is_some_and(|(oldest, _)| *oldest == number);
        let mut woken = Vec::new();
        if !is_oldest && state.used >= self.bound {
            woken = state.make_room(number, self.bound, now);
        }
        let has_room = is_oldest || state.used < self.bound;
        let look = state.look;
        let polled = match state.messages.get_mut(&number) {
            None => Poll::Ready(Ok(())),
            Some(message) if message.given_up => Poll::Ready(Err(io::Error::other(GivenUp))),
            Some(message) => {
                // Also for reading: the task is woken when the message is given up.
                match &mut message.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    waker => *waker = Some(context.waker().clone()),
                }
                message.waits = !has_room;
                if has_room {
                    message.resume(now);
                    Poll::Ready(Ok(()))
                } else {
                    // A message that was slow before stays slow.
                    message.paused |= message.slow_at().is_some_and(|slow| now < slow);
                    Poll::Pending
                }
            }
        };
        drop(state); // a woken task may run immediately
        woken.into_iter().for_each(Waker::wake);
        if polled.is_pending() {
            (self.waiting, self.has_waited) = (true, true);
            self.wait(look, context);
        }
        polled
    }

    /// Has the task look again at this time.
    fn wait(&mut self, look: Option<Instant>, context: &mut Context<'_>) {
        let Some(look) = look else { return };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(look)));
        if timer.deadline() != look {
            timer.as_mut().reset(look);
        }
        if timer.as_mut().poll(context).is_ready() {
            context.waker().wake_by_ref();
        }
    }

    /// The message has this many bytes now, or 0 when it has ended.
    pub(crate) fn hold(&mut self, bytes: u64) {
        let held = bytes.saturating_sub(OWN);
        if held == self.held {
            return;
        }
        let mut state = self.all.state();
        let before = std::mem::replace(&mut self.held, held);
        let freed = held < before;
        if let Some(number) = self.message {
            if let Some(message) = state.messages.get_mut(&number) {
                message.held = held;
                message.came = message.came.saturating_add(held.saturating_sub(before));
                if message.came >= PROGRESS {
                    (message.since, message.came) = (Instant::now(), 0);
                }
            }
            state.used = state.used.saturating_sub(before).saturating_add(held);
            if held == 0 {
                (self.message, self.has_waited) = (None, false);
                state.messages.remove(&number);
            }
        } else {
            state.last = state.last.saturating_add(1);
            state.used = state.used.saturating_add(held);
            let number = state.last;
            let message = Message {
                held,
                since: Instant::now(),
                came: 0,
                paused: false,
                waits: false,
                given_up: false,
                waker: None,
            };
            state.messages.insert(number, message);
            self.message = Some(number);
        }
        if freed {
            let waiting = state.messages.values_mut().filter(|message| message.waits);
            let woken: Vec<Waker> = waiting.filter_map(|message| message.waker.take()).collect();
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
        poll_fn(|context| share.poll_room(context)).now_or_never().is_some_and(|room| room.is_ok())
    }

    /// Virtual time. One stalls, one drips, one is paused by this side, and one makes progress.
    #[tokio::test(start_paused = true)]
    async fn who_makes_no_progress_gives_way() {
        let all = Arriving::default();
        let mut shares = [(); 5].map(|()| all.share(500_000));
        for share in &mut shares {
            share.hold(OWN + 100_000);
        }
        let [stalled, dripping, paused, fast, waiting] = &mut shares;
        for step in 1..=9 {
            tokio::time::advance(GRACE / 10).await;
            dripping.hold(OWN + 100_000 + step);
            paused.pause();
            fast.hold(OWN + 100_000 + step * PROGRESS);
            assert!(!may(waiting), "{step}");
        }
        assert!(may(stalled), "the oldest one goes on");
        let room = tokio::time::timeout(GRACE / 5, poll_fn(|context| waiting.poll_room(context)));
        assert!(room.await.is_err(), "the fast one takes the room of the others");
        for given_up in [stalled, dripping] {
            let error = poll_fn(|context| given_up.poll_room(context)).now_or_never().unwrap().unwrap_err();
            assert!(error.get_ref().unwrap().is::<GivenUp>());
            given_up.hold(OWN + 100_001);
        }
        fast.hold(0);
        assert!(may(waiting) && may(paused));
        drop(shares);
        assert_eq!(format!("{all:?}"), "Arriving { bytes: 0, messages: 0 }");
    }

    #[tokio::test]
    async fn the_oldest_message_goes_on_in_any_case() {
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
        let waiting = tokio::spawn(async move { poll_fn(|context| two.poll_room(context)).await.unwrap() });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        drop(one);
        waiting.await.unwrap();
    }
}
