//! Probes and metrics of a running bridge, and its end when nothing comes.

use crate::{
    commands::idle::is_here,
    console::Console,
    failure::{Failure, Status},
    plain::{count, plain},
    report::Report,
};
use bytes::Bytes;
use cloudevents_kit::{
    self as kit,
    http::HttpReceiverOptions,
    transport::{Connectivity, Missing, PrometheusPage, RunState, bridge::BridgeStatus},
};
use http::{
    HeaderValue, Method, Request, Response, StatusCode,
    header::{CONNECTION, CONTENT_TYPE},
};
use std::{
    future::pending,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpListener,
    sync::{Notify, watch},
    task::JoinHandle,
    time::sleep,
};

/// The most connections at once. A client that has not sent a request gives way to others.
const CONNECTIONS: usize = 16;

/// How long a client may take for a request, and to read the response.
const TIME: Duration = Duration::from_secs(5);

/// A server that ends when this is dropped.
pub(super) struct Serving {
    /// As it is in the settings.
    pub(super) address: SocketAddr,
    pub(super) url: String,
    status: watch::Sender<BridgeStatus>,
    task: JoinHandle<()>,
}

impl Serving {
    /// Shows another bridge from now on.
    pub(super) fn show(&self, status: BridgeStatus) {
        self.status.send_replace(status);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves `/live`, `/ready` and `/metrics` at this address, or not at all.
///
/// If that fails, the server of the address before stays, if it can.
pub(super) async fn serve_at(
    serving: &mut Option<Serving>,
    address: Option<SocketAddr>,
    status: &BridgeStatus,
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

async fn serve(address: SocketAddr, status: BridgeStatus) -> Result<Serving, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Status::Network, format!("metrics cannot be served at {address}: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}/metrics", listener.local_addr().map_err(failed)?);
    let mut options = HttpReceiverOptions::default();
    options.connections = CONNECTIONS;
    (options.header_deadline, options.response_deadline) = (TIME, TIME);
    let (status, shown) = watch::channel(status);
    let task = tokio::spawn(async move {
        let respond = move |request: Request<_>, _| {
            let status = shown.borrow().clone();
            async move { respond(request.method(), request.uri().path(), &status) }
        };
        kit::http::serve(listener, &options, pending(), respond).await;
    });
    Ok(Serving { address, url, status, task })
}

fn respond(method: &Method, path: &str, status: &BridgeStatus) -> Response<Bytes> {
    const TEXT: &str = "text/plain; charset=utf-8";
    let (code, kind, body) = match (method, path) {
        (&Method::GET, "/live") => (StatusCode::OK, TEXT, "live\n".into()),
        (&Method::GET, "/ready") => match status.unready() {
            None => (StatusCode::OK, TEXT, "ready\n".into()),
            // The reason may have text from a peer.
            Some(why) => {
                let why = format!("not ready: {}\n", plain(&why.to_string()));
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, why)
            }
        },
        (&Method::GET, "/metrics") => {
            let mut page = PrometheusPage::new();
            status.add_to(&mut page);
            (StatusCode::OK, PrometheusPage::CONTENT_TYPE, page.to_string())
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

/// Waits until the bridge is ending after a request to end. Returns the number of messages that it finishes.
pub(super) async fn ending(is_asked: &Notify, status: &BridgeStatus) -> usize {
    is_asked.notified().await;
    while !matches!(status.activity().state(), RunState::Ending | RunState::NotRunning) {
        sleep(Duration::from_millis(1)).await;
    }
    status.activity().finishing()
}

/// Ready when no message has come for this time, and no message has to be waited for.
///
/// While an end is away, messages may wait unread. Messages that were lost with a connection come again. A message that could not be sent
/// waits for another attempt, unless its sender has to make that attempt. Messages that are held until the end are not waited for.
pub(super) async fn idle(
    status: &BridgeStatus,
    ends: &[Connectivity],
    time: Option<Duration>,
    console: &Console,
) {
    let Some(time) = time else { return pending().await };
    let look = || (ends.iter().all(is_here), status.received().received, status.metrics().confirmed);
    let is_connected = || ends.iter().all(|end| end.state().is_connected());
    let (mut before, mut quiet, mut is_told) = (look(), Instant::now(), false);
    loop {
        sleep(time / 8).await;
        let now = look();
        if now != before {
            (before, quiet) = (now, Instant::now());
        }
        if quiet.elapsed() < time {
            continue;
        }
        if now.0 && is_connected() && status.pending() == 0 {
            let held = status.received().unsettled();
            match status.activity().state() {
                RunState::Blocked if held > 0 => return console.report(&at_the_bound(held)),
                RunState::Blocked | RunState::Disconnected => {}
                _ if held > 0 => return console.report(&held_until_the_end(held)),
                _ => return,
            }
        }
        if !is_told && let Some(report) = waiting(status, ends.iter().any(comes_again)) {
            console.report(&report);
            is_told = true;
        }
    }
}

/// The bridge holds the messages that it has read, and reads no more.
fn at_the_bound(held: u64) -> Report {
    let held = messages(held);
    let words = format!("no more than {held} can be held at once; there may be others at FROM");
    Report::warning(words).kind("redrive").help("`in-flight` in a configuration file raises the bound")
}

/// The bound of the broker is not always known.
fn held_until_the_end(held: u64) -> Report {
    let (held, verb) = (messages(held), if held == 1 { "was" } else { "were" });
    let words = format!(
        "{held} {verb} held until the end; there may be others at FROM, if its broker sends no more at once"
    );
    Report::warning(words)
        .kind("redrive")
        .help("settings of the broker, or of its consumer, bound what is not settled")
}

fn messages(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), "message")
}

fn comes_again(end: &Connectivity) -> bool {
    end.missing() == Some(Missing::ComesAgain)
}

/// Reports the reason for which a bridge waits and moves no message.
fn waiting(status: &BridgeStatus, comes_again: bool) -> Option<Report> {
    let activity = status.activity();
    let what = match (activity.running(), activity.waiting(), status.waiting_letters()) {
        (1.., ..) => return None,
        (0, 0, 0) if comes_again => {
            "for what was delivered before and not settled, and comes again".to_owned()
        }
        (0, 0, 0) => return None,
        (0, 0, letters) => format!("for the dead-letter place of {}", count(letters, "refused message")),
        (0, failed, _) => format!("for another attempt at {}", count(failed, "message")),
    };
    let words = format!("waiting {what}; the bridge is not idle before");
    Some(Report::warning(words).kind("waiting").help("Ctrl-C ends it, and leaves at FROM what FROM keeps"))
}
