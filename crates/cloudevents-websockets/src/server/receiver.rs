//! A receiver that listens.

use super::{WsServerOptions, listener::Listening};
use crate::tungstenite029::{URLS, decided, runtime};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Connectivity, Endpoint, Host, Receiver, ReceiverCapabilities, ReceiverOptions, Side,
    binding::{
        Incoming, Receive,
        connect::{Backoff, Connect, Reconnect},
        normal_path,
        queue::{QueueReceiver, Room},
    },
};
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// A receiver that listens at this URL: see [`WsServer`], which also has the address it listens at.
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
///
/// let url = "ws://127.0.0.1:0/events?reject=drop";
/// let mut deliveries = cloudevents_websockets::listen(url, Default::default()).await?;
/// # deliveries.stopper().stop();
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// deliveries.drain(Duration::from_secs(10)).await?;
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
pub async fn listen(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: WsServerOptions,
) -> Result<Receiver, Error> {
    WsServer::bind(url, options).await.map(WsServer::into_receiver)
}

/// Listens for WebSocket connections at one path, without TLS, and receives the messages of all of them.
///
/// It uses the [queue machine](cloudevents_transport::binding::queue). A handshake without a supported subprotocol of the binding gets 400,
/// and a handshake at another path 404. The subprotocol is the first subprotocol of the client that the server supports.
///
/// WebSockets settle nothing: see [`receiver`](crate::tungstenite029::receiver) for the effects of accepting, retrying and rejecting, and
/// for the way in which bad messages end their connection. While the program can take no more messages, no connection is read. Unsolicited
/// pongs show clients that the server is alive. Draining closes the connections as going away (1001).
///
/// The receiver runs on the tokio runtime on which it was opened. Dropping it closes all connections.
pub struct WsServer {
    inner: QueueReceiver,
    address: SocketAddr,
    path: Arc<str>,
    options: ReceiverOptions,
}

impl WsServer {
    /// Listens at `ws://host:port/path`. Port 0 stands for any free port. Without a port, it is 80.
    ///
    /// [The crate's documentation](crate#urls) lists the options of the query.
    ///
    /// `reject=drop` is required, unless [`WsServerOptions::queue`] sets the policy for rejected messages.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), [`Unsupported`](ErrorKind::Unsupported) for `wss` and if no policy for
    /// rejected messages is set, and [`Transport`](ErrorKind::Transport) when the address is not available.
    pub async fn bind(
        url: impl TryInto<Endpoint, Error: Into<Error>>,
        mut options: WsServerOptions,
    ) -> Result<Self, Error> {
        runtime()?;
        let endpoint = Endpoint::of(url)?;
        match endpoint.scheme() {
            "ws" => {}
            "wss" => {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_detail("this receiver does not speak TLS")
                    .with_help("let a proxy in front of it terminate TLS"));
            }
            _ => return Err(endpoint.invalid("the scheme is not `ws`")),
        }
        URLS.check(&endpoint, Side::Receive)?;
        if endpoint.option("role").is_some_and(|role| role != "server") {
            return Err(endpoint.invalid("this receiver is a server, and the option `role` is not `server`"));
        }
        if endpoint.hosts().len() > 1 || endpoint.user().is_some() {
            return Err(endpoint.invalid("one host is listened at, and there is no user"));
        }
        let host = endpoint.host()?.with_port(80);
        options.receiver = options.receiver.with_url(&endpoint)?;
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::with_json(std::mem::take(formats));
        let queue = decided(&endpoint, options.queue.clone())?;
        let path: Arc<str> = normal_path(&format!("/{}", endpoint.path())).into();
        let receiver = options.receiver.clone();
        let listener = bind(&host).await?;
        let address = listener.local_addr().map_err(|error| cannot_listen(error, &host))?;
        let binding = Binding { path: Arc::clone(&path), options: Arc::new(options), address };
        let source = Listening::start(listener, Arc::clone(&path), Arc::clone(&binding.options));
        let reconnect = Reconnect::new(binding, vec![host], Backoff::default());
        let room = Room::new(receiver.in_flight, receiver.in_flight.messages);
        let inner = QueueReceiver::start(reconnect, source, room, queue)?;
        Ok(Self { inner, address, path, options: receiver })
    }

    /// The address it listens at, with the port that was free for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL to send to: `ws://127.0.0.1:49152/events`.
    pub fn url(&self) -> String {
        format!("ws://{}{}", self.address, self.path)
    }

    /// Converts it into the receiver that deliveries come from, with the same options.
    pub fn into_receiver(self) -> Receiver {
        let options = self.options.clone();
        Receiver::new(self, options)
    }
}

/// Listens again, should the server end.
struct Binding {
    path: Arc<str>,
    options: Arc<WsServerOptions>,
    address: SocketAddr,
}

impl Connect for Binding {
    type Connection = Listening;

    async fn connect(&self, host: &Host) -> Result<Listening, Error> {
        let listener = TcpListener::bind(self.address).await.map_err(|error| cannot_listen(error, host))?;
        Ok(Listening::start(listener, Arc::clone(&self.path), Arc::clone(&self.options)))
    }
}

async fn bind(host: &Host) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind((host.name(), host.port().unwrap_or(80))).await;
    bound.map_err(|error| cannot_listen(error, host))
}

#[cold]
fn cannot_listen(error: io::Error, host: &Host) -> Error {
    Error::new(ErrorKind::Transport)
        .with_detail(format!("cannot listen at {host}: {error}"))
        .with_source(error)
}

impl Receive for WsServer {
    fn capabilities(&self) -> ReceiverCapabilities {
        self.inner.capabilities()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        self.inner.next().await
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.inner.drain(deadline).await
    }

    fn connectivity(&self) -> Connectivity {
        Connectivity::connectionless()
    }
}

impl fmt::Debug for WsServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WsServer")
            .field("address", &self.address)
            .field("path", &self.path)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
