//! A sender to a topic.

use super::{
    PubsubConnection,
    connection::Wire,
    extras::{add_header, as_received, lost_headers, ordering_key},
    failure::{garbled, is_of_contents},
    message::{Written, publish, stored},
    options::Target,
};
use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_json::{for_peer, with_json};
use cloudevents_transport::{
    Carries, Confirmed, Content, Endpoint, Orders, Outgoing, Receipt, Sender, SenderCapabilities,
    SenderOptions, Side,
    binding::{
        Transmit,
        batches::{BatchSender, Puts, Sending},
    },
};
use futures_util::{FutureExt, future::BoxFuture};
use serde::{Deserialize, de::IgnoredAny};
use std::sync::Arc;

/// The most bytes of a request: <https://cloud.google.com/pubsub/quotas>.
pub(super) const MOST_BYTES: usize = 10_000_000;

/// The most messages of a request.
const MOST_MESSAGES: usize = 1000;

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_pubsub::reqwest013::PubsubSenderOptions;
///
/// let mut options = PubsubSenderOptions::default();
/// options.ordered = true;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PubsubSenderOptions {
    /// The options common to all protocols. JSON is always among their formats. Without a format, events are written in binary mode.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: PubsubConnection,
    /// Whether messages have ordering keys, and are sent in order; `ordered` in a URL. Default: no.
    pub ordered: bool,
    /// The largest message, in bytes of the JSON of a request, where data are Base64; `max-message-size` in a URL. A larger one is an
    /// error. Default: 10,000,000, which is the most that Pub/Sub takes.
    pub max_message_size: usize,
}

impl Default for PubsubSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            connection: PubsubConnection::default(),
            ordered: false,
            max_message_size: MOST_BYTES,
        }
    }
}

impl From<SenderOptions> for PubsubSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to a topic: `pubsub://PROJECT/TOPIC`.
///
/// [The crate's documentation](crate#urls) lists the options of the query.
///
/// Messages that are enqueued together share requests, a thousand of them at most, and several requests are under way at once. With
/// [`ordered`](PubsubSenderOptions::ordered), each message has an ordering key: the [key](Outgoing::key), or else the attribute
/// `partitionkey`, or else the source of the event. Requests of different keys are then under way together, and the next ones follow when
/// all of these have an answer.
///
/// The outcome is that Pub/Sub has stored the message. If Pub/Sub refuses a request for one of its messages, they are sent one by one. A
/// refusal is an error of kind [`Refused`](ErrorKind::Refused). After errors of kind [`Disconnected`](ErrorKind::Disconnected) and
/// [`Timeout`](ErrorKind::Timeout), Pub/Sub may or may not have the message. No message is sent again by itself.
///
/// Errors: [`InvalidUrl`](ErrorKind::InvalidUrl); [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when
/// connecting fails; [`Refused`](ErrorKind::Refused) when there is no such topic, or there are no credentials, or Google refuses them.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: PubsubSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: PubsubSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    async move { connect(&endpoint, options).await }.boxed()
}

async fn connect(endpoint: &Endpoint, options: PubsubSenderOptions) -> Result<Sender, Error> {
    let target = Target::new(endpoint, options.connection, Side::Send)?;
    let common = options.sender.with_url(endpoint)?;
    let sending = Sending::new(endpoint, &common, options.max_message_size, with_json, for_peer)?;
    let is_ordered = endpoint.flag("ordered")?.unwrap_or(options.ordered);
    let sender = opened(&target, sending, is_ordered).await?;
    target.in_time(sender.check()).await?;
    Ok(Sender::new(sender).with_options(common))
}

/// A sender of messages that are sent unchanged. It is not checked whether there is a topic.
pub(super) async fn unchanged(target: &Target) -> Result<BatchSender<Topic>, Error> {
    opened(target, Sending::unchanged(MOST_BYTES), false).await
}

async fn opened(target: &Target, sending: Sending, is_ordered: bool) -> Result<BatchSender<Topic>, Error> {
    let in_flight = sending.in_flight;
    // A request with all permits would have no other beside it. With an order, there is one request at a time.
    let together = if is_ordered { in_flight.messages } else { in_flight.messages / 4 };
    let topic = Topic {
        path: target.topic(),
        full_name: format!("projects/{}/topics/{}", target.project, target.name),
        name: Arc::clone(&target.name),
        wire: target.in_time(Wire::new(target)).await?,
        sending,
        is_ordered,
    };
    BatchSender::start(topic, in_flight, together.clamp(1, MOST_MESSAGES), MOST_BYTES)
}

/// A subscription, and its topic.
#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    topic: String,
}

/// A topic that messages are sent to.
pub(super) struct Topic {
    path: String,
    /// `projects/PROJECT/topics/NAME`, without escapes.
    full_name: String,
    name: Arc<str>,
    wire: Wire,
    sending: Sending,
    is_ordered: bool,
}

impl Topic {
    /// Whether this subscription is one of the topic, as far as this account may see it.
    pub(super) async fn feeds(&self, subscription: &str) -> Result<bool, Error> {
        let shown: Option<Subscribed> = self.wire.look(subscription).await?;
        Ok(shown.is_some_and(|shown| shown.topic == self.full_name))
    }

    fn message(&self, outgoing: &Outgoing) -> Result<CarrierMessage, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => {
                GOOGLE_PUBSUB.encode_message(&*self.sending.writing.message(message)?)?
            }
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            add_header(&mut message, name, value)?;
        }
        GOOGLE_PUBSUB.fits(&message)?;
        Ok(message)
    }
}

impl Puts for Topic {
    type Entry = Written;

    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::HEADERS.and(Carries::AS_RECEIVED);
        let carried = if self.is_ordered { carried.and(Carries::KEY) } else { carried };
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.orders = if self.is_ordered { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing, self.sending.writing.format().is_some())
    }

    fn entry(&self, outgoing: &Outgoing) -> Result<Written, Error> {
        let message = self.message(outgoing)?;
        let key = if self.is_ordered { ordering_key(outgoing) } else { None };
        let written = Written::new(&message, key)?;
        self.sending.check_size(written.size(), " as JSON with its data in Base64", "Pub/Sub takes 10,000,000 bytes: store the payload elsewhere, and send a reference to it, such as the extension `dataref`")?;
        Ok(written)
    }

    fn size(written: &Written) -> usize {
        written.size()
    }

    fn key(written: &Written) -> Option<Arc<str>> {
        written.ordering_key.clone()
    }

    /// Pub/Sub stores all messages of a request, or none.
    async fn put(&self, written: &[Written]) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let path = format!("{}:publish", self.path);
        let answer = self.wire.call(&path, publish(written), self.sending.timeout).await?;
        let count = stored(&answer)?;
        if count != written.len() {
            return Err(garbled(format_args!("it has {count} ids for {} messages", written.len())));
        }
        let receipt = |_| Ok(Receipt::new().with_place(Arc::clone(&self.name)));
        Ok(written.iter().map(receipt).collect())
    }

    /// A schema of the topic, for example.
    fn is_of_a_message(error: &Error) -> bool {
        is_of_contents(error)
    }

    async fn check(&self) -> Result<(), Error> {
        let topic: Option<IgnoredAny> = self.wire.look(&self.path).await?;
        if topic.is_none() {
            tracing::debug!(topic = %self.name, "this account may not look at the topic");
        }
        Ok(())
    }
}
