//! A sender to a topic.

use super::{
    PubsubConnection,
    connection::{Wire, runtime},
    extras::{add_header, as_received, lost_headers, ordering_key},
    failure::{garbled, is_of_contents},
    message::{Written, publish, stored},
    options::Target,
};
use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Carries, Confirmed, Content, Endpoint, InFlight, Orders, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit, Writing,
        batches::{Batch, Batches, Limits, all_failed},
    },
};
use futures_util::{
    FutureExt, TryFutureExt,
    future::{BoxFuture, join_all},
};
use serde::{Deserialize, de::IgnoredAny};
use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// The most bytes of a request: <https://cloud.google.com/pubsub/quotas>.
pub(super) const MOST_BYTES: usize = 10_000_000;

/// The most messages of a request.
const MOST_MESSAGES: usize = 1000;

/// How many requests are under way at once, if messages have no order.
const REQUESTS: usize = 16;

/// How long Pub/Sub may take to confirm a message.
const TIMEOUT: Duration = Duration::from_secs(60);

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
    let common = options.sender.clone().with_url(&endpoint);
    async move { connect(&endpoint, options).await }
        .and_then(async |sender| Ok(Sender::new(sender).with_options(common?)))
        .boxed()
}

async fn connect(endpoint: &Endpoint, options: PubsubSenderOptions) -> Result<TopicSender, Error> {
    let target = Target::new(endpoint, options.connection, Side::Send)?;
    let common = options.sender.with_url(endpoint)?;
    let formats = cloudevents_json::with_json(common.decoding.formats);
    let format = cloudevents_json::for_peer(common.format, common.peer);
    let writing = Writing::new(endpoint, format, formats, common.losses)?;
    let is_ordered = endpoint.flag("ordered")?.unwrap_or(options.ordered);
    let most = endpoint.number("max-message-size")?.unwrap_or(options.max_message_size);
    let sender = target
        .in_time(async {
            let wire = Wire::new(&target).await?;
            let timeout = common.timeout.unwrap_or(TIMEOUT);
            let topic = Topic::new(&target, wire, timeout);
            let in_flight = InFlight::new(common.in_flight.unwrap_or_default());
            Ok(TopicSender::start(topic, writing, is_ordered, most, in_flight))
        })
        .await?;
    target.in_time(sender.check()).await?;
    Ok(sender)
}

/// A sender of messages that are sent unchanged. It is not checked whether there is a topic.
pub(super) async fn unchanged(target: &Target) -> Result<TopicSender, Error> {
    let wire = target.in_time(Wire::new(target)).await?;
    let topic = Topic::new(target, wire, TIMEOUT);
    let writing = Writing::given(None, SenderOptions::default().losses);
    Ok(TopicSender::start(topic, writing, false, MOST_BYTES, InFlight::new(Default::default())))
}

/// Sends a dead letter, with as many of its headers as fit into the message.
pub(super) async fn send_letter(sender: &TopicSender, mut letter: Outgoing) -> Result<(), Error> {
    let lost = lost_headers(&letter, false);
    let names: Vec<_> = letter.headers().map(|(name, _)| name.to_owned()).collect();
    for name in lost.iter().filter_map(|(index, _)| names.get(*index)) {
        letter.remove_header(name);
    }
    if !lost.is_empty() {
        tracing::warn!(topic = %sender.topic.name, "a letter has no room for all of its headers");
    }
    sender.enqueue(letter).await?.await.map(drop)
}

/// Sends to a topic. Messages that are enqueued together share requests.
pub(super) struct TopicSender {
    topic: Arc<Topic>,
    writing: Writing,
    is_ordered: bool,
    max_message_size: usize,
    in_flight: InFlight,
    closed: AtomicBool,
    batches: Batches<Sends>,
}

impl TopicSender {
    fn start(
        topic: Topic,
        writing: Writing,
        is_ordered: bool,
        max_message_size: usize,
        in_flight: InFlight,
    ) -> Self {
        let topic = Arc::new(topic);
        let requests = if is_ordered { 1 } else { REQUESTS };
        let limits = Limits { requests, entries: MOST_MESSAGES, bytes: MOST_BYTES };
        let batches = Batches::start(Sends(Arc::clone(&topic)), limits);
        let closed = AtomicBool::new(false);
        Self { topic, writing, is_ordered, max_message_size, in_flight, closed, batches }
    }

