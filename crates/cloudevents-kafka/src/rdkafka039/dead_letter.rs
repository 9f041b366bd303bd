//! A topic for rejected messages.

use super::{
    config::{default, millis},
    login::Keeper,
    message::Prepared,
    producer::Producer,
};
use crate::{Header, Record};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::{
    Bounds, Received,
    binding::log::{DeadLetter, DeadLetterSink},
};
use rdkafka::ClientConfig;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// Sends rejected messages to a topic: key, headers and value as received, followed by headers with the
/// reason and the origin.
///
/// | header | value |
/// |---|---|
/// | `dead-letter-reason` | the reason, at most 1 KiB |
/// | `dead-letter-error` | the code of the error for an invalid message, such as `missing-attribute` |
/// | `dead-letter-topic`, `dead-letter-partition`, `dead-letter-offset` | the origin |
/// | `dead-letter-attempt` | the last delivery attempt, starting at 1 |
///
/// All values are text. No header begins with `ce_`, so the event does not change. A message that is
/// rejected again gets them again, behind the earlier ones.
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
    producer: Producer,
    topic: Arc<str>,
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
        let producer =
            Producer::connect(config, topic.to_owned(), Bounds::default(), timeout, tokens).await?;
        Ok(Self { producer, topic: topic.into() })
    }
}

impl DeadLetterSink for DeadLetterTopic {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let record = record(&letter.received, &letter.reason, letter.attempt)?;
        self.producer.enqueue(&self.topic, Prepared::of_record(&record)).await?.await.map(drop)
    }
}

/// The record of a dead letter. A body that is not bytes is an error: the record would be a tombstone.
fn record(received: &Received, reason: &str, attempt: u32) -> Result<Record, Error> {
    let owned = |value: Cow<'_, [u8]>| Bytes::from(value.into_owned());
    let mut record = Record::new(received.whole_body()?).with_key(received.key().map(owned));
    received.origin().headers(&mut |name, value| {
        record.headers.push(Header::new(name.to_owned(), value.map(owned)));
    });
    let mut add =
        |name: &'static str, value: String| record.headers.push(Header::new(name, Bytes::from(value)));
    add("dead-letter-reason", beginning(reason).to_owned());
    if let Some(kind) = received.error_kind() {
        add("dead-letter-error", kind.code().to_owned());
    }
    if let Some(partition) = received.partition() {
        add("dead-letter-topic", partition.topic().to_owned());
        add("dead-letter-partition", partition.number().to_string());
    }
    if let Some(offset) = received.offset() {
        add("dead-letter-offset", offset.to_string());
    }
    add("dead-letter-attempt", attempt.to_string());
    Ok(record)
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    loop {
        match reason.get(..end) {
            Some(beginning) => return beginning,
            None => end = end.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::Raw;

    #[test]
    fn a_body_that_is_not_known_does_not_become_a_tombstone() {
        let mut raw = Raw::default();
        raw.lacks_body = true;
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        let error = record(&received, "no", 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(beginning("why"), "why");
        let long = format!("{}é", "x".repeat(REASON - 1));
        assert_eq!(beginning(&long).len(), REASON - 1);
    }
}
