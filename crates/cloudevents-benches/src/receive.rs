//! Receiving over HTTP with axum: a handler that takes an event, relative to a handler that takes only the body.
//!
//! The server has its own thread. Only the processor time of that thread counts, which a route of the server reports. So the load
//! generator and other programs are excluded.

mod in_memory;

pub(crate) use in_memory::row;

use crate::{
    inputs::Source,
    table::{Style, Table, short, whole},
    timing::{median, now},
};
use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use cloudevents_core::DecodeOptions;
use cloudevents_http::axum08::{CloudEvent, CloudEventMessage, DecodingLayer};
use std::{
    error::Error,
    hint::black_box,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// The handlers, and their arguments. The others are compared with the first.
const HANDLERS: [(&str, &str); 4] = [
    ("/bytes", "the body"),
    ("/event", "an event"),
    ("/layer", "an event, with a layer"),
    ("/message", "a message"),
];

/// Connections that are kept busy.
const CONNECTIONS: usize = 16;

/// A kind of request, and the least relative rate of a handler that takes an event.
struct Case {
    name: &'static str,
    /// The short name in its rows.
    short: &'static str,
    head: String,
    body: Bytes,
    gate: f64,
}

/// Measures in turns of this length, so many rounds.
#[derive(Clone, Copy)]
pub(crate) struct Rounds {
    pub(crate) count: usize,
    pub(crate) turn: Duration,
}

impl Rounds {
    pub(crate) const FULL: Self = Self { count: 25, turn: Duration::from_millis(150) };
    pub(crate) const QUICK: Self = Self { count: 5, turn: Duration::from_millis(60) };
}

/// Measures and prints.
pub(crate) fn print(source: &Source, style: Style, rounds: Rounds) -> Result<(), Box<dyn Error>> {
    let server = serve()?;
    let mut table = Table::new(
        "Receiving with axum, relative to a handler that takes only the body",
        &["request", "handler", "relative rate", "aimed at", "per second of processor time"],
    );
    for case in cases(source)? {
        let requests: Vec<Vec<u8>> = HANDLERS.iter().map(|(path, _)| case.request(path)).collect();
        let mut rates: Vec<Vec<f64>> = vec![Vec::new(); requests.len()];
        for round in 0..=rounds.count {
            for (request, rates) in requests.iter().zip(&mut rates) {
                let rate = load(server, request, rounds.turn)?;
                // The first round warms up.
                if round > 0 {
                    rates.push(rate);
                }
            }
        }
        let [body, handlers @ ..] = rates.as_slice() else { continue };
        for (rates, (path, takes)) in handlers.iter().zip(HANDLERS.iter().skip(1)) {
            let relative = median(rates.iter().zip(body).map(|(rate, body)| rate / body).collect());
            let gate = if *path == "/message" { "-".to_owned() } else { short(case.gate) };
            let rate = whole(median(rates.clone()));
            table.push([case.name.to_owned(), (*takes).to_owned(), short(relative), gate, rate]);
        }
    }
    println!("{}", table.write(style));
    Ok(())
}

fn cases(source: &Source) -> Result<Vec<Case>, Box<dyn Error>> {
    let structured = "content-type: application/cloudevents+json\r\n";
    let binary = source.http()?;
    let headers = binary.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let case = |name, short, head: &str, body, gate| Case { name, short, head: head.to_owned(), body, gate };
    Ok(vec![
        case("structured, 465 bytes", "small", structured, source.document("json-small")?, 0.90),
        case("structured, 4.4 KB", "medium", structured, source.document("json-medium")?, 0.70),
        Case { head: headers, ..case("binary mode, 1 KiB", "binary", "", binary.body, 0.90) },
    ])
}

impl Case {
    fn request(&self, path: &str) -> Vec<u8> {
        let (head, length) = (&self.head, self.body.len());
        let mut request =
            format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{head}\r\n")
                .into_bytes();
        request.extend_from_slice(&self.body);
        request
    }
}

fn router() -> Router {
    let event = async |CloudEvent(event): CloudEvent| {
        black_box(&event);
        StatusCode::NO_CONTENT
    };
    let bytes = async |body: Bytes| {
        black_box(&body);
        StatusCode::NO_CONTENT
    };
    let message = async |CloudEventMessage(message): CloudEventMessage| {
        black_box(&message);
        StatusCode::NO_CONTENT
    };
    let layered =
        Router::new().route("/layer", post(event)).layer(DecodingLayer::new(DecodeOptions::strict()));
    Router::new()
        .route("/bytes", post(bytes))
        .route("/event", post(event))
        .route("/message", post(message))
        .merge(layered)
        .route("/time", post(async || now().as_nanos().to_string()))
}

/// A server on a thread of its own.
fn serve() -> Result<SocketAddr, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (told, address) = mpsc::channel();
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            let _ = told.send(listener.local_addr()?);
            axum::serve(listener, router()).await
        })
    });
    Ok(address.recv()?)
}

/// Requests per second of the server's processor time.
fn load(server: SocketAddr, request: &[u8], turn: Duration) -> Result<f64, Box<dyn Error>> {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = TcpStream::connect(server)?;
        connection.set_nodelay(true)?;
        connection.write_all(request)?;
        connections.push(connection);
    }
    let mut answer = [0; 1024];
    let (before, start) = (spent(server)?, Instant::now());
    let mut answered = 0_u32;
    while start.elapsed() < turn {
        // There are always requests waiting at the server.
        for connection in &mut connections {
            let length = connection.read(&mut answer)?;
            let answer = answer.get(..length).unwrap_or_default();
            if !answer.starts_with(b"HTTP/1.1 204") {
                return Err(format!("the server answers {}", String::from_utf8_lossy(answer)).into());
            }
            connection.write_all(request)?;
            answered += 1;
        }
    }
    Ok(f64::from(answered) / (spent(server)? - before).as_secs_f64())
}

/// The processor time that the server's thread has had.
fn spent(server: SocketAddr) -> Result<Duration, Box<dyn Error>> {
    let mut connection = TcpStream::connect(server)?;
    connection.write_all(
        b"POST /time HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let nanoseconds = answer.rsplit("\r\n").next().unwrap_or_default();
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}