    /// Whether this subscription is one of the topic, as far as this account may see it.
    pub(super) async fn feeds(&self, subscription: &str) -> Result<bool, Error> {
        let shown: Option<Subscribed> = self.topic.wire.look(subscription).await?;
        Ok(shown.is_some_and(|shown| shown.topic == self.topic.full_name))
    }

    fn message(&self, outgoing: &Outgoing) -> Result<CarrierMessage, Error> {
        let mut message = match outgoing.content() {
            Content::Message(message) => GOOGLE_PUBSUB.encode_message(&*self.writing.message(message)?)?,
            Content::AsReceived(received) => as_received(received)?,
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        for (name, value) in outgoing.headers() {
            add_header(&mut message, name, value)?;
        }
        GOOGLE_PUBSUB.fits(&message)?;
        Ok(message)
    }

    fn written(&self, outgoing: &Outgoing) -> Result<Written, Error> {
        let message = self.message(outgoing)?;
        let key = if self.is_ordered { ordering_key(outgoing) } else { None };
        let written = Written::new(&message, key)?;
        let (size, most) = (written.size(), self.max_message_size);
        if size > most {
            let detail =
                format!("it has {size} bytes as JSON with its data in Base64, and the limit is {most}");
            return Err(Error::new(ErrorKind::TooLarge).with_detail(detail).with_help(
                "Pub/Sub takes 10,000,000 bytes: store the payload elsewhere, and send a reference to it, such as the extension `dataref`",
            ));
        }
        Ok(written)
    }
}

impl Transmit for TopicSender {
    fn capabilities(&self) -> SenderCapabilities {
        let carried = Carries::HEADERS.and(Carries::AS_RECEIVED);
        let carried = if self.is_ordered { carried.and(Carries::KEY) } else { carried };
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carried);
        capabilities.orders = if self.is_ordered { Orders::Partition } else { Orders::Nothing };
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        lost_headers(outgoing, self.writing.format().is_some())
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let _ = runtime()?;
        let written = self.written(&outgoing)?;
        drop(outgoing);
        let mut permit = self.in_flight.room().await;
        permit.charge(written.size());
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        let (resolver, outcome) = Outcome::channel();
        self.batches.add(written, resolver, Some(permit));
        Ok(outcome)
    }

    async fn check(&self) -> Result<(), Error> {
        let topic: Option<IgnoredAny> = self.topic.wire.look(&self.topic.path).await?;
        if topic.is_none() {
            tracing::debug!(topic = %self.topic.name, "this account may not look at the topic");
        }
        Ok(())
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        // A schema of the topic, for example.
        is_of_contents(error).then_some(true)
    }

    async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        self.in_flight.idle().await;
        Ok(())
    }
}

impl fmt::Debug for TopicSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TopicSender").field("topic", &self.topic.name).finish_non_exhaustive()
    }
}

/// A subscription, and its topic.
#[derive(Deserialize)]
struct Subscribed {
    #[serde(default)]
    topic: String,
}

/// A topic that messages are sent to.
struct Topic {
    path: String,
    /// `projects/PROJECT/topics/NAME`, without escapes.
    full_name: String,
    name: Arc<str>,
    wire: Wire,
    timeout: Duration,
}

impl Topic {
    fn new(target: &Target, wire: Wire, timeout: Duration) -> Self {
        let full_name = format!("projects/{}/topics/{}", target.project, target.name);
        Self { path: target.topic(), full_name, name: Arc::clone(&target.name), wire, timeout }
    }

    /// Makes a request. Pub/Sub stores all of its messages, or none.
    async fn put(&self, messages: &[Written]) -> Result<(), Error> {
        let path = format!("{}:publish", self.path);
        let answer = self.wire.call(&path, publish(messages), self.timeout).await?;
        let count = stored(&answer)?;
        if count == messages.len() {
            return Ok(());
        }
        Err(garbled(format_args!("it has {count} ids for {} messages", messages.len())))
    }

