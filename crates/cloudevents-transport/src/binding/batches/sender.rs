//! A sender whose requests have several messages.

use super::{Batch, Batches, Limits, all_failed, by_key};
use crate::{
    Bounds, Connectivity, InFlight, Orders, Outcome, Outgoing, Receipt, SenderCapabilities,
    binding::{Transmit, connect::runtime},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt, slice,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// How many requests are under way at once, if messages have no order.
const REQUESTS: usize = 16;

/// A place that takes requests with several messages.
pub trait Puts: Send + Sync + 'static {
    /// A message as it is written.
    type Entry: Send + Sync + 'static;

    /// The capabilities of the sender. With an order, one request follows the other.
    fn capabilities(&self) -> SenderCapabilities;

    /// The headers that a message does not carry: see [`Transmit::lost_headers`].
    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        let _ = outgoing;
        Vec::new()
    }

    /// Writes a message.
    fn entry(&self, outgoing: &Outgoing) -> Result<Self::Entry, Error>;

    /// The bytes of a message in a request.
    fn size(entry: &Self::Entry) -> usize;

    /// The key that all messages of a request have. Requests of several keys are under way together. Default: none.
    fn key(entry: &Self::Entry) -> Option<Arc<str>> {
        let _ = entry;
        None
    }

    /// Waits for what a request needs, such as a connection. Default: nothing.
    fn ready(&self) -> impl Future<Output = Result<(), Error>> + Send {
        async { Ok(()) }
    }

    /// Makes a request. The answers are in the order of the messages.
    fn put(
        &self,
        entries: &[Self::Entry],
    ) -> impl Future<Output = Result<Vec<Result<Receipt, Error>>, Error>> + Send;

    /// Whether a request has failed for the content of a message, and has stored none of its messages. The messages are then sent alone.
    /// Default: one of kind [`TooLarge`](ErrorKind::TooLarge).
    fn is_of_a_message(error: &Error) -> bool {
        error.kind() == ErrorKind::TooLarge
    }

    /// Whether the place is there.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;

    /// See [`Transmit::connectivity`].
    fn connectivity(&self) -> Connectivity {
        Connectivity::connectionless()
    }

    /// Ends the connection. All messages have their outcomes. Default: there is none.
    fn close(&self) {}
}

/// Sends to a place. Messages that are enqueued together share requests.
pub struct BatchSender<P: Puts> {
    place: Arc<P>,
    in_flight: InFlight,
    closed: AtomicBool,
    batches: Batches<Sends<P>>,
}

impl<P: Puts> BatchSender<P> {
    /// Starts a sender, whose requests have so many messages and bytes at most.
    ///
    /// Errors: [`Unsupported`](ErrorKind::Unsupported) outside a tokio runtime.
    pub fn start(place: P, in_flight: Bounds, entries: usize, bytes: usize) -> Result<Self, Error> {
        let _ = runtime()?;
        let requests = if place.capabilities().orders == Orders::Nothing { REQUESTS } else { 1 };
        let place = Arc::new(place);
        Ok(Self {
            batches: Batches::start(Sends(Arc::clone(&place)), Limits { requests, entries, bytes }),
            place,
            in_flight: InFlight::new(in_flight),
            closed: AtomicBool::new(false),
        })
    }

    /// The place.
    pub fn place(&self) -> &P {
        &self.place
    }
}

impl<P: Puts> Transmit for BatchSender<P> {
    fn capabilities(&self) -> SenderCapabilities {
        self.place.capabilities()
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        self.place.lost_headers(outgoing)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let _ = runtime()?;
        let entry = self.place.entry(&outgoing)?;
        drop(outgoing);
        let mut permit = self.in_flight.room().await;
        permit.charge(P::size(&entry));
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        self.place.ready().await?;
        Ok(self.batches.add(entry, Some(permit)))
    }

    async fn check(&self) -> Result<(), Error> {
        self.place.check().await
    }

    fn connectivity(&self) -> Connectivity {
        self.place.connectivity()
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        P::is_of_a_message(error).then_some(true)
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        self.place.close();
        Ok(())
    }
}

impl<P: Puts> fmt::Debug for BatchSender<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchSender").finish_non_exhaustive()
    }
}

/// Requests that send messages.
struct Sends<P>(Arc<P>);

impl<P: Puts> Batch for Sends<P> {
    type Entry = P::Entry;
    type Answer = Receipt;

    fn size(entry: &P::Entry) -> usize {
        P::size(entry)
    }

    async fn ask(&self, entries: Vec<P::Entry>) -> Vec<Result<Receipt, Error>> {
        by_key(entries, P::key, |_, entries| self.put(entries)).await
    }
}

impl<P: Puts> Sends<P> {
    async fn put(&self, entries: Vec<P::Entry>) -> Vec<Result<Receipt, Error>> {
        match self.0.put(&entries).await {
            // The peer does not say which of them it is.
            Err(error) if P::is_of_a_message(&error) && entries.len() > 1 => self.one_by_one(&entries).await,
            Err(error) => all_failed(entries.len(), &error),
            Ok(answers) => answers,
        }
    }

    /// Sends one message after the other, so that they keep their order. A request that fails for another reason than its message fails the
    /// rest, too.
    async fn one_by_one(&self, entries: &[P::Entry]) -> Vec<Result<Receipt, Error>> {
        let mut answers = Vec::with_capacity(entries.len());
        let mut failed: Option<Error> = None;
        for entry in entries {
            if let Some(error) = &failed {
                answers.push(Err(error.clone()));
                continue;
            }
            match self.0.put(slice::from_ref(entry)).await {
                Ok(answer) => answers.extend(answer),
                Err(error) => {
                    failed = Some(error.clone()).filter(|error| !P::is_of_a_message(error));
                    answers.push(Err(error));
                }
            }
        }
        answers
    }
}
