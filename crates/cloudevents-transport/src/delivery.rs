//! A received message, and what becomes of it.

use crate::{
    Counters, InFlight, Outcome, Partition, Raw, Settlement, Token, binding::Incoming, content::Content,
};
use cloudevents_core::{Decoded, Decoding, Error, ErrorKind, Event, Message};
use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

/// One received message, to be settled: [`accept`](Self::accept), [`retry`](Self::retry) or [`reject`](Self::reject). Dropping it
/// releases it, and it comes again.
///
/// Settling is not async. The settlement is submitted at once; the [`Outcome`] only tells how it went, and nothing is undone when it
/// is dropped or its await is cancelled. The events of a batch came in one message and share its settlement.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// # use cloudevents_core::{Decoding, Event};
/// # use cloudevents_transport::fake::FakeQueue;
/// # use std::time::Duration;
/// # async fn handle(_: &Event) -> Result<(), Duration> { Ok(()) }
/// # let queue = FakeQueue::new();
/// # queue.sender().send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// # let mut deliveries = queue.receiver(Decoding::strict());
/// # let stop = deliveries.stopper();
/// while let Some(delivery) = deliveries.next().await? {
///     match delivery.event() {
///         Ok(event) => match handle(&event).await {
///             Ok(()) => delivery.accept().await?,
///             Err(backoff) => delivery.retry(backoff).await?,
///         },
///         Err(error) => delivery.reject(&error).await?, // the raw message is in the delivery
///     }
/// #   stop.stop();
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[must_use = "dropping a delivery releases it"]
pub struct Delivery {
    content: Content,
    attempt: u32,
    token: Token,
    context: Arc<Context>,
    /// The events of a document, once somebody asked for them.
    events: OnceLock<Box<Result<Decoded<Vec<Event>>, Error>>>,
}

/// What all deliveries of a receiver share.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) decoding: Decoding,
    pub(crate) counters: Arc<Counters>,
    pub(crate) in_flight: InFlight,
}

impl Delivery {
    pub(crate) fn new(incoming: Incoming, context: Arc<Context>) -> Self {
        let Incoming { content, attempt, token } = incoming;
        Self { content, attempt, token, context, events: OnceLock::new() }
    }

    /// The event, or why there is none. It is the caller's own, which costs a count of references.
    ///
    /// The first call reads a document, the next ones remember. Errors: [`NotACloudEvent`](ErrorKind::NotACloudEvent) where the
    /// receiver's policy is to surface it, [`Batched`](ErrorKind::Batched) for a batch (see [`events`](Self::events)),
    /// [`UnknownFormat`](ErrorKind::UnknownFormat) when the receiver's decoding has no such format, and all that can be wrong with an
    /// event.
    pub fn event(&self) -> Result<Event, Error> {
        match self.message()? {
            Message::Binary(event) => Ok(event.clone()),
            Message::Batched { .. } => Err(batched()),
            _ => self.read(|events| events.value.first().cloned())?.ok_or_else(batched),
        }
    }

    /// All events: one, or those of the batch. One that is wrong makes it an error, with the event's index.
    pub fn events(&self) -> Result<Vec<Event>, Error> {
        match self.message()? {
            Message::Binary(event) => Ok(vec![event.clone()]),
            _ => self.read(|events| events.value.clone()),
        }
    }

    /// The event and what was repaired on the way; with strict decoding, nothing is. Errors as for [`event`](Self::event).
    pub fn decoded(&self) -> Result<Decoded<Event>, Error> {
        let event = self.event()?;
        let mut repairs =
            self.content.message().as_ref().map_or_else(|_| Vec::new(), |message| message.repairs.clone());
        if let Some(Ok(events)) = self.events.get().map(|events| &**events) {
            repairs.extend_from_slice(&events.repairs);
        }
        Ok(Decoded { value: event, repairs })
    }

    /// The message, decoded as far as it cost nothing: what a forwarder moves on.
    pub fn message(&self) -> Result<&Message, Error> {
        self.content.message().as_ref().map(|decoded| &decoded.value).map_err(Clone::clone)
    }

    /// One attribute in its canonical string, without decoding the rest; as [`Message::attribute`].
    pub fn attribute(&self, name: &str) -> Result<Option<String>, Error> {
        self.message()?.attribute(name, &self.context.decoding)
    }

    /// The message as it came.
    pub fn raw(&self) -> &Raw {
        self.content.raw()
    }

    /// The how-manyeth attempt this is, counted from 1, as far as the protocol knows.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The partition it came from, where the protocol has partitions.
    pub fn partition(&self) -> Option<&Partition> {
        self.content.partition()
    }

    /// The topic, subject, queue or path it came from.
    pub fn topic(&self) -> Option<&str> {
        self.content.topic()
    }

    pub(crate) fn position(&self) -> Option<u64> {
        self.content.position()
    }

    /// It was dealt with, and does not come again.
    pub fn accept(self) -> Outcome {
        self.token.settle(Settlement::Accept)
    }

    /// It comes again after this long, where the protocol can wait, and the attempt counts.
    pub fn retry(self, after: Duration) -> Outcome {
        self.token.settle(Settlement::Retry { after })
    }

    /// It can never be dealt with: it goes where the protocol puts such messages, with the reason, and does not come again.
    pub fn reject(self, reason: impl fmt::Display) -> Outcome {
        let reason = reason.to_string().into();
        self.token.settle(Settlement::Reject { reason })
    }

    /// Nobody tried to deal with it: it comes again, here or elsewhere. The same as dropping it, with an outcome.
    pub fn release(self) -> Outcome {
        self.token.settle(Settlement::Release)
    }

    /// The delivery taken apart, for who settles it elsewhere.
    pub fn into_parts(self) -> (Result<Decoded<Message>, Error>, Arc<Raw>, Token) {
        let (message, raw) = self.content.into_parts();
        (message, raw, self.token)
    }

    /// Something of the events of a document, which is read once.
    fn read<T>(&self, take: impl FnOnce(&Decoded<Vec<Event>>) -> T) -> Result<T, Error> {
        let events = self.events.get_or_init(|| {
            let events = self.message().and_then(|message| message.events(&self.context.decoding));
            if let Err(error) = &events {
                self.context.counters.invalid(error);
            }
            Box::new(events)
        });
        events.as_ref().as_ref().map(take).map_err(Clone::clone)
    }
}

#[cold]
fn batched() -> Error {
    Error::new(ErrorKind::Batched).with_help("read a batch with `Delivery::events`")
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery")
            .field("mode", &self.message().map(Message::mode))
            .field("attempt", &self.attempt)
            .field("raw", self.raw())
            .finish_non_exhaustive()
    }
}
