//! A sender to a topic.

use super::{
    config::{self, default, millis},
    login::{BearerTokens, Keeper},
    message::Prepared,
    producer::Producer,
    reachable::unless_refused,
    urls::URLS,
};
use crate::{
    Key, Record, encode_message,
    name::{CONTENT_TYPE, PREFIX},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message, Name, codec::check_binary_mode};
use cloudevents_transport::{
    Bounds, Carries, Confirmed, Connectivity, Content, Endpoint, Orders, Outcome, Outgoing, Receipt,
    Received, Sender, SenderCapabilities, SenderOptions, Side,
    binding::{Transmit, Writing, header_not_carried},
};
use rdkafka::ClientConfig;
use std::{fmt, sync::Arc, time::Duration};

/// The most messages in flight by default.
const IN_FLIGHT: usize = 10_000;

/// How long the delivery of a message may take by default, including all attempts (`message.timeout.ms`).
const TIMEOUT: Duration = Duration::from_secs(30);

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_kafka::{Key, rdkafka039::KafkaSenderOptions};
///
/// let mut options = KafkaSenderOptions::default();
/// options.key = Key::partition_key();
/// options.config.set("compression.type", "lz4").set("linger.ms", "20");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct KafkaSenderOptions {
    /// The options common to all protocols. The URL option `format` can name one of their formats, and keys
    /// are looked up in documents of these formats. JSON is always included.
    pub sender: SenderOptions,
    /// The source of the key, which selects the partition: events with the same key stay in order. The key
    /// of an [`Outgoing`] takes precedence. Default: no key, so that events go to any partition.
    pub key: Key,
    /// How long opening may take, until a broker has responded: `connect-timeout` in a URL. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// A source of bearer tokens, for SASL OAUTHBEARER. It excludes a user in the URL, and needs the feature `tls`.
    /// Default: none.
    pub tokens: Option<Arc<dyn BearerTokens>>,
    /// Extra librdkafka settings. Precedence: the URL, these, our defaults.
    pub config: ClientConfig,
}

impl Default for KafkaSenderOptions {
    fn default() -> Self {
        Self {
            sender: SenderOptions::default(),
            key: Key::None,
            connect_timeout: Duration::from_secs(10),
            tokens: None,
            config: ClientConfig::new(),
        }
    }
}

impl From<SenderOptions> for KafkaSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Omits the settings, some of which are secret.
impl fmt::Debug for KafkaSenderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSenderOptions")
            .field("sender", &self.sender)
            .field("key", &self.key)
            .field("connect_timeout", &self.connect_timeout)
            .field("tokens", &self.tokens)
            .finish_non_exhaustive()
    }
}

/// Opens a sender to `kafka://user:password@host:port,host:port/topic?options`. The default port is 9092.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "kafka://one:9092,two:9092/orders?key=partitionkey";
/// let sender = cloudevents_kafka::rdkafka039::sender(url, Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Produces one record per message, to one topic. An [`Outgoing`] with a destination goes to that topic.
///
/// The producer is idempotent: librdkafka sends unconfirmed messages again, without duplicates and without changing the order within a
/// partition. The delivery report gives the outcome, and the receipt contains topic, partition and offset. Records of a batch that a broker
/// refuses fail with a temporary error, and each goes alone when it is sent again. See [the module](super#guarantees) for the guarantees.
///
/// It has its own thread. If it is dropped without being closed, it still delivers the messages that were handed over, as long as the
/// process lives.
///
/// [The crate's documentation](crate#urls) lists the options. They take precedence over the options of the program.
///
/// Errors:
///
/// - [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl)
/// - [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for settings that librdkafka does not accept, and for `transactional.id` and
///   `enable.gapless.guarantee`
/// - [`Refused`](cloudevents_core::ErrorKind::Refused) when the broker refuses the user, and for certificates that cannot be trusted
/// - [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when no broker
///   responds in time
///
/// Dropping the future opens nothing.
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: KafkaSenderOptions,
) -> Result<Sender, Error> {
    KafkaSender::open(Endpoint::of(url)?, options).await.map(KafkaSender::into_sender)
}

/// The help for an option `key` that names something else than an attribute.
const NO_KEY: &str = "name an attribute of the event, such as `partitionkey` or `subject`: the payload is not read. Give the event an attribute \
    with the value, such as `partitionkey`, before it is sent";

#[derive(Debug)]
pub(super) struct KafkaSender {
    producer: Producer,
    topic: Arc<str>,
    options: SenderOptions,
    writing: Writing,
    key: Key,
    /// Formats for looking up the key in documents.
    decoding: DecodeOptions,
}

