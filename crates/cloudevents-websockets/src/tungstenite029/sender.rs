//! A sender to a server.

use super::{
    connect::Linking,
    connection::runtime,
    message::message as to_message,
    options::{Target, WsConnection},
};
use crate::{Subprotocol, encode, encode_message};
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Leniency, Message};
use cloudevents_transport::{
    Confirmed, Connectivity, Content, Endpoint, InFlight, LossPolicy, Outcome, Outgoing, Receipt, Sender,
    SenderCapabilities, SenderOptions, Side,
    binding::{
        Transmit,
        connect::{Reconnect, Shared},
    },
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio_tungstenite::tungstenite::{self, protocol::frame::coding::CloseCode};

/// Options of a [`sender`].
///
/// ```
/// use cloudevents_websockets::tungstenite029::WsSenderOptions;
/// use std::time::Duration;
///
/// let mut options = WsSenderOptions::default();
/// options.connection.keep_alive = Duration::from_secs(5);
/// options.sender.enqueue_timeout = Duration::from_secs(5);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WsSenderOptions {
    /// The options common to all protocols. JSON is always among the formats.
    pub sender: SenderOptions,
    /// Options of the connection.
    pub connection: WsConnection,
}

impl From<SenderOptions> for WsSenderOptions {
    fn from(sender: SenderOptions) -> Self {
        Self { sender, ..Self::default() }
    }
}

/// Opens a sender to `ws://user:password@host:port/path`, or `wss` with TLS.
///
/// [The crate's documentation](crate#urls) lists the options of the query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::Event;
///
/// # async fn send() -> Result<(), Box<dyn std::error::Error>> {
/// let sender = cloudevents_websockets::tungstenite029::sender("ws://localhost:8080/events", Default::default()).await?;
/// sender.send(&Event::builder().id("1").source("/s").ty("t").build()?).await?;
/// sender.close().await?;
/// # Ok(()) }
/// ```
///
/// Sends to a server, over its own connection.
///
/// Each message is one event, in the format of the subprotocol that the server has chosen. A document in this format is sent unchanged. A
/// document in another known format is decoded and encoded again. If the format cannot hold a value, [`SenderOptions::losses`] says whether
/// the message is refused, or the loss is logged or ignored. Messages arrive in the order in which they were enqueued.
///
/// Messages that follow each other are written together.
///
/// WebSockets confirm nothing: the outcome is success when the message was [written](Confirmed::Written) to the connection.
/// The peer may never read it. [`Sender::close`] waits until the peer has answered the close frame, and so has
/// received everything, for at most ten seconds.
///
/// When the connection is lost, messages that were not written end with errors of kind
/// [`Disconnected`](ErrorKind::Disconnected): the peer may or may not have them. The sender reconnects at
/// once, as described in [`connect`](cloudevents_transport::binding::connect), and new messages wait for the
/// connection ([`SenderOptions::enqueue_timeout`]). The sender never sends a message again by itself.
///
/// Messages of the peer are discarded: [`connect_pair`](super::connect_pair) receives them.
///
/// Errors:
///
/// - [`InvalidUrl`](ErrorKind::InvalidUrl)
/// - [`Disconnected`](ErrorKind::Disconnected) and [`Timeout`](ErrorKind::Timeout) when connecting fails
/// - [`Refused`](ErrorKind::Refused) when the server refuses the handshake, or has chosen none of the offered subprotocols
/// - [`UnknownFormat`](ErrorKind::UnknownFormat) when an offered subprotocol has a format that is not among the options'
pub async fn sender(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: WsSenderOptions,
) -> Result<Sender, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: WsSenderOptions) -> BoxFuture<'static, Result<Sender, Error>> {
    WsSender::connect(endpoint, options).map_ok(WsSender::into_sender).boxed()
}

pub(super) struct WsSender {
    outbox: Outbox,
    links: Shared<Linking>,
    options: SenderOptions,
}

