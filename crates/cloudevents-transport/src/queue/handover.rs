//! Messages on their way from the task to the program.

use crate::sync::{Arc, Mutex, MutexGuard};
use std::{
    collections::VecDeque,
    future::poll_fn,
    mem::swap,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

/// Creates a channel for this many values, at least one. The taking end takes up to half of them at once, so that each end locks the
/// channel and wakes the other end once for many values.
pub(super) fn handover<T>(room: usize) -> (Giver<T>, Taker<T>) {
    let state =
        State { given: VecDeque::new(), taken: 0, giver: None, taker: None, ended: false, left: false };
    let shared = Arc::new(Shared { room: room.max(1), state: Mutex::new(state) });
    (Giver(Arc::clone(&shared)), Taker { shared, ready: VecDeque::new() })
}

/// The end of the task.
pub(super) struct Giver<T>(Arc<Shared<T>>);

/// The end of the program.
pub(super) struct Taker<T> {
    shared: Arc<Shared<T>>,
    /// Taken together, and not returned yet.
    ready: VecDeque<T>,
}

struct Shared<T> {
    room: usize,
    state: Mutex<State<T>>,
}

struct State<T> {
    given: VecDeque<T>,
    /// How many were ready when the other end took some last.
    taken: usize,
    /// The ends that wait.
    giver: Option<Waker>,
    taker: Option<Waker>,
    /// No more values are given.
    ended: bool,
    /// No more values are taken.
    left: bool,
}

impl<T> Giver<T> {
    /// How many values are on their way, at most.
    pub(super) fn ahead(&self) -> usize {
        self.0.lock().ahead()
    }

    /// How many more values there is room for.
    pub(super) fn free(&self) -> usize {
        self.0.room.saturating_sub(self.ahead())
    }

    /// Waits until a quarter of the room is free, so that values are given together; forever if no more are taken. Only
    /// [`give`](Self::give) uses the room up.
    pub(super) async fn ready(&self) {
        poll_fn(|context| self.poll_ready(context)).await;
    }

    fn poll_ready(&self, context: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock();
        if !state.left && self.0.is_ready(&state) {
            return Poll::Ready(());
        }
        wait(&mut state.giver, context);
        Poll::Pending
    }

    /// Gives these values. They stay where they are if no more are taken.
    pub(super) fn give(&self, values: &mut Vec<T>) {
        let mut state = self.0.lock();
        if state.left {
            return;
        }
        state.given.extend(values.drain(..));
        let taker = state.taker.take();
        drop(state); // unlocked before waking a task, which may run at once
        wake(taker);
    }
}

impl<T> Drop for Giver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.ended = true;
        let taker = state.taker.take();
        drop(state);
        wake(taker);
    }
}

impl<T> Taker<T> {
    /// Returns the next value; `None` if no more are given.
    pub(super) fn poll_take(&mut self, context: &Context<'_>) -> Poll<Option<T>> {
        if let Some(value) = self.ready.pop_front() {
            return Poll::Ready(Some(value));
        }
        let mut state = self.shared.lock();
        let half = self.shared.room.div_ceil(2);
        if state.given.len() <= half {
            swap(&mut state.given, &mut self.ready);
        } else {
            self.ready.extend(state.given.drain(..half));
        }
        let value = self.ready.pop_front();
        state.taken = self.ready.len();
        let polled = match value {
            None if !state.ended => {
                wait(&mut state.taker, context);
                Poll::Pending
            }
            value => Poll::Ready(value),
        };
        let giver = if self.shared.is_ready(&state) { state.giver.take() } else { None };
        drop(state);
        wake(giver);
        polled
    }

    /// Returns the values that were not taken. No more are taken then.
    pub(super) fn leave(&mut self) -> impl Iterator<Item = T> + use<T> {
        let mut state = self.shared.lock();
        state.left = true;
        let given = std::mem::take(&mut state.given);
        drop(state);
        std::mem::take(&mut self.ready).into_iter().chain(given)
    }
}

