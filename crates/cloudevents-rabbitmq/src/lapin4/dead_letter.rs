//! A destination for rejected messages.

use super::{
    destination::Destination,
    message::{Parts, text_or_bytes},
    options::fixed,
    properties,
    received::ReceivedMessage,
    retry::{kept, kept_headers},
    sender::RabbitSender,
};
use cloudevents_core::Error;
use cloudevents_transport::{DeadLetter, DeadLetterSink};
use lapin::types::{AMQPValue, ShortString};
use std::sync::Arc;

/// Sends rejected messages to a destination of the same broker, as they were received, with [the headers of the
/// letter](DeadLetter::headers), and with the exchange and the routing key that they were published with.
pub(super) struct DeadLetters {
    pub(super) publisher: Arc<RabbitSender>,
    pub(super) destination: Destination,
}

impl DeadLetterSink for DeadLetters {
    async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
        let mut parts = message(&letter)?;
        let left_out = fit(&mut parts, self.publisher.frame_max().await?);
        if !left_out.is_empty() {
            tracing::warn!(reason = %letter.reason, ?left_out, "a dead letter has headers that are too large, which are left out");
        }
        self.publisher.send_as_it_is(&self.destination, parts, None).await
    }
}

fn message(letter: &DeadLetter) -> Result<Parts, Error> {
    let received = letter.received.native::<ReceivedMessage>();
    let mut parts = match received {
        Some(received) => Parts {
            headers: kept_headers(received),
            properties: kept(received),
            payload: received.body.clone(),
        },
        // It did not come over this protocol.
        None => Parts { payload: letter.received.whole_body()?.unwrap_or_default(), ..Parts::default() },
    };
    let mut add = |name, value: &str| {
        parts.headers.insert(fixed(name), text_or_bytes(value.as_bytes()));
    };
    for (name, value) in letter.headers() {
        add(name, &value);
    }
    if let Some(received) = received {
        add("dead-letter-exchange", received.exchange.as_str());
        add("dead-letter-routing-key", received.routing_key.as_str());
    }
    Ok(parts)
}

/// Leaves out headers until the others fit into one frame, so that the letter can be stored: those of letters first, and the largest first.
/// Returns their names.
fn fit(parts: &mut Parts, frame_max: usize) -> Vec<ShortString> {
    let mut left_out = Vec::new();
    while properties::frame_size(parts) > frame_max {
        let worth = |(name, value): &(&ShortString, &AMQPValue)| {
            (name.as_str().starts_with("dead-letter-"), properties::header(name, value))
        };
        let Some((name, _)) = parts.headers.inner().iter().max_by_key(worth) else { break };
        let name = name.clone();
        let mut rest = parts.headers.inner().clone();
        rest.remove(&name);
        parts.headers = rest.into();
        left_out.push(name);
    }
    left_out
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