impl KafkaSender {
    async fn open(endpoint: Endpoint, mut options: KafkaSenderOptions) -> Result<Self, Error> {
        let _ = URLS.check(&endpoint, Side::Send)?;
        options.sender.in_flight.get_or_insert(Bounds { messages: IN_FLIGHT, ..Bounds::default() });
        let common = options.sender.with_url(&endpoint)?;
        let in_flight = common.in_flight.unwrap_or_default();
        let connect_timeout = endpoint.duration("connect-timeout")?.unwrap_or(options.connect_timeout);
        let mut segments = endpoint.segments();
        let topic = match (segments.next(), segments.next()) {
            (Some(topic), None) if !topic.is_empty() => Arc::<str>::from(topic),
            _ => return Err(endpoint.invalid("the path is not the name of a topic")),
        };
        let key = match endpoint.option("key") {
            Some("") => return Err(endpoint.invalid("the option `key` names no attribute")),
            Some(name) if Name::parse(name).is_err() => {
                let words =
                    format!("the option `key` names `{name}`, which no attribute can have as its name");
                return Err(endpoint.invalid(words).with_help(NO_KEY));
            }
            Some(name) => Key::attribute(name.to_owned()),
            None => options.key.clone(),
        };
        let formats = cloudevents_json::with_json(common.decoding.formats.clone());
        let format = cloudevents_json::for_peer(common.format.clone(), common.peer);
        let writing = Writing::new(&endpoint, format, formats.clone(), common.losses)?;
        let mut config = options.config.clone();
        config::from_endpoint(&endpoint, &mut config)?;
        let tokens = Keeper::start(options.tokens.as_ref(), &mut config, connect_timeout).await?;
        default(&mut config, "enable.idempotence", "true");
        default(&mut config, "message.timeout.ms", millis(common.timeout.unwrap_or(TIMEOUT)));
        if in_flight.messages <= 1 {
            // Waiting for a fuller batch would only add delay.
            default(&mut config, "linger.ms", "0");
        }
        let connecting =
            Producer::connect(config, topic.as_ref().to_owned(), in_flight, connect_timeout, tokens);
        let producer = unless_refused(&endpoint, connect_timeout, connecting).await?;
        tracing::debug!(%topic, "producing");
        let decoding = DecodeOptions::strict().with_formats(formats);
        Ok(Self { producer, topic, options: common, writing, key, decoding })
    }

    /// Sends to this topic, for messages that are sent unchanged.
    pub(super) fn to_topic(topic: &str, producer: Producer) -> Self {
        let (options, decoding) = (SenderOptions::default(), DecodeOptions::strict());
        let writing = Writing::given(None, options.losses);
        Self { producer, topic: topic.into(), options, writing, key: Key::None, decoding }
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.clone();
        Sender::new(self).with_options(options)
    }

    fn prepare(&self, outgoing: &Outgoing) -> Result<Prepared, Error> {
        let message = match outgoing.content() {
            Content::Message(message) => message,
            Content::AsReceived(received) => return as_received(outgoing, received),
            _ => return Err(Error::new(ErrorKind::Unsupported)),
        };
        let written = self.writing.message(message)?;
        let key = || match outgoing.record_key() {
            Some(key) => Ok(Some(key.clone())),
            None => self.key.of_message(message, &self.decoding),
        };
        let mut prepared = match &*written {
            Message::Binary(event) => {
                check_binary_mode(event)?;
                Prepared::of_event(event, key()?, outgoing.headers().len())
            }
            document => Prepared::of_record(&encode_message(document)?.with_key(key()?)),
        };
        add_headers(&mut prepared, outgoing)?;
        Ok(prepared)
    }

    /// Returns the topic of a message.
    fn topic(&self, outgoing: &Outgoing) -> Arc<str> {
        outgoing.destination().map_or_else(|| Arc::clone(&self.topic), Arc::from)
    }
}

/// Copies key, headers and body of another message, and adds the parts of the outgoing one. Errors are those of [`Received::whole_body`].
fn as_received(outgoing: &Outgoing, received: &Received) -> Result<Prepared, Error> {
    let key = || Some(Bytes::copy_from_slice(&received.key()?));
    let record = Record::new(received.whole_body()?).with_key(outgoing.record_key().cloned().or_else(key));
    let mut prepared = Prepared::of_record(&record);
    // The client panics because of a name with NUL, which this protocol's own messages do not have.
    received.origin().headers(&mut |name, value| {
        if !name.contains('\0') {
            prepared.push(name, value.as_deref());
        }
    });
    add_headers(&mut prepared, outgoing)?;
    Ok(prepared)
}

fn add_headers(prepared: &mut Prepared, outgoing: &Outgoing) -> Result<(), Error> {
    for (name, value) in outgoing.headers() {
        if let Some(reason) = lost(name) {
            return Err(header_not_carried(name, reason));
        }
        prepared.push(name, Some(value));
    }
    Ok(())
}

/// Why a record does not carry a header of this name. Any value can be carried.
fn lost(name: &str) -> Option<&'static str> {
    if name.starts_with(PREFIX) || name == CONTENT_TYPE {
        return Some("over Kafka it would be an attribute of the event");
    }
    name.contains('\0').then_some("a name of Kafka's client has no NUL")
}

impl Transmit for KafkaSender {
    fn capabilities(&self) -> SenderCapabilities {
        let carries = Carries::DESTINATION.and(Carries::KEY).and(Carries::HEADERS).and(Carries::AS_RECEIVED);
        let mut capabilities = SenderCapabilities::plain(Confirmed::Accepted).carrying(carries);
        (capabilities.orders, capabilities.receipts) = (Orders::Partition, true);
        capabilities
    }

    fn lost_headers(&self, outgoing: &Outgoing) -> Vec<(usize, &'static str)> {
        outgoing.lost_headers(|name, _| lost(name))
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        let (topic, prepared) = (self.topic(&outgoing), self.prepare(&outgoing)?);
        drop(outgoing);
        self.producer.enqueue(&topic, prepared).await
    }

    async fn check(&self) -> Result<(), Error> {
        self.producer.finds(&self.topic).await
    }

    fn connectivity(&self) -> Connectivity {
        self.producer.connectivity()
    }

    fn refuses_message(&self, error: &Error) -> Option<bool> {
        super::failure::refuses_message(error)
    }

    async fn close(&self) -> Result<(), Error> {
        self.producer.close().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Raw;

    /// A record without a value is a tombstone.
    #[test]
    fn a_body_that_is_not_bytes_is_no_tombstone() {
        let prepared = |raw: Raw| {
            let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
            as_received(&Outgoing::as_received(received.clone()), &received)
        };
        let mut raw = Raw::default();
        assert!(prepared(raw.clone()).is_ok());
        raw.lacks_body = true;
        assert_eq!(prepared(raw).err().map(|error| error.kind()), Some(ErrorKind::Unsupported));
    }
}
