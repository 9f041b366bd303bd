//! A sender to a queue.

use super::{
    batches::{MOST, by_number, limits},
    connection::{Wire, once, runtime},
    failure,
    message::{Fifo, Ids, add_header, as_received, entry, lost_headers},
    options::{SqsConnection, Target},
};
use crate::{SqsMessage, wire::MOST_ATTRIBUTES};
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::Json;
use cloudevents_transport::{
    Bounds, Carries, Confirmed, Content, Endpoint, InFlight, Orders, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit, Writing,
        batches::{Batch, Batches, all_failed},
    },
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How long SQS may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The most bytes of a message, and of a request.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// How many requests are under way at once.
const REQUESTS: usize = 16;

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_sqs::awssdk1::SqsSenderOptions;
///
/// let mut options = SqsSenderOptions::default();
/// options.max_message_size = 256 << 10; // of queues that were made for it
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SqsSenderOptions {
    /// The options common to all protocols. JSON is always among their formats. Without a format, events are written as JSON;
    /// `mode=binary` in a URL writes them in binary mode.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: SqsConnection,
    /// Whether a FIFO queue drops an event whose source and id it has had in the last five minutes, and confirms it; `deduplicate` in a
    /// URL. It does so also after the first one was deleted: a dead letter that is taken back in that time is lost. Default: no.
    pub deduplicate: bool,
    /// The largest message, in bytes, attributes included; `max-message-size` in a URL. A larger one is an error. Default: 1 MiB, which is
    /// the most that SQS takes. Where the queue takes less (`MaximumMessageSize`, when the sender is opened), that is the limit.
    pub max_message_size: usize,
}

impl Default for SqsSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: SqsConnection::default(),
            deduplicate: false,
            max_message_size: MOST_BYTES,
        }
    }
}

impl From<SenderOptions> for SqsSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a queue: `sqs://REGION/ACCOUNT/QUEUE`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Messages that are enqueued together share requests, ten of them at most, and several requests are under way at once, so a standard queue
/// gets them in any order. To a FIFO queue, whose name ends in `.fifo`, one request follows the other, and messages of a group keep their
/// order: the group is the [key](Outgoing::key), or else the attribute `partitionkey`, or else the source of the event.
///
/// The outcome is that SQS has stored the message. A refusal of SQS is an error of kind [`Refused`](ErrorKind::Refused), of one message
/// where SQS answers for each. After errors of kind [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout), SQS may
/// or may not have the message. No message is sent again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when there is no such queue, or there are no credentials, or SQS refuses them.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: SqsSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: SqsSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    let common = options.sender.clone().with_url(&endpoint);
    async move { SqsSender::connect(&endpoint, options).await }
        .and_then(async |sender| Ok(Sender::new(sender).with_options(common?)))
        .boxed()
}

/// Sends to a queue.
pub(super) struct SqsSender {
    queue: Arc<str>,
    wire: Wire,
    is_fifo: bool,
    /// Unless the queue deduplicates.
    ids: Option<Ids>,
    max_message_size: usize,
    writing: Writing,
    in_flight: InFlight,
    closed: AtomicBool,
    batches: Batches<Sends>,
}

impl SqsSender {
    async fn connect(endpoint: &Endpoint, options: SqsSenderOptions) -> Result<Self, Error> {
        let target = Target::new(endpoint, options.connection, Side::Send)?;
        let common = options.sender.with_url(endpoint)?;
        let formats = cloudevents_json::with_json(common.decoding.formats);
        let format = common.format.or_else(|| Some(Arc::new(Json::new())));
        let format = cloudevents_json::for_peer(format, common.peer);
        let writing = Writing::new(endpoint, format, formats, common.losses)?;
        let most = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
        let (in_flight, timeout) = (common.in_flight.unwrap_or_default(), common.timeout.unwrap_or(TIMEOUT));
        let mut sender = Self::new(&target, writing, most, in_flight, timeout).await?;
        if endpoint.flag("deduplicate")?.unwrap_or(options.deduplicate) {
            sender.ids = None;
        }
        let limit = target.options.connect_timeout;
        let overdue = || {
            let detail = format!("SQS did not answer within {limit:?}");
            Err(Error::new(ErrorKind::Timeout).with_detail(detail))
        };
        let most = tokio::time::timeout(limit, sender.wire.check()).await.unwrap_or_else(|_| overdue())?;
        sender.max_message_size = most.unwrap_or(usize::MAX).min(sender.max_message_size);
        Ok(sender)
    }

    /// A sender of messages that are sent unchanged. It is not checked whether there is a queue.
    pub(super) async fn unchanged(target: &Target) -> Result<Self, Error> {
        let writing = Writing::given(None, SenderOptions::default().losses);
        Self::new(target, writing, MOST_BYTES, Bounds::default(), TIMEOUT).await
    }