impl<T> Drop for Taker<T> {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_ready(&self, state: &State<T>) -> bool {
        self.room.saturating_sub(state.ahead()) >= (self.room / 4).max(1)
    }
}

impl<T> State<T> {
    fn ahead(&self) -> usize {
        self.given.len().saturating_add(self.taken)
    }
}

fn wait(waiting: &mut Option<Waker>, context: &Context<'_>) {
    match waiting {
        Some(waiting) => waiting.clone_from(context.waker()),
        none => *none = Some(context.waker().clone()),
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waiting) = waiting {
        waiting.wake();
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn taken<T>(taker: &mut Taker<T>) -> Option<T> {
        poll_fn(|context| taker.poll_take(context)).now_or_never().flatten()
    }

    #[test]
    fn room_is_for_what_was_given_and_not_returned() {
        for room in [1, 2, 3, 8, 64] {
            let (giver, mut taker) = handover(room);
            let (mut given, mut expected) = (0, 0);
            for _ in 0..10 {
                let free = giver.free();
                assert!(giver.ready().now_or_never().is_some() && free > 0, "{room}");
                giver.give(&mut (given..given + free).collect());
                given += free;
                assert!(giver.ready().now_or_never().is_none());
                assert_eq!((giver.ahead(), giver.free()), (room, 0));
                // What is taken together counts until more is taken.
                let begin = expected;
                while giver.ready().now_or_never().is_none() {
                    assert_eq!(taken(&mut taker), Some(expected));
                    expected += 1;
                    assert!(given - expected <= giver.ahead(), "never fewer than there are");
                }
                assert!(expected - begin <= room.div_ceil(2) + 1, "{room}");
            }
            assert!(std::iter::from_fn(|| taken(&mut taker)).eq(expected..given));
            assert_eq!((giver.ahead(), giver.free()), (0, room));
        }
    }

    #[test]
    fn what_was_given_is_taken_after_the_end() {
        let (giver, mut taker) = handover(8);
        giver.give(&mut vec![1, 2, 3]);
        drop(giver);
        assert_eq!(std::iter::from_fn(|| taken(&mut taker)).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(poll_fn(|context| taker.poll_take(context)).now_or_never(), Some(None));
    }

    #[test]
    fn what_is_not_taken_comes_back() {
        let (giver, mut taker) = handover(8);
        giver.give(&mut (0..6).collect());
        assert_eq!(taken(&mut taker), Some(0));
        assert!(taker.leave().eq(1..6));
        let mut late = vec![6];
        giver.give(&mut late);
        assert_eq!(late, [6]);
        assert!(giver.ready().now_or_never().is_none());
    }
}

/// Every order of both ends.
#[cfg(all(test, ce_model))]
mod models {
    use super::*;
    use loom::future::block_on;

    #[test]
    fn model_every_value_arrives_in_order() {
        for room in [1, 2] {
            loom::model(move || {
                let (giver, mut taker) = handover(room);
                let giving = loom::thread::spawn(move || {
                    for value in 0..3 {
                        block_on(giver.ready());
                        giver.give(&mut vec![value]);
                    }
                });
                for value in 0..3 {
                    assert_eq!(block_on(poll_fn(|context| taker.poll_take(context))), Some(value));
                }
                assert_eq!(block_on(poll_fn(|context| taker.poll_take(context))), None);
                giving.join().unwrap();
            });
        }
    }

    #[test]
    fn model_what_is_not_taken_comes_back_to_one_end() {
        loom::model(|| {
            let (giver, mut taker) = handover(2);
            let giving = loom::thread::spawn(move || {
                let mut value = vec![1];
                giver.give(&mut value);
                value.len()
            });
            let left = taker.leave().count();
            assert_eq!(left + giving.join().unwrap(), 1);
        });
    }
}
