//! Receiving events.

use crate::{
    Activity, Connectivity, Counters, Delivery, EventFilter, InFlight, Interceptor, LetterBox, Metrics,
    OrderBy, Received, ReceiverCapabilities, ReceiverOptions, RetryPolicy, Settlement, UnreadablePolicy,
    binding::{Incoming, Receive, receive::DynReceive},
    deadline::later,
    panics::caught,
    receiving::{
        context::Context,
        stopper::{Stop, Stopper},
    },
    running::{ATTEMPTS, Settings},
};
use cloudevents_core::{DecodeOptions, Decoded, Error, ErrorKind, Message};
use futures_util::{
    Stream,
    future::{Either, select},
    stream,
};
use std::{fmt, future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};
use tokio::time::{Instant, timeout_at};

/// The number of handlers that [`Receiver::run`] runs at once by default.
const CONCURRENCY: usize = 64;

/// Receives messages from one address, and delivers them to the program, which settles them.
///
/// Most programs use [`run`](Self::run), which also takes handlers that settle by themselves. [`next`](Self::next) is for your own loops,
/// as in [`Delivery`].
///
/// Unsettled deliveries are bounded by count and by bytes ([`ReceiverOptions::in_flight`]). At the bounds,
/// [`next`](Self::next) waits until something is settled.
pub struct Receiver {
    intake: Box<dyn DynReceive>,
    capabilities: ReceiverCapabilities,
    context: Arc<Context>,
    options: Options,
    stop: Arc<Stop>,
    convert: Option<Arc<Convert>>,
    filters: Vec<EventFilter>,
    activity: Activity,
    /// Came behind deliveries that were taken together.
    behind: Option<Error>,
    interceptor: Option<Arc<dyn Interceptor>>,
    /// The number of failed settlements when it began to end.
    failed_before: Option<u64>,
}

