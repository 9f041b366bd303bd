//! Accepting connections and serving them.

use super::{
    WsServerOptions,
    upgrade::{Accepted, Taken, accept, has_host},
};
use crate::tungstenite029::{Inbox, Via, refusal};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Outcome, ReceiverCapabilities, Settlement,
    binding::{
        normal_path,
        queue::{Arrived, QueueSource},
    },
};
use http::{HeaderValue, Request, Response, StatusCode, header::CONNECTION, request::Parts};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::{AbortHandle, JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// The pause after a connection could not be accepted (without free file descriptors, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// For ever, within the range of clocks.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// How long connections get to close when the receiver stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A server that listens, and the messages that its connections hand over.
pub(super) struct Listening {
    incoming: mpsc::UnboundedReceiver<Taken>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listening {
    pub(super) fn start(listener: TcpListener, path: Arc<str>, options: Arc<WsServerOptions>) -> Self {
        let (inbox, incoming) = Inbox::new(options.receiver.decoding.limits.bytes);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve(listener, Shared { path, options, inbox, stopped }));
        Self { incoming, stop, task }
    }
}

impl QueueSource for Listening {
    type Tag = ();

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::unsettled()
    }

    async fn next(&mut self) -> Result<Arrived<()>, Error> {
        match self.incoming.recv().await {
            Some((received, _permit)) => Ok(Arrived { received, tag: (), attempt: 1 }),
            None => Err(Error::new(ErrorKind::Transport).with_detail("the server has ended early")),
        }
    }

    async fn settle(&mut self, _: Vec<()>, _: Settlement) -> Result<Outcome, Error> {
        Ok(Outcome::done())
    }

    /// Closes every connection as going away.
    async fn close(mut self) -> Result<(), Error> {
        self.stop.send_replace(true);
        let _ = timeout(LAST_WORDS, &mut self.task).await;
        Ok(())
    }
}

