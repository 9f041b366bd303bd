//! A received message and its settlement.

use crate::{
    Outcome, Outgoing, Receipt, Received, Settlement,
    binding::{Incoming, Ownership, Token},
    receiving::context::Context,
};
use cloudevents_core::{Decoded, Error, ErrorKind, Event, Message, Repair};
use std::{
    fmt,
    ops::Deref,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::time::Instant;

/// One received message, to be settled: [`accept`](Self::accept), [`retry`](Self::retry) or [`reject`](Self::reject).
///
/// Dropping it releases it, and the message is delivered again.
///
/// It dereferences to [`Received`], which has key, headers, offset and so on.
///
/// Settling is not async. The settlement is submitted at once, and the [`Outcome`] reports the result.
/// Dropping the outcome or cancelling its await does not undo the settlement. The events of a batch came in
/// one message and share its settlement.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # use cloudevents_core::{DecodeOptions, Event};
/// # use cloudevents_transport::fake::FakeQueue;
/// # use std::time::Duration;
/// # async fn handle(_: &Event) -> Result<(), Duration> { Ok(()) }
/// # let queue = FakeQueue::new();
/// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// # let mut deliveries = queue.receiver(DecodeOptions::strict());
/// # let stop = deliveries.stopper();
/// while let Some(delivery) = deliveries.next().await? {
///     match delivery.event() {
///         Ok(event) => match handle(&event).await {
///             Ok(()) => delivery.accept().await?,
///             Err(backoff) => delivery.retry(backoff).await?,
///         },
///         Err(error) => delivery.reject(&error).await?,
///     }
/// #   stop.stop();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[must_use = "dropping a delivery releases it"]
pub struct Delivery {
    received: Received,
    attempt: u32,
    /// Earlier attempts that did not count, because something that the message shares with others may have failed.
    excused: u32,
    token: Token,
    context: Arc<Context>,
    /// The decoded events of a document, after the first call that needs them.
    events: OnceLock<Box<Events>>,
}

/// The events of a document.
// It is in a box, and nearly always the larger one.
#[allow(clippy::large_enum_variant)]
enum Events {
    One(Result<Decoded<Event>, Error>),
    Batch(Result<Decoded<Vec<Event>>, Error>),
}

impl Delivery {
    pub(crate) fn new(incoming: Incoming, context: Arc<Context>) -> Self {
        let Incoming { received, attempt, token } = incoming;
        Self { received, attempt, excused: 0, token, context, events: OnceLock::new() }
    }

    /// Returns the event, or the error of decoding it. The event is a cheap clone: it counts references.
    ///
    /// The first call decodes a document; later calls reuse the result. Errors:
    /// [`NotACloudEvent`](ErrorKind::NotACloudEvent) if the receiver's policy delivers such messages,
    /// [`Batched`](ErrorKind::Batched) for a batch (see [`events`](Self::events)),
    /// [`UnknownFormat`](ErrorKind::UnknownFormat) if the receiver's decode options lack the format, and all
    /// errors of decoding an event.
    pub fn event(&self) -> Result<Event, Error> {
        match self.message()? {
            Message::Binary(event) => Ok(event.clone()),
            Message::Batched(_) => Err(batched()),
            _ => match self.received.event() {
                Some(event) => Ok(event.value.clone()),
                None => match self.read() {
                    Events::One(Ok(event)) => Ok(event.value.clone()),
                    Events::One(Err(error)) => Err(error.clone()),
                    Events::Batch(_) => Err(batched()),
                },
            },
        }
    }

    /// Returns all events: one, or those of the batch. An invalid event is an error with the event's index.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        match self.message()? {
            Message::Binary(event) => Ok(vec![event.clone()]),
            _ => match self.received.event() {
                Some(event) => Ok(vec![event.value.clone()]),
                None => match self.read() {
                    Events::One(Ok(event)) => Ok(vec![event.value.clone()]),
                    Events::Batch(Ok(events)) => Ok(events.value.clone()),
                    Events::One(Err(error)) | Events::Batch(Err(error)) => Err(error.clone()),
                },
            },
        }
    }

    /// Returns the event and the repairs made while decoding.
    ///
    /// Strict decoding makes none. Errors as for [`event`](Self::event).
    pub fn decoded(&self) -> Result<Decoded<Event>, Error> {
        Ok(Decoded::new(self.event()?, self.repairs()))
    }

    /// Returns the repairs made while decoding: of the event, or of all events of the batch.
    ///
    /// Strict decoding makes none. There are none for a message that cannot be read.
    pub fn repairs(&self) -> Vec<Repair> {
        let Ok(message) = self.decoded_message() else { return Vec::new() };
        let mut repairs = message.repairs.clone();
        if !matches!(message.value, Message::Binary(_)) && self.received.event().is_none() {
            self.read();
        }
        if let Some(known) = self.received.event() {
            repairs.extend_from_slice(&known.repairs);
        }
        repairs.extend_from_slice(match self.events.get().map(|events| &**events) {
            Some(Events::One(Ok(event))) => &event.repairs,
            Some(Events::Batch(Ok(events))) => &events.repairs,
            _ => &[],
        });
        repairs
    }

    /// Returns one attribute as its canonical string, without decoding the rest, as [`Message::attribute`] does.
    pub fn attribute(&self, name: &str) -> Result<Option<String>, Error> {
        self.message()?.attribute(name, &self.context.decoding)
    }

    /// The message as it was received. A clone outlives the delivery.
    pub fn received(&self) -> &Received {
        &self.received
    }

    /// The delivery attempt, starting at 1.
    ///
    /// It is known as far as the protocol counts, and as far as [`run`](crate::Receiver::run) has counted in this process.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Settles the message as handled. It is not delivered again.
    pub fn accept(self) -> Outcome {
        self.token.settle(Settlement::Accept)
    }

    /// Requests another delivery after this delay.
    ///
    /// The attempt counts: after [`ReceiverOptions::attempts`](crate::ReceiverOptions::attempts), or 10 without that limit, the message is
    /// rejected. Earlier attempts that did not count in [`Receiver::run`](crate::Receiver::run) do not count here either.
    pub fn retry(self, after: Duration) -> Outcome {
        let attempt = self.attempt;
        if attempt.saturating_sub(self.excused) < self.context.attempts {
            return self.give_back(after);
        }
        self.reject(format_args!("given up after {attempt} attempts"))
    }

    /// Requests another delivery after this delay, after any number of attempts.
    pub(crate) fn give_back(self, after: Duration) -> Outcome {
        self.token.settle(Settlement::Retry { after })
    }

    /// Settles the message as impossible to handle.
    ///
    /// It goes to the dead letters with the reason, and is not delivered again.
    ///
    /// An error of a dead-letter sink says that it does not have the message yet. The receiver keeps the message, unsettled, and tries
    /// again until the sink has it or the receiver ends; then the message is at the broker as before.
    pub fn reject(self, reason: impl fmt::Display) -> Outcome {
        let (reason, attempt) = (reason.to_string().into(), self.attempt);
        self.token.settle(Settlement::Reject { reason, attempt })
    }

    /// Returns the message unhandled.
    ///
    /// It is delivered again, here or elsewhere, and the attempt does not count. Dropping does the same, without an outcome.
    pub fn release(self) -> Outcome {
        self.token.settle(Settlement::Release)
    }

    /// Reports that work on the message continues, which renews its deadline, such as an acknowledgement timeout or a lock.
    ///
    /// Success means that the renewal was submitted, or that there is no deadline. If the deadline cannot be
    /// renewed, the error is of kind [`Unsupported`](ErrorKind::Unsupported).
    /// [`Receiver::capabilities`](crate::Receiver::capabilities) shows which of the three applies.
    pub fn extend(&self) -> Result<(), Error> {
        self.token.extend()
    }

    /// Replies to the message in the same exchange.
    ///
    /// Over HTTP, the reply is the body of the response and is sent when the message is accepted. A second reply replaces the first.
    ///
    /// The outcome succeeds when the reply is stored. It is an error of kind
    /// [`Unsupported`](ErrorKind::Unsupported) if the protocol has no such exchange, and of kind
    /// [`Inexact`](ErrorKind::Inexact) if the reply has a part that the exchange does not carry, such as a key:
    /// a reply has no [`LossPolicy`](crate::LossPolicy). For protocols with reply addresses, send to
    /// [`reply_to`](Received::reply_to) with the [`correlation`](Received::correlation).
    pub fn reply(&self, answer: impl Into<Outgoing>) -> Outcome<Receipt> {
        self.token.reply(answer.into())
    }

    /// Splits the delivery into the message and the token that settles it.
    pub fn into_parts(self) -> (Received, Token) {
        (self.received, self.token)
    }

    /// Lends the message: returns a delivery that comes back here unless it is settled.
    pub(crate) fn lend(&mut self) -> Self {
        Self {
            received: self.received.clone(),
            attempt: self.attempt,
            excused: self.excused,
            token: self.token.lend(),
            context: Arc::clone(&self.context),
            events: OnceLock::new(),
        }
    }

    /// Takes back a lent token. Returns whether there is anything left to settle.
    pub(crate) fn reclaim(&mut self) -> bool {
        self.token.reclaim()
    }

    /// Whether the handler that borrowed it has accepted it, or has passed it on.
    pub(crate) fn is_taken(&self) -> bool {
        self.token.is_taken()
    }

    /// Whether the message still belongs to this process.
    ///
    /// It does not if its partition was revoked, or if its connection was lost and the broker then delivers it again. Then settling it is
    /// an error.
    pub fn is_current(&self) -> bool {
        self.token.is_current()
    }

    /// Ready when the message is about to belong to another consumer: its partition is revoked, or its connection lost.
    ///
    /// A handler that takes long can end then; [`Receiver::run`](crate::Receiver::run) drops it soon. Never ready where messages stay with
    /// the process.
    pub fn revoked(&self) -> impl Future<Output = ()> + Send + use<> {
        let ownership = self.token.ownership();
        async {
            match ownership {
                Some(ownership) => ownership.leaving().await,
                None => std::future::pending().await,
            }
        }
    }

    /// Accepts it unhandled: it shows nowhere if it comes again.
    pub(crate) fn pass_over(self) -> Outcome {
        self.token.pass_over()
    }

    /// Its position in a log: the assignment, and the offset.
    pub(crate) fn place(&self) -> Option<(u64, u64)> {
        self.token.place()
    }

    /// Whether a message behind it in a log is settled, or will be.
    pub(crate) fn is_overtaken(&self) -> bool {
        self.token.is_overtaken()
    }

    /// Whether it is a message of a log that can be settled at this time, as far as is known: its partition is not revoked before.
    pub(crate) fn stays_until(&self, time: Instant) -> bool {
        self.token.stays_until(time)
    }

    pub(crate) fn ownership(&self) -> Option<Ownership> {
        self.token.ownership()
    }

    /// Numbers one more attempt, made without releasing the message, after one that counted or not.
    pub(crate) fn next_attempt(&mut self, counted: bool) {
        self.attempt = self.attempt.saturating_add(1);
        self.excused = self.excused.saturating_add(u32::from(!counted));
    }

    /// Goes on at this attempt, if it is a later one; so many before it counted.
    pub(crate) fn goes_on(&mut self, attempt: u32, counted: u32) {
        self.attempt = self.attempt.max(attempt);
        self.excused = self.attempt.saturating_sub(1).saturating_sub(counted);
    }

    /// The span of a handler: log lines of the handler belong to this message.
    pub(crate) fn span(&self) -> tracing::Span {
        tracing::debug_span!("delivery", attempt = self.attempt, offset = self.offset())
    }

    /// The events of a document, if there were repairs. They are counted.
    pub(crate) fn repaired(&self) -> Option<&[Event]> {
        match self.read() {
            Events::One(Ok(event)) if !event.repairs().is_empty() => Some(std::slice::from_ref(&event.value)),
            Events::Batch(Ok(events)) if !events.repairs().is_empty() => Some(&events.value),
            _ => None,
        }
    }

    /// Decodes the events of a document, once.
    fn read(&self) -> &Events {
        self.events.get_or_init(|| {
            let with = &self.context.decoding;
            let events = match self.message() {
                Ok(message @ Message::Batched(_)) => Events::Batch(message.events(with)),
                Ok(message) => Events::One(message.event(with)),
                Err(error) => Events::One(Err(error)),
            };
            let counters = &self.context.counters;
            // A message that was repaired itself has been counted.
            let is_counted = self.decoded_message().is_ok_and(|message| !message.repairs().is_empty());
            match &events {
                Events::One(Err(error)) | Events::Batch(Err(error)) => {
                    self.received.is_invalid(error);
                    counters.invalid(&self.received, error);
                }
                Events::One(Ok(event)) if !is_counted => counters.repaired(event.repairs()),
                Events::Batch(Ok(events)) if !is_counted => counters.repaired(events.repairs()),
                _ => {}
            }
            Box::new(events)
        })
    }
}

impl Deref for Delivery {
    type Target = Received;

    fn deref(&self) -> &Received {
        &self.received
    }
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_help("read a batch with `Delivery::events`")
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("received", &self.received)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
