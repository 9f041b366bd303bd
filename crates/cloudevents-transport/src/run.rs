//! Handling messages with settlement by the handler's result.

use crate::{
    Counters, Delivery, Failure, FromDelivery, OrderBy, Receiver, RetryPolicy, Stopper, UnreadablePolicy,
    Verdict,
    drive::{Driving, Ended, Next, Pace},
    failure::How,
    outage::Outage,
};
use cloudevents_core::Error;
use futures_util::FutureExt;
use std::{fmt, future::poll_fn, panic::AssertUnwindSafe, pin::pin, sync::Arc};
use tracing::Instrument;

impl Receiver {
    /// Handles messages concurrently until the receiver is stopped, then waits for the running handlers, and
    /// drains.
    ///
    /// The handler takes an [`Event`](cloudevents_core::Event), a
    /// [`TypedEvent`](cloudevents_core::TypedEvent), a [`Delivery`], or another type that implements
    /// [`FromDelivery`]. What it returns settles the message:
    ///
    /// | the handler | the message |
    /// |---|---|
    /// | returns `()` or `Ok(())` | is accepted |
    /// | returns an error | is tried again with the delays of [`ReceiverOptions::retry`](crate::ReceiverOptions::retry), and rejected after the last attempt |
    /// | returns [`Failure::retry_after`], or [`Failure::reject`] | is tried again after that time; is rejected at once |
    /// | panics | as with an error |
    /// | cannot take the message | is settled by [`ReceiverOptions::malformed`](crate::ReceiverOptions::malformed): by default, rejected. The same applies to an event of a type other than the handler's, and to a message that is not a CloudEvent and that [`ReceiverOptions::not_cloudevents`](crate::ReceiverOptions::not_cloudevents) delivers |
    ///
    /// **During an outage, no message is rejected for failing.** There is an outage while more than half of
    /// the last 20 distinct messages, and at least three, failed. Then receiving pauses: one message is tried
    /// at a time, with pauses of up to 30 seconds, attempts do not count, and only [`Failure::reject`]
    /// rejects. So an hour without the database does not move a topic into its dead-letter topic.
    /// [`Metrics::outages`](crate::Metrics::outages) counts outages.
    ///
    /// `limit` and `order` are as for [`for_each`](Self::for_each). With an order, a message is tried again
    /// in its place, and its lane waits. Without one, it is returned and tried again when the protocol
    /// delivers it. After a loss of the connection, `run` waits for the next one. Only a permanent error ends
    /// it.
    ///
    /// It returns when the receiver was [stopped](Self::stopper) or its [`until`](Run::until) is ready, and
    /// everything is settled. The result is an error of kind
    /// [`Timeout`](cloudevents_core::ErrorKind::Timeout) if settling took longer than
    /// [`ReceiverOptions::drain`](crate::ReceiverOptions::drain). Needs a tokio runtime with its timer.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Error};
    /// # use cloudevents_transport::fake::FakeQueue;
    /// # async fn insert(_: &Event) -> Result<(), std::fmt::Error> { Ok(()) }
    /// # let queue = FakeQueue::new();
    /// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
    /// # let receiver = queue.receiver(DecodeOptions::strict());
    /// # let ctrl_c = || tokio::time::sleep(std::time::Duration::from_millis(10));
    /// use cloudevents_core::Event;
    /// use cloudevents_transport::{Failure, OrderBy};
    ///
    /// let handle = async |event: Event| -> Result<(), Failure> {
    ///     if event.subject() == Some("") {
    ///         return Err(Failure::reject("the subject is empty"));
    ///     }
    ///     insert(&event).await?;
    ///     Ok(())
    /// };
    /// receiver.run(64, OrderBy::attribute("partitionkey"), handle).until(ctrl_c()).await?;
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
    /// # #[cfg(not(feature = "fake"))] fn main() {}
    /// ```
    ///
    /// # Handlers that own what they use
    ///
    /// An `async` closure may borrow from its surroundings, also in a spawned task. An `async move` closure
    /// that uses its captured values by reference is not `Fn`: leave out the `move` (a surrounding `async
    /// move` block owns the state), or clone: `move |event| { let db = db.clone(); async move { .. } }`.
    // `F: Fn(T) -> Fut` and not `F: AsyncFn(T)`: with `AsyncFn`, the future is not `Send` as soon as the
    // handler captures a reference ("implementation of `Send` is not general enough"), and stable Rust has no
    // bound for it. Every `Fn(T) -> Fut` is an `AsyncFn(T)`, so the bound can be relaxed later. `self` and
    // not `&mut self`: a drained receiver is of no further use, and a task needs a future that owns it.
    pub fn run<T, F, Fut>(
        mut self,
        limit: usize,
        order: OrderBy,
        handler: F,
    ) -> Run<impl Future<Output = Result<(), Error>>>
    where
        T: FromDelivery,
        F: Fn(T) -> Fut,
        Fut: Future<Output: Verdict>,
    {
        let stopper = self.stopper();
        let drain = self.drain_deadline();
        let driving = Driving {
            limit,
            order,
            grace: Some(drain),
            persistent: true,
            retry: self.retry(),
            parked: usize::MAX,
        };
        let mut judge = Judge {
            retry: driving.retry,
            malformed: self.malformed(),
            in_place: driving.order != OrderBy::None,
            outage: Outage::default(),
            counters: self.counters(),
        };
        let future = async move {
            let start = |mut delivery: Delivery| {
                let span = delivery.span();
                // The argument is created here, outside the future, so it need not be `Send` before the
                // handler has it.
                let called = T::from_delivery(&mut delivery).map(&handler);
                let handling = async move {
                    let returned = match called {
                        Ok(future) => match AssertUnwindSafe(future).catch_unwind().await {
                            Ok(returned) => Returned::Verdict(returned.verdict()),
                            Err(_) => Returned::Verdict(Err(Failure::retry("the handler panicked"))),
                        },
                        Err(error) => Returned::Unreadable(error),
                    };
                    (delivery, returned)
                };
                handling.instrument(span)
            };
            let handled =
                self.drive(driving, start, |(delivery, returned)| judge.end(delivery, returned)).await;
            handled.and(self.drain(drain).await)
        };
        Run::new(future, stopper)
    }
}

