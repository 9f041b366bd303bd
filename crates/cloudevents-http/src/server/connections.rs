//! Accepting connections.

use super::body::RequestBody;
use super::{
    HttpReceiverOptions, connection,
    connection_state::{Awaited, Crowd, Line},
    descriptors,
    unread::Unread,
    writing::Patience,
};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http::{Request, Response};
use std::{
    future::{pending, poll_fn},
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

/// The pause after a connection could not be accepted (without free file descriptors, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 without TLS until `stop` resolves, then finishes the requests under way and closes the connections.
///
/// Requests whose framing or `Host` is wrong get 400 or 501 and do not reach `respond`: see [`HttpReceiver`](crate::HttpReceiver).
///
/// When more clients connect than [`connections`](HttpReceiverOptions::connections) allows, a connection that waits for its client ends.
/// The first such connection is the oldest one that has never sent anything. Then come connections that wait for a request, and connections
/// that wait for a second or more for the rest of a body or to have its response read. The same holds if the process has no more file
/// descriptors. A response to a body that was not read has `Connection: close`. The rest of the body is discarded, for a limited time, so
/// that the client reads the response.
///
/// Of the options, [`header_deadline`](HttpReceiverOptions::header_deadline),
/// [`response_deadline`](HttpReceiverOptions::response_deadline), [`half_close`](HttpReceiverOptions::half_close),
/// [`connections`](HttpReceiverOptions::connections) and [`spare_descriptors`](HttpReceiverOptions::spare_descriptors) apply. Dropping the
/// future closes all connections.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use cloudevents_http::{Problem, serve};
/// use http::{Response, StatusCode};
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// let stop = async {};
/// serve(listener, &Default::default(), stop, async |request: http::Request<_>, _peer| match request.uri().path() {
///     "/health" => Response::new("healthy".into()),
///     _ => Problem::new(StatusCode::NOT_FOUND, "there is nothing at this path").into_http(),
/// })
/// .await;
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
pub async fn serve<F, R>(
    listener: TcpListener,
    options: &HttpReceiverOptions,
    stop: impl Future<Output = ()> + Send,
    respond: F,
) where
    F: Fn(Request<RequestBody>, SocketAddr) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Bytes>> + Send + 'static,
{
    serve_until(listener, options, stop, pending(), respond).await;
}

/// Serves until `stop` resolves, and finishes the requests under way until `over` does.
///
/// Then requests that have not arrived completely end at once, so that they do not delay the remaining responses.
pub(super) async fn serve_until<F, R>(
    listener: TcpListener,
    options: &HttpReceiverOptions,
    stop: impl Future<Output = ()> + Send,
    over: impl Future<Output = ()> + Send,
    respond: F,
) where
    F: Fn(Request<RequestBody>, SocketAddr) -> R + Clone + Send + Sync + 'static,
    R: Future<Output = Response<Bytes>> + Send + 'static,
{
    let shared = Arc::new(options.clone());
    let run = |stream: TcpStream, peer, line: Arc<Line>, stopped| {
        let _ = stream.set_nodelay(true);
        let stream = Patience::new(stream, shared.response_deadline, Arc::clone(&line));
        connection::run(stream, peer, Arc::clone(&shared), stopped, line, respond.clone())
    };
    let accept = move |context: &mut Context<'_>| listener.poll_accept(context);
    accept_until(accept, options, stop, over, run).await;
}

/// Accepts connections and runs them, as [`serve_until`] does.
///
/// Tests have another `accept`, with connections that are no sockets.
async fn accept_until<S, C>(
    mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(S, SocketAddr)>> + Send,
    options: &HttpReceiverOptions,
    stop: impl Future<Output = ()> + Send,
    over: impl Future<Output = ()> + Send,
    run: impl Fn(S, SocketAddr, Arc<Line>, watch::Receiver<bool>) -> C + Send,
) where
    S: Send,
    C: Future<Output = ()> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    let crowd = Arc::<Crowd>::default();
    let mut places = Places::default();
    let most = options.places(descriptors::limit());
    let mut stop = pin!(stop);
    // A connection that was accepted over the limit: the connection that was to give way began a request meanwhile.
    let mut newcomer: Option<(S, SocketAddr)> = None;
    loop {
        while connections.try_join_next().is_some() {}
        let full = connections.len() >= most;
        crowd.set(full);
        let now = Instant::now();
        // When a connection may give way.
        let way = if full { places.first() } else { None };
        let room = !full || way.is_some_and(|way| way <= now);
        if room && let Some((stream, peer)) = newcomer.take() {
            if full && !make_way(&mut places, &mut connections, options).await {
                newcomer = Some((stream, peer));
                continue;
            }
            let line = Arc::new(Line::new(Arc::clone(&crowd)));
            let running = run(stream, peer, Arc::clone(&line), stopped.clone());
            places.add(connections.spawn(running), line, peer);
            continue;
        }
        tokio::select! {
            biased;
            () = stop.as_mut() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            () = crowd.thinned(), if full => {}
            () = sleep_until(way.unwrap_or(now)), if way.is_some() && !room => {}
            taken = poll_fn(&mut accept), if room => match taken {
                Ok(accepted) => newcomer = Some(accepted),
                // The system allows fewer connections than the options.
                Err(error) if is_exhausted(&error) && places.first().is_some_and(|way| way <= Instant::now()) => {
                    make_way(&mut places, &mut connections, options).await;
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop((accept, newcomer));
    stopping.send_replace(true);
    tokio::select! {
        () = all(&mut connections) => return,
        () = over => places.end_incomplete(),
    }
    all(&mut connections).await;
}

/// Ends a connection that gives way now, if there is one. Its place and its descriptor are free when its task has ended.
async fn make_way(places: &mut Places, connections: &mut JoinSet<()>, options: &HttpReceiverOptions) -> bool {
    match places.evict(Instant::now()) {
        Evicted::None => return false,
        Evicted::Request(why) => options.refused(&why),
        Evicted::Silent => {}
    }
    let _ = connections.join_next().await;
    true
}

async fn all(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// Whether a connection could not be accepted because the process or the system has no more file descriptors: `EMFILE`, `ENFILE`, and
/// `WSAEMFILE` of Windows.
fn is_exhausted(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(23 | 24 | 10_024))
}

/// The tasks of the connections.
#[derive(Default)]
struct Places(Vec<(AbortHandle, Arc<Line>, SocketAddr)>);

impl Places {
    fn add(&mut self, task: AbortHandle, line: Arc<Line>, peer: SocketAddr) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|(task, ..)| !task.is_finished());
        }
        self.0.push((task, line, peer));
    }

    /// When the first connection gives way.
    fn first(&self) -> Option<Instant> {
        self.waiting().map(|(way, ..)| way).min()
    }

    /// Connections that wait for their clients: when each gives way, which it is, and its line.
    fn waiting(&self) -> impl Iterator<Item = (Instant, usize, &Line)> {
        let all = self.0.iter().enumerate().filter(|(_, (task, ..))| !task.is_finished());
        all.filter_map(|(index, (_, line, _))| Some((line.gives_way()?, index, &**line)))
    }

    /// Ends connections whose request has not arrived completely: nothing is owed to them.
    fn end_incomplete(&self) {
        self.0.iter().filter(|(_, line, _)| line.is_incomplete()).for_each(|(task, ..)| task.abort());
    }

    /// Ends a connection that gives way now: the oldest of those that have never sent anything, then of those that wait for another
    /// request, then of all.
    fn evict(&mut self, now: Instant) -> Evicted {
        let due = self.waiting().filter(|(way, ..)| *way <= now);
        let first = due.map(|(way, index, line)| (line.rank(), way, index)).min();
        let Some((.., first)) = first else { return Evicted::None };
        let (task, line, peer) = self.0.swap_remove(first);
        let what = match line.awaits() {
            Some(Awaited::Body) => "the body takes long",
            Some(Awaited::Head) if line.is_in_head() => "the head takes long",
            _ => "",
        };
        task.abort();
        if what.is_empty() {
            return Evicted::Silent;
        }
        let why = format!("{what}, and others wait for its place");
        let from = Unread { peer, status: None };
        Evicted::Request(Error::new(ErrorKind::Timeout).with_detail(why).with_source(from))
    }
}

/// The connection that gave way.
enum Evicted {
    None,
    /// A connection without a request.
    Silent,
    /// A connection with a request, which is refused for this reason.
    Request(Error),
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        collections::VecDeque,
        sync::atomic::{AtomicUsize, Ordering},
    };
    use tokio::{sync::mpsc, time::timeout};

    const PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    /// Errors of `accept`: the system has no more descriptors, the process has none (also by the number of Windows), and a client that has
    /// hung up already.
    const ERRORS: [i32; 4] = [23, 24, 10_024, 103];

    /// What a listener does, step by step: it fails with a number of the system, or it has a connection. Then nothing more comes.
    fn listener(
        steps: impl IntoIterator<Item = Result<(), i32>>,
    ) -> impl FnMut(&mut Context<'_>) -> Poll<io::Result<((), SocketAddr)>> {
        let mut steps: VecDeque<_> = steps.into_iter().collect();
        move |_| match steps.pop_front() {
            Some(step) => Poll::Ready(step.map(|()| ((), PEER)).map_err(io::Error::from_raw_os_error)),
            None => Poll::Pending,
        }
    }

    /// A server goes on behind errors, and does not try again without a pause.
    #[tokio::test(start_paused = true)]
    async fn accepting_goes_on_behind_errors_with_a_pause_after_each() {
        for error in ERRORS {
            let (options, begun) = (HttpReceiverOptions::default(), Instant::now());
            let (began, mut begins) = mpsc::unbounded_channel();
            let run = |(), _, _, _| {
                let _ = began.send(Instant::now());
                pending()
            };
            let steps = [Err(error), Err(error), Ok(())];
            let serving = accept_until(listener(steps), &options, pending(), pending(), run);
            let at = tokio::select! {
                () = serving => panic!("{error}: accepting has ended"),
                began = begins.recv() => began.unwrap(),
            };
            let took = at - begun;
            let pauses = Duration::from_millis(20)..=Duration::from_secs(2);
            assert!(pauses.contains(&took), "{error}: {took:?} for two pauses");
        }
    }

    /// As long as nothing can be accepted, a minute has a bounded number of attempts: neither a hot loop, nor a long idle time.
    #[tokio::test(start_paused = true)]
    async fn an_accept_that_always_fails_is_tried_now_and_then() {
        for error in ERRORS {
            let (options, attempts) = (HttpReceiverOptions::default(), AtomicUsize::new(0));
            let accept = |_: &mut Context<'_>| match attempts.fetch_add(1, Ordering::Relaxed) {
                // Or a loop without pauses would not end.
                10_000.. => Poll::Pending,
                _ => Poll::Ready(Err::<((), SocketAddr), _>(io::Error::from_raw_os_error(error))),
            };
            let run = |(), _, _, _| pending();
            let serving = accept_until(accept, &options, pending(), pending(), run);
            assert!(timeout(Duration::from_secs(60), serving).await.is_err(), "{error}: accepting has ended");
            let attempts = attempts.load(Ordering::Relaxed);
            assert!((60..=1_200).contains(&attempts), "{error}: {attempts} attempts");
        }
    }

    /// What a connection does when the client has to act.
    #[derive(Clone, Copy, Debug)]
    enum Waits {
        /// The response is written, and the client may send another request.
        Request,
        /// More of a body has to come.
        Body,
        /// The client has to read the response.
        Reading,
    }

    /// All places serve requests, and a client waits for one. When a connection begins to wait for its own client, it gives way after the
    /// time that it has in any case. No other end of the wait comes: the connection would stay for ever.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_begins_to_wait_for_its_client_gives_way_to_a_crowd() {
        for (waits, after) in [(Waits::Request, 250), (Waits::Body, 1_000), (Waits::Reading, 1_000)] {
            let options = HttpReceiverOptions { connections: 1, ..HttpReceiverOptions::default() };
            let begun = Instant::now();
            let (began, mut begins) = mpsc::unbounded_channel();
            let run = |(), _, line: Arc<Line>, _| {
                line.begin();
                let _ = began.send(Instant::now());
                async move {
                    sleep(Duration::from_secs(10)).await;
                    match waits {
                        Waits::Request => {
                            line.respond();
                            line.flushed();
                        }
                        Waits::Body => _ = poll_fn(|context| Poll::Ready(line.is_cut(context))).await,
                        Waits::Reading => line.stall(),
                    }
                    pending().await
                }
            };
            let serving = accept_until(listener([Ok(()), Ok(())]), &options, pending(), pending(), run);
            let both = async { [begins.recv().await.unwrap(), begins.recv().await.unwrap()] };
            let times = timeout(Duration::from_secs(3600), async {
                tokio::select! {
                    () = serving => panic!("{waits:?}: accepting has ended"),
                    times = both => times,
                }
            });
            let times = times.await.unwrap_or_else(|_| panic!("{waits:?}: the crowd waits for ever"));
            let expected = [Duration::ZERO, Duration::from_millis(10_000 + after)];
            assert_eq!(times.map(|at| at - begun), expected, "{waits:?}");
        }
    }

    #[tokio::test]
    async fn ten_thousand_short_connections_leave_nothing() {
        let (mut places, mut connections) = (Places::default(), JoinSet::new());
        for _ in 0..10_000 {
            let task = connections.spawn(async {});
            places.add(task, Arc::new(Line::new(Arc::default())), ([127, 0, 0, 1], 1).into());
            all(&mut connections).await;
        }
        assert!(places.0.len() < 100, "{}", places.0.len());
    }
}
