//! A topic for rejected messages.

use super::{
    options::{Qos, Target},
    sender::MqttSender,
    topic::{Topic, matches},
};
use crate::Version;
use cloudevents_core::Error;
use cloudevents_transport::{
    DeadLetter, DeadLetterSink, Endpoint,
    binding::{Rejecting, Transmit, log::LogOptions, rejecting},
};
use std::sync::Arc;

/// Returns the policy for rejected messages, from the URL, otherwise from the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    log: LogOptions,
) -> Result<LogOptions, Error> {
    let is_decided = log.is_decided();
    let reads = |topic: &str| matches(&target.topic, topic);
    Ok(match rejecting(endpoint, is_decided, Some("topic"), false, "MqttReceiverOptions::log", reads)? {
        Rejecting::AsDecided | Rejecting::ToBroker => log,
        Rejecting::Dropped => log.dropping_rejected(),
        Rejecting::To(topic) => {
            let sender =
                MqttSender::to_topic(target.at(topic), Topic::plain(topic)?, Qos::AtLeastOnce).await?;
            log.with_sink(DeadLetterTopic { sender, version: target.options.version, topic: topic.into() })
        }
    })
}

/// Sends rejected messages to another topic of the same broker, as they were received.
///
/// [The headers of the dead letter](DeadLetter::headers) are user properties. MQTT 3.1.1 has none, so the reason is only logged there.
struct DeadLetterTopic {
    sender: MqttSender,
    version: Version,
    topic: Arc<str>,
}

impl DeadLetterSink for DeadLetterTopic {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        if self.version == Version::V3 {
            let topic = letter.received.topic();
            tracing::warn!(reason = %letter.reason, ?topic, "a message is sent to the dead letters");
        }
        let receipt = self.sender.enqueue(letter.as_received()).await?.await?;
        letter.stored_at(receipt.with_place(Arc::clone(&self.topic)))
    }
}
