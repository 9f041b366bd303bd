//! Accepting connections and serving them.

use super::HttpReceiverOptions;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::sleep,
};

/// The pause after a connection could not be accepted (without free file descriptors, for example).
const PAUSE: Duration = Duration::from_millis(100);

/// Serves HTTP/1.1 without TLS until `stop` resolves, then finishes the requests under way and closes the connections.
///
/// Of the options, [`header_deadline`](HttpReceiverOptions::header_deadline) and [`connections`](HttpReceiverOptions::connections) apply.
/// Dropping the future closes all connections.
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
    stream: TcpStream,
    peer: SocketAddr,
    header_deadline: Duration,
    mut stopped: watch::Receiver<bool>,
    respond: F,
) where
    F: Fn(Request<RequestBody>, SocketAddr) -> R + Send + Sync,
    R: Future<Output = Response<Bytes>> + Send,
{
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let response = respond(request.map(RequestBody), peer);
        async { Ok::<_, Infallible>(response.await.map(Full::new)) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_deadline)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    // The guard of the watched value must not live across an await.
    let stop = async move {
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = stop => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
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
