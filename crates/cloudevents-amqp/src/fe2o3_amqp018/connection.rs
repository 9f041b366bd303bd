//! A connection with a session.

use super::{
    cbs, failure,
    options::{Sasl, Target},
    sasl,
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Host;
use fe2o3_amqp::{
    Session,
    connection::{Connection, ConnectionHandle},
    session::SessionHandle,
};
use std::time::Duration;
#[cfg(feature = "tls")]
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::{net::TcpStream, runtime::Handle, time::timeout};

/// How long the broker may take to confirm the end of something.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// How long it may take to confirm the end of a session, before that of the connection is what counts.
const PATIENCE: Duration = Duration::from_secs(1);

/// What may wait between a link and its session by default, in frames.
pub(super) const FRAMES: usize = u16::MAX as usize;

/// The runtime that tasks are spawned on and that the connection lives on.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// A connection and the session for one link. Dropping it closes both, without waiting.
pub(super) struct Connected {
    pub(super) session: SessionHandle<()>,
    /// Keeps the permission to use the address.
    _renewal: Option<cbs::Renewal>,
    connection: ConnectionHandle<()>,
}

impl Connected {
    /// Connects, attaches the link, and answers within the deadline. So many frames may wait between the link and the session.
    pub(super) async fn open<L>(
        target: &Target,
        frames: usize,
        attach: impl AsyncFnOnce(&mut SessionHandle<()>) -> Result<L, Error>,
    ) -> Result<(L, Self), Error> {
        runtime()?;
        let opening = async {
            let mut connected = Self::begin(target, frames).await?;
            let link = attach(&mut connected.session).await?;
            Ok((link, connected))
        };
        let limit = target.options.connect_timeout;
        let opened = timeout(limit, opening).await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Timeout).with_detail(format!("no connection within {limit:?}")))
        });
        match &opened {
            Ok(_) => tracing::debug!(%target, container = %target.container, "connected"),
            Err(error) => tracing::debug!(%target, %error, "not connected"),
        }
        opened
    }

    async fn begin(target: &Target, frames: usize) -> Result<Self, Error> {
        let mut connection = connect(target).await?;
        let renewal = match &target.options.tokens {
            Some(tokens) => Some(cbs::authorize(&mut connection, target, tokens).await?),
            None => None,
        };
        let session =
            Session::builder().buffer_size(frames).begin(&mut connection).await.map_err(failure::begin)?;
        Ok(Self { session, _renewal: renewal, connection })
    }

    /// Waits until the session has ended, which it does with the connection. To be called until it answers.
    pub(super) async fn ended(&mut self) {
        let _ = self.session.on_end().await;
    }

    /// Ends and closes, and waits a while for the broker to confirm it. Answers whether it has: then it has read everything before.
    pub(super) async fn close(mut self) -> bool {
        // RabbitMQ before 4.0 now and then does not answer to the end of a session. What has to be told was told before, by each link.
        let ended = timeout(PATIENCE, self.session.end()).await;
        let closed = timeout(FAREWELL, self.connection.close()).await;
        let confirmed = !matches!(ended, Ok(Err(_))) && matches!(closed, Ok(Ok(())));
        if !confirmed {
            tracing::debug!("the broker did not confirm the end of the connection");
        }
        confirmed
    }
}

/// The first of the hosts that can be connected to.
async fn connect(target: &Target) -> Result<ConnectionHandle<()>, Error> {
    let mut failed = Error::new(ErrorKind::InvalidUrl).with_detail("there is no host");
    for host in &target.hosts {
        match connect_to(target, host).await {
            Ok(connection) => return Ok(connection),
            Err(error) => {
                tracing::debug!(%host, %error, "not connected");
                failed = error;
            }
        }
    }
    Err(failed)
}

async fn connect_to(target: &Target, host: &Host) -> Result<ConnectionHandle<()>, Error> {
    let no_host = |error: std::io::Error| {
        Error::new(ErrorKind::Disconnected).with_detail(format!("{host}: {error}")).with_source(error)
    };
    if matches!(target.sasl, Sasl::External) && !target.tls {
        return Err(Error::new(ErrorKind::Unsupported).with_detail("SASL EXTERNAL needs TLS: an `amqps` URL"));
    }
    let port = host.port().unwrap_or(5672);
    let stream = TcpStream::connect((host.name(), port)).await.map_err(no_host)?;
    stream.set_nodelay(true).map_err(no_host)?;
    #[cfg(feature = "tls")]
    let mut stream: Box<dyn Stream> = match target.tls {
        false => Box::new(stream),
        // Port 5671 speaks TLS from the first byte; AMQP's own way into TLS is not offered anywhere.
        true => Box::new(target.options.tls.connect(host.name(), stream).await?),
    };
    #[cfg(not(feature = "tls"))]
    let mut stream = stream;
    sasl::log_in(&mut stream, &target.sasl, host.name()).await?;
    let idle = u32::try_from(target.options.idle_timeout.as_millis()).unwrap_or(u32::MAX);
    Connection::builder()
        .scheme("amqp")
        .container_id(target.container.clone())
        .hostname(target.options.hostname.as_deref().unwrap_or(host.name()))
        .idle_time_out(idle)
        .open_with_stream(stream)
        .await
        .map_err(failure::open)
}

/// With TLS or without: the client is compiled once.
#[cfg(feature = "tls")]
trait Stream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

#[cfg(feature = "tls")]
impl<T: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> Stream for T {}
