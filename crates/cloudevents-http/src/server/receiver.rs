//! The receiver.

use super::{
    connections::serve,
    exchange::{Phase, Shared},
    options::HttpReceiverOptions,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Endpoint, InFlight, Incoming, Intake, Receiver, ReceiverOptions};
use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

/// How long connections get to send their last response when the deadline of draining has passed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A receiver that listens at this URL: see [`HttpReceiver`], which also tells the address it listens at.
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
pub async fn receiver(url: &str, options: HttpReceiverOptions) -> Result<Receiver, Error> {
    HttpReceiver::bind(url, options).await.map(HttpReceiver::into_receiver)
}

/// Listens for messages that are posted to one path, over HTTP/1.1 without TLS.
///
/// A request is answered when its message is settled:
///
/// | settlement | response |
/// |---|---|
/// | accept | 204, or what the options say |
/// | retry | 503 with `Retry-After` |
/// | release, or no room | 503 with `Retry-After` |
/// | reject | 422 with the reason; for what is no valid message, what [`Problem`](crate::Problem) says |
///
/// Bodies that are too large, too slow or break off are refused at once and are not delivered. So are requests with another path
/// (404) or method (405). What is in flight is bounded by count and by bytes, from the head of a request on: what
/// comes beyond is answered with 503 and is not read. A sender that hangs up before its message is settled makes the settlement
/// an error of kind [`Disconnected`](ErrorKind::Disconnected).
///
/// It lives on the tokio runtime it is made on. Dropping it closes all connections.
pub struct HttpReceiver {
    address: SocketAddr,
    path: Arc<str>,
    options: ReceiverOptions,
    in_flight: InFlight,
    queue: mpsc::UnboundedReceiver<Incoming>,
    phase: watch::Sender<Phase>,
    server: Option<JoinHandle<()>>,
}

impl HttpReceiver {
    /// Listens at `http://host:port/path`. Port 0 stands for any that is free; without a port, it is 80.
    ///
    /// Errors are of kind [`InvalidUrl`](ErrorKind::InvalidUrl), [`Unsupported`](ErrorKind::Unsupported) for `https`, and
    /// [`Transport`](ErrorKind::Transport) when the address cannot be had.
    pub async fn bind(url: &str, options: HttpReceiverOptions) -> Result<Self, Error> {
        let endpoint = Endpoint::parse(url)?;
        match endpoint.scheme() {
            "http" => {}
            "https" => {
                return Err(Error::new(ErrorKind::Unsupported)
                    .with_detail("this receiver does not speak TLS")
                    .with_help("let a proxy in front of it terminate TLS"));
            }
            _ => return Err(endpoint.invalid("the scheme is not `http`")),
        }
        endpoint.check_options(&[])?;
        if endpoint.hosts().len() > 1 || endpoint.user().is_some() {
            return Err(endpoint.invalid("one host is listened at, and there is no user"));
        }
        let host = endpoint.host()?.with_port(80);
        let listener = TcpListener::bind((host.name(), host.port().unwrap_or(80)))
            .await
            .map_err(|error| cannot_listen(error, &host.to_string()))?;
        let address = listener.local_addr().map_err(|error| cannot_listen(error, &host.to_string()))?;
        Ok(Self::listen(listener, address, format!("/{}", endpoint.path()).into(), options))
    }

    fn listen(
        listener: TcpListener,
        address: SocketAddr,
        path: Arc<str>,
        mut options: HttpReceiverOptions,
    ) -> Self {
        // A receiver reads documents with the formats it is given.
        let formats = &mut options.receiver.decoding.formats;
        *formats = cloudevents_json::among(std::mem::take(formats));
        let in_flight = InFlight::new(options.receiver.in_flight);
        let (into_queue, queue) = mpsc::unbounded_channel();
        let (phase, watched) = watch::channel(Phase::Open);
        let receiver = options.receiver.clone();
        let shared = Arc::new(Shared {
            path: Arc::clone(&path),
            options,
            in_flight: in_flight.clone(),
            queue: into_queue,
            phase: watched,
        });
        let server = tokio::spawn(serve(listener, shared));
        Self { address, path, options: receiver, in_flight, queue, phase, server: Some(server) }
    }

    /// The address it listens at, with the port that port 0 became.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The URL to send to: `http://127.0.0.1:49152/events`.
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.path)
    }

    /// The receiver to take deliveries from, with the options this was made with.
    pub fn into_receiver(self) -> Receiver {
        let options = self.options.clone();
        Receiver::new(self, options)
    }
}

impl Intake for HttpReceiver {
    async fn next(&mut self) -> Result<Option<Incoming>, Error> {
        Ok(self.queue.recv().await)
    }

    async fn drain(&mut self, deadline: Duration) -> Result<(), Error> {
        self.queue.close();
        // Of a drain that was dropped, the phase stays.
        self.phase.send_if_modified(|phase| {
            let open = *phase == Phase::Open;
            *phase = (*phase).max(Phase::Draining);
            open
        });
        let settled = async {
            // Until there is none: one may be on its way into the queue right now.
            while self.queue.recv().await.is_some() {}
            self.in_flight.idle().await;
            ended(&mut self.server).await;
        };
        if timeout(deadline, settled).await.is_ok() {
            return Ok(());
        }
        self.phase.send_replace(Phase::Over);
        if timeout(LAST_WORDS, ended(&mut self.server)).await.is_err()
            && let Some(server) = self.server.take()
        {
            server.abort();
        }
        Err(Error::new(ErrorKind::Timeout)
            .with_detail(format!("{} messages are not settled", self.in_flight.used().messages)))
    }
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
            .field("in_flight", &self.in_flight)
            .finish_non_exhaustive()
    }
}
