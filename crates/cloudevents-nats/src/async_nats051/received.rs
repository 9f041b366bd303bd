//! A received message, kept as the client returned it.

use super::{message::View, tag::Delivered};
use crate::{MessageView, name};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use cloudevents_transport::Origin;
use std::{any::Any, borrow::Cow, fmt, time::SystemTime};

/// A message with the facts of JetStream about its delivery.
/// [`Received::native`](cloudevents_transport::Received::native) returns it for NATS.
///
/// Offset and time are the sequence number in the stream and the time at which it was stored. A message of JetStream has no address for
/// replies: the server replaces it with the address of the settlement.
#[derive(Clone)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// The message of the client.
    pub message: async_nats::Message,
    /// Present for JetStream.
    pub delivered: Option<Delivered>,
    /// The bytes in memory.
    size: usize,
}

impl ReceivedMessage {
    pub(super) fn new(message: async_nats::Message, delivered: Option<Delivered>) -> Self {
        let size = size(&message);
        Self { message, delivered, size }
    }
}

/// Copies the payload from the buffer of the client, which it would keep, with all that came before it and behind.
pub(super) fn apart(mut message: async_nats::Message) -> async_nats::Message {
    message.payload = Bytes::copy_from_slice(&message.payload);
    message
}

/// The bytes of a message in memory: the bytes that came over the line, all of which are copied.
pub(super) fn size(message: &async_nats::Message) -> usize {
    /// The memory that the client adds to each header: a slot of a table, about half of which is empty, and a list of its values.
    const ENTRY: usize = 160;
    let line = message.length.max(message.payload.len());
    let headers = View(message).headers().count().saturating_mul(ENTRY);
    line.saturating_add(headers)
}

impl MessageView for ReceivedMessage {
    #[inline]
    fn headers(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.message.headers.iter().flat_map(async_nats::HeaderMap::iter).flat_map(|(name, values)| {
            values.iter().map(move |value| (AsRef::<str>::as_ref(name), value.as_str().as_bytes()))
        })
    }

    #[inline]
    fn payload(&self) -> &[u8] {
        &self.message.payload
    }

    #[inline]
    fn payload_bytes(&self) -> Bytes {
        self.message.payload.clone()
    }
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        self
    }

    fn size(&self) -> usize {
        self.size
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.message.payload.clone())
    }

    fn decode_message(&self, with: &DecodeOptions) -> Option<Result<Decoded<Message>, Error>> {
        Some(crate::decode_message(self, with))
    }

    fn headers<'a>(&'a self, each: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {
        MessageView::headers(self).for_each(|(name, value)| each(name, Some(Cow::Borrowed(value))));
    }

    fn is_forwarded(&self, name: &str) -> bool {
        is_foreign(name)
    }

    fn topic(&self) -> Option<&str> {
        Some(self.message.subject.as_str())
    }

    fn offset(&self) -> Option<u64> {
        self.delivered.as_ref().map(|delivered| delivered.sequence)
    }

    fn timestamp(&self) -> Option<SystemTime> {
        self.delivered.as_ref().map(|delivered| delivered.stored)
    }

    fn is_redelivered(&self) -> Option<bool> {
        self.delivered.as_ref().map(|delivered| delivered.times > 1)
    }

    fn reply_to(&self) -> Option<&str> {
        self.message.reply.as_ref().filter(|_| self.delivered.is_none()).map(async_nats::Subject::as_str)
    }
}

/// Whether this is a header of the program: no attribute, no content type, and none that NATS itself reads
/// (`Nats-Msg-Id` and others).
pub(super) fn is_foreign(name: &str) -> bool {
    let of_nats = name.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("nats-"));
    name::attribute(name).is_none() && !name.eq_ignore_ascii_case(name::CONTENT_TYPE) && !of_nats
}

/// Shows names and sizes, never contents.
impl fmt::Debug for ReceivedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = MessageView::headers(self).map(|(name, _)| name).collect();
        f.debug_struct("ReceivedMessage")
            .field("subject", &self.message.subject.as_str())
            .field("headers", &names)
            .field("size", &self.size())
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::async_nats051::outbound;
    use cloudevents_core::{Error, ErrorKind};
    use cloudevents_transport::Received;

    fn received(reply: &str, delivered: Option<Delivered>) -> Received {
        let message = crate::NatsMessage::new("body")
            .with_header("X-Trace", "t")
            .with_header("ce-id", "1")
            .with_header("Content-Type", "text/plain")
            .with_header("Nats-Msg-Id", "7");
        let sent = outbound("orders.eu", message).unwrap();
        let message = async_nats::Message {
            subject: sent.subject,
            reply: Some(reply.into()),
            payload: sent.payload,
            headers: sent.headers,
            status: None,
            description: None,
            length: 0,
        };
        Received::new(Err(Error::new(ErrorKind::NotACloudEvent)), ReceivedMessage::new(message, delivered))
    }

    #[test]
    fn everything_is_shown() {
        let core = received("answers", None);
        assert_eq!(
            (core.topic(), core.reply_to(), core.offset()),
            (Some("orders.eu"), Some("answers"), None)
        );
        assert_eq!((core.body().unwrap(), core.is_redelivered()), ("body".into(), None));
        let forwarded: Vec<_> = core
            .headers()
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| core.origin().is_forwarded(name))
            .collect();
        assert_eq!(forwarded, ["X-Trace"]);
        assert_eq!(core.header_text("x-trace").as_deref(), Some("t"));

        let reply = "$JS.ACK.S.c.2.42.50.1500000000.7";
        let stored = received(reply, Delivered::parse(reply, &mut None));
        assert_eq!(
            (stored.offset(), stored.is_redelivered(), stored.reply_to()),
            (Some(42), Some(true), None)
        );
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1500);
        assert_eq!(stored.timestamp(), Some(time));
        let shown = format!("{:?}", stored.native::<ReceivedMessage>().unwrap());
        assert!(shown.contains("X-Trace") && !shown.contains("body"), "{shown}");
    }
}
