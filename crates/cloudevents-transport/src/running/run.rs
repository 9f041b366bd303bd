//! Handling messages with settlement by the handler's result.

use super::{
    OrderBy, RetryPolicy, ended::Ended, ending::both, guarded::Guarded, idle::Watched, settings::Settings,
};
use crate::{
    Delivery, Failure, FromDelivery, Receiver, Stopper, UnreadablePolicy, Verdict,
    panics::{Panicked, caught},
    receiving::failure::How,
};
use cloudevents_core::Error;
use futures_util::FutureExt;
use pin_project_lite::pin_project;
use std::{
    fmt,
    future::poll_fn,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::timeout;

impl Receiver {
    /// Handles messages concurrently until the receiver is stopped, then waits for the running handlers, and drains.
    ///
    /// The handler takes an [`Event`](cloudevents_core::Event), a
    /// [`TypedEvent`](cloudevents_core::TypedEvent), a [`Delivery`], or another type that implements
    /// [`FromDelivery`]. The result of the handler settles the message:
    ///
    /// | the handler | the message |
    /// |---|---|
    /// | returns `()` or `Ok(())` | is accepted |
    /// | returns an error | is tried again with the delays of [`ReceiverOptions::retry`](crate::ReceiverOptions::retry), and rejected when it is given up |
    /// | returns [`Failure::retry_after`], or [`Failure::reject`] | is tried again after that time; is rejected at once |
    /// | returns [`Failure::unavailable`] | is tried again, and the attempt does not count |
    /// | panics, or takes longer than its [limit](Run::time_limit) | as with an error |
    /// | cannot take the message | is settled by [`ReceiverOptions::malformed`](crate::ReceiverOptions::malformed): by default, rejected. The same applies to an event of a type other than the handler's, and to a message that is not a CloudEvent and that [`ReceiverOptions::not_cloudevents`](crate::ReceiverOptions::not_cloudevents) delivers |
    ///
    /// **A message is given up after 10 failures of its own.** A failure is the message's own if another message of the same type was begun
    /// after the previous failure and has succeeded since. Otherwise something that the messages share may be away, and nothing is
    /// rejected: an hour without the database does not move a topic into its dead-letter topic. After [`give_up_after`](Run::give_up_after)
    /// without any success, failures count all the same. [`attempts`](Run::attempts) sets a limit that counts every attempt.
    ///
    /// **While nothing succeeds, it slows down**: one message at a time is tried, with pauses of up to 30 seconds, until one succeeds.
    /// [`Metrics::outages`](crate::Metrics::outages) counts how often.
    ///
    /// A message that failed waits here. With an [order](Run::in_order), the messages behind it wait, too. If the sender keeps the message,
    /// as over HTTP, it goes back instead. After a loss of the connection, `run` waits for the next one. Only a permanent error ends it.
    ///
    /// It returns when everything is settled after its end: the receiver was [stopped](Self::stopper), its [`until`](Run::until) is ready,
    /// it was [idle](Run::until_idle), or its [`count`](Run::count) of messages has ended. Messages
    /// that no handler has go back. In a log, a settled message comes again if a message before it is not settled. So in a log, the
    /// messages before the last one that is settled or that a handler has are handled first, as far as time permits. The result is an error
    /// of kind [`Timeout`](cloudevents_core::ErrorKind::Timeout) if handlers or settling took longer than
    /// [`ReceiverOptions::drain`](crate::ReceiverOptions::drain), or if a settled message comes again. `run` needs a tokio runtime with its
    /// timer.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Error};
    /// # use cloudevents_transport::fake::FakeQueue;
    /// # async fn insert(_: &Event) -> Result<(), std::fmt::Error> { Ok(()) }
    /// # let queue = FakeQueue::new();
    /// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").subject("7").build()?).await?;
    /// # let receiver = queue.receiver(DecodeOptions::strict());
    /// # let ctrl_c = || tokio::time::sleep(std::time::Duration::from_millis(10));
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::{Failure, OrderBy};
    ///
    /// let handle = async |event: Event| -> Result<(), Failure> {
    ///     if event.subject().is_none() {
    ///         return Err(Failure::reject("there is no subject"));
    ///     }
    ///     insert(&event).await?;
    ///     Ok(())
    /// };
    /// receiver.run(handle).concurrency(16).in_order(OrderBy::attribute("partitionkey")).until(ctrl_c()).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    ///
    /// # Handlers that own their state
    ///
    /// An `async` closure may borrow from its surroundings, also in a spawned task. An `async move` closure
    /// that uses its captured values by reference is not `Fn`: leave out the `move` (a surrounding `async
    /// move` block owns the state), or clone: `move |event| { let db = db.clone(); async move { .. } }`.
    // `F: Fn(T) -> Fut` and not `F: AsyncFn(T)`: with `AsyncFn`, the future is not `Send` as soon as the
    // handler captures a reference ("implementation of `Send` is not general enough"), and stable Rust has no
    // bound for it. Every `Fn(T) -> Fut` is an `AsyncFn(T)`, so the bound can be relaxed later. `self` and
    // not `&mut self`: a drained receiver is of no further use, and a task needs a future that owns it.
    pub fn run<T, F, Fut>(mut self, handler: F) -> Run<impl Future<Output = Result<(), Error>>>
    where
        T: FromDelivery,
        F: Fn(T) -> Fut,
        Fut: Future<Output: Verdict>,
    {
        let stopper = self.stopper();
        let watched = Watched {
            activity: self.activity(),
            connectivity: self.connectivity(),
            counters: self.counters(),
        };
        let choices = Choices::new(Chosen { settings: self.settings(), time_limit: self.time_limit() });
        let read = choices.clone();
        let future = async move {
            let Chosen { settings, time_limit } = read.get().clone();
            self.limit_attempts(settings.attempts);
            let (malformed, drain, counters) = (self.malformed(), settings.drain, self.counters());
            let attempt = |mut delivery: Delivery| {
                // The argument is created here, outside the future, so it need not be `Send` before the
                // handler has it.
                let called = caught(|| T::from_delivery(&mut delivery));
                let called = called.map(|value| value.map(|value| Guarded::new(|| handler(value))));
                let counters = &counters;
                async move {
                    let ended = match called {
                        Err(Panicked) => Ended::Failed(Failure::retry("decoding the message panicked")),
                        Ok(Ok(running)) => match returned(running, time_limit).await {
                            Err(failure) if failure.how == How::Malformed => unreadable(failure, malformed),
                            Err(failure) if failure.is_reject() => Ended::Rejected(failure),
                            Err(failure) => Ended::Failed(failure),
                            Ok(()) => Ended::Accepted,
                        },
                        Ok(Err(error)) => unreadable(Failure::malformed(error), malformed),
                    };
                    if matches!(ended, Ended::Skipped) {
                        counters.skipped();
                    }
                    // The handler may have settled it.
                    let is_taken = delivery.is_taken();
                    if delivery.reclaim() {
                        return (delivery, ended);
                    }
                    let result = match ended {
                        Ended::Failed(failure) | Ended::Rejected(failure) => Err(failure),
                        _ => Ok(is_taken),
                    };
                    (delivery, Ended::Settled(result))
                }
            };
            self.isolate();
            let handled = self.drive(settings, attempt).await;
            both(handled, self.drain(drain).await)
        };
        Run { running: Running::new(future, stopper), choices, watched }
    }
}

/// Waits for the result of the handler.
async fn returned<Fut>(running: Guarded<Fut>, limit: Option<Duration>) -> Result<(), Failure>
where
    Fut: Future<Output: Verdict>,
{
    let returned = match limit {
        None => running.await,
        Some(limit) => timeout(limit, running)
            .await
            .map_err(|_| Failure::retry(format!("the handler took longer than {limit:?}")))?,
    };
    // The result is code of the program, too.
    match returned.and_then(|verdict| caught(|| verdict.verdict())) {
        Ok(verdict) => verdict,
        Err(Panicked) => Err(Failure::retry("the handler panicked")),
    }
}

/// Settles a message that the handler cannot take.
fn unreadable(failure: Failure, policy: UnreadablePolicy) -> Ended {
    match policy {
        UnreadablePolicy::Reject => Ended::Rejected(failure),
        UnreadablePolicy::Skip => Ended::Skipped,
        UnreadablePolicy::Deliver => Ended::Fatal(failure.into_error()),
    }
}

pin_project! {
    /// A receiver that runs when it is awaited or spawned. Before, its settings can be changed.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() {
    /// # let receiver = cloudevents_transport::fake::FakeQueue::new().receiver(cloudevents_core::DecodeOptions::strict());
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::OrderBy;
    ///
    /// let running = receiver.run(async |event: Event| println!("{}", event.id())).concurrency(8).in_order(OrderBy::Key);
    /// # }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    #[must_use = "nothing is received until it is awaited"]
    pub struct Run<F> {
        #[pin]
        running: Running<F>,
        choices: Choices,
        watched: Watched,
    }
}

pin_project! {
    /// A bridge, or a [`Run`] whose settings are chosen, which runs when it is awaited or spawned.
    #[must_use = "nothing is received until it is awaited"]
    pub struct Running<F> {
        #[pin]
        future: F,
        stopper: Stopper,
    }
}

/// Settings that can be changed until the first poll.
#[derive(Clone)]
struct Choices(Arc<Mutex<Chosen>>);

#[derive(Clone)]
struct Chosen {
    settings: Settings,
    time_limit: Option<Duration>,
}

impl Choices {
    fn new(chosen: Chosen) -> Self {
        Self(Arc::new(Mutex::new(chosen)))
    }

    fn get(&self) -> MutexGuard<'_, Chosen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Future<Output = Result<(), Error>>> Run<F> {
    /// Sets the number of handlers that may run at once; at least one. Default: 64.
    ///
    /// Handlers run in the task of the caller, concurrently but on one thread at a time. Long computations in a handler belong on a
    /// separate task that the handler awaits.
    pub fn concurrency(self, handlers: usize) -> Self {
        self.choices.get().settings.concurrency = handlers;
        self
    }

    /// Handles messages in this order. Default: none.
    pub fn in_order(self, order: OrderBy) -> Self {
        self.choices.get().settings.order = order;
        self
    }

    /// Sets [`ReceiverOptions::retry`](crate::ReceiverOptions::retry).
    pub fn retry(self, retry: RetryPolicy) -> Self {
        self.choices.get().settings.retry = retry;
        self
    }

    /// Rejects a message after this many attempts, with any reason for the failures.
    ///
    /// See [`ReceiverOptions::attempts`](crate::ReceiverOptions::attempts).
    pub fn attempts(self, attempts: u32) -> Self {
        self.choices.get().settings.attempts = Some(attempts);
        self
    }

    /// Sets [`ReceiverOptions::give_up_after`](crate::ReceiverOptions::give_up_after).
    pub fn give_up_after(self, time: impl Into<Option<Duration>>) -> Self {
        self.choices.get().settings.give_up_after = time.into();
        self
    }

    /// Sets [`ReceiverOptions::time_limit`](crate::ReceiverOptions::time_limit).
    pub fn time_limit(self, limit: Duration) -> Self {
        self.choices.get().time_limit = Some(limit);
        self
    }

    /// Handles this number of messages, and ends when the last of them has ended. Default: no limit.
    ///
    /// Each message counts once. The attempts of a message that is tried again do not count. A message that goes back to its sender, as
    /// over HTTP, counts each time it comes. Messages that the receiver has in memory beyond the number go back. With 0, nothing is
    /// received.
    pub fn count(self, messages: u64) -> Self {
        {
            let mut chosen = self.choices.get();
            (chosen.settings.most, chosen.settings.ends_after_most) = (Some(messages), true);
        }
        self
    }

    /// Runs until this future is ready. Then it stops receiving, waits for the running handlers, and drains.
    ///
    /// Any future works: [`shutdown_signal`](crate::shutdown_signal), a channel, a timer.
    pub async fn until<S: Future>(self, shutdown: S) -> Result<(), Error> {
        self.running.until(shutdown).await
    }

    /// Runs until no message has come for this time, and none is handled or waits for another attempt. Then it stops receiving, and drains.
    ///
    /// While the source is away, or messages that were delivered before come again, it is not idle. A queue is empty then, as far as its
    /// broker shows that; a message that is enqueued later stays there.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Event};
    /// # let queue = cloudevents_transport::fake::FakeQueue::new();
    /// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
    /// # let receiver = queue.receiver(DecodeOptions::strict());
    /// use std::time::Duration;
    ///
    /// receiver.run(async |event: Event| println!("{}", event.id())).until_idle(Duration::from_millis(50)).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    pub async fn until_idle(self, time: Duration) -> Result<(), Error> {
        let watched = self.watched.clone();
        self.running.until(async move { watched.idle_for(time).await }).await
    }
}

impl<F: Future<Output = Result<(), Error>>> Running<F> {
    pub(crate) fn new(future: F, stopper: Stopper) -> Self {
        Self { future, stopper }
    }

    /// Runs until this future is ready. Then it stops receiving, waits for running handlers, and drains.
    ///
    /// Any future works: [`shutdown_signal`](crate::shutdown_signal), a channel, a timer.
    pub async fn until<S: Future>(self, shutdown: S) -> Result<(), Error> {
        let stopper = self.stopper.clone();
        let mut run = pin!(self.future);
        let mut shutdown = pin!(shutdown.fuse());
        poll_fn(|context| {
            if shutdown.as_mut().poll(context).is_ready() {
                stopper.stop();
            }
            run.as_mut().poll(context)
        })
        .await
    }
}

impl<F: Future> Future for Run<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().running.poll(context)
    }
}

impl<F: Future> Future for Running<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().future.poll(context)
    }
}

impl<F> fmt::Debug for Running<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("settings", &self.choices.get().settings).finish_non_exhaustive()
    }
}
