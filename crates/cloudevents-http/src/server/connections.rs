//! Accepting connections and serving them.

use super::{HttpReceiverOptions, patience::Patience, timer::SpareTimer};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinSet, unconstrained},
    time::sleep,
};

/// The pause after a connection could not be accepted (without free file descriptors, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 without TLS until `stop` resolves, then finishes the requests under way and closes the connections.
///
/// Of the options, [`header_deadline`](HttpReceiverOptions::header_deadline),
/// [`response_deadline`](HttpReceiverOptions::response_deadline) and [`connections`](HttpReceiverOptions::connections) apply. Dropping the future closes all connections.
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
    let mut connections = JoinSet::new();
    let (stopping, stopped) = watch::channel(false);
    let mut stop = pin!(stop);
    loop {
        while connections.try_join_next().is_some() {}
        let room = connections.len() < options.connections.max(1);
        tokio::select! {
            biased;
            () = stop.as_mut() => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            taken = listener.accept(), if room => match taken {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    let stream = Patience::new(stream, options.response_deadline);
                    let deadline = options.header_deadline;
                    connections.spawn(connection(stream, peer, deadline, stopped.clone(), respond.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    while connections.join_next().await.is_some() {}
}

async fn connection<F, R>(
    stream: Patience,
    peer: SocketAddr,
    header_deadline: Duration,
    stopped: watch::Receiver<bool>,
    respond: F,
) where
    F: Fn(Request<RequestBody>, SocketAddr) -> R + Send + Sync,
    R: Future<Output = Response<Bytes>> + Send,
{
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(request.map(RequestBody), peer);
        async { Ok::<_, Infallible>(response.await.map(Full::new)) }
    });
    let served = http1::Builder::new()
        .timer(SpareTimer::default())
        .header_read_timeout(header_deadline)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    let mut stop = pin!(until(stopped));
    let ended = poll_fn(|context| match served.as_mut().poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => stop.as_mut().poll(context).map(|()| None),
    });
    let ended = match ended.await {
        Some(ended) => ended,
        None => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Ready when the server stops. Until then, polling it again only looks: the task is registered already.
async fn until(mut stopped: watch::Receiver<bool>) {
    let look = stopped.clone();
    // Without a budget, because it is polled again only after a change. The guard of the watched value must not live across an await.
    let mut stop = pin!(unconstrained(async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    }));
    let mut registered: Option<Waker> = None;
    poll_fn(|context| {
        let is_registered = registered.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if is_registered && matches!(look.has_changed(), Ok(false)) {
            return Poll::Pending;
        }
        registered = Some(context.waker().clone());
        stop.as_mut().poll(context)
    })
    .await;
}

/// The body of a request of [`serve`].
#[derive(Debug)]
pub struct RequestBody(Incoming);

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut self.0).poll_frame(context).map_err(|error| {
            let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
            Error::new(kind).with_detail("the body broke off").with_source(error)
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::{ArcWake, waker};
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    #[derive(Default)]
    struct Wakes(AtomicU32);

    impl ArcWake for Wakes {
        fn wake_by_ref(wakes: &Arc<Self>) {
            wakes.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The task that polled last is woken, however often it polled before.
    #[test]
    fn the_stop_wakes_the_task_that_polled_last() {
        let (stopping, stopped) = watch::channel(false);
        let mut stop = pin!(until(stopped));
        let tasks = [(); 2].map(|()| Arc::<Wakes>::default());
        let mut poll =
            |task: &Arc<Wakes>| stop.as_mut().poll(&mut Context::from_waker(&waker(Arc::clone(task))));
        for task in [&tasks[0], &tasks[0], &tasks[1], &tasks[1]] {
            assert!(poll(task).is_pending());
        }
        stopping.send_replace(true);
        assert_eq!(tasks.each_ref().map(|task| task.0.load(Ordering::Relaxed)), [0, 1]);
        assert!(poll(&tasks[1]).is_ready());
    }

    #[test]
    fn a_stop_in_between_and_a_server_that_is_gone() {
        let (stopping, stopped) = watch::channel(false);
        let (mut first, mut second) = (pin!(until(stopped.clone())), pin!(until(stopped)));
        let mut context = Context::from_waker(Waker::noop());
        stopping.send_replace(true);
        assert!(first.as_mut().poll(&mut context).is_ready());
        drop(stopping);
        assert!(second.as_mut().poll(&mut context).is_ready());
        let (stopping, stopped) = watch::channel(false);
        let mut gone = pin!(until(stopped));
        assert!(gone.as_mut().poll(&mut context).is_pending());
        drop(stopping);
        assert!(gone.as_mut().poll(&mut context).is_ready());
    }
}
