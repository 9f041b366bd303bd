//! The results of operations under way.

use crate::{
    observing::metrics::Counters,
    panics::tell,
    sync::{Arc, Mutex, MutexGuard},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt,
    pin::Pin,
    sync::PoisonError,
    task::{Context, Poll, Waker},
};

/// The result of an operation under way: a message that was handed over, or a settlement that was submitted.
///
/// Awaiting it returns the result. Dropping it or cancelling the await does not undo the operation. It needs
/// no runtime, and may be awaited again after it returned. An outcome that is decided at once does not
/// allocate. `T` is `()` for settlements and [`Receipt`](crate::Receipt) for messages that were sent.
///
/// ```
/// use cloudevents_transport::{Outcome, Receipt};
///
/// # futures_util::FutureExt::now_or_never(async {
/// assert!(Outcome::done().await.is_ok());
///
/// let (resolver, outcome) = Outcome::channel();
/// resolver.resolve(Ok(Receipt::new().with_offset(7)));
/// assert_eq!(outcome.await?.offset(), Some(7));
/// # Ok::<(), cloudevents_core::Error>(()) }).unwrap().unwrap();
/// ```
#[must_use = "it is under way already: await the outcome to learn the result, or drop it by name"]
pub struct Outcome<T = ()>(State<T>);

enum State<T> {
    Decided(Result<T, Error>),
    Channel(Arc<Channel<T>>),
    Watching(Pin<Box<dyn Future<Output = Result<T, Error>> + Send>>, Option<Observer<T>>),
}

/// Counts a result. It is a function pointer and an `Arc`, because a boxed closure would be one more
/// allocation per message.
struct Observer<T> {
    counters: std::sync::Arc<Counters>,
    count: fn(&Counters, Result<(), &Error>),
    after: Option<After<T>>,
}

/// Called with a result, besides counting it.
pub(crate) type After<T> = Box<dyn FnOnce(Result<&T, &Error>) + Send>;

impl<T> Outcome<T> {
    /// Creates a decided outcome.
    pub fn ready(result: Result<T, Error>) -> Self {
        Self(State::Decided(result))
    }

    /// Creates an outcome that the resolver decides.
    ///
    /// Dropping the resolver makes it an error of kind [`Disconnected`](ErrorKind::Disconnected).
    pub fn channel() -> (Resolver<T>, Self) {
        let channel = Arc::new(Channel(Mutex::new(Cell { result: None, waker: None, observer: None })));
        (Resolver(Some(Arc::clone(&channel))), Self(State::Channel(channel)))
    }

    /// Creates an outcome from a future that watches an operation under way.
    ///
    /// The future must not do the work itself, since perhaps no task polls it. The result is counted only if a task does.
    pub fn watching(future: impl Future<Output = Result<T, Error>> + Send + 'static) -> Self {
        Self(State::Watching(Box::pin(future), None))
    }

    /// Returns the result, if it is known already.
    pub fn decided(&self) -> Option<&Result<T, Error>> {
        match &self.0 {
            State::Decided(result) => Some(result),
            State::Channel(_) | State::Watching(..) => None,
        }
    }

    /// Counts the result as soon as it is known, whether or not a task awaits it, and calls the function with it. Called once.
    pub(crate) fn counted(
        mut self,
        counters: &std::sync::Arc<Counters>,
        count: fn(&Counters, Result<(), &Error>),
        after: Option<After<T>>,
    ) -> Self {
        let observer = Observer { counters: std::sync::Arc::clone(counters), count, after };
        match &mut self.0 {
            State::Decided(result) => observer.count(result),
            State::Watching(_, watched) => *watched = Some(observer),
            State::Channel(channel) => channel.observe(observer),
        }
        self
    }
}

impl Outcome {
    /// Creates a successful outcome.
    pub fn done() -> Self {
        Self::ready(Ok(()))
    }
}

/// Nothing in it is pinned in place, so `T` need not be `Unpin`.
impl<T> Unpin for Outcome<T> {}

impl<T: Clone> Future for Outcome<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match &mut self.0 {
            State::Decided(result) => return Poll::Ready(result.clone()),
            State::Channel(channel) => channel.poll(context),
            State::Watching(future, observer) => future.as_mut().poll(context).map(|result| {
                if let Some(observer) = observer.take() {
                    observer.count(&result);
                }
                result
            }),
        };
        if let Poll::Ready(result) = &polled {
            self.0 = State::Decided(result.clone());
        }
        polled
    }
}

impl<T> fmt::Debug for Outcome<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            State::Decided(Ok(_)) => "Outcome(Ok)",
            State::Decided(Err(_)) => "Outcome(Err)",
            State::Channel(_) | State::Watching(..) => "Outcome(..)",
        })
    }
}

/// Decides an [`Outcome`]; see [`Outcome::channel`].
pub struct Resolver<T = ()>(Option<Arc<Channel<T>>>);

impl<T> Resolver<T> {
    /// The resolver of an outcome that is decided.
    #[cfg(any(feature = "log", feature = "queue"))]
    pub(crate) fn spent() -> Self {
        Self(None)
    }

