//! A sender whose requests have several entries.

use crate::{
    batches::{MOST, limits},
    connection::runtime,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bounds, Endpoint, InFlight, Outcome, Outgoing, Receipt, SenderCapabilities, SenderOptions,
    binding::{
        Transmit, Writing,
        batches::{Batch, Batches, all_failed},
    },
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long a service may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How many requests are under way at once, if entries have no order.
const REQUESTS: usize = 16;

/// How a URL, or else the program, wants events sent.
#[derive(Clone, Debug)]
pub struct Sending {
    /// The mode and the format.
    pub writing: Writing,
    /// The largest message, in bytes.
    pub max_message_size: usize,
    /// The bounds of messages under way.
    pub in_flight: Bounds,
    /// How long the service may take to confirm a message.
    pub timeout: Duration,
}

impl Sending {
    /// Reads the options of a URL; those of the program apply where it sets nothing. Without a format, events are JSON.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl).
    pub fn new(endpoint: &Endpoint, options: SenderOptions, max_message_size: usize) -> Result<Self, Error> {
        let common = options.with_url(endpoint)?;
        let formats = cloudevents_json::with_json(common.decoding.formats);
        let format = common.format.or_else(|| Some(Arc::new(Json::new())));
        let format = cloudevents_json::for_peer(format, common.peer);
        Ok(Self {
            writing: Writing::new(endpoint, format, formats, common.losses)?,
            max_message_size: endpoint.number("max-message-size")?.unwrap_or(max_message_size),
            in_flight: common.in_flight.unwrap_or_default(),
            timeout: common.timeout.unwrap_or(TIMEOUT),
        })
    }

    /// For messages that are sent unchanged.
    pub fn unchanged(max_message_size: usize) -> Self {
        Self {
            writing: Writing::given(None, SenderOptions::default().losses),
            max_message_size,
            in_flight: Bounds::default(),
            timeout: TIMEOUT,
        }
    }

    /// Checks the size of a message, in bytes. `help` is the remedy for a larger one.
    ///
    /// Errors are of kind [`TooLarge`](ErrorKind::TooLarge).
    pub fn check_size(&self, size: usize, help: &'static str) -> Result<(), Error> {
        let most = self.max_message_size;
        if size <= most {
            return Ok(());
        }
        let detail = format!("it has {size} bytes with its attributes, and the limit is {most}");
        Err(Error::new(ErrorKind::TooLarge).with_detail(detail).with_help(help))
    }
}

/// A place of a service that takes requests with several entries.
pub trait Puts: Send + Sync + 'static {
    /// An entry of a request. Cloning is cheap.
    type Entry: Clone + Send + 'static;

    /// The capabilities of the sender. With an order, one request follows the other.
    fn capabilities(&self) -> SenderCapabilities;

    /// The headers that a message does not carry: see [`Transmit::lost_headers`].
    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        let _ = outgoing;
        Vec::new()
    }

    /// Writes a message.
    fn entry(&self, outgoing: &Outgoing) -> Result<Self::Entry, Error>;

    /// The bytes of an entry.
    fn size(entry: &Self::Entry) -> usize;

    /// Makes a request. The answers are in the order of the entries.
    fn put(
        &self,
        entries: Vec<Self::Entry>,
    ) -> impl Future<Output = Result<Vec<Result<Receipt, Error>>, Error>> + Send;

    /// Whether the place is there.
    fn check(&self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Sends to a place. Messages that are enqueued together share requests.
pub struct BatchSender<P: Puts> {
    place: Arc<P>,
    in_flight: InFlight,
    closed: AtomicBool,
    batches: Batches<Sends<P>>,
}

impl<P: Puts> BatchSender<P> {
    /// Starts a sender, whose requests have so many bytes at most.
    ///
    /// Errors: [`Unsupported`](ErrorKind::Unsupported) outside a tokio runtime.
    pub fn start(place: P, in_flight: Bounds, most_bytes: usize) -> Result<Self, Error> {
        let _ = runtime()?;
        let has_order = place.capabilities().orders != cloudevents_transport::Orders::Nothing;
        let place = Arc::new(place);
        let requests = if has_order { 1 } else { REQUESTS };
        Ok(Self {
            batches: Batches::start(Sends(Arc::clone(&place)), limits(requests, most_bytes)),
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
        let (resolver, outcome) = Outcome::channel();
        self.batches.add(entry, resolver, Some(permit));
        Ok(outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        self.place.check().await
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        Ok(())
    }
}

impl<P: Puts> std::fmt::Debug for BatchSender<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        let count = entries.len();
        debug_assert!(count <= MOST);
        let spare = if count > 1 { entries.clone() } else { Vec::new() };
        match self.0.put(entries).await {
            // The request is too large, or one of its messages: the service does not say which.
            Err(error) if error.kind() == ErrorKind::TooLarge && count > 1 => self.one_by_one(spare).await,
            Err(error) => all_failed(count, &error),
            Ok(answers) => answers,
        }
    }
}

impl<P: Puts> Sends<P> {
    /// Sends one message after the other, so that a group keeps its order. A request that fails for another reason than the size of its
    /// message fails the rest, too.
    async fn one_by_one(&self, entries: Vec<P::Entry>) -> Vec<Result<Receipt, Error>> {
        let mut answers = Vec::with_capacity(entries.len());
        let mut failed: Option<Error> = None;
        for entry in entries {
            if let Some(error) = &failed {
                answers.push(Err(error.clone()));
                continue;
            }
            match self.0.put(vec![entry]).await {
                Ok(answer) => answers.extend(answer),
                Err(error) => {
                    failed = Some(error.clone()).filter(|error| error.kind() != ErrorKind::TooLarge);
                    answers.push(Err(error));
                }
            }
        }
        answers
    }
}
