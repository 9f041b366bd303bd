//! Probes and metrics of a running command: `/live`, `/ready` and `/metrics`.

use crate::failure::{Failure, Status};
use bytes::Bytes;
use cloudevents_kit::{self as kit, http::HttpReceiverOptions, transport::PrometheusPage};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE},
};
use std::{
    future::pending,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinHandle,
};

/// The state that is served.
pub(super) trait Shown: Clone + Send + Sync + 'static {
    /// Whether the command does its work.
    fn is_ready(&self) -> impl Future<Output = bool> + Send;

    /// Why it does not, on one line, if that is known.
    fn reason(&self) -> Option<String> {
        None
    }

    /// The metrics.
    fn page(&self) -> PrometheusPage;
}

/// The most connections at once. A client that has not sent a request gives way to others.
const CONNECTIONS: usize = 16;

/// The most requests of `/ready` that look at the same time. `/live` and `/metrics` have the other connections.
const LOOKS: usize = CONNECTIONS / 2;

/// How long a client may take for a request, and to read the response.
const TIME: Duration = Duration::from_secs(5);

/// A server that ends when this is dropped.
pub(super) struct Serving<S> {
    /// As it is in the settings.
    pub(super) address: SocketAddr,
    pub(super) url: String,
    status: watch::Sender<S>,
    task: JoinHandle<()>,
}

impl<S: Shown> Serving<S> {
    /// Shows another state from now on.
    pub(super) fn show(&self, status: S) {
        self.status.send_replace(status);
    }

    /// Changes the state that is shown.
    pub(super) fn change(&self, change: impl FnOnce(&mut S)) {
        self.status.send_modify(change);
    }
}

impl<S> Drop for Serving<S> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves `/live`, `/ready` and `/metrics` at this address, or not at all.
///
/// If that fails, the server of the address before stays, if it can.
pub(super) async fn serve_at<S: Shown>(
    serving: &mut Option<Serving<S>>,
    address: Option<SocketAddr>,
    status: &S,
) -> Result<(), Failure> {
    if serving.as_ref().map(|serving| serving.address) == address {
        return Ok(());
    }
    let Some(address) = address else {
        *serving = None;
        return Ok(());
    };
    // One of them may be all addresses of the machine.
    let before = match serving {
        Some(before) if before.address.port() == address.port() => {
            before.task.abort();
            let _ = (&mut before.task).await;
            Some(before.address)
        }
        _ => None,
    };
    match serve(address, status.clone()).await {
        Ok(other) => *serving = Some(other),
        Err(failure) => {
            if let Some(before) = before {
                *serving = serve(before, status.clone()).await.ok();
            }
            return Err(failure);
        }
    }
    Ok(())
}

async fn serve<S: Shown>(address: SocketAddr, status: S) -> Result<Serving<S>, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Status::Network, format!("metrics cannot be served at {address}: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}/metrics", listener.local_addr().map_err(failed)?);
    let mut options = HttpReceiverOptions::default();
    options.connections = CONNECTIONS;
    (options.header_deadline, options.response_deadline) = (TIME, TIME);
    let (status, shown) = watch::channel(status);
    let looks = Arc::new(Looks { free: Semaphore::new(LOOKS), last: AtomicBool::new(false) });
    let task = tokio::spawn(async move {
        let respond = move |request: Request<_>, _| {
            let (status, looks) = (shown.borrow().clone(), Arc::clone(&looks));
            async move { respond(request.method(), request.uri().path(), &status, &looks).await }
        };
        kit::http::serve(listener, &options, pending(), respond).await;
    });
    Ok(Serving { address, url, status, task })
}

/// Looks at the state, and the result of the last one.
struct Looks {
    free: Semaphore,
    last: AtomicBool,
}

impl Looks {
    /// Whether the command does its work: by a look, or by the last one while many are under way.
    async fn is_ready(&self, status: &impl Shown) -> bool {
        let Ok(_place) = self.free.try_acquire() else { return self.last.load(Ordering::Relaxed) };
        let is_ready = status.is_ready().await;
        self.last.store(is_ready, Ordering::Relaxed);
        is_ready
    }
}

async fn respond(method: &Method, path: &str, status: &impl Shown, looks: &Looks) -> Response<Bytes> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (code, kind, body) = match (method, path) {
        (&Method::GET, "/live") => (StatusCode::OK, TEXT, "live\n".into()),
        (&Method::GET, "/ready") if looks.is_ready(status).await => (StatusCode::OK, TEXT, "ready\n".into()),
        (&Method::GET, "/ready") => {
            let why = status.reason().map_or_else(String::new, |why| format!(": {why}"));
            (StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready{why}\n"))
        }
        (&Method::GET, "/metrics") => {
            (StatusCode::OK, PrometheusPage::CONTENT_TYPE, status.page().to_string())
        }
        (&Method::GET, _) => (StatusCode::NOT_FOUND, TEXT, "try /live, /ready or /metrics\n".into()),
        _ => (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".into()),
    };
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = code;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
