//! The HTTP server of `ce listen` and `ce webhook serve`: a webhook target or a plain receiver behind it, and faults in its responses.

mod fault;

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
pub(crate) use fault::Fault;
use http::{HeaderValue, Method, Response, StatusCode, header::ALLOW};
use std::{
    net::{self, SocketAddr},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{TcpListener, lookup_host},
    sync::watch,
    task::JoinHandle,
};

/// A socket that is listened at, and its URL.
pub(crate) struct Listening {
    socket: TcpListener,
    /// With the port that was free for port 0.
    url: String,
    path: Arc<str>,
}

impl Listening {
    /// Listens at `http://ADDRESS:PORT/PATH`. A socket that a supervisor holds has to have this address and this port.
    pub(crate) async fn at(url: &str, held: Option<net::TcpListener>) -> Result<Self, Failure> {
        let failed = |error| Failure::Told(Status::Usage, Box::new(connect::report(&error)));
        let endpoint = Endpoint::parse(url).map_err(failed)?;
        if endpoint.scheme() != "http" {
            return Err(
                Failure::usage("the scheme is not `http`").help("let a proxy in front of it terminate TLS")
            );
        }
        let host = endpoint.host().map_err(failed)?.with_port(80);
        let network = |error| Failure::new(Status::Network, format!("cannot listen at {host}: {error}"));
        let place = (host.name(), host.port().unwrap_or(80));
        let socket = match held {
            Some(held) => {
                let address = held.local_addr().map_err(network)?;
                if !lookup_host(place).await.map_err(network)?.any(|known| known == address) {
                    let words =
                        format!("the socket of the supervisor listens at {address}, and not at {host}");
                    return Err(Failure::usage(words).help("give both the same address and port"));
                }
                held.set_nonblocking(true).map_err(network)?;
                TcpListener::from_std(held).map_err(network)?
            }
            None => TcpListener::bind(place).await.map_err(network)?,
        };
        let address = socket.local_addr().map_err(network)?;
        let path = normal_path(&format!("/{}", endpoint.path())).into_owned();
        Ok(Self { socket, url: format!("http://{address}{path}"), path: path.into() })
    }
}

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

    /// Waits until it has stopped, and the last responses are sent.
    pub(crate) async fn ended(&mut self) {
        let _ = (&mut self.task).await;
    }

    /// Waits until the last responses are sent, for a limited time.
    pub(crate) async fn close(self) {
        self.stop();
        if self.task.is_finished() {
            return;
        }
        let _ = tokio::time::timeout(Duration::from_secs(5), self.task).await;
    }
}

/// Returns the fault of responding with `status` where `accepted` is right.
pub(crate) fn respond_with(accepted: StatusCode, status: StatusCode) -> Fault {
    Fault::Status(accepted, status)
}

/// Opens a webhook target, and plants these faults.
pub(crate) fn open(
    listening: Listening,
    options: WebhookOptions,
    faults: Vec<Fault>,
) -> Result<(Opened, Server), Failure> {
    let http = options.http.clone();
    let (webhook, receiver) = Webhook::open(options)
        .map_err(|error| Failure::Told(Status::Usage, Box::new(connect::report(&error))))?;
    Ok(serving(listening, http, receiver, faults, move |request, peer| {
        let webhook = webhook.clone();
        async move { webhook.respond(request, Some(peer)).await }
    }))
}

/// Opens a receiver of plain HTTP, and plants these faults.
pub(crate) fn open_plain(
    listening: Listening,
    options: HttpReceiverOptions,
    faults: Vec<Fault>,
) -> (Opened, Server) {
    let (exchange, receiver) = Exchange::new(options.clone());
    serving(listening, options, receiver.into_receiver(), faults, move |request, peer| {
        let exchange = exchange.clone();
        async move { deliver(&exchange, request, peer).await }
    })
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
fn serving<F>(
    listening: Listening,
    http: HttpReceiverOptions,
    receiver: Receiver,
    faults: Vec<Fault>,
    target: impl Fn(http::Request<RequestBody>, SocketAddr) -> F + Clone + Send + Sync + 'static,
) -> (Opened, Server)
where
    F: Future<Output = Response<Bytes>> + Send,
{
    let faults: Arc<[Fault]> = faults.into();
    let shown = http.clone();
    serving_paths(listening, http, receiver, move |request: http::Request<RequestBody>, peer, is_at| {
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
}

/// Serves all requests. The last argument of `respond` says whether a request has the path of the URL.
pub(crate) fn serving_paths<F>(
    listening: Listening,
    http: HttpReceiverOptions,
    receiver: Receiver,
    respond: impl Fn(http::Request<RequestBody>, SocketAddr, bool) -> F + Clone + Send + Sync + 'static,
) -> (Opened, Server)
where
    F: Future<Output = Response<Bytes>> + Send + 'static,
{
    let Listening { socket, url, path } = listening;
    let (stop, mut stopped) = watch::channel(false);
    let task = tokio::spawn(async move {
        let stop = async {
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let respond = move |request: http::Request<RequestBody>, peer| {
            let is_at = normal_path(request.uri().path()) == *path;
            respond(request, peer, is_at)
        };
        serve(socket, &http, stop, respond).await;
    });
    (Opened { receiver, url, notes: Vec::new() }, Server { stop, task })
}
