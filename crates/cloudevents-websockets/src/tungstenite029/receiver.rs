//! A receiver from a server.

use super::{
    connect::Linking,
    connection::runtime,
    direct::Receiving,
    options::{Target, WsConnection},
    source::is_end,
};
#[cfg(feature = "axum08")]
use super::{
    connection::Connection,
    source::{Ends, Source},
};
use cloudevents_core::{DecodeOptions, Error};
use cloudevents_transport::{
    Connectivity, Endpoint, LetterBox, Receiver, ReceiverCapabilities, ReceiverOptions, Side,
    binding::{
        Incoming, Receive, Rejecting,
        connect::{Connect, Reconnect},
        queue::{QueueOptions, QueueReceiver, QueueSource, Room},
        rejecting,
    },
};
use futures_util::{FutureExt, TryFutureExt, future::BoxFuture};
use std::{sync::Arc, time::Duration};

/// Options of a [`receiver`].
///
/// ```
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_transport::binding::queue::QueueOptions;
/// use cloudevents_websockets::tungstenite029::WsReceiverOptions;
///
/// let mut options = WsReceiverOptions::from(DecodeOptions::strict());
/// options.queue = QueueOptions::default().dropping_rejected();
/// options.receiver.in_flight.messages = 100;
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WsReceiverOptions {
    /// Options of the connection.
    pub connection: WsConnection,
    /// How to decode, and upper bounds for deliveries in flight: deliveries that were received and not settled. JSON is always among the
    /// formats.
    ///
    /// [`Limits::bytes`](cloudevents_core::Limits::bytes) bounds each message: a larger message ends the connection.
    pub receiver: ReceiverOptions,
    /// Retries, and the policy for rejected messages. The policy must be set, here or in the URL.
    pub queue: QueueOptions,
}

impl From<ReceiverOptions> for WsReceiverOptions {
    fn from(receiver: ReceiverOptions) -> Self {
        Self { receiver, ..Self::default() }
    }
}

impl From<DecodeOptions> for WsReceiverOptions {
    fn from(decoding: DecodeOptions) -> Self {
        ReceiverOptions::from(decoding).into()
    }
}

/// Opens a receiver from `ws://user:password@host:port/path`, or `wss` with TLS.
///
/// [The crate's documentation](crate#urls) lists the options of the query. They take precedence over the options of the program.
///
/// ```no_run
/// use cloudevents_core::DecodeOptions;
///
/// # async fn receive() -> Result<(), Box<dyn std::error::Error>> {
/// let url = "ws://localhost:8080/feed?reject=drop";
/// let mut deliveries = cloudevents_websockets::tungstenite029::receiver(url, DecodeOptions::strict().into()).await?;
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// # Ok(()) }
/// ```
///
/// Receives the messages that a server sends, over its own connection, with the [queue machine](cloudevents_transport::binding::queue).
///
/// WebSockets settle nothing: the server forgets a message once it has sent it. Accepting frees its permit here. Retries and releases are
/// delivered again from the memory of this process, and are lost with it. Rejected messages go to the sink of [`WsReceiverOptions::queue`],
/// or are dropped (`reject=drop`).
///
/// While the program can take no more messages, the connection is not read. The server sees a slow client. A message of the wrong kind of
/// frame is delivered as an error, and ends the connection with status 1003. A message that is too large (1009), too slow (1008), or breaks
/// the protocol (1002, 1007) ends it, too.
///
/// When the connection is lost, the receiver reconnects: see [`connect`](cloudevents_transport::binding::connect). Messages that the server
/// sends meanwhile are lost.
///
/// `reject=drop` is required, unless [`WsReceiverOptions::queue`] sets the policy for rejected messages.
///
/// Errors are those of [`sender`](super::sender). They are of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if no policy
/// for rejected messages is set, and outside a tokio runtime.
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: WsReceiverOptions,
) -> Result<Receiver, Error> {
    open(Endpoint::of(url)?, options).await
}

/// Compiled once in this crate instead of in each caller: it contains much of the client's code.
#[inline(never)]
fn open(endpoint: Endpoint, options: WsReceiverOptions) -> BoxFuture<'static, Result<Receiver, Error>> {
    WsReceiver::connect(endpoint, options).map_ok(WsReceiver::into_receiver).boxed()
}

pub(crate) struct WsReceiver {
    inner: QueueReceiver,
    options: ReceiverOptions,
    connectivity: Connectivity,
}

