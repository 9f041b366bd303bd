//! A topic for rejected messages.

use super::{
    config::{default, millis},
    producer::Producer,
    record::Outgoing,
};
use crate::{Header, Record};
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_transport::{
    Bounds,
    log::{DeadLetter, DeadLetterSink},
};
use rdkafka::ClientConfig;
use std::time::Duration;

/// What of a reason is kept, in bytes.
const REASON: usize = 1024;

/// Puts rejected messages into a topic: key, headers and value as they came, and behind them headers that say why and where from.
///
/// | header | |
/// |---|---|
/// | `dead-letter-reason` | why, at most 1 KiB |
/// | `dead-letter-error` | the code of the error, when it is no valid message: `missing-attribute` |
/// | `dead-letter-topic`, `dead-letter-partition`, `dead-letter-offset` | where it was |
/// | `dead-letter-attempt` | the attempt that was the last, counted from 1 |
///
/// All are text. None begins with `ce_`, so the event is the same as before. A message that is rejected again has them again, the latest
/// last.
///
/// ```no_run
/// use cloudevents_kafka::rdkafka039::{DeadLetterTopic, KafkaReceiverOptions};
/// use cloudevents_transport::log::LogOptions;
/// use rdkafka::ClientConfig;
/// use std::time::Duration;
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
    topic: String,
}

impl DeadLetterTopic {
    /// Connects with these settings of librdkafka, and waits so long for the answer of a broker.
    pub async fn connect(topic: &str, mut config: ClientConfig, timeout: Duration) -> Result<Self, Error> {
        default(&mut config, "enable.idempotence", "true");
        default(&mut config, "message.timeout.ms", millis(Duration::from_secs(30)));
        let producer = Producer::connect(config, topic.to_owned(), Bounds::default(), timeout).await?;
        Ok(Self { producer, topic: topic.to_owned() })
    }
}

impl DeadLetterSink for DeadLetterTopic {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.producer.enqueue(&self.topic, Outgoing::of_record(&record(&letter))).await?.await
    }
}

fn record(letter: &DeadLetter) -> Record {
    let raw = &*letter.raw;
    let mut record = Record::new(raw.body.clone()).with_key(raw.key.clone());
    record.headers.extend(
        raw.headers.iter().map(|(name, value)| Header::new(name.clone().into_owned(), value.clone())),
    );
    let mut add =
        |name: &'static str, value: String| record.headers.push(Header::new(name, Bytes::from(value)));
    add("dead-letter-reason", beginning(&letter.reason).to_owned());
    if let Err(error) = &letter.message {
        add("dead-letter-error", error.kind().code().to_owned());
    }
    if let Some(partition) = &raw.partition {
        add("dead-letter-topic", partition.topic().to_owned());
        add("dead-letter-partition", partition.number().to_string());
    }
    if let Some(offset) = raw.position {
        add("dead-letter-offset", offset.to_string());
    }
    add("dead-letter-attempt", letter.attempt.to_string());
    record
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

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(beginning("why"), "why");
        let long = format!("{}é", "x".repeat(REASON - 1));
        assert_eq!(beginning(&long).len(), REASON - 1);
    }
}
