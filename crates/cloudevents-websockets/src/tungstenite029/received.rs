//! A message as it was received.

use bytes::Bytes;
use cloudevents_transport::Origin;
use std::{any::Any, borrow::Cow, net::SocketAddr, sync::Arc};
use tokio_tungstenite::tungstenite::Message;

/// What all messages of a connection share.
#[derive(Debug)]
pub(crate) struct Via {
    /// The path of the URL.
    pub(crate) path: Box<str>,
    pub(crate) peer: Option<SocketAddr>,
}

/// A message as an origin. Its native form is [`Message`].
pub(crate) struct ReceivedMessage {
    message: Message,
    via: Arc<Via>,
}

impl ReceivedMessage {
    pub(crate) fn new(message: Message, via: Arc<Via>) -> Self {
        Self { message, via }
    }

    pub(crate) fn is_text(&self) -> bool {
        self.message.is_text()
    }

    /// The content of the message, which is not copied.
    pub(crate) fn document(&self) -> Bytes {
        match &self.message {
            Message::Text(text) => Bytes::from(text.clone()),
            Message::Binary(bytes) => bytes.clone(),
            _ => Bytes::new(), // no others are received
        }
    }
}

impl Origin for ReceivedMessage {
    fn native(&self) -> &dyn Any {
        &self.message
    }

    fn size(&self) -> usize {
        self.message.len()
    }

    fn body(&self) -> Option<Bytes> {
        Some(self.document())
    }

    /// A WebSocket message has no headers.
    fn headers<'a>(&'a self, _: &mut dyn FnMut(&'a str, Option<Cow<'a, [u8]>>)) {}

    fn is_forwarded(&self, _: &str) -> bool {
        false
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.via.path)
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.via.peer
    }
}