    /// Sends messages of one ordering key, with an answer for each.
    async fn put_all(&self, messages: &[Written]) -> Vec<Result<Receipt, Error>> {
        let receipt = || Ok(Receipt::new().with_place(Arc::clone(&self.name)));
        match self.put(messages).await {
            Ok(()) => messages.iter().map(|_| receipt()).collect(),
            // Pub/Sub does not say which of them it refuses.
            Err(error) if is_of_contents(&error) && messages.len() > 1 => self.one_by_one(messages).await,
            Err(error) => all_failed(messages.len(), &error),
        }
    }

    /// Sends one message after the other, so that a key keeps its order. A request that fails for another reason than its message fails the
    /// rest, too.
    async fn one_by_one(&self, messages: &[Written]) -> Vec<Result<Receipt, Error>> {
        let mut answers = Vec::with_capacity(messages.len());
        let mut failed: Option<Error> = None;
        for message in messages {
            if let Some(error) = &failed {
                answers.push(Err(error.clone()));
                continue;
            }
            let answer = self.put(std::slice::from_ref(message)).await;
            failed = answer.as_ref().err().filter(|error| !is_of_contents(error)).cloned();
            answers.push(answer.map(|()| Receipt::new().with_place(Arc::clone(&self.name))));
        }
        answers
    }
}

/// Requests that send messages.
struct Sends(Arc<Topic>);

impl Batch for Sends {
    type Entry = Written;
    type Answer = Receipt;

    fn size(written: &Written) -> usize {
        written.size()
    }

    /// The messages of a request have the same ordering key: each key has a request of its own.
    async fn ask(&self, written: Vec<Written>) -> Vec<Result<Receipt, Error>> {
        let (groups, places) = by_key(written);
        let answers = join_all(groups.iter().map(|group| self.0.put_all(group))).await;
        let mut answers: Vec<_> = answers.into_iter().map(Vec::into_iter).collect();
        let no_answer = || Err(cloudevents_transport::binding::batches::no_answer());
        places
            .into_iter()
            .map(|group| answers.get_mut(group).and_then(Iterator::next).unwrap_or_else(no_answer))
            .collect()
    }
}

/// Messages by their ordering keys, in order, and the number of the group of each message.
fn by_key(written: Vec<Written>) -> (Vec<Vec<Written>>, Vec<usize>) {
    let mut numbers: HashMap<Option<Arc<str>>, usize> = HashMap::new();
    let mut groups: Vec<Vec<Written>> = Vec::new();
    let mut places = Vec::with_capacity(written.len());
    for message in written {
        let next = groups.len();
        let number = *numbers.entry(message.ordering_key.clone()).or_insert(next);
        match groups.get_mut(number) {
            Some(group) => group.push(message),
            None => groups.push(vec![message]),
        }
        places.push(number);
    }
    (groups, places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_a_request_have_one_key_and_answers_find_their_places() {
        let written = |name: &str, key: Option<&str>| {
            let message = CarrierMessage::new("").with_header("n", name.to_owned());
            Written::new(&message, key.map(str::to_owned)).unwrap()
        };
        let all = [("1", Some("a")), ("2", None), ("3", Some("b")), ("4", Some("a")), ("5", None)];
        let (groups, places) = by_key(all.map(|(name, key)| written(name, key)).to_vec());
        assert_eq!(places, [0, 1, 2, 0, 1]);
        let bodies: Vec<_> = groups.iter().map(|group| String::from_utf8(publish(group)).unwrap()).collect();
        assert_eq!(
            bodies,
            [
                r#"{"messages":[{"attributes":{"n":"1"},"orderingKey":"a"},{"attributes":{"n":"4"},"orderingKey":"a"}]}"#,
                r#"{"messages":[{"attributes":{"n":"2"}},{"attributes":{"n":"5"}}]}"#,
                r#"{"messages":[{"attributes":{"n":"3"},"orderingKey":"b"}]}"#,
            ]
        );
    }
}
