//! A sender to a queue.

use super::{
    SqsConnection,
    connection::{Wire, once},
    failure,
    message::entry,
    options::Target,
};
use crate::{
    SqsMessage,
    fifo::Fifo,
    messages::{Ids, add_header, as_received, lost_headers},
};
use cloudevents_aws::{MOST, by_number};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::{by_default, with_json};
use cloudevents_transport::{
    Carries, Confirmed, Content, Endpoint, Orders, Outgoing, Receipt, Sender, SenderCapabilities,
    SenderOptions, Side,
    binding::batches::{BatchSender, Puts, Sending},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// The most bytes of a message, and of a request.
pub(super) const MOST_BYTES: usize = 1 << 20;

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
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: SqsSenderOptions) -> Result<Sender, Error> {
    let target = Target::new(endpoint, options.connection, Side::Send)?;
    let common = options.sender.with_url(endpoint)?;
    let sending = Sending::new(endpoint, &common, options.max_message_size, with_json, by_default)?;
    let mut queue = Queue::new(&target, sending).await?;
    if endpoint.flag("deduplicate")?.unwrap_or(options.deduplicate) {
        queue.ids = None;
    }
    let most = target.server.in_time("SQS", queue.wire.check()).await?;
    queue.sending.max_message_size = most.unwrap_or(usize::MAX).min(queue.sending.max_message_size);
    Ok(Sender::new(queue.start()?).with_options(common))
}

/// A sender of messages that are sent unchanged. It is not checked whether there is a queue.
pub(super) async fn unchanged(target: &Target) -> Result<BatchSender<Queue>, Error> {
    Queue::new(target, Sending::unchanged(MOST_BYTES)).await?.start()
}

/// A queue that messages are sent to.
pub(super) struct Queue {
    queue: Arc<str>,
    wire: Wire,
    is_fifo: bool,
    /// Unless the queue deduplicates.
    ids: Option<Ids>,
    sending: Sending,
}

impl Queue {
    async fn new(target: &Target, sending: Sending) -> Result<Self, Error> {
        let (wire, is_fifo) = (Wire::new(target).await?, target.is_fifo());
        Ok(Self { queue: Arc::clone(&target.queue), wire, is_fifo, ids: Some(Ids::random()), sending })
    }

    fn start(self) -> Result<BatchSender<Self>, Error> {
        let in_flight = self.sending.in_flight;
        BatchSender::start(self, in_flight, MOST, MOST_BYTES)
    }
}

/// A message on its way.
pub(super) struct Sent {
    message: SqsMessage,
    fifo: Option<Fifo>,
}

impl Puts for Queue {
    type Entry = Sent;

    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::HEADERS.and(Carries::AS_RECEIVED);
        let carried = if self.is_fifo { carried.and(Carries::KEY) } else { carried };
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.orders = if self.is_fifo { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing, self.sending.writing.format().map(|_| 1))
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<Sent, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => crate::encode_message(&*self.sending.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            add_header(&mut message, name, value)?;
        }
        crate::fits(&message)?;
        self.sending.check_size(message.size(), " with its attributes", "SQS takes 1,048,576 bytes, and a queue its `MaximumMessageSize`: send a reference to a larger payload")?;
        let fifo = self.is_fifo.then(|| Fifo::of(outgoing, &message, self.ids.as_ref().map(Ids::next)));
        Ok(Sent { message, fifo })
    }

    fn size(sent: &Sent) -> usize {
        sent.message.size()
    }

    async fn put(&self, sent: &[Sent]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let entries: Result<Vec<_>, _> = sent
            .iter()
            .enumerate()
            .map(|(number, sent)| entry(number, sent.message.clone(), sent.fifo.clone()))
            .collect();
        let request = self.wire.client.send_message_batch().queue_url(&*self.wire.url);
        let request = request.set_entries(Some(entries?)).customize();
        let request = request.config_override(once(self.sending.timeout));
        let answer = request.send().await.map_err(|error| failure::of(&error))?;
        let stored = |id| (id, Receipt::new().with_place(Arc::clone(&self.queue)));
        let successful = answer.successful.into_iter().map(|entry| stored(entry.id));
        let failed = answer.failed.iter().map(|entry| (entry.id.clone(), failure::of_entry(entry)));
        Ok(by_number(sent.len(), successful, failed))
    }

    async fn check(&self) -> Result<(), Error> {
        self.wire.check().await.map(drop)
    }
}
