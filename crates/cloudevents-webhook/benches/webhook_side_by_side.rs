//! Compares a target with a bare handler of axum that reads the same body, and the check of a signature with its hash alone, taking turns.
//!
//! ```text
//! cargo bench -p cloudevents-webhook --bench webhook_side_by_side -- [DELIVERIES] [ROUNDS]
//! ```
//!
//! The event is a document of 1 KiB. Servers and senders share this process and a runtime of two threads; 32 connections send one delivery
//! after the other, over sockets of the loopback interface. The handler accepts each event at once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use axum::{Router, routing::post};
use bytes::Bytes;
use cloudevents_webhook::{
    receiver::{MemoryStore, Webhook, WebhookOptions},
    signature::{Sign, StandardSigner, StandardWebhooks, Verify},
};
use http::{Request, StatusCode};
use ring::hmac;
use std::{
    collections::BTreeMap,
    hint::black_box,
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const TOKEN: &str = "a long random token";
const CONNECTIONS: usize = 32;

#[tokio::main(worker_threads = 2)]
async fn main() {
    // `cargo bench` adds `--bench`.
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut arguments = arguments.map(|number| number.parse::<usize>().unwrap());
    let (deliveries, rounds) = (arguments.next().unwrap_or(20_000), arguments.next().unwrap_or(9));
    signatures(rounds);
    targets(deliveries, rounds).await;
}

/// A document of 1 KiB. The id has as many digits in all of them.
fn document(id: usize) -> String {
    let head = format!(
        r#"{{"specversion":"1.0","id":"{id:09}","source":"https://shop.example/orders","type":"com.example.order.placed","datacontenttype":"text/plain","data":""#
    );
    let text = "x".repeat(1024 - head.len() - 2);
    head + &text + "\"}"
}

fn signed(body: &str, id: &str) -> http::request::Parts {
    let (mut parts, ()) = Request::post("/hook").body(()).unwrap().into_parts();
    StandardSigner::new(SECRET).unwrap().sign(&mut parts, body.as_bytes(), id, SystemTime::now()).unwrap();
    parts
}

fn signatures(rounds: usize) {
    const TIMES: u32 = 2000;
    let body = document(1);
    let (parts, verifier) = (signed(&body, "msg_1"), StandardWebhooks::new(SECRET).unwrap());
    let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 24]);
    let text = format!("msg_1.{}.{body}", parts.headers["webhook-timestamp"].to_str().unwrap());
    let (mut added, mut alone) = (Vec::new(), Vec::new());
    // Many short turns, so that the median is of undisturbed ones.
    for _ in 0..rounds * 50 {
        let begin = Instant::now();
        for _ in 0..TIMES {
            black_box(hmac::sign(&key, black_box(text.as_bytes())));
        }
        let hash = begin.elapsed() / TIMES;
        let begin = Instant::now();
        for _ in 0..TIMES {
            let verified = verifier.verify(black_box(&parts), black_box(body.as_bytes()), SystemTime::now());
            black_box(verified.unwrap());
        }
        added.push((begin.elapsed() / TIMES).saturating_sub(hash));
        alone.push(hash);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (alone, added) = (median(&mut alone), median(&mut added));
    println!("a signature of 1 KiB: the hash takes {alone:?}, and checking the delivery {added:?} more");
}

async fn targets(deliveries: usize, rounds: usize) {
    let mut servers: Vec<(&str, SocketAddr, bool)> = Vec::new();
    let bare = Router::new().route("/hook", post(async |_: Bytes| StatusCode::NO_CONTENT));
    servers.push(("bare handler", serve(bare).await, false));
    let with_token = || WebhookOptions::without_handshake().token(TOKEN);
    servers.push(("token", target(with_token(), true).await, false));
    // What receiving takes, without the handler's part.
    servers.push(("token, not decoded", target(with_token(), false).await, false));
    let store = MemoryStore::new(1_000_000);
    servers.push(("token, idempotency", target(with_token().idempotency(store), true).await, false));
    let verifier = StandardWebhooks::new(SECRET).unwrap();
    let signature = WebhookOptions::without_handshake().signature(verifier);
    servers.push(("signature", target(signature, true).await, true));
    let (mut rates, mut ratios) = (BTreeMap::<_, Vec<f64>>::new(), BTreeMap::<_, Vec<f64>>::new());
    for round in 0..rounds {
        let mut bare = 0.0;
        for (name, address, is_signed) in &servers {
            let rate = rate(*address, *is_signed, deliveries, round).await;
            if bare == 0.0 {
                bare = rate;
            }
            rates.entry(*name).or_default().push(rate);
            ratios.entry(*name).or_default().push(rate / bare);
        }
    }
    println!("{deliveries} deliveries, {rounds} rounds: deliveries a second, and times the bare handler's");
    for (name, _, _) in &servers {
        let (rates, ratios) = (rates.get_mut(name).unwrap(), ratios.get_mut(name).unwrap());
        rates.sort_by(f64::total_cmp);
        ratios.sort_by(f64::total_cmp);
        let (rate, ratio) = (rates[rounds / 2], ratios[rounds / 2]);
        println!("{name:20} {rate:9.0} {ratio:5.2} ({:.2} to {:.2})", ratios[0], ratios[rounds - 1]);
    }
}

async fn serve(app: Router) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A target whose handler accepts each delivery, and decodes its event before if this is set.
async fn target(options: WebhookOptions, decodes: bool) -> SocketAddr {
    let (webhook, mut receiver) = Webhook::open(options).unwrap();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = receiver.next().await {
            if decodes {
                black_box(delivery.event().unwrap());
            }
            drop(delivery.accept());
        }
    });
    serve(Router::new().route_service("/hook", webhook)).await
}

/// Deliveries a second. All of them have different ids.
async fn rate(address: SocketAddr, is_signed: bool, deliveries: usize, round: usize) -> f64 {
    let each = deliveries / CONNECTIONS;
    let mut senders = Vec::new();
    for connection in 0..CONNECTIONS {
        let first = (round * CONNECTIONS + connection) * each;
        let requests: Vec<String> = (first..first + each).map(|id| request(id, is_signed)).collect();
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        senders.push((stream, requests));
    }
    let begin = Instant::now();
    let tasks: Vec<_> =
        senders.into_iter().map(|(stream, requests)| tokio::spawn(deliver(stream, requests))).collect();
    for task in tasks {
        task.await.unwrap();
    }
    (each * CONNECTIONS) as f64 / begin.elapsed().as_secs_f64()
}

fn request(id: usize, is_signed: bool) -> String {
    let body = document(id);
    let mut head = format!(
        "POST /hook HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/cloudevents+json\r\ncontent-length: {}\r\nauthorization: Bearer {TOKEN}\r\n",
        body.len()
    );
    if is_signed {
        for (name, value) in &signed(&body, &format!("msg_{id}")).headers {
            head += &format!("{name}: {}\r\n", value.to_str().unwrap());
        }
    }
    head + "\r\n" + &body
}

async fn deliver(mut stream: TcpStream, requests: Vec<String>) {
    let mut response = Vec::with_capacity(1024);
    for request in requests {
        stream.write_all(request.as_bytes()).await.unwrap();
        response.clear();
        while !response.ends_with(b"\r\n\r\n") {
            assert!(stream.read_buf(&mut response).await.unwrap() > 0);
        }
        assert!(response.starts_with(b"HTTP/1.1 204"), "{}", String::from_utf8_lossy(&response));
    }
}
