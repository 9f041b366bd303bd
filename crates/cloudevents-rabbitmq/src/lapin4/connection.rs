//! A connection.

use super::{
    failure,
    login::Login,
    options::{Sasl, Target},
    stream::{FRAME_MAX, Socket, Stream, Watched, runtime as lapin_runtime},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{Host, binding::Reporter};
use futures_util::StreamExt;
use lapin::{
    Channel, Connection, ConnectionProperties, Event,
    tcp::AsyncTcpStream,
    uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo, SASLMechanism},
};
use std::{
    convert::Infallible,
    future::pending,
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch, time::timeout};

/// How long the broker may take to confirm that something is closed.
pub(super) const FAREWELL: Duration = Duration::from_secs(10);

/// Returns the current runtime, on which tasks are spawned and the connection lives.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current().map_err(|error| Error::new(ErrorKind::Unsupported).with_source(error))
}

/// A connection. Dropping it closes it, without waiting.
pub(super) struct Connected {
    connection: Connection,
    pub(super) watched: Arc<Watched>,
    /// Changes with each event of the connection or of a channel.
    happened: watch::Receiver<Happened>,
}

/// The events of a connection.
#[derive(Default)]
struct Happened {
    /// The latest error that ended it, or one of its channels.
    error: Option<lapin::Error>,
    /// The reason of the broker's alarm, while it lasts.
    alarm: Option<String>,
}

