//! Receiving events.

use crate::{
    Counters, Delivery, InFlight, Intake, Metrics, Policy, ReceiverOptions, Settlement,
    binding::{DynIntake, Incoming},
    delivery::Context,
};
use cloudevents_core::{Error, ErrorKind};
use futures_util::{
    Stream,
    future::{Either, select},
    stream,
};
use std::{
    fmt,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Receives messages from one address and delivers them to be settled. See [`Delivery`] for the loop this is used in, and
/// [`for_each`](Self::for_each) for one that runs concurrently.
///
/// What is delivered and not settled is bounded, by count and by bytes ([`ReceiverOptions::in_flight`]): at the bounds,
/// [`next`](Self::next) waits until something is settled.
pub struct Receiver {
    intake: Box<dyn DynIntake>,
    context: Arc<Context>,
    policy: Policy,
    stop: Arc<Stop>,
}

impl Receiver {
    /// A receiver over this binding. The decoding should be the one the binding itself decodes with.
    pub fn new(binding: impl Intake, options: impl Into<ReceiverOptions>) -> Self {
        let ReceiverOptions { decoding, policy, in_flight } = options.into();
        Self {
            intake: Box::new(binding),
            context: Arc::new(Context {
                decoding,
                counters: Arc::default(),
                in_flight: InFlight::new(in_flight),
            }),
            policy,
            stop: Arc::default(),
        }
    }

    /// The same within a limit that it shares with others, in place of [`ReceiverOptions::in_flight`]. Receivers that wait at the same
    /// time may each go one message beyond it.
    pub fn sharing(mut self, in_flight: InFlight) -> Self {
        let Context { decoding, counters, .. } = &*self.context;
        let (decoding, counters) = (decoding.clone(), Arc::clone(counters));
        self.context = Arc::new(Context { decoding, counters, in_flight });
        self
    }

    /// The next delivery; `None` when the receiver was stopped or drained, or when there will never be another.
    ///
    /// Cancel-safe: dropping the future loses nothing, and the message it would have answered with is the next one. While it waits
    /// for room, nothing is taken from the source.
    ///
    /// An error is about the connection, not about a message. Calling again tries again, unless the kind is
    /// [`Closed`](ErrorKind::Closed).
    pub async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        loop {
            let incoming = match self.ready() {
                Some(incoming) => incoming?,
                None => self.wait().await?,
            };
            let Some(mut incoming) = incoming else { return Ok(None) };
            let size = incoming.content.size();
            self.context.counters.received(size);
            incoming.token.receive(&self.context, size);
            if let Err(error) = incoming.content.message()
                && let Some(how) = self.judge(error, &incoming)
            {
                drop(incoming.token.settle(how));
                continue;
            }
            return Ok(Some(Delivery::new(incoming, Arc::clone(&self.context))));
        }
    }

    /// What can be had without waiting.
    fn ready(&mut self) -> Option<Result<Option<Incoming>, Error>> {
        if self.stop.is_stopped() {
            return Some(Ok(None));
        }
        if self.context.in_flight.has_room() { self.intake.try_next() } else { None }
    }

    /// Waits for room, and then for the source.
    async fn wait(&mut self) -> Result<Option<Incoming>, Error> {
        // Made before the look, so that a stop in between is not missed.
        let mut stopped = pin!(self.stop.notify.notified());
        if self.stop.is_stopped() {
            return Ok(None);
        }
        if let Either::Right(_) = select(pin!(self.context.in_flight.ready()), stopped.as_mut()).await {
            return Ok(None);
        }
        match select(self.intake.next(), stopped).await {
            Either::Left((incoming, _)) => incoming,
            Either::Right(_) => Ok(None),
        }
    }

    /// Counts what is wrong; and how to settle what the policy says nobody wants to see.
    #[cold]
    fn judge(&self, error: &Error, incoming: &Incoming) -> Option<Settlement> {
        if error.kind() != ErrorKind::NotACloudEvent {
            self.context.counters.invalid(error);
            return None;
        }
        self.context.counters.not_a_cloud_event();
        tracing::debug!(%error, policy = ?self.policy, raw = ?incoming.content.raw(), "not a CloudEvent");
        match self.policy {
            Policy::Surface => None,
            Policy::Skip => {
                self.context.counters.skipped();
                Some(Settlement::Accept)
            }
            Policy::Reject => Some(Settlement::Reject { reason: error.to_string().into() }),
        }
    }

    /// Stops taking messages, from elsewhere: also while [`next`](Self::next) or [`for_each`](Self::for_each) runs.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Takes nothing more, waits until every delivery is settled and the settlements are with the broker, and answers.
    ///
    /// At the deadline it answers with an error of kind [`Timeout`](ErrorKind::Timeout); what was settled until then is settled, and
    /// the rest comes again elsewhere. A delivery that the calling task itself holds is waited for in vain. Dropping the future:
    /// nothing more is taken all the same, and draining can be asked for again.
    pub async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.stop.stop();
        let result = self.intake.drain(deadline).await;
        match &result {
            Ok(()) => tracing::debug!(metrics = %self.metrics(), "receiver drained"),
            Err(error) => tracing::warn!(%error, metrics = %self.metrics(), "receiver not drained"),
        }
        result
    }

    /// The deliveries as a stream, which ends after the first error. Dropping it loses nothing.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Delivery, Error>> + Send + '_ {
        stream::unfold(Some(self), |receiver| async {
            let receiver = receiver?;
            match receiver.next().await {
                Ok(delivery) => delivery.map(|delivery| (Ok(delivery), Some(receiver))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// What is in flight, and its bounds.
    pub fn in_flight(&self) -> &InFlight {
        &self.context.in_flight
    }

    /// What was received and how it was settled.
    pub fn metrics(&self) -> Metrics {
        self.context.counters.snapshot()
    }

    /// The counters behind [`metrics`](Self::metrics), to be read while the receiver is busy.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.context.counters)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("policy", &self.policy)
            .field("in_flight", self.in_flight())
            .field("stopped", &self.stop.is_stopped())
            .field("metrics", &format_args!("{}", self.metrics()))
            .finish_non_exhaustive()
    }
}

/// Stops a [`Receiver`] that is busy in another task: [`next`](Receiver::next) answers `None`, and
/// [`for_each`](Receiver::for_each) finishes the handlers that run, then answers. Draining comes after that.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let mut receiver = cloudevents_transport::fake::FakeQueue::new().receiver(cloudevents_core::Decoding::strict());
/// let stopper = receiver.stopper(); // for whoever hears of the end: a signal handler, say
/// stopper.stop();
/// assert!(receiver.next().await?.is_none());
/// receiver.drain(std::time::Duration::from_secs(10)).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Stop>);

impl Stopper {
    /// Stops it. It stays stopped.
    pub fn stop(&self) {
        self.0.stop();
    }
}

#[derive(Debug, Default)]
struct Stop {
    stopped: AtomicBool,
    notify: Notify,
}

impl Stop {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.notify.notify_waiters();
    }
}