/// Makes events of a message that is not an event.
type Convert = dyn Fn(&Received, &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> + Send + Sync;

/// The options that the receiver itself needs.
#[derive(Clone, Copy, Debug)]
struct Options {
    not_cloudevents: UnreadablePolicy,
    tombstones: Option<UnreadablePolicy>,
    malformed: UnreadablePolicy,
    retry: RetryPolicy,
    attempts: Option<u32>,
    give_up_after: Option<Duration>,
    time_limit: Option<Duration>,
    drain: Duration,
}

impl Receiver {
    /// Creates a receiver over this binding. The decode options should be those of the binding.
    pub fn new(binding: impl Receive, options: impl Into<ReceiverOptions>) -> Self {
        let ReceiverOptions {
            decoding,
            peer: _, // its repairs are in `decoding`
            not_cloudevents,
            tombstones,
            malformed,
            in_flight,
            retry,
            attempts,
            give_up_after,
            time_limit,
            drain,
        } = options.into();
        let Stopper(stop) = binding.stopper();
        Self {
            capabilities: binding.capabilities(),
            stop,
            intake: Box::new(binding),
            context: Arc::new(Context {
                decoding,
                counters: Arc::default(),
                in_flight: InFlight::new(in_flight),
                attempts: attempts.unwrap_or(ATTEMPTS),
            }),
            options: Options {
                not_cloudevents,
                tombstones,
                malformed,
                retry,
                attempts,
                give_up_after,
                time_limit,
                drain,
            },
            convert: None,
            filters: Vec::new(),
            activity: Activity::default(),
            behind: None,
            interceptor: None,
            failed_before: None,
        }
    }

    /// Returns the receiver with a limit shared with other receivers, in place of [`ReceiverOptions::in_flight`].
    ///
    /// Receivers that wait at the same time may each exceed it by one message.
    pub fn sharing(mut self, in_flight: InFlight) -> Self {
        let Context { decoding, counters, attempts, .. } = &*self.context;
        let (decoding, counters) = (decoding.clone(), Arc::clone(counters));
        self.context = Arc::new(Context { decoding, counters, in_flight, attempts: *attempts });
        self
    }

    /// Returns the receiver with this interceptor, in place of another one. [`run`](Self::run) and bridges call it.
    pub fn with_interceptor(mut self, interceptor: Arc<dyn Interceptor>) -> Self {
        self.interceptor = Some(interceptor);
        self
    }

    /// Returns the receiver with a function that makes events of messages that are no events.
    ///
    /// It replaces the function of an earlier call. It gets each message that nothing marks as a CloudEvent, and each document. It returns
    /// `None` to leave the message as it is. `Adapters::message` of `cloudevents-adapters` is such a function, for documents of other
    /// systems.
    ///
    /// Several events are a batch: they share the settlement of the message, which is accepted when all of them were handled. Filters,
    /// handlers and bridges see the events. A bridge sends them one by one, in order, whether or not its target takes batches. An error of
    /// the function is an error of the whole message, and replaces the error that the message had. [`ReceiverOptions::not_cloudevents`] is
    /// the policy for an error of kind [`NotACloudEvent`](ErrorKind::NotACloudEvent).
    ///
    /// Key, headers and body stay as they were received. A dead letter also stays as it was received, if its destination takes messages
    /// that are no events.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Error, ErrorKind};
    /// # use cloudevents_transport::fake::FakeQueue;
    /// use cloudevents_core::{Decoded, Event, Message, Payload};
    ///
    /// # let queue = FakeQueue::new();
    /// # queue.push_garbage(ErrorKind::NotACloudEvent, b"21.5");
    /// # let receiver = queue.receiver(DecodeOptions::strict());
    /// let mut receiver = receiver.convert(|received, _| {
    ///     let reading = Event::builder().id("1").source("/sensor").ty("com.example.reading");
    ///     let event = reading.payload("text/plain", Payload::body(received.body()?)).build();
    ///     Some(event.map(|event| Decoded::clean(Message::from(event))).map_err(Into::into))
    /// });
    /// assert_eq!(receiver.next().await?.unwrap().event()?.ty(), "com.example.reading");
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn convert(
        mut self,
        convert: impl Fn(&Received, &DecodeOptions) -> Option<Result<Decoded<Message>, Error>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        self.convert = Some(Arc::new(convert));
        self
    }

    /// Returns the next delivery, or `None` if the receiver was stopped or drained, or if no more messages can come.
    ///
    /// Cancel-safe: dropping the future loses nothing, and a later call returns the message. While it waits
    /// for a permit, it takes nothing from the source.
    ///
    /// An error is about the connection, not about a message. A later call tries again, or is an error of kind
    /// [`Closed`](ErrorKind::Closed). Then the receiver has ended for good, for example because its login was refused for as long as
    /// [`Backoff::refused`](crate::binding::connect::Backoff::refused).
    pub async fn next(&mut self) -> Result<Option<Delivery>, Error> {
        if let Some(error) = self.behind.take()
            && !self.stop.is_stopped()
        {
            return Err(error);
        }
        loop {
            let Some(incoming) = self.incoming().await? else { return Ok(None) };
            if let Some(delivery) = self.deliver(incoming) {
                return Ok(Some(delivery));
            }
        }
    }

    /// Returns the next deliveries together, for programs that write many at once.
    ///
    /// It waits for the first one, and then until there are `most` of them, or until this time has passed since the first. If the time is
    /// zero, it returns the deliveries that have arrived already. It returns none where [`next`](Self::next) returns `None`, and for `most`
    /// of 0.
    ///
    /// Each is settled by itself, and attempts are counted as with `next`. Dropping the future releases the deliveries that it has taken.
    /// If an error comes behind deliveries, the next call returns it. A number above the receiver's
    /// [`in_flight`](ReceiverOptions::in_flight) is never reached.
    ///
    /// ```
    /// # #[cfg(feature = "fake")] tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?.block_on(async {
    /// # use cloudevents_core::{DecodeOptions, Error, Event};
    /// # use cloudevents_transport::{Delivery, fake::FakeQueue};
    /// # use std::time::Duration;
    /// # let queue = FakeQueue::new();
    /// # for id in ["1", "2", "3"] {
    /// #     queue.sender().send(Event::builder().id(id).source("/s").ty("t").build()?).await?;
    /// # }
    /// # let mut receiver = queue.receiver(DecodeOptions::strict());
    /// # let store = async |deliveries: &[Delivery]| assert_eq!(deliveries.len(), 3);
    /// let deliveries = receiver.next_many(100, Duration::from_millis(20)).await?;
    /// store(&deliveries).await; // in one transaction
    /// for delivery in deliveries {
    ///     delivery.accept().await?;
    /// }
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn next_many(&mut self, most: usize, within: Duration) -> Result<Vec<Delivery>, Error> {
        if most == 0 {
            return Ok(Vec::new());
        }
        let mut deliveries = Vec::from_iter(self.next().await?);
        let end = later(Instant::now(), within);
        while !deliveries.is_empty() && deliveries.len() < most {
            match timeout_at(end, self.next()).await {
                Ok(Ok(Some(next))) => deliveries.push(next),
                Ok(Err(error)) => {
                    self.behind = Some(error);
                    break;
                }
                Ok(Ok(None)) | Err(_) => break,
            }
        }
        Ok(deliveries)
    }

    /// Counts a message. Returns `None` if the policy settles it.
    fn deliver(&self, mut incoming: Incoming) -> Option<Delivery> {
        let size = incoming.received.size();
        self.context.counters.received(size);
        let made = self.convert.as_ref().and_then(|convert| self.convert_by(&**convert, &incoming.received));
        incoming.token.receive(&self.context, made.unwrap_or(size));
        let settled = match incoming.received.decoded_message() {
            Ok(message) => {
                self.context.counters.repaired(message.repairs());
                if self.filters.is_empty() { None } else { self.leave_out(&message.value) }
            }
            Err(error) => self.judge(error, &incoming),
        };
        if let Some(how) = settled {
            drop(match how {
                Settlement::Accept => incoming.token.pass_over(),
                how => incoming.token.settle(how),
            });
            return None;
        }
        Some(Delivery::new(incoming, Arc::clone(&self.context)))
    }

    /// Waits for a permit, then for the source.
    async fn incoming(&mut self) -> Result<Option<Incoming>, Error> {
        if self.stop.is_stopped() {
            return Ok(None);
        }
        if !self.context.in_flight.has_room() {
            let (stopped, room) = (self.stop.stopped(), self.context.in_flight.ready());
            if let Either::Right(_) = select(pin!(room), pin!(stopped)).await {
                return Ok(None);
            }
        }
        let Self { intake, stop, .. } = self;
        let mut next = intake.next();
        poll_fn(|context| {
            stop.waiting.register(context.waker());
            match next.as_mut().poll(context) {
                Poll::Pending if stop.is_stopped() => Poll::Ready(Ok(None)),
                polled => polled,
            }
        })
        .await
    }

    /// Returns the bytes of the message and of its conversion, if it is converted. A message that a log delivers again from memory is
    /// converted already.
    fn convert_by(&self, convert: &Convert, received: &Received) -> Option<usize> {
        let is_open = match received.decoded_message() {
            Ok(message) => !matches!(message.value, Message::Binary(_)) && received.event().is_none(),
            Err(error) => error.kind() == ErrorKind::NotACloudEvent,
        };
        if is_open
            && !received.is_converted()
            && let Some(converted) = caught(|| convert(received, &self.context.decoding)).ok().flatten()
        {
            received.convert(converted);
        }
        let made = received.decoded_message().ok().filter(|_| received.is_converted())?;
        Some(received.origin().size().saturating_add(made.value.body_len()))
    }

    /// Counts a message that does not match. Returns how to settle it.
    fn leave_out(&self, message: &Message) -> Option<Settlement> {
        if self.filters.iter().all(|filter| {
            // A filter that panics leaves nothing out.
            caught(|| filter.passes(message, &self.context.decoding)).unwrap_or(true)
        }) {
            return None;
        }
        self.context.counters.unmatched();
        Some(Settlement::Accept)
    }

    pub(crate) fn is_filtered(&self) -> bool {
        !self.filters.is_empty()
    }

    pub(crate) fn add_filter(&mut self, filter: EventFilter) {
        self.filters.push(filter);
    }

    /// Counts the error. Returns how to settle the message if the policy does not deliver it.
    #[cold]
    fn judge(&self, error: &Error, incoming: &Incoming) -> Option<Settlement> {
        if error.kind() != ErrorKind::NotACloudEvent {
            self.context.counters.invalid(&incoming.received, error);
            return None;
        }
        self.context.counters.not_a_cloud_event();
        let is_tombstone = || {
            let origin = incoming.received.origin();
            origin.has_whole_body() && origin.body().is_none()
        };
        let of_tombstones = self.options.tombstones.filter(|_| is_tombstone());
        let policy = of_tombstones.unwrap_or(self.options.not_cloudevents);
        tracing::debug!(%error, ?policy, received = ?incoming.received, "not a CloudEvent");
        match policy {
            UnreadablePolicy::Deliver => None,
            UnreadablePolicy::Skip => {
                self.context.counters.skipped();
                Some(Settlement::Accept)
            }
            UnreadablePolicy::Reject => {
                Some(Settlement::Reject { reason: error.to_string().into(), attempt: incoming.attempt })
            }
        }
    }

    pub(crate) fn decoding(&self) -> &DecodeOptions {
        &self.context.decoding
    }

    /// Sets the limit of attempts of messages that are retried by hand, too.
    pub(crate) fn limit_attempts(&mut self, attempts: Option<u32>) {
        let Context { decoding, counters, in_flight, .. } = &*self.context;
        let (decoding, counters, in_flight) = (decoding.clone(), Arc::clone(counters), in_flight.clone());
        let attempts = attempts.unwrap_or(ATTEMPTS);
        self.context = Arc::new(Context { decoding, counters, in_flight, attempts });
    }

    /// Whether the source takes nothing because of unsettled messages.
    pub(crate) fn is_held_up(&self) -> bool {
        self.intake.is_held_up()
    }

    /// From now on, no partition takes all permits.
    pub(crate) fn isolate(&mut self) {
        self.intake.isolate(&self.context.in_flight, &self.context.counters);
    }

    pub(crate) fn interceptor(&self) -> Option<Arc<dyn Interceptor>> {
        self.interceptor.clone()
    }

    /// The settings of `run`.
    pub(crate) fn settings(&self) -> Settings {
        let Options { retry, attempts, give_up_after, drain, .. } = self.options;
        Settings {
            concurrency: CONCURRENCY,
            follows: None,
            order: OrderBy::None,
            retry,
            attempts,
            give_up_after,
            drain,
            most: None,
            ends_after_most: false,
            waiting: usize::MAX,
        }
    }

    pub(crate) fn time_limit(&self) -> Option<Duration> {
        self.options.time_limit
    }

    pub(crate) fn malformed(&self) -> UnreadablePolicy {
        self.options.malformed
    }

    /// Returns a handle to stop taking messages from another task, also while [`next`](Self::next) or [`run`](Self::run) runs.
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Stops taking messages, and waits until every delivery is settled and the broker has the settlements.
    ///
    /// At the deadline it returns an error of kind [`Timeout`](ErrorKind::Timeout). Settlements made until
    /// then hold, and the other messages are delivered again elsewhere. If the calling task itself holds a
    /// delivery, it waits until the deadline. A delivery of a log whose partition was revoked cannot be settled any more, and is not waited
    /// for. If the future is dropped, no more messages are taken either, and `drain` can be called again.
    ///
    /// In a log, a settled message comes again if a message before it is not settled, such as one that was released. That is an error of
    /// kind [`Timeout`](ErrorKind::Timeout), too, with the number of these messages.
    pub async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        let drained = self.drain_leaving(deadline).await;
        let result = match (drained, self.settled_ahead()) {
            (drained, None) => drained,
            (Ok(()), Some(words)) => Err(Error::new(ErrorKind::Timeout).with_detail(words)),
            (Err(error), Some(words)) => {
                let detail = format!("{}; {words}", error.detail());
                Err(error.with_detail(detail))
            }
        };
        match &result {
            Ok(()) => tracing::debug!(metrics = %self.metrics(), "receiver drained"),
            Err(error) => tracing::warn!(%error, metrics = %self.metrics(), "receiver not drained"),
        }
        result
    }

    /// Drains it, and leaves messages in a log on purpose. Settled messages behind them come again.
    pub(crate) async fn drain_leaving(&mut self, deadline: Duration) -> Result<(), Error> {
        let failed = self.counters().failed_at_peer();
        let before = self.failed_before.take().unwrap_or(failed);
        self.stop.stop();
        let drained = self.intake.drain(deadline).await;
        let failed = self.counters().failed_at_peer().saturating_sub(before);
        if failed == 0 { drained } else { Err(has_failed(drained, failed)) }
    }

    /// Nothing more is received, and delivered messages are settled within this time.
    pub(crate) fn finish(&mut self, within: Duration) {
        let failed = self.counters().failed_at_peer();
        self.failed_before.get_or_insert(failed);
        self.intake.finish(within);
    }

    /// The number of settled messages that come again all the same, in words.
    pub(crate) fn settled_ahead(&self) -> Option<String> {
        let again = self.intake.settled_ahead();
        (again > 0).then(|| {
            format!("settled messages that may come again, as one before them is not settled: {again}")
        })
    }

    /// Returns the deliveries as a stream, which ends after the first error.
    ///
    /// Dropping the stream loses nothing.
    pub fn stream(&mut self) -> impl Stream<Item = Result<Delivery, Error>> + Send + '_ {
        stream::unfold(Some(self), |receiver| async {
            let receiver = receiver?;
            match receiver.next().await {
                Ok(delivery) => delivery.map(|delivery| (Ok(delivery), Some(receiver))),
                Err(error) => Some((Err(error), None)),
            }
        })
    }

    /// Returns the capabilities of the protocol.
    pub fn capabilities(&self) -> ReceiverCapabilities {
        self.capabilities
    }

    /// The state of the connection, to observe.
    pub fn connectivity(&self) -> Connectivity {
        self.intake.connectivity()
    }

    /// The state of [`run`](Self::run), to observe while it has the receiver.
    pub fn activity(&self) -> Activity {
        self.activity.clone()
    }

    /// The messages in flight, and their bounds.
    pub fn in_flight(&self) -> &InFlight {
        &self.context.in_flight
    }

    /// The rejected messages of this receiver that the dead-letter sink has not stored yet, to observe.
    ///
    /// Each is tried again until the sink has stored it. After the end, these are the messages that the sink has never stored.
    pub fn letters(&self) -> InFlight {
        self.letter_box().waiting()
    }

    pub(crate) fn letter_box(&self) -> LetterBox {
        self.intake.letters()
    }

    /// Returns the receiver with a filter.
    ///
    /// A message that does not match is accepted and counted ([`Metrics::unmatched`](crate::Metrics::unmatched)), and not delivered. With
    /// several filters, a message has to match all of them. Messages that cannot be decoded are not filtered.
    ///
    /// An error of kind [`Unsupported`](ErrorKind::Unsupported) if other consumers may compete for the
    /// messages ([`ReceiverCapabilities::shared`]), unless the filter has
    /// [`drop_unmatched`](EventFilter::drop_unmatched).
    pub fn filter(mut self, filter: EventFilter) -> Result<Self, Error> {
        filter.check(&self.capabilities())?;
        self.add_filter(filter);
        Ok(self)
    }

    /// The numbers of received messages and of settlements.
    pub fn metrics(&self) -> Metrics {
        let mut metrics = self.context.counters.snapshot();
        metrics.dropped = self.connectivity().dropped();
        metrics
    }

    /// The counters behind [`metrics`](Self::metrics), for reading them while the receiver is in use.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.context.counters)
    }
}

impl fmt::Debug for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("options", &self.options)
            .field("in_flight", self.in_flight())
            .field("stopped", &self.stop.is_stopped())
            .field("metrics", &format_args!("{}", self.metrics()))
            .finish_non_exhaustive()
    }
}

/// The error of an end at which so many settlements have failed.
#[cold]
fn has_failed(drained: Result<(), Error>, failed: u64) -> Error {
    let words = format!("settlements that failed at the end, and whose messages may come again: {failed}");
    match drained {
        Ok(()) => Error::new(ErrorKind::Disconnected).with_detail(words),
        Err(error) => {
            let detail = format!("{}; {words}", error.detail());
            error.with_detail(detail)
        }
    }
}
