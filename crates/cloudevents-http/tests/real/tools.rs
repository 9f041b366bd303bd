//! What the tests are written with.

use bytes::Bytes;
use cloudevents_core::Event;
pub(crate) use cloudevents_testkit::patience;
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::Value;
use std::{
    future::Future,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    time::timeout,
};

/// What must happen soon.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(patience(), future).await.expect("it takes too long")
}

/// Whether the test has stood still for so long that the server may have given up its clients, which it does after a second.
pub(crate) fn is_late(begin: Instant) -> bool {
    begin.elapsed() > Duration::from_millis(900)
}

/// Every sample event, by name.
pub(crate) fn samples() -> Vec<(String, Event)> {
    let mut all = Vec::new();
    for (_, text) in cloudevents_vectors::samples() {
        for sample in serde_json::from_str::<Vec<Value>>(text).unwrap() {
            let name = sample["name"].as_str().unwrap();
            let events = match sample.get("events") {
                Some(events) => events.as_array().unwrap().clone(),
                None => vec![sample["event"].clone()],
            };
            for (index, event) in events.iter().enumerate() {
                all.push((format!("{name}/{index}"), cloudevents_testkit::tagged::to_event(event).unwrap()));
            }
        }
    }
    assert!(all.len() > 100);
    all
}

/// A small event.
pub(crate) fn event(id: &str) -> Event {
    Event::builder().id(id).source("/tests").ty("com.example.test").text("payload").build().unwrap()
}

/// The head of a good request in binary mode, with a body of 7 bytes.
pub(crate) const GOOD: &str = "POST /events HTTP/1.1\r\nhost: test\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /tests\r\nce-type: t\r\ncontent-type: text/plain\r\ncontent-length: 7\r\n\r\npayload";

/// Serves until the test ends.
pub(crate) async fn serve(app: axum::Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A client that no proxy of the environment comes between.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// A response that was read off a socket.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// A member of the problem document.
    pub(crate) fn problem(&self, member: &str) -> Value {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        let document: Value = serde_json::from_slice(&self.body).unwrap();
        assert_eq!(document["status"], self.status.as_u16());
        document[member].clone()
    }
}

/// A connection on which bytes are written as they are.
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self { stream: soon(TcpStream::connect(address)).await.unwrap(), read: Vec::new() }
    }

    /// Writes; that the peer has hung up shows when reading.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        soon(self.stream.write_all(bytes.as_ref())).await.is_ok()
    }

    /// Writes, for however long the peer takes.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// Whether the connection ends without being reset, once everything is read.
    pub(crate) async fn ends_in_order(&mut self) -> bool {
        self.read.clear();
        soon(async {
            loop {
                match self.stream.read_buf(&mut self.read).await {
                    Ok(0) => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        })
        .await
    }

    /// Says that nothing more comes.
    pub(crate) async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// The next response; `None` when there is none before the connection ends.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        soon(self.read_answer()).await
    }

    /// The next response when it comes within this time.
    pub(crate) async fn answer_within(&mut self, limit: Duration) -> Option<Answer> {
        timeout(limit, self.read_answer()).await.ok().flatten()
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.parse() {
                return Some(answer);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(1..) => {}
                Ok(0) | Err(_) => return None,
            }
        }
    }

    fn parse(&mut self) -> Option<Answer> {
        let end = self.read.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').unwrap();
            headers.append(name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap());
        }
        let length =
            headers.get("content-length").map_or(0, |value| value.to_str().unwrap().parse().unwrap());
        let body = self.read.get(end + 4..end + 4 + length)?.to_vec().into();
        self.read.drain(..end + 4 + length);
        Some(Answer { status, headers, body })
    }
}

/// One request on a connection of its own.
pub(crate) async fn post(address: SocketAddr, request: impl AsRef<[u8]>) -> Option<Answer> {
    let mut wire = Wire::connect(address).await;
    wire.write(request).await;
    wire.answer().await
}

/// A server that keeps each request byte for byte, and accepts it.
pub(crate) struct Recorder {
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    requests: watch::Receiver<Vec<String>>,
}

impl Recorder {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (recorded, requests) = watch::channel(Vec::new());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(record(stream, recorded.clone()));
            }
        });
        Self { address, url: format!("http://{address}/events"), requests }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Waits for so many requests.
    pub(crate) async fn until(&self, number: usize) {
        let mut requests = self.requests.clone();
        soon(requests.wait_for(|requests| requests.len() >= number)).await.unwrap();
    }
}

async fn record(mut stream: TcpStream, recorded: watch::Sender<Vec<String>>) {
    let mut read = Vec::new();
    while let Ok(1..) = stream.read_buf(&mut read).await {
        let text = String::from_utf8(read.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let lengths = head.split("\r\n").filter_map(|line| line.strip_prefix("content-length: "));
        if lengths.map(|length| length.parse::<usize>().unwrap()).max() > Some(body.len()) {
            continue;
        }
        recorded.send_modify(|requests| requests.push(text));
        read.clear();
        let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
    }
}
