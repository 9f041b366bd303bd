//! A topic for rejected messages.

use super::{
    config::{default, millis},
    login::Keeper,
    producer::Producer,
    sender::KafkaSender,
};
use cloudevents_core::Error;
use cloudevents_transport::{
    Bounds,
    binding::{
        Transmit,
        log::{DeadLetter, DeadLetterSink},
        place_checked,
    },
};
use rdkafka::ClientConfig;
use std::{sync::Arc, time::Duration};

/// Sends rejected messages to a topic: key, headers and value as received.
///
/// [The headers of the dead letter](DeadLetter::headers) follow the headers of the message.
///
/// A message that is rejected again gets these headers again, behind the earlier ones. The topic decides how large dead letters may be,
/// unless the settings have `message.max.bytes`.
///
/// ```no_run
/// use cloudevents_kafka::rdkafka039::{DeadLetterTopic, KafkaReceiverOptions};
/// use cloudevents_transport::binding::log::LogOptions;
/// use rdkafka::ClientConfig;
/// use std::{borrow::Cow, time::Duration};
///
/// # async fn open() -> Result<(), cloudevents_core::Error> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "one:9092");
/// let sink = DeadLetterTopic::connect("orders.rejected", config, Duration::from_secs(10)).await?;
/// let mut options = KafkaReceiverOptions::default();
/// options.log = LogOptions::default().with_sink(sink);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct DeadLetterTopic {
    topic: Box<str>,
    sender: KafkaSender,
    /// Whether it is known to be of the cluster that the messages come from.
    same_cluster: bool,
}

impl DeadLetterTopic {
    /// Connects with these settings of librdkafka, and waits at most this long for a response of a broker.
    pub async fn connect(topic: &str, config: ClientConfig, timeout: Duration) -> Result<Self, Error> {
        Self::open(topic, config, timeout, None).await
    }

    pub(super) async fn open(
        topic: &str,
        mut config: ClientConfig,
        timeout: Duration,
        tokens: Option<Arc<Keeper>>,
    ) -> Result<Self, Error> {
        default(&mut config, "enable.idempotence", "true");
        default(&mut config, "message.timeout.ms", millis(Duration::from_secs(30)));
        default(&mut config, "message.max.bytes", "1000000000");
        let producer =
            Producer::connect(config, topic.to_owned(), Bounds::default(), timeout, tokens).await?;
        let sender = KafkaSender::to_topic(topic, producer);
        Ok(Self { topic: topic.into(), sender, same_cluster: false })
    }

    /// Whether the topic takes dead letters, as far as that shows without one.
    pub(super) async fn check(&self) -> Result<(), Error> {
        place_checked(&self.topic, self.sender.check().await)
    }

    /// For messages of the same cluster: a pattern may match the topic itself, and messages from the topic stay there.
    ///
    /// Otherwise they would be received and rejected again, for ever.
    pub(super) fn of_the_same_cluster(self) -> Self {
        Self { same_cluster: true, ..self }
    }
}

impl DeadLetterSink for DeadLetterTopic {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        if self.same_cluster && letter.received.topic() == Some(&*self.topic) {
            tracing::error!(topic = %self.topic, reason = %letter.reason,
                "a rejected message stays in the topic of dead letters, which this receiver itself reads");
            return Ok(());
        }
        let receipt = self.sender.enqueue(letter.as_received()).await?.await?;
        letter.stored_at(receipt)
    }
}
