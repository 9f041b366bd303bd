//! Services over HTTP whose answers a test gives, and servers that are no service.
#![allow(clippy::unwrap_used, reason = "documented: they are for tests")]

use std::{
    fmt,
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A request, as it came.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Request {
    /// Method and path, and for AWS the operation: `POST /v1/projects/p/topics/t:publish`, `POST / AmazonSQS.SendMessageBatch`.
    pub line: String,
    /// The names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Request {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The operation that a request to AWS names: in a header, or in the form of its body.
    fn operation(&self) -> Option<&str> {
        let in_body = || self.body.split('&').find_map(|part| part.strip_prefix("Action="));
        self.header("x-amz-target").or_else(in_body)
    }
}

/// A status and a body. `None` holds the request for ever.
pub type Answer = Option<(u16, String)>;

type Answers = dyn Fn(&Request, usize) -> Answer + Send + Sync;

/// A service on a port of 127.0.0.1. It keeps the requests, and runs as long as the runtime.
#[derive(Clone)]
pub struct Service {
    address: SocketAddr,
    content_type: &'static str,
    requests: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Answers>,
}

impl Service {
    /// Starts it, with answers of this type. The function gets a request, and how many requests with the same line came before.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn start(
        content_type: &'static str,
        answers: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Self { address, content_type, requests: Arc::default(), answers: Arc::new(answers) };
        let serving = service.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        service
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests whose lines contain this, in order.
    ///
    /// # Panics
    ///
    /// If a function that gives answers has panicked.
    pub fn requests(&self, line: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.line.contains(line)).cloned().collect()
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let before = self.keep(&request);
            let Some((status, body)) = (self.answers)(&request, before) else { return pending().await };
            let head = format!("HTTP/1.1 {status} Any\r\nContent-Type: {}\r\n", self.content_type);
            let answer = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    /// Returns how many requests with the same line came before.
    fn keep(&self, request: &Request) -> usize {
        let mut requests = self.requests.lock().unwrap();
        let before = requests.iter().filter(|known| known.line == request.line).count();
        requests.push(request.clone());
        before
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("address", &self.address).finish_non_exhaustive()
    }
}

/// `None` at the end of the connection.
async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut request = Request { line: String::new(), headers: Vec::new(), body: String::new() };
    stream.read_line(&mut request.line).await.ok().filter(|read| *read > 0)?;
    request.line = request.line.trim().trim_end_matches(" HTTP/1.1").to_owned();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    request.body = String::from_utf8(body).unwrap();
    let operation = request.operation().map(|operation| format!(" {operation}"));
    request.line.extend(operation);
    Some(request)
}

/// Starts a server that is no service: it answers each connection with these bytes, and ends it. If it is endless, it first sends more than
/// anyone reads. Returns its address.
///
/// # Panics
///
/// If there is no free port.
pub async fn no_service(answer: &'static [u8], is_endless: bool) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1 << 14]).await;
                let _ = stream.write_all(answer).await;
                let endless = [b'{'; 1 << 14];
                while is_endless && stream.write_all(&endless).await.is_ok() {}
            });
        }
    });
    address
}
