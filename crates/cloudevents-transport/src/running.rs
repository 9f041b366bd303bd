//! Futures that run at once, in places that are used again.

use crate::sync::{Mutex, MutexGuard};
use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::{Arc, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

/// Futures that run at once, each with something that belongs to it. They are polled when they are woken, in the order in which they are.
///
/// As with `FuturesUnordered`, but a future is polled when it begins, with the waker that it has from then on, and a future that begins in
/// the place of another one allocates nothing.
pub(crate) struct Running<F, T> {
    places: Vec<Place<F, T>>,
    free: Vec<usize>,
    /// Those that were woken, and are polled next.
    woken: VecDeque<usize>,
    wakes: Arc<Wakes>,
}

struct Place<F, T> {
    future: Pin<Box<Option<F>>>,
    with: Option<T>,
    waker: Waker,
}

impl<F: Future, T> Running<F, T> {
    pub(crate) fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), woken: VecDeque::new(), wakes: Arc::default() }
    }

    /// The number of futures.
    pub(crate) fn len(&self) -> usize {
        self.places.len().saturating_sub(self.free.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Polls a future for the first time. It stays if it is not ready. Made here, it is not moved to its place.
    #[inline]
    pub(crate) fn begin(&mut self, future: impl FnOnce() -> F, with: T) -> Poll<(F::Output, T)> {
        let index = self.free.pop().unwrap_or(self.places.len());
        if self.places.len() <= index {
            let waker = Waker::from(Arc::new(Signal { index, wakes: Arc::clone(&self.wakes) }));
            self.places.push(Place { future: Box::pin(None), with: None, waker });
        }
        if let Some(place) = self.places.get_mut(index) {
            place.future.set(Some(future()));
            place.with = Some(with);
        }
        self.poll_place(index)
    }

    /// Polls the futures that were woken, each one once, until one is ready. If none is, this task is woken with the next one.
    pub(crate) fn poll_next(&mut self, context: &Context<'_>) -> Poll<(F::Output, T)> {
        let known = self.poll_woken();
        if known.is_ready() {
            return known;
        }
        self.wakes.take(context.waker(), &mut self.woken);
        self.poll_woken()
    }

    fn poll_woken(&mut self) -> Poll<(F::Output, T)> {
        while let Some(index) = self.woken.pop_front() {
            let polled = self.poll_place(index);
            if polled.is_ready() {
                return polled;
            }
        }
        Poll::Pending
    }

    fn poll_place(&mut self, index: usize) -> Poll<(F::Output, T)> {
        let Some(place) = self.places.get_mut(index) else { return Poll::Pending };
        // A waker of a future that was here before may wake an empty place.
        let Some(future) = place.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let Poll::Ready(output) = future.poll(&mut Context::from_waker(&place.waker)) else {
            return Poll::Pending;
        };
        place.future.set(None);
        self.free.push(index);
        match place.with.take() {
            Some(with) => Poll::Ready((output, with)),
            None => Poll::Pending,
        }
    }
}

/// Which futures were woken.
#[derive(Default)]
struct Wakes(Mutex<State>);

#[derive(Default)]
struct State {
    /// In order, each one once.
    woken: VecDeque<usize>,
    is_woken: Vec<bool>,
    /// The task that polls, until it is woken.
    task: Option<Waker>,
}

impl Wakes {
    fn wake(&self, index: usize) {
        let mut state = self.lock();
        if state.is_woken.len() <= index {
            state.is_woken.resize(index.saturating_add(1), false);
        }
        if state.is_woken.get_mut(index).is_none_or(|is_woken| mem::replace(is_woken, true)) {
            return;
        }
        state.woken.push_back(index);
        let task = state.task.take();
        drop(state); // unlocked before waking a task, which may run at once
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Moves those that were woken into `woken`, which is empty. This task is woken with the next one.
    fn take(&self, task: &Waker, woken: &mut VecDeque<usize>) {
        let mut state = self.lock();
        let State { woken: now, is_woken, task: waiting } = &mut *state;
        match waiting {
            Some(waiting) => waiting.clone_from(task),
            None => *waiting = Some(task.clone()),
        }
        mem::swap(now, woken);
        for index in woken {
            if let Some(is_woken) = is_woken.get_mut(*index) {
                *is_woken = false;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes one future.
struct Signal {
    index: usize,
    wakes: Arc<Wakes>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wakes.wake(self.index);
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use futures_util::{FutureExt, task::noop_waker};
    use std::{
        cell::Cell,
        future::{self, poll_fn},
    };
    use tokio::sync::oneshot;

    fn next<F: Future, T>(running: &mut Running<F, T>) -> Option<(F::Output, T)> {
        poll_fn(|context| running.poll_next(context)).now_or_never()
    }

    #[test]
    fn futures_end_in_the_order_in_which_they_are_woken() {
        let mut running = Running::new();
        assert_eq!((running.len(), next(&mut running)), (0, None));
        let senders = [(); 3].map(|()| oneshot::channel());
        let senders = senders.map(|(sender, receiver)| {
            let number = running.len();
            assert!(running.begin(|| receiver.map(Result::unwrap), number).is_pending());
            sender
        });
        assert_eq!((running.len(), next(&mut running)), (3, None));
        let [first, second, third] = senders;
        third.send('c').unwrap();
        first.send('a').unwrap();
        assert_eq!(
            [next(&mut running), next(&mut running), next(&mut running)],
            [Some(('c', 2)), Some(('a', 0)), None]
        );
        second.send('b').unwrap();
        assert_eq!((next(&mut running), running.is_empty()), (Some(('b', 1)), true));
    }

    #[test]
    fn a_future_that_is_ready_does_not_stay() {
        let mut running = Running::new();
        assert_eq!(running.begin(|| future::ready(1), ()), Poll::Ready((1, ())));
        assert!(running.is_empty() && next(&mut running).is_none());
        assert_eq!(running.places.len(), 1);
        assert_eq!(running.begin(|| future::ready(2), ()), Poll::Ready((2, ())));
        assert_eq!(running.places.len(), 1);
    }

    /// What is left of a future in the same place may wake another one, which is polled and stays.
    #[test]
    fn wakers_outlive_their_futures() {
        let mut running = Running::new();
        let (old, mut polls) = (Cell::new(None), 0);
        let keep = poll_fn(|context| {
            old.set(Some(context.waker().clone()));
            Poll::Ready(())
        });
        assert!(running.begin(|| keep.left_future(), ()).is_ready());
        let old = old.take().unwrap();
        old.wake_by_ref();
        assert!(next(&mut running).is_none()); // there is none
        let count = poll_fn(|_| {
            polls += 1;
            if polls < 3 { Poll::Pending } else { Poll::Ready(()) }
        });
        assert!(running.begin(|| count.right_future(), ()).is_pending());
        old.wake_by_ref();
        old.wake_by_ref();
        assert!(next(&mut running).is_none());
        old.wake();
        assert!(next(&mut running).is_some());
        drop(running);
        assert_eq!(polls, 3);
    }

    /// A future that wakes itself gets one turn at a time, and the task is woken for the next one.
    #[test]
    fn a_future_that_wakes_itself_lets_others_run() {
        let mut running = Running::new();
        let mut polls = 0;
        let busy = poll_fn(|context| {
            polls += 1;
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert!(running.begin(|| busy, ()).is_pending());
        let task = Arc::<Wakes>::default();
        let waker = Waker::from(Arc::new(Signal { index: 0, wakes: Arc::clone(&task) }));
        for _ in 0..2 {
            assert!(running.poll_next(&Context::from_waker(&waker)).is_pending());
            let mut woken = VecDeque::new();
            task.take(&noop_waker(), &mut woken);
            assert_eq!(woken, [0]);
        }
        drop(running);
        assert_eq!(polls, 3);
    }
}

/// Every order of a thread that wakes and one that polls.
#[cfg(all(test, ce_model))]
mod models {
    use super::*;
    use crate::Slot;
    use std::future::poll_fn;

    #[test]
    fn model_no_wake_up_of_a_future_is_missed() {
        loom::model(|| {
            let slots = [(); 2].map(|()| loom::sync::Arc::new(Slot::new()));
            let mut running = Running::new();
            let mut left = 2;
            for slot in &slots {
                let slot = slot.clone();
                let taking = async move { poll_fn(|context| slot.poll(context)).await };
                assert!(running.begin(|| taking, ()).is_pending());
            }
            let putting = loom::thread::spawn(move || slots.map(|slot| slot.put(1)));
            while left > 0 {
                left -= loom::future::block_on(poll_fn(|context| running.poll_next(context))).0;
            }
            assert_eq!(putting.join().unwrap(), [Ok(()), Ok(())]);
        });
    }
}