impl WsReceiver {
    async fn connect(endpoint: Endpoint, options: WsReceiverOptions) -> Result<Self, Error> {
        runtime()?;
        let (target, receiver, queue) = read(&endpoint, options, Side::Receive)?;
        let backoff = target.options.backoff.with_per_host(target.options.connect_timeout);
        let hosts = target.hosts.clone();
        let decoding = receiver.decoding.clone();
        let linking = Linking { target: Arc::new(target), decoding, receives: true };
        let reconnect = Reconnect::new(Receiving(linking), hosts, backoff);
        Self::open(reconnect, receiver, queue).await
    }

    /// Receives over these connections.
    pub(super) async fn open<C: Connect<Connection: QueueSource>>(
        reconnect: Reconnect<C>,
        options: ReceiverOptions,
        queue: QueueOptions,
    ) -> Result<Self, Error> {
        let room = Room::new(options.in_flight, options.in_flight.messages);
        let inner = QueueReceiver::open(reconnect, room, queue).await?;
        Ok(Self { connectivity: inner.connectivity(), inner, options })
    }

    /// Receives over this one connection, and ends with it.
    #[cfg(feature = "axum08")]
    pub(crate) fn over(
        connection: Arc<Connection>,
        options: ReceiverOptions,
        queue: QueueOptions,
    ) -> Result<Self, Error> {
        let room = Room::new(options.in_flight, options.in_flight.messages);
        let connectivity = connection.connectivity();
        let source = Source::new(connection, Ends::Last)?;
        let inner = QueueReceiver::start(once(), source, room, queue)?;
        Ok(Self { inner, options, connectivity })
    }

    /// With the options that this was opened with.
    pub(crate) fn into_receiver(self) -> Receiver {
        let options = self.options.clone();
        Receiver::new(self, options)
    }
}

/// Reads the options of a receiver: the URL goes before the program.
pub(super) fn read(
    endpoint: &Endpoint,
    options: WsReceiverOptions,
    side: Side,
) -> Result<(Target, ReceiverOptions, QueueOptions), Error> {
    let WsReceiverOptions { connection, receiver, queue } = options;
    let target = Target::new(endpoint, connection, side)?;
    if endpoint.option("role").is_some_and(|role| role != "client") {
        return Err(endpoint.invalid("this receiver is a client, and the option `role` is not `client`"));
    }
    let mut receiver = receiver.with_url(endpoint)?;
    receiver.decoding.formats = cloudevents_json::with_json(receiver.decoding.formats);
    target.check_formats(&receiver.decoding.formats)?;
    let queue = decided(endpoint, queue)?;
    Ok((target, receiver, queue))
}

/// Returns the policy for rejected messages, from the URL, otherwise from the options.
pub(crate) fn decided(endpoint: &Endpoint, queue: QueueOptions) -> Result<QueueOptions, Error> {
    Ok(match rejecting(endpoint, queue.is_decided(), None, false, "WsReceiverOptions::queue", |_| false)? {
        Rejecting::Dropped => queue.dropping_rejected(),
        _ => queue,
    })
}

/// For a connection that is not made again.
#[cfg(feature = "axum08")]
pub(crate) struct Once;

#[cfg(feature = "axum08")]
impl Connect for Once {
    type Connection = Source;

    async fn connect(&self, _: &cloudevents_transport::Host) -> Result<Source, Error> {
        Err(Error::new(cloudevents_core::ErrorKind::Closed).with_detail("the connection has ended"))
    }
}

#[cfg(feature = "axum08")]
fn once() -> Reconnect<Once> {
    let hosts = Endpoint::parse("ws://peer/").map(|endpoint| endpoint.hosts().to_vec());
    Reconnect::new(Once, hosts.unwrap_or_default(), Default::default())
}

impl Receive for WsReceiver {
    fn capabilities(&self) -> ReceiverCapabilities {
        self.inner.capabilities()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        // A connection that is not made again has no more messages.
        self.inner.next().await.or_else(|error| if is_end(&error) { Ok(None) } else { Err(error) })
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        match self.inner.drain(deadline).await {
            Err(error) if is_end(&error) => Ok(()),
            drained => drained,
        }
    }

    fn connectivity(&self) -> Connectivity {
        self.connectivity.clone()
    }

    fn is_held_up(&self) -> bool {
        self.inner.is_held_up()
    }

    fn letters(&self) -> LetterBox {
        self.inner.letters()
    }
}
