//! A sender to a topic.

use super::{
    config::{self, default, millis},
    producer::Producer,
    record::Outgoing,
};
use crate::{Key, encode_message};
use cloudevents_core::{Decoding, Error, Format, Formats, Message};
use cloudevents_transport::{Bounds, Endpoint, Outcome, Sender, Transmit, Writing};
use rdkafka::ClientConfig;
use std::{fmt, sync::Arc, time::Duration};

/// How a [`KafkaSender`] sends.
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
    /// The format that events are written in, as documents. Default: none, so that they go in binary mode. Messages that are documents
    /// already go as they are.
    pub format: Option<Arc<dyn Format>>,
    /// Where the key comes from, which decides on the partition: events of the same key stay in order. Default: no key, so that
    /// events go to any partition.
    pub key: Key,
    /// The formats that the option `format` of a URL can name, and that a key is looked up with in documents. JSON is understood
    /// without being among them.
    pub formats: Formats,
    /// How long a message may take to be delivered, all attempts included. Default: 30 seconds (`message.timeout.ms`).
    pub timeout: Duration,
    /// How long the first answer of a broker may take. Default: 10 seconds.
    pub connect_timeout: Duration,
    /// What may be under way at once. Default: 10,000 messages, 64 MiB.
    pub in_flight: Bounds,
    /// Settings of librdkafka, which go before those made here; those of the URL go before these. Default: none.
    pub config: ClientConfig,
}

impl Default for KafkaSenderOptions {
    fn default() -> Self {
        Self {
            format: None,
            key: Key::None,
            formats: Formats::none(),
            timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            in_flight: Bounds { messages: 10_000, ..Bounds::default() },
            config: ClientConfig::new(),
        }
    }
}

/// Leaves out the settings, some of which are secret.
impl fmt::Debug for KafkaSenderOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSenderOptions")
            .field("format", &self.format)
            .field("key", &self.key)
            .field("timeout", &self.timeout)
            .field("connect_timeout", &self.connect_timeout)
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}

/// A sender to the topic of this URL: see [`KafkaSender::connect`].
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
pub async fn sender(url: &str, options: KafkaSenderOptions) -> Result<Sender, Error> {
    KafkaSender::connect(url, options).await.map(Sender::new)
}

/// Produces one record per message, to one topic.
///
/// The producer is idempotent: librdkafka sends again what was not confirmed, without duplicates and without changing the order
/// within a partition. The outcome is that of the delivery report. See [the module](super#guarantees) for what is guaranteed.
///
/// It has a thread of its own. Dropped without being closed, it still delivers what was handed over, as long as the process lives.
#[derive(Debug)]
pub struct KafkaSender {
    producer: Producer,
    topic: String,
    writing: Writing,
    key: Key,
    /// What the key is looked up with in documents.
    decoding: Decoding,
}

impl KafkaSender {
    /// Connects to `kafka://user:password@host:port,host:port/topic?options`. Without a port, it is 9092.
    ///
    /// | option | |
    /// |---|---|
    /// | `mode` | `binary`, the default, or `structured` |
    /// | `format` | the format of structured mode: `json`, the default, or another of [`KafkaSenderOptions::formats`] |
    /// | `key` | the attribute whose text is the key: `partitionkey`, `subject` |
    /// | `sasl` | with a user: `plain`, the default, `scram-sha-256`, `scram-sha-512` |
    /// | `tls` | encrypts the connection, with the feature `tls` |
    /// | `linger.ms` and others with a dot | settings of librdkafka |
    ///
    /// Errors: [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl); [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for settings that librdkafka does not
    /// take; [`Refused`](cloudevents_core::ErrorKind::Refused) for users whom the broker does not let in, and for certificates that cannot be trusted; [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) and [`Timeout`](cloudevents_core::ErrorKind::Timeout) when no broker answers in time. Dropping
    /// the future opens nothing.
    pub async fn connect(url: &str, options: KafkaSenderOptions) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        config::check_options(&endpoint, &["mode", "format", "key", "sasl", "tls"])?;
        let mut segments = endpoint.segments();
        let topic = match (segments.next(), segments.next()) {
            (Some(topic), None) if !topic.is_empty() => topic.into_string(),
            _ => return Err(endpoint.invalid("the path is not the name of a topic")),
        };
        let key = match endpoint.option("key") {
            Some("") => return Err(endpoint.invalid("the option `key` names no attribute")),
            Some(name) => Key::attribute(name.to_owned()),
            None => options.key.clone(),
        };
        let formats = cloudevents_json::among(options.formats.clone());
        let writing = Writing::new(&endpoint, options.format.clone(), formats.clone())?;
        let mut config = options.config.clone();
        config::from_endpoint(&endpoint, &mut config)?;
        default(&mut config, "enable.idempotence", "true");
        default(&mut config, "message.timeout.ms", millis(options.timeout));
        let producer =
            Producer::connect(config, topic.clone(), options.in_flight, options.connect_timeout).await?;
        tracing::debug!(topic, "producing");
        Ok(Self { producer, topic, writing, key, decoding: Decoding::strict().with_formats(formats) })
    }

    fn outgoing(&self, message: &Message) -> Result<Outgoing, Error> {
        let written = self.writing.message(message)?;
        let key = || self.key.of_message(message, &self.decoding);
        Ok(match &*written {
            Message::Binary(event) => Outgoing::of_event(event, key()?),
            document => Outgoing::of_record(&encode_message(document)?.with_key(key()?)),
        })
    }
}

impl Transmit for KafkaSender {
    async fn enqueue(&self, message: Message) -> Result<Outcome, Error> {
        let outgoing = self.outgoing(&message)?;
        drop(message);
        self.producer.enqueue(&self.topic, outgoing).await
    }

    fn try_enqueue(&self, message: Message) -> Result<Result<Outcome, Error>, Message> {
        if !self.producer.has_room() {
            return Err(message);
        }
        match self.outgoing(&message) {
            Ok(outgoing) => self.producer.try_enqueue(&self.topic, outgoing).ok_or(message),
            Err(error) => Ok(Err(error)),
        }
    }

    async fn close(&self) -> Result<(), Error> {
        self.producer.close().await;
        Ok(())
    }
}