impl Connected {
    /// Connects to this host.
    pub(super) async fn begin(target: &Target, host: &Host) -> Result<Self, Error> {
        let (socket, watched, sasl) = open(target, host).await?;
        // The thread that waits for the broker ends with the socket, if this future is dropped.
        let unfinished = Unfinished(Some(Arc::clone(&watched)));
        let socket = Mutex::new(Some(socket));
        let connect = async move |_, _| {
            let socket = socket.lock().unwrap_or_else(PoisonError::into_inner).take();
            // lapin connects once. `connect::Reconnect` makes a new connection.
            socket
                .map(AsyncTcpStream::Plain)
                .ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected).into())
        };
        let properties =
            ConnectionProperties::default().with_connection_name(target.name.clone().into_bytes().into());
        let uri = uri(target, &sasl);
        let connected = Connection::connector(uri, lapin_runtime(), connect, properties).await;
        let connection = connected.map_err(|error| {
            let ended = watched.ended.borrow().clone();
            let error = failure::refusal(error);
            match ended {
                // Of TLS, whose server sees the client's certificate when the handshake is over here.
                Some(ended) if ended.detail().contains("received fatal alert") => ended,
                Some(ended) if error.kind() == ErrorKind::Disconnected => {
                    ended.with_help(closed_help(target.tls))
                }
                None if target.tls && error.kind() == ErrorKind::Disconnected && error.help().is_none() => {
                    error.with_help(closed_help(true))
                }
                _ => error,
            }
        })?;
        unfinished.keep();
        target.addresses.worked();
        let (sender, happened) = watch::channel(Happened::default());
        let mut events = Box::pin(connection.events_listener());
        tokio::spawn(async move {
            while let Some(event) = events.next().await {
                sender.send_modify(|happened| match event {
                    Event::Error(error) => happened.error = Some(error),
                    Event::ConnectionBlocked(reason) => happened.alarm = Some(reason),
                    Event::ConnectionUnblocked => happened.alarm = None,
                    _ => {}
                });
            }
        });
        Ok(Self { connection, watched, happened })
    }

    /// Opens a channel.
    pub(super) async fn channel(&self) -> Result<Channel, Error> {
        self.connection.create_channel().await.map_err(failure::refusal)
    }

    /// The largest frame, in bytes, as agreed on.
    pub(super) fn frame_max(&self) -> usize {
        match self.connection.configuration().frame_max() {
            0 => usize::MAX, // no limit
            most => usize::try_from(most).unwrap_or(usize::MAX),
        }
    }

    /// Whether it can be used.
    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.watched.ended.borrow().is_none()
    }

    /// Whether it goes on after the end of a channel: only if the channel had sent a message that is too large.
    ///
    /// Other ends of a channel may concern the login. For a token that has expired, RabbitMQ before 4.3 closes channels and no connection.
    pub(super) fn outlives_channel(&self) -> bool {
        self.is_alive() && self.happened.borrow().error.as_ref().is_some_and(failure::is_too_large)
    }

    /// Waits while the broker has an alarm: it reads nothing then (`connection.blocked`), and lapin would keep all frames.
    pub(super) async fn unblocked(&self) {
        let (mut happened, mut ended) = (self.happened.clone(), self.watched.ended.subscribe());
        loop {
            happened.mark_unchanged();
            if !self.connection.status().blocked() || ended.borrow_and_update().is_some() {
                return;
            }
            tokio::select! {
                _ = ended.changed() => {}
                changed = happened.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Reports each alarm of the broker and its end, for as long as it is polled.
    pub(super) async fn report_alarms(&self, reporter: &Reporter) -> Infallible {
        let mut happened = self.happened.clone();
        loop {
            let alarm = happened.borrow_and_update().alarm.clone();
            match alarm {
                Some(reason) => reporter.blocked(&failure::alarm(&reason)),
                None => reporter.unblocked(),
            }
            if happened.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Returns when the connection or this channel has ended.
    pub(super) fn ended(&self, channel: &Channel) -> impl Future<Output = Error> + Send + use<> {
        let (mut happened, mut ended) = (self.happened.clone(), self.watched.ended.subscribe());
        let channel = channel.clone();
        async move {
            loop {
                if let Some(reason) = ended.borrow_and_update().clone() {
                    return failure::ended(reason);
                }
                happened.mark_unchanged();
                if !channel.status().connected() {
                    let why = happened.borrow().error.clone();
                    return why.map_or_else(
                        || failure::disconnected("the broker closed the channel"),
                        failure::lost,
                    );
                }
                tokio::select! {
                    _ = ended.changed() => {}
                    changed = happened.changed() => if changed.is_err() {
                        return failure::disconnected("the connection was closed");
                    },
                }
            }
        }
    }

    /// Closes the connection, and waits for the broker's confirmation for a limited time. Returns whether it
    /// came: then the broker has read everything sent before.
    pub(super) async fn close(&self) -> bool {
        let closed = timeout(FAREWELL, self.connection.close(200, super::options::fixed("OK"))).await;
        let confirmed = matches!(closed, Ok(Ok(())));
        if !confirmed {
            tracing::debug!("the broker did not confirm the end of the connection");
            self.watched.cut();
        }
        confirmed
    }
}

/// lapin says farewell to the broker. If that takes too long, the connection is cut, and lapin's thread ends.
impl Drop for Connected {
    fn drop(&mut self) {
        let watched = Arc::clone(&self.watched);
        match runtime() {
            Ok(runtime) if self.is_alive() => drop(runtime.spawn(async move {
                let mut ended = watched.ended.subscribe();
                if timeout(FAREWELL, ended.wait_for(Option::is_some)).await.is_err() {
                    watched.cut();
                }
            })),
            _ => watched.cut(),
        }
    }
}

/// The help for a connection that the server closes before it has said anything of AMQP.
///
/// By TLS 1.3, a client is done before the server has looked at its certificate. The reason of the server may be lost with the connection.
fn closed_help(tls: bool) -> &'static str {
    if tls {
        "check that the port speaks AMQP 0.9.1. The server may also require a client certificate, or one of another authority: name its file in \
         the option `cert` of the URL, and that of its key in `cert-key`"
    } else {
        "check that the port speaks AMQP 0.9.1, and whether it expects TLS"
    }
}

/// Cuts the connection when it is dropped.
struct Unfinished(Option<Arc<Watched>>);

impl Unfinished {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(watched) = &self.0 {
            watched.cut();
        }
    }
}

async fn open(target: &Target, host: &Host) -> Result<(Socket, Arc<Watched>, Sasl), Error> {
    let no_host = |error: io::Error| {
        Error::new(ErrorKind::Disconnected).with_detail(format!("{host}: {error}")).with_source(error)
    };
    let login = match &target.options.logins {
        Some(logins) => logins.login().await?,
        None => Login::default(),
    };
    let sasl = login.sasl.clone().unwrap_or_else(|| target.sasl.clone());
    if matches!(sasl, Sasl::External) && !target.tls {
        return Err(
            Error::new(ErrorKind::Unsupported).with_detail("SASL EXTERNAL needs TLS: a `rabbitmqs` URL")
        );
    }
    let limit = target.options.connect_timeout;
    let stream = target.addresses.connect(host, 5672, limit).await.map_err(no_host)?;
    #[cfg(feature = "tls")]
    let stream: Box<dyn Stream> = match target.tls {
        false => Box::new(stream),
        // Port 5671 speaks TLS from the first byte.
        true => {
            let tls = login.tls.as_ref().unwrap_or(&target.options.tls);
            Box::new(tls.connect(host.name(), stream).await?)
        }
    };
    #[cfg(not(feature = "tls"))]
    let stream: Box<dyn Stream> = Box::new(stream);
    let watched = Arc::new(Watched::new());
    Ok((Socket::new(stream, Arc::clone(&watched), Arc::clone(&target.limit)), watched, sasl))
}

fn uri(target: &Target, sasl: &Sasl) -> AMQPUri {
    let (mechanism, username, password) = match sasl {
        Sasl::Plain { user, password } => {
            (SASLMechanism::Plain, user.expose().to_owned(), password.expose().to_owned())
        }
        Sasl::External => (SASLMechanism::External, String::new(), String::new()),
    };
    let heartbeat = u16::try_from(target.options.heartbeat.as_secs()).unwrap_or(u16::MAX);
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username, password },
            host: String::new(),
            port: 0,
        },
        vhost: target.vhost.clone(),
        query: AMQPQueryString {
            frame_max: Some(FRAME_MAX),
            heartbeat: Some(heartbeat),
            auth_mechanism: Some(mechanism),
            ..AMQPQueryString::default()
        },
    }
}
