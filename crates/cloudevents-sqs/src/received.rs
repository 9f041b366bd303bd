//! A received message.

use crate::{SqsMessage, wire::CONTENT_TYPE};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_json::fields::PREFIX;
use cloudevents_transport::Origin;
use std::{any::Any, borrow::Cow, fmt, sync::Arc, time::SystemTime};

/// A message of a queue. [`Received::native`](cloudevents_transport::Received::native) returns it for SQS.
///
/// Attributes that are not those of the event are headers. The group of a FIFO queue is the key.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// Body and attributes.
    pub message: SqsMessage,
    /// The id that SQS gave the message when it was sent.
    pub id: Arc<str>,
    /// The handle that settles the message, as it was received this time.
    pub receipt_handle: Arc<str>,
    /// The name of the queue.
    pub queue: Arc<str>,
    /// The group, in a FIFO queue.
    pub group: Option<String>,
    /// The deduplication id, in a FIFO queue.
    pub deduplication_id: Option<String>,
    /// The sequence number, in a FIFO queue: a decimal number of up to 128 bits.
    pub sequence_number: Option<String>,
    /// When it was sent.
    pub sent: Option<SystemTime>,
    /// Whether it was received before.
    pub redelivered: bool,
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        /// The memory that the list of attributes takes for each.
        const ATTRIBUTE: usize = 80;
        self.message.size().saturating_add(self.message.attributes.len().saturating_mul(ATTRIBUTE))
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.message.body.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(crate::decode_message(&self.message, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in &self.message.attributes {
            each(name, Some(Cow::Borrowed(&value.value)));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        is_foreign(name)
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.queue)
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.group.as_ref().map(|group| Cow::Borrowed(group.as_bytes()))
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.sent
    }

    fn is_redelivered(&self) -> Option<bool> {
        Some(self.redelivered)
    }
}

/// Whether this is an attribute of the program: neither content type nor attribute of the event.
pub(crate) fn is_foreign(name: &str) -> bool {
    name != CONTENT_TYPE && !name.starts_with(PREFIX)
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.message.attributes.iter().map(|(name, _)| name).collect();
        f.debug_struct("ReceivedMessage")
            .field("queue", &self.queue)
            .field("id", &self.id)
            .field("attributes", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AttributeValue;

    /// Upper bounds count what is kept: a message of small attributes takes more than their bytes.
    #[test]
    fn the_size_of_a_message_has_the_list_of_its_attributes() {
        let message = (0..10).fold(SqsMessage::new("{}"), |all, _| all.with_attribute("a", "b"));
        let kept = message.size() + 10 * size_of::<(String, AttributeValue)>();
        let received = ReceivedMessage {
            message,
            id: "1".into(),
            receipt_handle: "h".into(),
            queue: "q".into(),
            group: None,
            deduplication_id: None,
            sequence_number: None,
            sent: None,
            redelivered: false,
        };
        assert!((kept..kept * 2).contains(&received.size()), "{} of {kept}", received.size());
    }
}
