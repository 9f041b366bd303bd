//! A received message.

use super::message::received;
use bytes::Bytes;
use cloudevents_carriers::{CarrierMessage, rows::GOOGLE_PUBSUB};
use cloudevents_core::Error;
use cloudevents_transport::Origin;
use std::{any::Any, borrow::Cow, fmt, sync::Arc, time::SystemTime};

/// The attribute with the media type of the data.
pub(super) const CONTENT_TYPE: &str = "content-type";
/// The beginning of the attribute for each attribute of an event, in binary mode.
pub(super) const PREFIX: &str = GOOGLE_PUBSUB.prefix;

/// A message of a subscription. [`Received::native`](cloudevents_transport::Received::native) returns it for Pub/Sub.
///
/// Attributes that are not those of the event are headers. The ordering key is the key.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// Data and attributes. The attributes are in the order of their names.
    pub message: CarrierMessage,
    /// The id that Pub/Sub gave the message when it was published.
    pub id: Arc<str>,
    /// The id that settles the message, as it was received this time.
    pub ack_id: Arc<str>,
    /// The name of the subscription, without its project.
    pub subscription: Arc<str>,
    /// The ordering key, if the message has one.
    pub ordering_key: Option<String>,
    /// When it was published.
    pub published: Option<SystemTime>,
    /// How often it was delivered, this time included. `None` if the subscription has no policy for dead letters, without which Pub/Sub
    /// does not count.
    pub attempt: Option<u32>,
}

impl ReceivedMessage {
    /// Reads the answer of a request for messages, `projects.subscriptions.pull`, for a program that makes such requests itself.
    ///
    /// `subscription` is the name of the subscription, without its project. The message is decoded by [`GOOGLE_PUBSUB`].
    ///
    /// ```
    /// use cloudevents_core::DecodeOptions;
    /// use cloudevents_pubsub::{GOOGLE_PUBSUB, reqwest013::ReceivedMessage};
    ///
    /// let answer = br#"{"receivedMessages": [{"ackId": "a", "message": {"data": "aGVsbG8=", "messageId": "1", "attributes":
    ///     {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/s", "ce-type": "t"}}}]}"#;
    /// for received in ReceivedMessage::of_answer(answer, "orders-billing")? {
    ///     let event = GOOGLE_PUBSUB.decode(&received.message, &DecodeOptions::strict())?.value;
    ///     assert_eq!((event.id(), &*received.ack_id), ("7", "a"));
    /// }
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    ///
    /// Errors: [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) for JSON that is no such answer.
    pub fn of_answer(answer: &[u8], subscription: &str) -> Result<Vec<Self>, Error> {
        received(answer, &subscription.into())
    }
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        /// The memory that the list of attributes takes for each.
        const ATTRIBUTE: usize = 64;
        let attributes = self.message.headers.iter();
        attributes
            .map(|(name, value)| name.as_str().len().saturating_add(value.len()).saturating_add(ATTRIBUTE))
            .fold(self.message.body.len(), usize::saturating_add)
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.message.body.clone())
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        for (name, value) in &self.message.headers {
            each(name.as_str(), Some(Cow::Borrowed(value)));
        }
    }

    fn is_forwarded(&self, name: &str) -> bool {
        // Pub/Sub adds some, such as those of dead letters, and refuses them of programs.
        is_foreign(name) && !name.starts_with(RESERVED) && !name.starts_with(DEAD_LETTER)
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.subscription)
    }

    fn key(&self) -> Option<Cow<'_, [u8]>> {
        self.ordering_key.as_ref().map(|key| Cow::Borrowed(key.as_bytes()))
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.published
    }

    fn is_redelivered(&self) -> Option<bool> {
        self.attempt.map(|attempt| attempt > 1)
    }
}

/// The beginning of names that Pub/Sub keeps for itself.
pub(super) const RESERVED: &str = "goog";

/// The beginning of names that Pub/Sub gives a message that it moves to a topic of dead letters.
const DEAD_LETTER: &str = "CloudPubSubDeadLetter";

/// Whether this is an attribute of the program: neither content type nor attribute of the event.
pub(super) fn is_foreign(name: &str) -> bool {
    name != CONTENT_TYPE && !name.starts_with(PREFIX)
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.message.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("ReceivedMessage")
            .field("subscription", &self.subscription)
            .field("id", &self.id)
            .field("attributes", &names)
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Upper bounds count what is kept: a message of many small attributes takes more than their bytes.
    #[test]
    fn the_size_of_a_message_has_the_list_of_its_attributes() {
        const ATTRIBUTES: usize = 10_000;
        let message = (0..ATTRIBUTES).fold(CarrierMessage::new("{}"), |all, _| all.with_header("a", "b"));
        let answer =
            br#"{"receivedMessages": [{"ackId": "a", "message": {"data": "e30=", "messageId": "1"}}]}"#;
        let mut received = ReceivedMessage::of_answer(answer, "orders").unwrap().pop().unwrap();
        let kept = ATTRIBUTES * (2 + size_of_val(&message.headers[0]));
        received.message = message;
        assert!((kept..kept * 2).contains(&received.size()), "{} of {kept}", received.size());
    }
}
