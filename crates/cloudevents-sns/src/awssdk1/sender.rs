//! A sender to a topic.

use super::{
    SnsConnection,
    connection::{Wire, once},
    failure,
    message::entry,
    options::Target,
};
use crate::{
    SnsMessage,
    encode::{MIRRORED, encode_written},
};
use cloudevents_aws::{MOST, by_number};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::{by_default, with_json};
use cloudevents_sqs::{
    fifo::Fifo,
    fits,
    messages::{Ids, add_header, as_received, lost_headers},
};
use cloudevents_transport::{
    Carries, Confirmed, Content, Endpoint, Orders, Outgoing, Receipt, Sender, SenderCapabilities,
    SenderOptions,
    binding::batches::{BatchSender, Puts, Sending},
};
use futures_util::{FutureExt, future::BoxFuture};
use std::sync::Arc;

/// The most bytes of a message, and of a request, that a topic takes as it is created.
const TOPIC_BYTES: usize = 256 << 10;

/// The most bytes of a message, and of a request, that a topic can be set to take.
const MOST_BYTES: usize = 1 << 20;

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_sns::awssdk1::SnsSenderOptions;
///
/// let mut options = SnsSenderOptions::default();
/// options.deduplicate = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SnsSenderOptions {
    /// The options common to all protocols. JSON is always among their formats. Without a format, events are written as JSON;
    /// `mode=binary` in a URL writes them in binary mode.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: SnsConnection,
    /// Whether a FIFO topic drops an event whose source and id it has had in the last five minutes, and confirms it; `deduplicate` in a
    /// URL. Default: no.
    pub deduplicate: bool,
    /// The largest message, in bytes, attributes included; `max-message-size` in a URL. A larger one is an error. Default: 1 MiB. Where the
    /// topic takes less (`MaximumMessageSize`, when the sender is opened; 256 KiB if it says nothing), that is the limit.
    pub max_message_size: usize,
}

impl Default for SnsSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: SnsConnection::default(),
            deduplicate: false,
            max_message_size: MOST_BYTES,
        }
    }
}

impl From<SenderOptions> for SnsSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a topic: `sns://REGION/ACCOUNT/TOPIC`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Messages that are enqueued together share requests, ten of them at most, and several requests are under way at once, so a standard topic
/// gets them in any order. To a FIFO topic, whose name ends in `.fifo`, one request follows the other, and messages of a group keep their
/// order: the group is the [key](Outgoing::key), or else the attribute `partitionkey`, or else the source of the event.
///
/// The outcome is that SNS has stored the message, also if the topic has no subscription. A refusal of SNS is an error of kind
/// [`Refused`](ErrorKind::Refused), of one message where SNS answers for each. After errors of kind
/// [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout), SNS may or may not have the message. No message is sent
/// again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when there is no such topic, or there are no credentials, or SNS refuses them.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: SnsSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: SnsSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: SnsSenderOptions) -> Result<Sender, Error> {
    let target = Target::new(endpoint, options.connection)?;
    let common = options.sender.with_url(endpoint)?;
    let mut sending = Sending::new(endpoint, &common, options.max_message_size, with_json, by_default)?;
    let deduplicates = endpoint.flag("deduplicate")?.unwrap_or(options.deduplicate);
    let wire = Wire::new(&target).await?;
    let most = target.server.in_time("SNS", wire.check()).await?.unwrap_or(TOPIC_BYTES);
    sending.max_message_size = sending.max_message_size.min(most);
    let in_flight = sending.in_flight;
    let topic = Topic {
        topic: Arc::clone(&target.topic),
        wire,
        is_fifo: target.is_fifo(),
        ids: (!deduplicates).then(Ids::random),
        sending,
    };
    Ok(Sender::new(BatchSender::start(topic, in_flight, MOST, most)?).with_options(common))
}

/// A topic that messages are sent to.
struct Topic {
    topic: Arc<str>,
    wire: Wire,
    is_fifo: bool,
    /// Unless the topic deduplicates.
    ids: Option<Ids>,
    sending: Sending,
}

/// A message on its way.
struct Sent {
    message: SnsMessage,
    fifo: Option<Fifo>,
}

impl Puts for Topic {
    type Entry = Sent;

    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::HEADERS.and(Carries::AS_RECEIVED);
        let carried = if self.is_fifo { carried.and(Carries::KEY) } else { carried };
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.orders = if self.is_fifo { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        // And the content type.
        let own = self.sending.writing.format().map(|_| MIRRORED.len().saturating_add(1));
        lost_headers(outgoing, own)
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<Sent, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => encode_written(&*self.sending.writing.message(message)?, message)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            add_header(&mut message, name, value)?;
        }
        fits(&message)?;
        self.sending.check_size(message.size(), " with its attributes", "a topic takes 262,144 bytes, or its `MaximumMessageSize`, 1,048,576 at most: send a reference to a larger payload")?;
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
        let request = self.wire.client.publish_batch().topic_arn(&*self.wire.arn);
        let request = request.set_publish_batch_request_entries(Some(entries?)).customize();
        let request = request.config_override(once(self.sending.timeout));
        let answer = request.send().await.map_err(|error| failure::of(&error))?;
        let stored = |id| (id, Receipt::new().with_place(Arc::clone(&self.topic)));
        let successful = answer.successful.unwrap_or_default().into_iter();
        let successful = successful.map(|entry| stored(entry.id.unwrap_or_default()));
        let failed = answer.failed.unwrap_or_default().into_iter();
        let failed = failed.map(|entry| (entry.id.clone(), failure::of_entry(&entry)));
        Ok(by_number(sent.len(), successful, failed))
    }

    async fn check(&self) -> Result<(), Error> {
        self.wire.check().await.map(drop)
    }
}
