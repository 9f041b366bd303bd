//! A target whose responses are given by the test.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::sleep,
};

/// The longest request that is read.
const LONGEST: usize = 1 << 20;

/// A response.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Respond {
    /// These bytes. Then the connection stays open.
    Raw(String),
    /// A status of 200 and a body without end.
    EndlessBody,
    /// A status of 200 and headers without end.
    HeaderFlood,
    /// One byte of a response at a time, at this interval, without end.
    Drip(Duration),
    /// Nothing, with the connection open.
    Silence,
    /// The end of the connection.
    HangUp,
}

impl Respond {
    /// A status, such as `204 No Content`, with headers that end in `\r\n` each, and no body.
    pub fn status(status: &str, headers: &str) -> Self {
        let length = if status.starts_with("204") { "" } else { "content-length: 0\r\n" };
        Self::Raw(format!("HTTP/1.1 {status}\r\n{length}{headers}\r\n"))
    }

    /// Consent to any origin, with this rate.
    pub fn agree(rate: &str) -> Self {
        Self::status(
            "200 OK",
            &format!("allow: POST\r\nwebhook-allowed-origin: *\r\nwebhook-allowed-rate: {rate}\r\n"),
        )
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TargetRequest {
    /// When its last byte came.
    pub at: Instant,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl TargetRequest {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// A target of webhooks at a port of this machine. Dropping it ends it.
#[derive(Debug)]
pub struct TestTarget {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    handshake: Respond,
    deliveries: Vec<Respond>,
    requests: Mutex<Vec<TargetRequest>>,
    arrived: Notify,
}

impl TestTarget {
    /// Responds to `OPTIONS` with the first response, and to other requests with the rest in order. The last response is repeated for ever.
    ///
    /// Panics if this machine has no free port.
    #[expect(clippy::expect_used, reason = "a test without a port cannot go on")]
    pub async fn start(handshake: Respond, deliveries: impl IntoIterator<Item = Respond>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let deliveries = deliveries.into_iter().collect();
        let shared =
            Arc::new(Shared { handshake, deliveries, requests: Mutex::default(), arrived: Notify::new() });
        let serving = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&serving);
                // Errors end a connection, as they do on a network.
                connections.spawn(async move { drop(serve(stream, &shared).await) });
            }
        });
        Self { address, shared, server }
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A URL of it.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The requests so far, handshakes included.
    pub fn requests(&self) -> Vec<TargetRequest> {
        self.shared.requests().clone()
    }

    /// The requests so far that are not handshakes.
    pub fn deliveries(&self) -> Vec<TargetRequest> {
        self.shared.requests().iter().filter(|request| request.method != "OPTIONS").cloned().collect()
    }

    /// Waits until there are this many requests.
    pub async fn wait_for(&self, count: usize) {
        loop {
            let arrived = self.shared.arrived.notified();
            if self.shared.requests().len() >= count {
                return;
            }
            arrived.await;
        }
    }
}

impl Drop for TestTarget {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn requests(&self) -> MutexGuard<'_, Vec<TargetRequest>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn respond(&self, request: TargetRequest) -> Respond {
        let mut requests = self.requests();
        let response = match request.method.as_str() {
            "OPTIONS" => self.handshake.clone(),
            _ => {
                let before = requests.iter().filter(|request| request.method != "OPTIONS").count();
                let last = self.deliveries.len().saturating_sub(1);
                self.deliveries.get(before.min(last)).cloned().unwrap_or(Respond::HangUp)
            }
        };
        requests.push(request);
        drop(requests);
        self.arrived.notify_waiters();
        response
    }
}

async fn serve(mut stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await? {
        match shared.respond(request) {
            Respond::Raw(text) => stream.write_all(text.as_bytes()).await?,
            Respond::HangUp => return Ok(()),
            Respond::Silence => std::future::pending().await,
            Respond::EndlessBody => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"1000\r\n").await?;
                    stream.write_all(&[b'x'; 0x1000]).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
            Respond::HeaderFlood => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n").await?;
                for number in 0_u64.. {
                    stream.write_all(format!("x-flood-{number}: {}\r\n", "x".repeat(500)).as_bytes()).await?;
                }
            }
            Respond::Drip(interval) => {
                for byte in b"HTTP/1.1 200 OK\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x')) {
                    stream.write_all(&[*byte]).await?;
                    sleep(interval).await;
                }
            }
        }
    }
    Ok(())
}

/// Reads one request with a declared length. `None` at the end of the connection.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<Option<TargetRequest>> {
    loop {
        if let Some((request, length)) = parse(buffer) {
            buffer.drain(..length);
            return Ok(Some(request));
        }
        if buffer.len() > LONGEST || stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(buffer: &[u8]) -> Option<(TargetRequest, usize)> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, rest) = buffer.split_at_checked(end.checked_add(4)?)?;
    let head = String::from_utf8_lossy(head).into_owned();
    let mut lines = head.lines();
    let mut start = lines.next()?.split(' ');
    let (method, path) = (start.next()?.to_owned(), start.next()?.to_owned());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    };
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0_usize);
    let body = rest.get(..length)?.to_vec();
    let used = end.checked_add(4)?.checked_add(length)?;
    Some((TargetRequest { at: Instant::now(), method, path, headers, body }, used))
}