    /// Decides the outcome. It does not matter whether a task waits for it.
    pub fn resolve(mut self, result: Result<T, Error>) {
        if let Some(channel) = self.0.take() {
            channel.resolve(result);
        }
    }
}

impl<T> Drop for Resolver<T> {
    fn drop(&mut self) {
        if let Some(channel) = self.0.take() {
            channel.resolve(Err(unresolved()));
        }
    }
}

impl<T> fmt::Debug for Resolver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Resolver")
    }
}

#[cold]
fn unresolved() -> Error {
    Error::new(ErrorKind::Disconnected).with_detail("the task that would report the result has ended")
}

/// Not tokio's oneshot, which loses a result that no task awaits before it can be counted.
struct Channel<T>(Mutex<Cell<T>>);

struct Cell<T> {
    result: Option<Result<T, Error>>,
    waker: Option<Waker>,
    observer: Option<Observer<T>>,
}

impl<T> Channel<T> {
    fn lock(&self) -> MutexGuard<'_, Cell<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn resolve(&self, result: Result<T, Error>) {
        let mut cell = self.lock();
        if let Some(observer) = cell.observer.take() {
            drop(cell); // unlocked before the program's own function is called
            observer.count(&result);
            cell = self.lock();
        }
        let waker = cell.waker.take();
        cell.result = Some(result);
        drop(cell); // unlocked before waking a task, which may run at once
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> Channel<T> {
    /// Called once, before a task has the outcome.
    fn observe(&self, observer: Observer<T>) {
        let mut cell = self.lock();
        match &cell.result {
            Some(result) => observer.count(result),
            None => cell.observer = Some(observer),
        }
    }
}

impl<T: Clone> Channel<T> {
    fn poll(&self, context: &Context<'_>) -> Poll<Result<T, Error>> {
        let mut cell = self.lock();
        match &cell.result {
            Some(result) => Poll::Ready(result.clone()),
            None => {
                match &mut cell.waker {
                    Some(waker) => waker.clone_from(context.waker()),
                    waker => *waker = Some(context.waker().clone()),
                }
                Poll::Pending
            }
        }
    }
}

impl<T> Observer<T> {
    fn count(self, result: &Result<T, Error>) {
        (self.count)(&self.counters, result.as_ref().map(|_| ()));
        if let Some(after) = self.after {
            tell(|| after(result.as_ref()));
        }
    }
}

#[cfg(all(test, not(ce_model)))]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn a_result_can_be_had_again() {
        let (resolver, mut outcome) = Outcome::<()>::channel();
        assert!((&mut outcome).now_or_never().is_none());
        resolver.resolve(Err(Error::new(ErrorKind::Refused)));
        assert_eq!((&mut outcome).now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Refused);
        assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Refused);
    }

    #[test]
    fn a_dropped_resolver_is_an_error() {
        let (resolver, outcome) = Outcome::<()>::channel();
        drop(resolver);
        assert_eq!(outcome.now_or_never().unwrap().unwrap_err().kind(), ErrorKind::Disconnected);
    }

    #[test]
    fn results_count_whether_or_not_a_task_awaits_them_and_once() {
        let counters = std::sync::Arc::new(Counters::default());
        let count = |outcome: Outcome| outcome.counted(&counters, Counters::sent_or_not, None);
        drop(count(Outcome::done()));
        let (resolver, outcome) = Outcome::channel();
        drop(count(outcome));
        resolver.resolve(Err(Error::new(ErrorKind::Refused)));
        let (resolver, outcome) = Outcome::channel();
        let mut outcome = count(outcome);
        resolver.resolve(Ok(()));
        for _ in 0..2 {
            assert!((&mut outcome).now_or_never().unwrap().is_ok());
        }
        let (resolver, outcome) = Outcome::channel();
        drop(resolver);
        drop(count(outcome));
        let counted = counters.snapshot();
        assert_eq!((counted.sent, counted.failed), (2, 2));
    }
}

/// Every order of a resolver and a task that waits.
#[cfg(all(test, ce_model))]
mod models {
    use super::*;

    #[test]
    fn model_no_wake_up_is_missed() {
        loom::model(|| {
            let (resolver, outcome) = Outcome::<u32>::channel();
            let resolving = loom::thread::spawn(move || resolver.resolve(Ok(7)));
            assert_eq!(loom::future::block_on(outcome).unwrap(), 7);
            resolving.join().unwrap();
        });
    }

    #[test]
    fn model_a_dropped_resolver_wakes_too() {
        loom::model(|| {
            let (resolver, outcome) = Outcome::<u32>::channel();
            let dropping = loom::thread::spawn(move || drop(resolver));
            assert_eq!(loom::future::block_on(outcome).unwrap_err().kind(), ErrorKind::Disconnected);
            dropping.join().unwrap();
        });
    }

    #[test]
    fn model_a_result_counts_once() {
        loom::model(|| {
            let counters = std::sync::Arc::new(Counters::default());
            let (resolver, outcome) = Outcome::<()>::channel();
            let resolving = loom::thread::spawn(move || resolver.resolve(Ok(())));
            drop(outcome.counted(&counters, Counters::sent_or_not, None));
            resolving.join().unwrap();
            assert_eq!(counters.snapshot().sent, 1);
        });
    }
}
