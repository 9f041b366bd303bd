//! A message as it was received.

use super::failure;
use crate::{Subprotocol, decode::decode_parts};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Decoded, Error};
use cloudevents_transport::{Origin, Received};
use std::{any::Any, borrow::Cow, net::SocketAddr, sync::Arc};
use tokio_tungstenite::tungstenite::Message;

/// The facts that all messages of a connection share.
#[derive(Clone, Debug)]
pub(crate) struct Via {
    /// The path of the URL.
    pub(crate) path: Arc<str>,
    pub(crate) peer: Option<SocketAddr>,
}

/// Reads the messages that a connection receives.
pub(crate) struct Reader {
    subprotocol: Subprotocol,
    decoding: DecodeOptions,
    via: Arc<Via>,
}

impl Reader {
    pub(crate) fn new(subprotocol: Subprotocol, decoding: &DecodeOptions, via: Via) -> Self {
        Self { subprotocol, decoding: decoding.clone(), via: Arc::new(via) }
    }

    pub(crate) fn subprotocol(&self) -> Subprotocol {
        self.subprotocol
    }

    /// The most bytes of a message.
    pub(crate) fn limit(&self) -> usize {
        self.decoding.limits.bytes
    }

    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.via.peer
    }

    /// The error of a frame of the wrong kind, which ends the connection.
    pub(crate) fn wrong(&self, message: &Message) -> Option<Error> {
        (message.is_text() != self.subprotocol.is_text()).then(|| failure::wrong_frame(self.subprotocol))
    }

    /// The document is decoded when the program reads the event.
    pub(crate) fn received(&self, message: Message) -> Received {
        let message = ReceivedMessage { message, subprotocol: self.subprotocol, via: Arc::clone(&self.via) };
        Received::new(message.decode(&self.decoding), message)
    }
}

/// A message as an origin. Its native form is [`Message`].
pub(crate) struct ReceivedMessage {
    message: Message,
    subprotocol: Subprotocol,
    via: Arc<Via>,
}

impl ReceivedMessage {
    fn decode(&self, with: &DecodeOptions) -> Result<Decoded<cloudevents_core::Message>, Error> {
        decode_parts(self.message.is_text(), self.document(), self.subprotocol, with)
    }

    /// The content of the message, which is not copied.
    fn document(&self) -> Bytes {
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

    fn decode_message(
        &self,
        with: &DecodeOptions,
    ) -> Option<Result<Decoded<cloudevents_core::Message>, Error>> {
        Some(self.decode(with))
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
