//! A server with a webhook target or a plain receiver behind it, and with faults in its responses.

use super::fault::Fault;
use crate::{
    commands::handshakes,
    connect::{self, Opened},
    failure::{Failure, Status},
};
use bytes::Bytes;
use cloudevents_kit::{
    Error, ErrorKind, Receiver,
    http::{Exchange, HttpReceiverOptions, Problem, RequestBody, serve},
    transport::{Endpoint, binding::normal_path},
    webhook::receiver::{Webhook, WebhookOptions},
};
use http::{HeaderValue, Method, Response, StatusCode, header::ALLOW};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A running server.
pub(crate) struct Server {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Server {
    /// Stops accepting requests.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until the last responses are sent, for a limited time.
    pub(crate) async fn close(self) {
        self.stop();
        let _ = tokio::time::timeout(Duration::from_secs(5), self.task).await;
    }
}

/// Returns the fault of responding with `status` where `accepted` is right.
pub(crate) fn respond_with(accepted: StatusCode, status: StatusCode) -> Fault {
    Fault::Status(accepted, status)
}

/// Opens a webhook target at this URL, and plants these faults.
pub(crate) async fn open(
    url: &str,
    options: WebhookOptions,
    faults: Vec<Fault>,
) -> Result<(Opened, Server), Failure> {
    let http = options.http.clone();
    let (webhook, receiver) = Webhook::open(options)
        .map_err(|error| Failure::Told(Status::Usage, Box::new(connect::report(&error))))?;
    serving(url, http, receiver, faults, move |request, peer| {
        let webhook = webhook.clone();
        async move { webhook.respond(request, Some(peer)).await }
    })
    .await
}

/// Opens a receiver of plain HTTP at this URL, and plants these faults.
pub(crate) async fn open_plain(
    url: &str,
    options: HttpReceiverOptions,
    faults: Vec<Fault>,
) -> Result<(Opened, Server), Failure> {
    let (exchange, receiver) = Exchange::new(options.clone());
    serving(url, options, receiver.into_receiver(), faults, move |request, peer| {
        let exchange = exchange.clone();
        async move { deliver(&exchange, request, peer).await }
    })
    .await
}

/// Reads, delivers and responds.
async fn deliver(
    exchange: &Exchange,
    request: http::Request<RequestBody>,
    peer: SocketAddr,
) -> Response<Bytes> {
    if request.method() != Method::POST {
        let mut response = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "send events with POST").into_http();
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        show(exchange.options(), &response, request.method(), request.uri().path());
        return response;
    }
    match exchange.read(request).await {
        Ok(read) => {
            let decoded = exchange.decode(&read);
            let options = exchange.options();
            let settled = exchange.deliver(read, decoded, Some(peer)).await;
            settled.into_response(options.accepted, options.retry_after)
        }
        Err(problem) => problem.into_http(),
    }
}

/// Shows a refusal that the server decides on.
fn show(options: &HttpReceiverOptions, response: &Response<Bytes>, method: &Method, path: &str) {
    if let Some(see) = &options.on_refusal {
        let words = format!("{} of {method} {path}", response.status());
        see(&Error::new(ErrorKind::Refused).with_detail(words));
    }
}

/// Serves the requests of one path.
async fn serving<F>(
    url: &str,
    http: HttpReceiverOptions,
    receiver: Receiver,
    faults: Vec<Fault>,
    target: impl Fn(http::Request<RequestBody>, SocketAddr) -> F + Clone + Send + Sync + 'static,
) -> Result<(Opened, Server), Failure>
where
    F: Future<Output = Response<Bytes>> + Send,
{
    let faults: Arc<[Fault]> = faults.into();
    let shown = http.clone();
    serving_paths(url, http, receiver, move |request: http::Request<RequestBody>, peer, is_at| {
        let (target, faults, options) = (target.clone(), Arc::clone(&faults), shown.clone());
        async move {
            let method = request.method().clone();
            let origin = request.headers().get("webhook-request-origin").cloned();
            let answered = handshakes::of_request(request.headers());
            if !is_at {
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = StatusCode::NOT_FOUND;
                show(&options, &response, &method, request.uri().path());
                return response;
            }
            let mut response = target(request, peer).await;
            if let (Some(see), Some(option)) = (&options.on_refusal, answered)
                && !response.status().is_success()
            {
                let error =
                    Error::new(ErrorKind::Refused).with_detail("it was a handshake, which has no answer");
                see(&error.with_clause("WEBHOOK-4.2-d").with_help(option));
            }
            faults.iter().for_each(|fault| fault.apply(&method, origin.as_ref(), &mut response));
            response
        }
    })
    .await
}

/// Serves all requests. The last argument of `respond` says whether a request has the path of the URL.
pub(super) async fn serving_paths<F>(
    url: &str,
    http: HttpReceiverOptions,
    receiver: Receiver,
    respond: impl Fn(http::Request<RequestBody>, SocketAddr, bool) -> F + Clone + Send + Sync + 'static,
) -> Result<(Opened, Server), Failure>
where
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let (listener, url, path) = listen(url).await?;
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        let stop = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let respond = move |request: http::Request<RequestBody>, peer| {
            let is_at = normal_path(request.uri().path()) == *path;
            respond(request, peer, is_at)
        };
        serve(listener, &http, stop, respond).await;
    });
    Ok((Opened { receiver, url, notes: Vec::new() }, Server { stop, task }))
}

async fn listen(url: &str) -> Result<(TcpListener, String, Arc<str>), Failure> {
    let failed = |error| Failure::Told(Status::Usage, Box::new(connect::report(&error)));
    let endpoint = Endpoint::parse(url).map_err(failed)?;
    if endpoint.scheme() != "http" {
        return Err(
            Failure::usage("the scheme is not `http`").help("let a proxy in front of it terminate TLS")
        );
    }
    let host = endpoint.host().map_err(failed)?.with_port(80);
    let network = |error| Failure::new(Status::Network, format!("cannot listen at {host}: {error}"));
    let listener = TcpListener::bind((host.name(), host.port().unwrap_or(80))).await.map_err(network)?;
    let address = listener.local_addr().map_err(network)?;
    let path = normal_path(&format!("/{}", endpoint.path())).into_owned();
    Ok((listener, format!("http://{address}{path}"), path.into()))
}
