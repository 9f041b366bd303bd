//! A log and a queue in memory, for tests: real transports as far as settlement goes, with every fault at the push of a button.
//!
//! [`FakeLog`] is what Kafka is: partitions, cumulative commits, rebalances, redelivery from memory, a dead-letter sink.
//! [`FakeQueue`] is what AMQP is: settlement per message over a connection that one task owns, credit, confirms, lost connections.
//! Both need a tokio runtime with its timer, and read no clock but tokio's, so paused time works.

mod log;
mod queue;

pub use log::{FakeConsumer, FakeLog};
pub use queue::FakeQueue;

use crate::Raw;
use cloudevents_core::{Decoded, Error, ErrorKind, Message};
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What lies in a fake broker: a message or something that is none, and what it looks like raw.
#[derive(Clone, Debug)]
struct Stored {
    message: Result<Decoded<Message>, Error>,
    raw: Raw,
}

impl Stored {
    fn message(message: Message) -> Self {
        let body = match &message {
            Message::Structured { body, .. } | Message::Batched { body, .. } => Some(body.clone()),
            Message::Binary(event) => event.data_bytes().cloned(),
            _ => None,
        };
        let raw = Raw { body, ..Raw::default() };
        Self { message: Ok(Decoded::clean(message)), raw }
    }

    /// Something that is not a message: an event without `id`, or no event at all.
    fn garbage(kind: ErrorKind, body: &[u8]) -> Self {
        let mut raw = Raw::default();
        raw.headers.push(("fake".into(), Some("garbage".into())));
        raw.body = Some(bytes::Bytes::copy_from_slice(body));
        Self { message: Err(Error::new(kind).with_detail("put into the fake broker as it is")), raw }
    }
}
