//! A topic for rejected messages.

use super::{
    forwarding::of_publish,
    options::{Qos, Target},
    publish_packet::Extras,
    received::ReceivedPublish,
    sender::MqttSender,
    topic::Topic,
};
use crate::{MqttMessage, Version};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{DeadLetter, DeadLetterSink, Endpoint, Received, binding::log::LogOptions};

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// Returns what happens to rejected messages: as in the URL, otherwise as in the options.
pub(super) async fn decided(
    endpoint: &Endpoint,
    target: &Target,
    log: LogOptions,
) -> Result<LogOptions, Error> {
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if log.is_decided() => Ok(log),
        (None, None) => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("it is not decided what happens to rejected messages")
            .with_help(
                "add `dead-letter=<topic>` or `reject=drop` to the URL, or decide in `MqttReceiverOptions::log`",
            )),
        (None, Some("drop")) => Ok(log.dropping_rejected()),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is not `drop`")),
        (Some(""), None) => Err(endpoint.invalid("the option `dead-letter` names no topic")),
        (Some(topic), None) => {
            let sender = MqttSender::to_topic(target.at(topic), Topic::plain(topic)?, Qos::AtLeastOnce).await?;
            Ok(log.with_sink(DeadLetterTopic(sender)))
        }
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
    }
}

/// Sends rejected messages to another topic of the same broker, as they were received, with user properties for the reason and the
/// origin. None of their names could be that of an attribute, so the event does not change. MQTT 3.1.1 has no user properties, so the
/// reason is only logged there.
struct DeadLetterTopic(MqttSender);

impl DeadLetterSink for DeadLetterTopic {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let received = letter.received.native::<ReceivedPublish>();
        let message = message(&letter.received)?;
        let attempt = letter.attempt.to_string();
        let mut extras = Extras::default();
        if message.version == Version::V5 {
            if let Some(publish) = received {
                extras.keep(publish.publish());
            }
            extras.add("dead-letter-reason", beginning(&letter.reason));
            if let Some(kind) = letter.received.error_kind() {
                extras.add("dead-letter-error", kind.code());
            }
            if let Some(topic) = letter.received.topic() {
                extras.add("dead-letter-topic", topic);
            }
            extras.add("dead-letter-attempt", &attempt);
        } else {
            tracing::warn!(reason = %letter.reason, topic = ?letter.received.topic(), "a message is sent to the dead letters");
        }
        self.0.send_as_it_is(message, extras).await
    }
}

/// The message with its properties, if they could be read.
fn message(received: &Received) -> Result<MqttMessage, Error> {
    match received.native() {
        Some(publish) => Ok(of_publish(publish)),
        None => Ok(MqttMessage::new(received.whole_body()?.unwrap_or_default())),
    }
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
    use cloudevents_transport::Raw;

    /// An empty payload is another message, and removes a retained one.
    #[test]
    fn a_body_that_is_not_known_does_not_become_an_empty_payload() {
        let mut raw = Raw::default();
        raw.lacks_body = true;
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        assert_eq!(message(&received).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(beginning("why"), "why");
        let long = format!("{}é", "x".repeat(REASON - 1));
        assert_eq!(beginning(&long).len(), REASON - 1);
    }
}
