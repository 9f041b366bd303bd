//! A connection with a session.

use super::{
    cbs::{Claim, Claims},
    failure,
    login::Login,
    node::Node,
    options::{Sasl, Target},
    sasl,
    stream::{Socket, Watched},
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
use tokio::{runtime::Handle, time::timeout};

/// How long the broker may take to confirm that something is closed.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// How long the broker may take to confirm the end of a session, before the connection is closed anyway.
const PATIENCE: Duration = Duration::from_secs(1);

/// How many frames may wait between a link and its session by default.
pub(super) const FRAMES: usize = u16::MAX as usize;

/// Returns the current runtime, on which tasks are spawned and the connection lives.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// A connection and the session for its links. Dropping it closes both, without waiting.
pub(super) struct Connected {
    pub(super) session: SessionHandle<()>,
    /// The tokens, if they are needed.
    claims: Option<Claims>,
    /// The claim of the target's address.
    _claim: Option<Claim>,
    connection: ConnectionHandle<()>,
}

impl Connected {
    /// Connects to this host and begins a session. At most this many frames may wait between a link and the
    /// session. The link of a receiver is watched.
    pub(super) async fn begin(
        target: &Target,
        host: &Host,
        frames: usize,
        watched: Option<Watched>,
    ) -> Result<Self, Error> {
        let mut connection = connect(target, host, watched).await?;
        let (claims, claim) = match &target.options.tokens {
            Some(tokens) => {
                let claims = Claims::open(&mut connection, target, host, tokens).await?;
                let claim = claims.claim(&target.address).await?;
                (Some(claims), Some(claim))
            }
            None => (None, None),
        };
        let session =
            Session::builder().buffer_size(frames).begin(&mut connection).await.map_err(failure::begin)?;
        target.addresses.worked();
        Ok(Self { session, claims, _claim: claim, connection })
    }

    /// Puts a token for this address, if tokens are needed.
    pub(super) async fn claim(&mut self, address: &str) -> Result<Option<Claim>, Error> {
        match &self.claims {
            Some(claims) => claims.claim(address).await.map(Some),
            None => Ok(None),
        }
    }

    /// Opens the links to a node that answers requests.
    pub(super) async fn node(&mut self, address: &str) -> Result<Node, Error> {
        Node::open(&mut self.connection, address).await
    }

    /// Waits until the session has ended, which it also does with the connection. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        let _ = self.session.on_end().await;
    }

    /// Ends the session and closes the connection, and waits for the broker's confirmation for a limited
    /// time. Returns whether it came: then the broker has read everything sent before.
    pub(super) async fn close(self) -> bool {
        let Self { mut session, mut connection, .. } = self;
        // RabbitMQ before 4.0 sometimes does not confirm the end of a session. Each link has waited for the important confirmations before.
        let ended = timeout(PATIENCE, session.end()).await;
        // The client's task of a session that waits for its end takes a whole core, until its handle is dropped.
        drop(session);
        let closed = timeout(FAREWELL, connection.close()).await;
        let confirmed = !matches!(ended, Ok(Err(_))) && matches!(closed, Ok(Ok(())));
        if !confirmed {
            tracing::debug!("the broker did not confirm the end of the connection");
        }
        confirmed
    }
}

async fn connect(
    target: &Target,
    host: &Host,
    watched: Option<Watched>,
) -> Result<ConnectionHandle<()>, Error> {
    let no_host = |error: std::io::Error| {
        Error::new(ErrorKind::Disconnected).with_detail(format!("{host}: {error}")).with_source(error)
    };
    let login = match &target.options.logins {
        Some(logins) => logins.login().await?,
        None => Login::default(),
    };
    let sasl = login.sasl.as_ref().unwrap_or(&target.sasl);
    if matches!(sasl, Sasl::External) && !target.tls {
        return Err(Error::new(ErrorKind::Unsupported).with_detail("SASL EXTERNAL needs TLS: an `amqps` URL"));
    }
    let limit = target.options.connect_timeout;
    let stream = target.addresses.connect(host, 5672, limit).await.map_err(no_host)?;
    #[cfg(feature = "tls")]
    let mut stream: Box<dyn Stream> = match target.tls {
        false => Box::new(stream),
        // Port 5671 speaks TLS from the first byte. No broker offers AMQP's own TLS negotiation.
        true => {
            let tls = login.tls.as_ref().unwrap_or(&target.options.tls);
            Box::new(tls.connect(host.name(), stream).await?)
        }
    };
    #[cfg(not(feature = "tls"))]
    let mut stream = stream;
    sasl::log_in(&mut stream, sasl, host.name()).await?;
    let idle = u32::try_from(target.options.idle_timeout.as_millis()).unwrap_or(u32::MAX);
    Connection::builder()
        .scheme("amqp")
        .container_id(target.name.clone())
        .hostname(target.options.hostname.as_deref().unwrap_or(host.name()))
        .idle_time_out(idle)
        .open_with_stream(Socket::new(stream, watched))
        .await
        .map_err(failure::open)
}

/// With or without TLS: one type, so that the client is compiled once.
#[cfg(feature = "tls")]
trait Stream: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin {}

#[cfg(feature = "tls")]
impl<T: AsyncRead + AsyncWrite + std::fmt::Debug + Send + Unpin> Stream for T {}