/// A running receiver. Await it, or first set a shutdown signal with [`until`](Self::until).
#[must_use = "nothing is received until it is awaited"]
pub struct Run<F> {
    future: F,
    stopper: Stopper,
}

impl<F: Future<Output = Result<(), Error>>> Run<F> {
    pub(crate) fn new(future: F, stopper: Stopper) -> Self {
        Self { future, stopper }
    }

    /// Runs until this future is ready. Then it stops receiving, waits for the running handlers, and drains.
    /// Any future works: `ctrl_c()`, a channel, a timer.
    pub async fn until<S: Future>(self, shutdown: S) -> Result<(), Error> {
        let mut run = pin!(self.future);
        let mut shutdown = pin!(shutdown.fuse());
        poll_fn(|context| {
            if shutdown.as_mut().poll(context).is_ready() {
                self.stopper.stop();
            }
            run.as_mut().poll(context)
        })
        .await
    }
}

impl<F: Future> IntoFuture for Run<F> {
    type Output = F::Output;
    type IntoFuture = F;

    fn into_future(self) -> F {
        self.future
    }
}

impl<F> fmt::Debug for Run<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

/// How a handler ended.
enum Returned {
    Verdict(Result<(), Failure>),
    /// The handler was not called, because it cannot take the message.
    Unreadable(Error),
}

/// Settles deliveries by the results of their handlers.
///
/// Settlements are not awaited. Failed ones are counted.
struct Judge {
    retry: RetryPolicy,
    malformed: UnreadablePolicy,
    /// Whether there is an order: then a retry must not let the messages behind it go first.
    in_place: bool,
    outage: Outage,
    counters: Arc<Counters>,
}

impl Judge {
    fn end(&mut self, mut delivery: Delivery, returned: Returned) -> Ended {
        let failure = match returned {
            Returned::Verdict(Ok(())) => {
                self.outage.handled(&delivery);
                if delivery.reclaim() {
                    drop(delivery.accept());
                }
                return self.ended(Next::Done, false);
            }
            Returned::Verdict(Err(failure)) => failure,
            Returned::Unreadable(error) => {
                let next = self.unreadable(delivery, Failure::malformed(error));
                return self.ended(next, false);
            }
        };
        self.counters.handler_failed(&failure);
        if failure.how == How::Reject {
            self.outage.handled(&delivery);
        } else {
            let before = self.outage.is_on();
            self.outage.failed(&delivery);
            if self.outage.is_on() && !before {
                self.counters.outage(&failure);
            }
        }
        if !delivery.reclaim() {
            return self.ended(Next::Done, true); // the handler has settled it
        }
        let next = match failure.how {
            How::Reject => {
                drop(delivery.reject(failure));
                return self.ended(Next::Done, false);
            }
            _ if self.outage.is_on() => Next::Again(delivery, None),
            How::Malformed => self.unreadable(delivery, failure),
            How::Retry | How::RetryAfter(_) => self.again(delivery, &failure),
        };
        self.ended(next, true)
    }

    /// Makes another attempt, if one is left.
    fn again(&self, mut delivery: Delivery, failure: &Failure) -> Next {
        let attempt = delivery.attempt();
        let Some(mut after) = self.retry.after(attempt) else {
            drop(delivery.reject(format_args!("attempt {attempt}: {failure}")));
            return Next::Done;
        };
        if let How::RetryAfter(asked) = failure.how {
            after = asked;
        }
        if self.in_place {
            delivery.count_attempt();
            return Next::Again(delivery, Some(after));
        }
        drop(delivery.retry(after));
        Next::Done
    }

    /// Settles a message that the handler cannot take.
    fn unreadable(&self, delivery: Delivery, failure: Failure) -> Next {
        match self.malformed {
            UnreadablePolicy::Reject => drop(delivery.reject(failure)),
            UnreadablePolicy::Skip => {
                self.counters.skipped();
                drop(delivery.accept());
            }
            UnreadablePolicy::Deliver => return Next::Fatal(failure.into_error()),
        }
        Next::Done
    }

    fn ended(&self, next: Next, failed: bool) -> Ended {
        let pace = if self.outage.is_on() { Pace::Probing { failed } } else { Pace::Full };
        Ended { next, pace }
    }
}
