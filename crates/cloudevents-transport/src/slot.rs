//! A place for one value, inside an allocation that has more.

use crate::sync::{Mutex, MutexGuard};
use std::{
    fmt,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

/// One value on its way from one task to another: a oneshot channel that is a part of what both tasks share, in place of an
/// allocation of its own.
///
/// ```
/// use cloudevents_transport::Slot;
/// use std::{future::poll_fn, sync::Arc};
///
/// # futures_util::FutureExt::now_or_never(async {
/// let shared = Arc::new((Slot::new(), "what both tasks need"));
/// shared.0.put(1).unwrap();
/// assert_eq!(poll_fn(|context| shared.0.poll(context)).await, 1);
/// assert_eq!(shared.0.put(2), Err(2)); // no task waits any more
/// # }).unwrap();
/// ```
pub struct Slot<T>(Mutex<State<T>>);

enum State<T> {
    /// The task that waits, once it does.
    Empty(Option<Waker>),
    Full(T),
    /// The value was taken, or no task wants it.
    Closed,
}

impl<T> Slot<T> {
    /// A slot without a value.
    pub fn new() -> Self {
        Self(Mutex::new(State::Empty(None)))
    }

    /// Puts the value, and wakes the task that waits. The error is the value: the slot was [closed](Self::close), or had one before.
    pub fn put(&self, value: T) -> Result<(), T> {
        let mut state = self.lock();
        let State::Empty(waiting) = &mut *state else { return Err(value) };
        let waiting = waiting.take();
        *state = State::Full(value);
        drop(state); // unlocked before waking a task, which may run at once
        if let Some(waiting) = waiting {
            waiting.wake();
        }
        Ok(())
    }

    /// Takes the value, and closes the slot. While there is none, the task that polled last is woken by it. A slot that is closed stays
    /// pending.
    pub fn poll(&self, context: &Context<'_>) -> Poll<T> {
        let mut state = self.lock();
        match &mut *state {
            State::Empty(Some(waiting)) => waiting.clone_from(context.waker()),
            State::Empty(waiting) => *waiting = Some(context.waker().clone()),
            State::Closed => {}
            State::Full(_) => {
                if let State::Full(value) = std::mem::replace(&mut *state, State::Closed) {
                    return Poll::Ready(value);
                }
            }
        }
        Poll::Pending
    }

    /// Ends the wait. A value that was not taken is dropped.
    pub fn close(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Closed);
        drop(state); // unlocked
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Slot")
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::{future::poll_fn, sync::Arc};

    fn taken<T>(slot: &Slot<T>) -> Option<T> {
        poll_fn(|context| slot.poll(context)).now_or_never()
    }

    #[test]
    fn a_value_is_taken_once() {
        let slot = Slot::new();
        assert_eq!(taken(&slot), None);
        assert_eq!((slot.put(1), slot.put(2)), (Ok(()), Err(2)));
        assert_eq!((taken(&slot), taken(&slot)), (Some(1), None));
        assert_eq!(slot.put(3), Err(3));
    }

    #[test]
    fn closing_drops_the_value_and_refuses_others() {
        let value = Arc::new(());
        let slot = Slot::new();
        slot.put(Arc::clone(&value)).unwrap();
        slot.close();
        assert_eq!(Arc::strong_count(&value), 1);
        assert!(slot.put(value).is_err() && taken(&slot).is_none());
    }

    #[tokio::test]
    async fn the_task_that_polled_last_is_woken() {
        let slot = Arc::new(Slot::new());
        assert_eq!(taken(&slot), None); // a task that waits no more
        let waiting = tokio::spawn({
            let slot = Arc::clone(&slot);
            async move { poll_fn(|context| slot.poll(context)).await }
        });
        tokio::task::yield_now().await;
        slot.put(1).unwrap();
        assert_eq!(waiting.await.unwrap(), 1);
    }
}

/// Every order of a task that puts and one that waits.
#[cfg(all(test, ce_model))]
mod models {
    use super::*;
    use std::future::poll_fn;

    #[test]
    fn model_no_value_is_missed() {
        loom::model(|| {
            let slot = loom::sync::Arc::new(Slot::new());
            let other = slot.clone();
            let putting = loom::thread::spawn(move || other.put(7));
            assert_eq!(loom::future::block_on(poll_fn(|context| slot.poll(context))), 7);
            assert_eq!(putting.join().unwrap(), Ok(()));
        });
    }

    #[test]
    fn model_a_value_is_refused_exactly_if_it_is_not_taken() {
        loom::model(|| {
            let slot = loom::sync::Arc::new(Slot::new());
            let other = slot.clone();
            let putting = loom::thread::spawn(move || other.put(7).is_ok());
            slot.close();
            let _ = putting.join().unwrap(); // before or after
            assert_eq!(slot.put(8), Err(8));
        });
    }
}
