//! The receiver that listens.

use super::{Exchange, ExchangeReceiver, HttpReceiverOptions, connections::serve_until, exchange::Stage};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Endpoint, Receiver, ReceiverCapabilities,
    binding::{Incoming, Receive, later, normal_path},
};
use http::StatusCode;
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::JoinHandle,
    time::{Instant, timeout_at},
};

/// How long connections get to send their last response when the deadline of draining has passed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A receiver that listens at this URL: see [`HttpReceiver`], which also has the address it listens at.
///
/// ```
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
/// use std::time::Duration;
///
/// let mut deliveries = cloudevents_http::receiver("http://127.0.0.1:0/events", Default::default()).await?;
/// # deliveries.stopper().stop();
/// while let Some(delivery) = deliveries.next().await? {
///     println!("{}", delivery.event()?.id());
///     delivery.accept().await?;
/// }
/// deliveries.drain(Duration::from_secs(10)).await?;
/// # Ok::<(), cloudevents_core::Error>(())
/// # }).unwrap();
/// ```
pub async fn receiver(
    url: impl TryInto<Endpoint, Error: Into<Error>>,
    options: HttpReceiverOptions,
) -> Result<Receiver, Error> {
    HttpReceiver::bind(url, options).await.map(HttpReceiver::into_receiver)
}

/// Listens for messages that are posted to one path, over HTTP/1.1 without TLS.
///
/// The response to a request is sent when its message is settled:
///
/// | settlement | response |
/// |---|---|
/// | accept | 204, or the status in the options; 200 for a peer that [expects it](cloudevents_core::Peer::expects_ok) |
/// | retry | 503 with `Retry-After` |
/// | release, or no free permit | 503 with `Retry-After` |
/// | reject | 422 with the reason; for a message that cannot be decoded, in any mode, its [`rejection`](crate::Problem::rejection): 400 or 415 with attribute and clause |
///
/// Bodies that are too large, too slow or break off are refused at once and are not delivered. So are requests with another path
/// (404) or method (405), without exactly one valid `Host` (400: RFC 9112, section 3.2), and with a transfer coding other than `chunked`
/// (501: section 6.1). Messages in flight are bounded by count and by bytes, from the head of a request on: requests beyond the
/// bounds get 503 and are not read. When a sender hangs up before its message is settled, the settlement is an error of kind
/// [`Disconnected`](ErrorKind::Disconnected).
///
/// A head has at most [`MAX_HEADERS`](crate::MAX_HEADERS). An event with as many attributes as the default of
/// [`Limits`](cloudevents_core::Limits) allows fits into it. A request with more headers gets 431 without a body.
///
/// The receiver runs on the tokio runtime on which it was opened. Dropping it closes all connections.
pub struct HttpReceiver {
    address: SocketAddr,
    path: Arc<str>,
    exchange: ExchangeReceiver,
    /// Whether the server stops.
    stop: watch::Sender<bool>,
    server: Option<JoinHandle<()>>,
}

impl HttpReceiver {
    /// Listens at `http://host:port/path`. Port 0 stands for any free port. Without a port, it is 80.
    ///
    /// The query may have the options `lenient` and `peer` of
    /// [`ReceiverOptions::with_url`](cloudevents_transport::ReceiverOptions::with_url), and no others.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), [`Unsupported`](ErrorKind::Unsupported) for `https`, and
    /// [`Transport`](ErrorKind::Transport) when the address is not available.
    pub async fn bind(
        url: impl TryInto<Endpoint, Error: Into<Error>>,
        mut options: HttpReceiverOptions,
    ) -> Result<Self, Error> {
        let endpoint = Endpoint::of(url)?;
        match endpoint.scheme() {
            "http" => {}
            "https" => {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_detail("this receiver does not speak TLS")
                    .with_help("let a proxy in front of it terminate TLS"));
            }
            _ => return Err(endpoint.invalid("the scheme is not `http`")),
        }
        endpoint.check_options(&["lenient", "peer"])?;
        options.receiver = options.receiver.with_url(&endpoint)?;
        if let Some(peer) = options.receiver.peer {
            options.raw |= peer.takes_raw_text();
            if peer.expects_ok() && options.accepted == StatusCode::NO_CONTENT {
                options.accepted = StatusCode::OK;
            }
        }
        if endpoint.hosts().len() > 1 || endpoint.user().is_some() {
            return Err(endpoint.invalid("one host is listened at, and there is no user"));
        }
        let host = endpoint.host()?.with_port(80);
        let listener = TcpListener::bind((host.name(), host.port().unwrap_or(80)))
            .await
            .map_err(|error| cannot_listen(error, &host.to_string()))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(error, &host.to_string()))?;
        let path = format!("/{}", endpoint.path());
        Ok(Self::listen(listener, address, normal_path(&path).into(), options))
    }

    fn listen(
        listener: TcpListener,
        address: SocketAddr,
        path: Arc<str>,
        options: HttpReceiverOptions,
    ) -> Self {
        let (exchange, receiver) = Exchange::new(options.clone());
        let mut stage = receiver.stage();
        let (stop, mut stopped) = watch::channel(false);
        let here = Arc::clone(&path);
        let server = tokio::spawn(async move {
            let stop = async {
                let _ = stopped.wait_for(|stopped| *stopped).await;
            };
            let over = Stage::over(&mut stage);
            let respond = move |request, peer| exchange.clone().respond(request, &here, peer);
            serve_until(listener, &options, stop, over, respond).await;
        });
        Self { address, path, exchange: receiver, stop, server: Some(server) }
    }

    /// The address it listens at, with the port that was free for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL to send to: `http://127.0.0.1:49152/events`, with the path in [normal form](normal_path).
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// Converts it into the receiver that deliveries come from, with the same options.
    pub fn into_receiver(self) -> Receiver {
        let options = self.exchange.options().clone();
        Receiver::new(self, options)
    }
}

impl Receive for HttpReceiver {
    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::exchange()
    }

    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        self.exchange.next().await
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        let now = Instant::now();
        // No more connections and no more requests.
        self.stop.send_replace(true);
        let drained = self.exchange.drain(deadline).await;
        let end = if drained.is_ok() { later(now, deadline) } else { last_words() };
        if timeout_at(end, ended(&mut self.server)).await.is_ok() {
            return drained;
        }
        let late = self.exchange.give_up();
        if timeout_at(last_words(), ended(&mut self.server)).await.is_err()
            && let Some(server) = self.server.take()
        {
            server.abort();
        }
        drained.and(Err(late))
    }
}

/// The time for the last responses.
fn last_words() -> Instant {
    later(Instant::now(), LAST_WORDS)
}

async fn ended(server: &mut Option<JoinHandle<()>>) {
    if let Some(running) = server {
        let _ = running.await;
        *server = None;
    }
}

#[cold]
fn cannot_listen(error: io::Error, host: &str) -> Error {
    Error::new(ErrorKind::Transport)
        .with_detail(format!("cannot listen at {host}: {error}"))
        .with_source(error)
}

impl Drop for HttpReceiver {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

impl fmt::Debug for HttpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReceiver")
            .field("address", &self.address)
            .field("path", &self.path)
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
