//! A server that a test drives: it keeps the requests, and has an answer for each.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// `POST /v1/projects/...`
    pub(crate) line: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A status and a body. `None` holds the request for ever.
pub(crate) type Answer = Option<(u16, String)>;

type Answers = dyn Fn(&Request, usize) -> Answer + Send + Sync;

#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    answers: Arc<Answers>,
}

impl Server {
    /// Starts it. The function gets a request, and how many requests with the same line came before.
    pub(crate) async fn start(answers: impl Fn(&Request, usize) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, requests: Arc::default(), answers: Arc::new(answers) };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        server
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests whose lines contain this, in order.
    pub(crate) fn requests(&self, line: &str) -> Vec<Request> {
        let requests = self.requests.lock().unwrap();
        requests.iter().filter(|request| request.line.contains(line)).cloned().collect()
    }

    async fn serve(self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        while let Some(request) = read(&mut stream).await {
            let before = self.requests(&request.line).len();
            self.requests.lock().unwrap().push(request.clone());
            let Some((status, body)) = (self.answers)(&request, before) else {
                return std::future::pending().await;
            };
            let answer = format!(
                "HTTP/1.1 {status} Any\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

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
    Some(request)
}

/// An error as Google writes it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Answer {
    Some((status, format!(r#"{{"error":{{"code":{status},"message":"{message}","status":"{code}"}}}}"#)))
}
