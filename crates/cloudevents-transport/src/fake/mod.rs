//! A log and a queue in memory, for tests. They settle as real transports do, and a test can trigger every
//! fault.
//!
//! [`FakeLog`] behaves like Kafka: partitions, cumulative commits, rebalances, redelivery from memory, a
//! dead-letter sink. [`FakeQueue`] behaves like AMQP: settlement per message over a connection that one task
//! owns, credit, confirms, lost connections. Both need a tokio runtime with its timer. They read only tokio's
//! clock, so paused time works.
//!
//! Both take messages to any destination ([`Outgoing::to`]). The destination is the [`topic`](Raw::topic) of the received message.

mod log;
mod producer;
mod queue;

pub use log::{FakeConsumer, FakeLog};
pub use queue::FakeQueue;

use crate::{Content, Outgoing, Raw};
use cloudevents_core::{Decoded, Error, ErrorKind, Message};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry of a fake broker: a message or the error of decoding it, and its raw form.
#[derive(Clone, Debug)]
struct Stored {
    message: Result<Decoded<Message>, Error>,
    raw: Raw,
}

impl Stored {
    /// As over a protocol whose bodies are bytes.
    fn outgoing(outgoing: &Outgoing) -> Result<Self, Error> {
        let headers = outgoing.headers().map(|(name, value)| (name.to_owned().into(), Some(value.clone())));
        let destination = outgoing.destination().map(Into::into);
        let message = match outgoing.content() {
            Content::Message(message) => message.clone(),
            Content::AsReceived(received) => {
                let (body, key) = (received.whole_body()?, outgoing.record_key().cloned());
                let mut raw = Raw { topic: destination, body, key, ..Raw::default() };
                received.origin().headers(&mut |name, value| {
                    raw.headers.push((name.to_owned().into(), value.map(|value| value.into_owned().into())));
                });
                raw.headers.extend(headers);
                return Ok(Self { message: received.as_read().clone(), raw });
            }
        };
        let body = match &message {
            Message::Structured(document) | Message::Batched(document) => Some(document.body().clone()),
            Message::Binary(event) => event.data_bytes().cloned(),
            _ => None,
        };
        let raw = Raw {
            topic: destination,
            key: outgoing.record_key().cloned(),
            headers: headers.collect(),
            body,
            reply_to: outgoing.reply_address().map(Into::into),
            correlation: outgoing.correlation_data().cloned(),
            ..Raw::default()
        };
        Ok(Self { message: Ok(Decoded::clean(message)), raw })
    }

    /// An entry that is not a valid message: an event without `id`, or not an event at all.
    fn garbage(kind: ErrorKind, body: &[u8]) -> Self {
        let mut raw = Raw::default();
        raw.headers.push(("fake".into(), Some("garbage".into())));
        raw.body = Some(bytes::Bytes::copy_from_slice(body));
        Self { message: Err(Error::new(kind).with_detail("put into the fake broker as it is")), raw }
    }
}
