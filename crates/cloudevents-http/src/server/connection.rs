//! Serving one connection.

use super::{
    HttpReceiverOptions,
    body::RequestBody,
    connection_state::{Awaited, Line},
    framing,
    unread::Unread,
    writing::Patience,
};
use crate::MAX_HEADERS;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http::{
    HeaderValue, Request, Response, StatusCode,
    header::{CONNECTION, EXPECT},
};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    convert::Infallible,
    future::poll_fn,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};
use tokio::{sync::watch, task::unconstrained, time::timeout};

/// How long a request that is not complete may go on arriving when the server stops, and how long the first byte of a connection may.
const GRACE: Duration = Duration::from_secs(1);

/// For ever, within the range of clocks.
const A_CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Serves requests, one after the other, until the client or the server ends the connection.
pub(super) async fn run<F, R>(
    stream: Patience,
    peer: SocketAddr,
    options: Arc<HttpReceiverOptions>,
    stopped: watch::Receiver<bool>,
    line: Arc<Line>,
    respond: F,
) where
    F: Fn(Request<RequestBody>, SocketAddr) -> R + Send + Sync,
    R: Future<Output = Response<Bytes>> + Send,
{
    let client = stream.client();
    let service = service_fn(|mut request: Request<Incoming>| {
        line.begin();
        request.extensions_mut().insert(client.clone());
        let refusal = framing::refuse(&request);
        if let Some((response, why)) = &refusal {
            let from = Unread { peer, status: Some(response.status()) };
            options.refused(&Error::new(ErrorKind::Transport).with_detail(*why).with_source(from));
        }
        let continues = request.headers().contains_key(EXPECT);
        let request = request.map(|body| RequestBody::new(body, Arc::clone(&line)));
        let responding = if refusal.is_none() { Some(respond(request, peer)) } else { None };
        let line = &line;
        async move {
            let mut response = match (responding, refusal) {
                (Some(responding), _) => responding.await,
                (None, refusal) => refusal.map(|(response, _)| *response).unwrap_or_default(),
            };
            // A client that waits for 100 (RFC 9110, section 10.1.1) sends no body.
            if line.is_unread() {
                line.discard(!continues).await;
            }
            if line.is_unread() {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            line.respond();
            Ok::<_, Infallible>(response.map(Full::new))
        }
    });
    let mut served = http1::Builder::new()
        .timer(TokioTimer::new())
        .half_close(options.half_close)
        .header_read_timeout(options.header_deadline.min(A_CENTURY))
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut stop = pin!(until(stopped));
    let ended = poll_fn(|context| match Pin::new(&mut served).poll(context) {
        Poll::Ready(ended) => Poll::Ready(Some(ended)),
        Poll::Pending => stop.as_mut().poll(context).map(|()| None),
    });
    let ended = match ended.await {
        Some(ended) => ended,
        None => {
            // A client that has just connected may be sending its first request.
            let first = poll_fn(|context| match Pin::new(&mut served).poll(context) {
                Poll::Ready(ended) => Poll::Ready(Some(ended)),
                Poll::Pending if line.is_new() => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            });
            match timeout(GRACE, first).await {
                Ok(Some(ended)) => ended,
                _ => {
                    Pin::new(&mut served).graceful_shutdown();
                    match timeout(GRACE, &mut served).await {
                        Ok(ended) => ended,
                        Err(_) => {
                            line.cut();
                            // A request that has not arrived is no request. A client that still sends gets its time to read the response.
                            if line.awaits() == Some(Awaited::Head) && !line.is_unread() {
                                return;
                            }
                            (&mut served).await
                        }
                    }
                }
            }
        }
    };
    // Bytes of a next request that came together with the request before.
    if !served.into_parts().read_buf.trim_ascii_start().is_empty() {
        line.hear();
    }
    match ended {
        Err(error) if error.is_parse() => {
            let status = status_of(&error);
            let why = Error::new(ErrorKind::Transport).with_detail(format!("no request: {error}"));
            options.refused(&why.with_source(Unread { peer, status }));
        }
        Err(error) if line.is_in_head() => {
            let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Disconnected };
            let why = Error::new(kind).with_detail(format!("the head of a request broke off: {error}"));
            options.refused(&why.with_source(Unread { peer, status: None }));
        }
        Err(error) => tracing::debug!(%error, "a connection ended early"),
        Ok(()) => {}
    }
}

/// The status that hyper responds with to what is no request.
fn status_of(error: &hyper::Error) -> Option<StatusCode> {
    match () {
        () if error.is_parse_version_h2() => None,
        // hyper has one method for both, and other words.
        () if error.is_parse_too_large() && error.to_string().contains("URI") => {
            Some(StatusCode::URI_TOO_LONG)
        }
        () if error.is_parse_too_large() => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
        () => Some(StatusCode::BAD_REQUEST),
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

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::task::{ArcWake, waker};
    use std::{
        sync::atomic::{AtomicU32, Ordering},
        task::Context,
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