/// Ends the connections: their tasks close them.
impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits until the server is stopped, or is gone.
async fn reached(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// The state that all connections share.
#[derive(Clone)]
struct Shared {
    path: Arc<str>,
    options: Arc<WsServerOptions>,
    inbox: Inbox,
    stopped: watch::Receiver<bool>,
}

/// How long a connection may take for its handshake in any case.
const SHORTEST: Duration = Duration::from_millis(250);

/// Serves until it is stopped and every connection has ended. When there are too many, the oldest connection without a handshake gives way.
async fn serve(listener: TcpListener, shared: Shared) {
    let mut connections = JoinSet::new();
    let mut silent = Silent::default();
    let mut stopped = shared.stopped.clone();
    // A connection that was accepted over the limit: the connection that was to give way was upgraded meanwhile.
    let mut newcomer = None;
    loop {
        while connections.try_join_next().is_some() {}
        let full = connections.len() >= shared.options.connections.max(1);
        let now = Instant::now();
        let way = if full {
            silent.oldest().map(|since| since.checked_add(SHORTEST).unwrap_or(since))
        } else {
            None
        };
        let room = !full || way.is_some_and(|way| way <= now);
        if room && let Some((stream, peer)) = newcomer.take() {
            if full && !silent.evict() {
                newcomer = Some((stream, peer));
                continue;
            }
            let upgraded = Arc::<AtomicBool>::default();
            let task = connections.spawn(connection(stream, peer, shared.clone(), Arc::clone(&upgraded)));
            if silent.0.len() == silent.0.capacity() {
                silent.oldest();
            }
            silent.0.push_back((task, upgraded, now));
            continue;
        }
        tokio::select! {
            biased;
            () = reached(&mut stopped) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = sleep_until(way.unwrap_or(now)), if way.is_some() && !room => {}
            taken = listener.accept(), if room => match taken {
                Ok(accepted) => newcomer = Some(accepted),
                // The system allows fewer connections than the options.
                Err(error) if is_exhausted(&error) && silent.is_evictable(now) => {
                    if silent.evict() {
                        // Its descriptor is free when its task has ended.
                        let _ = connections.join_next().await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop((listener, newcomer));
    while connections.join_next().await.is_some() {}
}

/// Whether a connection could not be accepted because the process or the system has no more file descriptors: `EMFILE`, `ENFILE`, and
/// `WSAEMFILE` of Windows.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 10_024))
}

/// The connections without a handshake so far, by age, and some that have one.
#[derive(Default)]
struct Silent(VecDeque<(AbortHandle, Arc<AtomicBool>, Instant)>);

impl Silent {
    /// Since when the oldest one waits.
    fn oldest(&mut self) -> Option<Instant> {
        self.0.retain(|(task, upgraded, _)| !task.is_finished() && !upgraded.load(Ordering::Acquire));
        self.0.front().map(|(.., since)| *since)
    }

    /// Whether the oldest one has had its time.
    fn is_evictable(&mut self, now: Instant) -> bool {
        self.oldest().is_some_and(|since| now.saturating_duration_since(since) >= SHORTEST)
    }

    /// Ends the oldest one. `false` if there is none any more.
    fn evict(&mut self) -> bool {
        self.oldest();
        self.0.pop_front().inspect(|(task, ..)| task.abort()).is_some()
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, shared: Shared, upgraded: Arc<AtomicBool>) {
    let _ = stream.set_nodelay(true);
    let accepted = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (response, upgrade) = answer(request, &shared);
        if let Some(upgrade) = upgrade {
            upgraded.store(true, Ordering::Release);
            *accepted.lock().unwrap_or_else(PoisonError::into_inner) = Some(upgrade);
        }
        std::future::ready(Ok::<_, Infallible>(response))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(shared.options.header_deadline.min(A_CENTURY))
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut stopped = shared.stopped.clone();
    let served = tokio::select! {
        served = served => served,
        () = reached(&mut stopped) => return,
    };
    if let Err(error) = served
        && (error.is_parse() || error.is_parse_too_large())
    {
        shared.options.refused(&Error::new(ErrorKind::Transport).with_detail(format!("no request: {error}")));
    }
    let Some(accepted) = accepted.into_inner().unwrap_or_else(PoisonError::into_inner) else { return };
    let via = Via { path: (&*shared.path).into(), peer: Some(peer) };
    let connected = accepted.connect(via, &shared.options, Some(shared.inbox.clone())).await;
    let connection = match connected {
        Ok(connection) => connection,
        Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
    };
    tokio::select! {
        _ = connection.ended() => {}
        () = reached(&mut stopped) => connection.hang_up(CloseCode::Away),
    }
    if let Some(refusal) = refusal(&connection.ended().await) {
        shared.options.refused(&refusal);
    }
    // Until then, it counts as a connection.
    connection.gone().await;
}

fn answer(request: Request<Incoming>, shared: &Shared) -> (Response<String>, Option<Accepted>) {
    let (mut parts, _) = request.into_parts();
    let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
    let (mut response, accepted) = upgrade(&mut parts, shared);
    if accepted.is_none() {
        // Nothing follows a handshake that was refused: responses without end would wait for a client that does not read.
        response.headers_mut().append(CONNECTION, HeaderValue::from_static("close"));
        let (status, why) = (response.status(), response.body().trim_end());
        shared.options.refused(
            &Error::new(ErrorKind::Refused).with_detail(format!("{status} of {method} {path}: {why}")),
        );
    }
    (response, accepted)
}

fn upgrade(parts: &mut Parts, shared: &Shared) -> (Response<String>, Option<Accepted>) {
    if has_host(&parts.headers) && normal_path(parts.uri.path()) != *shared.path {
        let mut response = Response::new("there is nothing at this path\n".to_owned());
        *response.status_mut() = StatusCode::NOT_FOUND;
        return (response, None);
    }
    accept(parts, &shared.options)
}
