//! Probes and metrics of a running bridge, and its end when nothing comes.

use crate::failure::{Failure, Status};
use cloudevents_kit::transport::{Connectivity, PrometheusPage, bridge::BridgeStatus};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// The most requests that are answered at once.
const REQUESTS: usize = 16;

/// The longest head of a request.
const HEAD: usize = 8 << 10;

/// How long a request may take.
const TIME: Duration = Duration::from_secs(5);

/// A server that ends when this is dropped.
pub(super) struct Serving {
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

/// Serves `/live`, `/ready` and `/metrics`.
pub(super) async fn serve(address: SocketAddr, status: BridgeStatus) -> Result<Serving, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Status::Network, format!("metrics cannot be served at {address}: {error}"))
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let url = format!("http://{}/metrics", listener.local_addr().map_err(failed)?);
    let places = Arc::new(Semaphore::new(REQUESTS));
    let (status, shown) = watch::channel(status);
    let task = tokio::spawn(async move {
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                sleep(Duration::from_millis(100)).await; // no file descriptors are left, perhaps
                continue;
            };
            let status = shown.borrow().clone();
            tokio::spawn(async move {
                let _ = timeout(TIME, answer(stream, &status)).await;
                drop(place);
            });
        }
    });
    Ok(Serving { url, status, task })
}

/// Answers one request, and closes the connection.
async fn answer(mut stream: TcpStream, status: &BridgeStatus) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let (code, kind, body) = respond(line, status);
    let response = format!(
        "HTTP/1.1 {code}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await
}

fn respond(line: &[u8], status: &BridgeStatus) -> (&'static str, &'static str, String) {
    const TEXT: &str = "text/plain; charset=utf-8";
    let mut words = line.split(|byte| *byte == b' ');
    let (method, path) = (words.next(), words.next().unwrap_or_default());
    let path = path.split(|byte| *byte == b'?').next().unwrap_or_default();
    match (method, path) {
        (Some(b"GET"), b"/live") => ("200 OK", TEXT, "live\n".into()),
        (Some(b"GET"), b"/ready") if status.is_ready() => ("200 OK", TEXT, "ready\n".into()),
        (Some(b"GET"), b"/ready") => ("503 Service Unavailable", TEXT, "not ready\n".into()),
        (Some(b"GET"), b"/metrics") => {
            let mut page = PrometheusPage::new();
            status.add_to(&mut page);
            ("200 OK", PrometheusPage::CONTENT_TYPE, page.to_string())
        }
        (Some(b"GET"), _) => ("404 Not Found", TEXT, "try /live, /ready or /metrics\n".into()),
        _ => ("405 Method Not Allowed", TEXT, "only GET\n".into()),
    }
}

/// SIGHUP, where there is a file to read again and the system has signals.
pub(super) struct Hangup(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Hangup {
    /// Starts watching, if wanted: otherwise the signal ends the program as usual.
    #[cfg(unix)]
    pub(super) fn watch(wanted: bool) -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self(wanted.then(|| signal(SignalKind::hangup()).ok()).flatten())
    }

    /// There is no such signal.
    #[cfg(not(unix))]
    pub(super) fn watch(_: bool) -> Self {
        Self()
    }

    /// Waits for the next one.
    pub(super) async fn asked(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending().await
    }
}

/// Ready when no message has come for this time, and none is on its way. While an end is away, messages may wait unread; a message that
/// could not be sent waits for another attempt, unless its sender has to make that.
pub(super) async fn idle(status: &BridgeStatus, ends: &[Connectivity], time: Option<Duration>) {
    let Some(time) = time else { return std::future::pending().await };
    let mut before = (0, 0);
    loop {
        sleep(time).await;
        let now = (status.received().received, status.metrics().failed);
        let is_here = ends.iter().all(|end| end.state().is_connected());
        if now == before && is_here && (status.is_ready() || status.received().unsettled() == 0) {
            return;
        }
        before = now;
    }
}
