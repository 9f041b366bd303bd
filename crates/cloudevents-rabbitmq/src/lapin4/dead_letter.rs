//! A destination for rejected messages.

use super::{
    destination::Destination,
    message::{Parts, text_or_bytes},
    options::fixed,
    received::ReceivedMessage,
    retry::{kept, kept_headers},
    sender::RabbitSender,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{DeadLetter, DeadLetterSink, Endpoint, Received, binding::queue::QueueOptions};
use lapin::types::AMQPValue;
use std::sync::Arc;

/// How many bytes of a reason are kept.
const REASON: usize = 1024;

/// What happens to rejected messages, as the URL says.
pub(super) enum Decided {
    /// As the options say.
    Options,
    Broker,
    Drop,
    Letters(Destination),
}

/// Reads the URL; the options apply where it says nothing.
pub(super) fn decided(endpoint: &Endpoint, queue: &QueueOptions) -> Result<Decided, Error> {
    match (endpoint.option("dead-letter"), endpoint.option("reject")) {
        (None, None) if queue.is_decided() => Ok(Decided::Options),
        (None, None) => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("it is not decided what happens to rejected messages")
            .with_help(
                "add `dead-letter=<queue>`, `reject=broker` or `reject=drop` to the URL, or decide in \
                 `RabbitReceiverOptions::queue`",
            )),
        (None, Some("broker")) => Ok(Decided::Broker),
        (None, Some("drop")) => Ok(Decided::Drop),
        (None, Some(_)) => Err(endpoint.invalid("the option `reject` is neither `broker` nor `drop`")),
        (Some(""), None) => Err(endpoint.invalid("the option `dead-letter` names no queue")),
        (Some(address), None) => Ok(Decided::Letters(Destination::parse(address, &Default::default())?)),
        (Some(_), Some(_)) => {
            Err(endpoint.invalid("the options `dead-letter` and `reject` exclude each other"))
        }
    }
}

/// Sends rejected messages to a destination of the same broker, as they were received, with headers for the
/// reason and the origin. None of their names is that of an attribute, so the event does not change.
pub(super) struct DeadLetters {
    pub(super) publisher: Arc<RabbitSender>,
    pub(super) destination: Destination,
}

impl DeadLetterSink for DeadLetters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.publisher.send_as_it_is(&self.destination, message(&letter)?, None).await
    }
}

fn message(letter: &DeadLetter) -> Result<Parts, Error> {
    let Some(received) = letter.received.native::<ReceivedMessage>() else {
        return foreign(&letter.received);
    };
    let mut headers = kept_headers(received);
    let mut add = |name: &'static str, value: &str| {
        headers.insert(fixed(name), text_or_bytes(value.as_bytes()));
    };
    add("dead-letter-reason", beginning(&letter.reason));
    if let Some(kind) = letter.received.error_kind() {
        add("dead-letter-error", kind.code());
    }
    if let Some(queue) = letter.received.topic() {
        add("dead-letter-queue", queue);
    }
    add("dead-letter-exchange", received.exchange.as_str());
    add("dead-letter-routing-key", received.routing_key.as_str());
    headers.insert(fixed("dead-letter-attempt"), AMQPValue::LongUInt(letter.attempt));
    Ok(Parts { headers, properties: kept(received), payload: received.body.clone() })
}

/// A message that did not come over this protocol.
fn foreign(received: &Received) -> Result<Parts, Error> {
    Ok(Parts { payload: received.whole_body()?.unwrap_or_default(), ..Parts::default() })
}

fn beginning(reason: &str) -> &str {
    let mut end = REASON.min(reason.len());
    while !reason.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    reason.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_transport::Raw;

    #[test]
    fn a_body_that_is_not_known_does_not_become_an_empty_one() {
        let mut raw = Raw::default();
        raw.lacks_body = true;
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        assert_eq!(foreign(&received).err().map(|error| error.kind()), Some(ErrorKind::Unsupported));
    }
}
