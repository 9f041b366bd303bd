//! A received message.

use crate::{
    PgmqMessage,
    wire::{CONTENT_TYPE, GROUP},
};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::Origin;
use std::{any::Any, borrow::Cow, fmt, sync::Arc, time::SystemTime};

/// A message of a queue. [`Received::native`](cloudevents_transport::Received::native) returns it for pgmq.
///
/// Headers are shown but for the group (`x-pgmq-group`), which is the key. The offset is the id.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// Message and headers, as Postgres writes them.
    pub message: PgmqMessage,
    /// The id in the queue.
    pub id: i64,
    /// The name of the queue.
    pub queue: Arc<str>,
    /// When the transaction began that sent it.
    pub enqueued: Option<SystemTime>,
    /// How often it was read, this time included.
    pub reads: i32,
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        /// The memory that the list of headers takes for each.
        const HEADER: usize = 48;
        self.message.size().saturating_add(self.message.headers.len().saturating_mul(HEADER))
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.message.message.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(crate::decode_message(&self.message, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in &self.message.headers {
            each(name, Some(Cow::Borrowed(value.as_bytes())));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        is_foreign(name)
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.queue)
    }

    fn offset(&self) -> Option<u64> {
        u64::try_from(self.id).ok()
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.message.header(GROUP).map(|group| Cow::Borrowed(group.as_bytes()))
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.enqueued
    }

    fn is_redelivered(&self) -> Option<bool> {
        Some(self.reads > 1)
    }
}

/// Whether this is a header of the program: neither content type nor group.
pub(super) fn is_foreign(name: &str) -> bool {
    name != CONTENT_TYPE && name != GROUP
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.message.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct("ReceivedMessage")
            .field("queue", &self.queue)
            .field("id", &self.id)
            .field("headers", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper bounds count what is kept: a message of many small headers takes more than their bytes.
    #[test]
    fn the_size_of_a_message_has_the_list_of_its_headers() {
        const HEADERS: usize = 10_000;
        let message = (0..HEADERS).fold(PgmqMessage::new("{}"), |all, _| all.with_header("a", "b"));
        let received = ReceivedMessage { message, id: 1, queue: "q".into(), enqueued: None, reads: 1 };
        let kept = HEADERS * (2 + size_of::<(String, String)>());
        assert!((kept..kept * 2).contains(&received.size()), "{} of {kept}", received.size());
    }
}
