//! A destination for rejected messages.

use super::{
    destination::Destination,
    message::{Parts, text_or_bytes},
    options::fixed,
    received::ReceivedMessage,
    retry::{kept, kept_headers},
    sender::RabbitSender,
};
use cloudevents_core::Error;
use cloudevents_transport::{DeadLetter, DeadLetterSink, Receipt};
use std::sync::Arc;

/// Sends rejected messages to a destination of the same broker, as they were received.
///
/// They get [the headers of the dead letter](DeadLetter::headers), and the exchange and the routing key that they were published with.
pub(super) struct DeadLetters {
    pub(super) publisher: Arc<RabbitSender>,
    pub(super) destination: Destination,
}

impl DeadLetterSink for DeadLetters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        self.publisher.send_as_it_is(&self.destination, message(&letter)?, None).await?;
        letter.stored_at(Receipt::new().with_place(self.destination.to_string()))
    }
}

fn message(letter: &DeadLetter) -> Result<Parts, Error> {
    let received = letter.received.native::<ReceivedMessage>();
    let mut parts = match (received, letter.received.message()) {
        (Some(received), _) => Parts {
            headers: kept_headers(received),
            properties: kept(received),
            payload: received.body.clone(),
        },
        // It did not come over this protocol, or was too large as it was.
        (None, Ok(message)) => Parts::of(&crate::encode_message(message)?)?.durable(),
        (None, Err(_)) => {
            let payload = letter.received.whole_body()?.unwrap_or_default();
            Parts { payload, ..Parts::default() }.durable()
        }
    };
    let mut headers = letter.headers();
    if let Some(received) = received.filter(|_| !headers.is_empty()) {
        headers.push(("dead-letter-exchange", received.exchange.as_str().to_owned()));
        headers.push(("dead-letter-routing-key", received.routing_key.as_str().to_owned()));
    }
    for (name, value) in headers {
        parts.headers.insert(fixed(name), text_or_bytes(value.as_bytes()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;
    use cloudevents_transport::{Raw, Received};

    #[test]
    fn a_body_that_is_not_known_does_not_become_an_empty_one() {
        let mut raw = Raw::default();
        raw.lacks_body = true;
        let received = Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), raw);
        assert_eq!(
            message(&DeadLetter::new(received, "no", 1)).err().map(|error| error.kind()),
            Some(ErrorKind::Unsupported)
        );
    }
}
