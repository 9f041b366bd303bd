//! How to listen.

use crate::{
    Subprotocol,
    tungstenite029::{Arriving, KEEP_ALIVE, Liveness, MESSAGE_DEADLINE},
};
use cloudevents_core::{DecodeOptions, Error, Formats};
use cloudevents_transport::{OnRefusal, ReceiverOptions, SenderOptions, binding::queue::QueueOptions};
use std::{fmt, time::Duration};

/// How a server takes WebSocket connections.
///
/// # Memory
///
/// Messages that are arriving share the bytes of [`in_flight`](ReceiverOptions::in_flight), apart from messages in flight. Bytes that have
/// arrived count. The length that a frame declares does not count, nor do the 32 KiB that each connection reads at once.
///
/// Beyond this bound, connections with larger messages are not read until others have ended. The message that has waited longest is read in
/// any case. So the most is twice these bytes, one message, and 32 KiB for each connection. A message of many fragments is copied when it
/// grows.
///
/// While a message waits for memory, slow messages give way, of which less than 64 KiB come in a second: their connections end with status 1008.
/// A message may wait so long that it is not read completely within [`message_deadline`](Self::message_deadline). It ends its connection with
/// status 1013, "try again later".
///
/// Clones of options share this memory: in a router of axum, make options once.
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
/// use cloudevents_websockets::WsServerOptions;
///
/// let mut options = WsServerOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().dropping_rejected();
/// options.connections = 100;
/// options.origins = Some(vec!["https://dashboard.example".into()]);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct WsServerOptions {
    /// How messages are decoded, the policy, and how many may be in flight: received and not settled. JSON is always among the formats.
    /// [`Limits::bytes`](cloudevents_core::Limits::bytes) bounds each message: a larger one ends its connection.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages.
    pub queue: QueueOptions,
    /// Options of the senders to the clients, in a router of axum.
    pub sender: SenderOptions,
    /// The subprotocols that are supported. Default: subprotocols whose formats are among the options of the receiver. JSON is always
    /// there.
    pub subprotocols: Option<Vec<Subprotocol>>,
    /// The origins of web pages that may connect, as in the header `Origin`: `https://dashboard.example`. Browsers let every page connect
    /// to every server, with the user's cookies. Requests without this header do not come from web pages. Default: all.
    pub origins: Option<Vec<Box<str>>>,
    /// How long the head of the handshake may take. Default: 30 seconds.
    pub header_deadline: Duration,
    /// How long a client may be silent before it is pinged. When it is silent for twice as long, its connection is closed. Default: 20
    /// seconds.
    pub keep_alive: Duration,
    /// How long a client may take to send the whole of one message, however many fragments it has. Default: 30 seconds.
    pub message_deadline: Duration,
    /// Connections at once. Default: 1,024. Each has a buffer of 32 KiB. When more clients connect, the oldest connection without a
    /// complete handshake ends. While all connections have one, others wait to be accepted.
    pub connections: usize,
    /// Receives the reason when a connection ends because its client sent a message that cannot be delivered.
    ///
    /// The message is too large, is not UTF-8, takes too long, or does not follow the protocol. The function also receives why a handshake
    /// is refused, as an error of kind [`Refused`](cloudevents_core::ErrorKind::Refused). Default: none. Then these are logged at DEBUG.
    pub on_refusal: Option<OnRefusal>,
    pub(crate) arriving: Arriving,
}

impl Default for WsServerOptions {
    fn default() -> Self {
        Self {
            receiver: ReceiverOptions::default(),
            queue: QueueOptions::default(),
            sender: SenderOptions::default(),
            subprotocols: None,
            origins: None,
            header_deadline: Duration::from_secs(30),
            keep_alive: KEEP_ALIVE,
            message_deadline: MESSAGE_DEADLINE,
            connections: 1024,
            on_refusal: None,
            arriving: Arriving::default(),
        }
    }
}

impl From<ReceiverOptions> for WsServerOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for WsServerOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

impl WsServerOptions {
    pub(crate) fn liveness(&self) -> Liveness {
        Liveness { keep_alive: self.keep_alive, message_deadline: self.message_deadline }
    }

    /// The subprotocols with a known format. Others cannot be spoken.
    pub(crate) fn supported(&self) -> Vec<Subprotocol> {
        let formats: &Formats = &self.receiver.decoding.formats;
        let wanted = self.subprotocols.as_deref().unwrap_or(Subprotocol::ALL);
        let known =
            |subprotocol: &Subprotocol| cloudevents_json::find(&subprotocol.format(), formats).is_ok();
        wanted.iter().copied().filter(known).collect()
    }

    /// Reports that a message or handshake of a client is refused for this reason.
    #[cold]
    pub(super) fn refused(&self, error: &Error) {
        tracing::debug!(%error, "a client was refused");
        if let Some(see) = &self.on_refusal {
            see(error);
        }
    }

    /// Whether a page of this origin may connect.
    pub(super) fn lets_in(&self, origin: &[u8]) -> bool {
        self.origins.as_ref().is_none_or(|origins| origins.iter().any(|known| known.as_bytes() == origin))
    }
}

impl fmt::Debug for WsServerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsServerOptions")
            .field("receiver", &self.receiver)
            .field("queue", &self.queue)
            .field("sender", &self.sender)
            .field("subprotocols", &self.subprotocols)
            .field("origins", &self.origins)
            .field("header_deadline", &self.header_deadline)
            .field("keep_alive", &self.keep_alive)
            .field("message_deadline", &self.message_deadline)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}