    async fn new(
        target: &Target,
        writing: Writing,
        max_message_size: usize,
        in_flight: Bounds,
        timeout: Duration,
    ) -> Result<Self, Error> {
        runtime()?;
        let (wire, is_fifo) = (Wire::new(target).await?, target.is_fifo());
        let sends = Sends { wire: wire.clone(), queue: Arc::clone(&target.queue), timeout };
        let requests = if is_fifo { 1 } else { REQUESTS };
        Ok(Self {
            queue: Arc::clone(&target.queue),
            wire,
            is_fifo,
            ids: Some(Ids::new()),
            max_message_size,
            writing,
            in_flight: InFlight::new(in_flight),
            closed: AtomicBool::new(false),
            batches: Batches::start(sends, limits(requests, MOST_BYTES)),
        })
    }

    fn message(&self, outgoing: &Outgoing) -> Result<SqsMessage, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => crate::encode_message(&*self.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            add_header(&mut message, name, value)?;
        }
        crate::fits(&message)?;
        let (size, most) = (message.size(), self.max_message_size);
        if size > most {
            return Err(Error::new(ErrorKind::TooLarge)
                .with_detail(format!("it has {size} bytes with its attributes, and the limit is {most}"))
                .with_help("SQS takes 1,048,576 bytes, and a queue its `MaximumMessageSize`: send a reference to a larger payload"));
        }
        Ok(message)
    }

    /// Sends a dead letter, with as many of its headers as fit into the message.
    pub(super) async fn send_letter(&self, letter: Outgoing) -> Result<(), Error> {
        let mut letter = letter;
        let lost = lost_headers(&letter, true);
        let names: Vec<_> = letter.headers().map(|(name, _)| name.to_owned()).collect();
        for name in lost.iter().filter_map(|(index, _)| names.get(*index)) {
            letter.remove_header(name);
        }
        if !lost.is_empty() {
            let most = MOST_ATTRIBUTES;
            tracing::warn!(queue = %self.queue, most, "a letter has no room for all of its headers");
        }
        self.enqueue(letter).await?.await.map(drop)
    }
}

impl Transmit for SqsSender {
    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::HEADERS.and(Carries::AS_RECEIVED);
        let carried = if self.is_fifo { carried.and(Carries::KEY) } else { carried };
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.orders = if self.is_fifo { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing, self.writing.format().is_none())
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let message = self.message(&outgoing)?;
        let fifo = self.is_fifo.then(|| Fifo::of(&outgoing, &message, self.ids.as_ref().map(Ids::next)));
        drop(outgoing);
        let mut permit = self.in_flight.room().await;
        permit.charge(message.size());
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        let (resolver, outcome) = Outcome::channel();
        self.batches.add(Sent { message, fifo }, resolver, Some(permit));
        Ok(outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        self.wire.check().await.map(drop)
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        Ok(())
    }
}

/// A message on its way.
struct Sent {
    message: SqsMessage,
    fifo: Option<Fifo>,
}

/// Requests that send messages.
struct Sends {
    wire: Wire,
    queue: Arc<str>,
    timeout: Duration,
}

impl Batch for Sends {
    type Entry = Sent;
    type Answer = Receipt;

    fn size(sent: &Sent) -> usize {
        sent.message.size()
    }

    async fn ask(&self, entries: Vec<Sent>) -> Vec<Result<Receipt, Error>> {
        let count = entries.len();
        debug_assert!(count <= MOST);
        let entries = entries.into_iter().enumerate();
        let entries: Result<Vec<_>, _> =
            entries.map(|(number, sent)| entry(number, sent.message, sent.fifo)).collect();
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return all_failed(count, &error),
        };
        let spare = if count > 1 { entries.clone() } else { Vec::new() };
        match self.request(entries).await {
            // The request is too large, or one of its messages: SQS does not say which.
            Err(error) if error.kind() == ErrorKind::TooLarge && count > 1 => self.one_by_one(spare).await,
            Err(error) => all_failed(count, &error),
            Ok(answers) => answers,
        }
    }
}

impl Sends {
    async fn request(
        &self,
        entries: Vec<SendMessageBatchRequestEntry>,
    ) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let count = entries.len();
        let request = self.wire.client.send_message_batch().queue_url(&*self.wire.url);
        let request = request.set_entries(Some(entries)).customize().config_override(once(self.timeout));
        let answer = request.send().await.map_err(|error| failure::of(&error))?;
        let stored = |id| (id, Receipt::new().with_place(Arc::clone(&self.queue)));
        let successful = answer.successful.into_iter().map(|entry| stored(entry.id));
        let failed = answer.failed.iter().map(|entry| (entry.id.clone(), failure::of_entry(entry)));
        Ok(by_number(count, successful, failed))
    }

    /// Sends one message after the other, so that a group keeps its order. A request that fails for another reason than the size of its
    /// message fails the rest, too.
    async fn one_by_one(&self, entries: Vec<SendMessageBatchRequestEntry>) -> Vec<Result<Receipt, Error>> {
        let mut answers = Vec::with_capacity(entries.len());
        let mut failed: Option<Error> = None;
        for mut entry in entries {
            if let Some(error) = &failed {
                answers.push(Err(error.clone()));
                continue;
            }
            entry.id = "0".into();
            match self.request(vec![entry]).await {
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