impl WsSender {
    async fn connect(endpoint: Endpoint, mut options: WsSenderOptions) -> Result<Self, Error> {
        runtime()?;
        let target = Target::new(&endpoint, options.connection, Side::Send)?;
        options.sender = options.sender.with_url(&endpoint)?;
        target.check_formats(&options.sender.decoding.formats)?;
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let hosts = target.hosts.clone();
        let decoding = options.sender.decoding.clone();
        let linking = Linking { target: Arc::new(target), decoding, receives: false };
        let links = Reconnect::new(linking.clone(), hosts, backoff).share();
        links.open().await?;
        Ok(Self::over(links, options.sender))
    }

    /// Sends over these connections.
    pub(super) fn over(links: Shared<Linking>, options: SenderOptions) -> Self {
        let outbox = Outbox::new(&options);
        Self { outbox, links, options }
    }

    /// With the options that this was opened with.
    pub(super) fn into_sender(self) -> Sender {
        let options = self.options.clone();
        Sender::new(self).with_options(options)
    }
}

impl Transmit for WsSender {
    fn capabilities(&self) -> SenderCapabilities {
        SenderCapabilities::plain(Confirmed::Written)
    }

    async fn enqueue(&self, outgoing: Outgoing) -> Result<Outcome<Receipt>, Error> {
        runtime()?;
        let mut permit = self.outbox.in_flight.room().await;
        permit.charge(outgoing.size());
        let mut again = false;
        loop {
            self.outbox.check_open()?; // before reconnecting
            let (number, link) = self.links.get().await?;
            // Again for another connection, whose subprotocol may be another.
            let message = self.outbox.encode(&outgoing, link.subprotocol)?;
            match link.send(message, permit) {
                Ok(outcome) => return Ok(outcome),
                Err((_, returned)) => {
                    permit = returned;
                    let error = link.ended().await;
                    self.links.lost(number, &error);
                    if std::mem::replace(&mut again, true) {
                        return Err(error);
                    }
                }
            }
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.links.connectivity()
    }

    async fn close(&self) -> Result<(), Error> {
        self.outbox.close();
        let Some(link) = self.links.close() else { return Ok(()) };
        // The task of the connection goes on when this future is dropped.
        link.hang_up(CloseCode::Normal);
        self.outbox.in_flight.idle().await;
        link.close(CloseCode::Normal).await;
        Ok(())
    }
}

/// The part that the senders of a client and of a server share: bounds, and writing events as documents.
pub(crate) struct Outbox {
    pub(crate) in_flight: InFlight,
    /// With JSON among the formats.
    decoding: DecodeOptions,
    losses: LossPolicy,
    closed: AtomicBool,
}

impl Outbox {
    pub(crate) fn new(options: &SenderOptions) -> Self {
        let mut decoding = options.decoding.clone();
        decoding.formats = cloudevents_json::with_json(decoding.formats);
        Self {
            in_flight: InFlight::new(options.in_flight.unwrap_or_default()),
            decoding,
            losses: options.losses,
            closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    pub(crate) fn check_open(&self) -> Result<(), Error> {
        if self.closed.load(Ordering::Acquire) { Err(Error::new(ErrorKind::Closed)) } else { Ok(()) }
    }

    /// Returns the message to send over this subprotocol.
    pub(crate) fn encode(
        &self,
        outgoing: &Outgoing,
        subprotocol: Subprotocol,
    ) -> Result<tungstenite::Message, Error> {
        let Content::Message(message) = outgoing.content() else {
            return Err(Error::new(ErrorKind::Unsupported));
        };
        if let Message::Structured(found) = message
            && *found.format() == subprotocol.format()
        {
            return to_message(encode_message(message, subprotocol)?);
        }
        let read;
        let event = match message {
            Message::Binary(event) => event,
            Message::Structured(_) => {
                // Leniency is for received events, and not for sent ones: nothing would report the repairs.
                read = message.event(&self.decoding.clone().with_leniency(Leniency::default()))?.value;
                &read
            }
            batch => return to_message(encode_message(batch, subprotocol)?),
        };
        let (frame, losses) = encode(event, subprotocol, &self.decoding)?;
        let _ = self.losses.check(losses, std::slice::from_ref(event))?;
        to_message(frame)
    }
}
