//! Peers that do what they should not: requests that are framed wrongly, never end, or come too late to be read.

use crate::tools::{GOOD, Wire, client, event, is_late, patience, post, soon};
use bytes::Bytes;
use cloudevents_core::{ErrorKind, Event, Payload};
use cloudevents_http::{
    Exchange, HttpReceiver, HttpReceiverOptions, Unread,
    reqwest013::{HttpSenderOptions, Refusal, sender},
};
use cloudevents_testkit::slowed;
use cloudevents_transport::{Bounds, Receiver};
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body::Frame;
use std::{
    collections::VecDeque,
    convert::Infallible,
    error::Error as _,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// The pause between two pieces of what is sent slowly.
const PAUSE: Duration = Duration::from_millis(50);

async fn receiver(options: HttpReceiverOptions) -> (SocketAddr, Receiver) {
    let receiver = HttpReceiver::bind("http://127.0.0.1:0/events", options).await.unwrap();
    (receiver.local_addr(), receiver.into_receiver())
}

/// RFC 9112, sections 3.2 and 6.1. The connection ends.
#[tokio::test]
async fn wrong_framing_is_refused_before_anything_else() {
    let (address, _deliveries) = receiver(HttpReceiverOptions::default()).await;
    let gzip = GOOD
        .replace("content-length: 7", "transfer-encoding: gzip, chunked")
        .replace("payload", "7\r\npayload\r\n0\r\n\r\n");
    for (request, status) in [
        (GOOD.replace("host: test\r\n", ""), 400),
        (GOOD.replace("host: test\r\n", "host: test\r\nhost: test\r\n"), 400),
        (GOOD.replace("host: test", "host: te st"), 400),
        (GOOD.replace("host: test", "host: user@test"), 400),
        (GOOD.replace("host: test\r\n", "host: test\r\nhost: test\r\n").replace("/1.1", "/1.0"), 400),
        (GOOD.replace("host: test", "host: te st").replace("/1.1", "/1.0"), 400),
        (gzip, 501),
    ] {
        let answer = post(address, &request).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{request}");
        assert_eq!(answer.headers["connection"], "close");
    }
}

/// RFC 9112, section 6.1. What a proxy takes for another request is none.
#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_of_its_connection() {
    let (address, deliveries) = receiver(HttpReceiverOptions::default()).await;
    tokio::spawn(deliveries.run(async |_: Event| ()).into_future());
    let chunked = |length: &str| {
        GOOD.replace("content-length: 7", &format!("{length}transfer-encoding: chunked"))
            .replace("payload", "7\r\npayload\r\n0\r\n\r\n")
    };
    for last in ["content-length: 7\r\n", "Content-Length: 7\r\n", "content-length: 0\r\n"] {
        let mut wire = Wire::connect(address).await;
        for (length, closes) in [("", false), ("", false), (last, true)] {
            assert!(wire.write(&chunked(length)).await);
            let answer = wire.answer().await.expect("a response");
            assert!(answer.status.is_success(), "{length}");
            assert_eq!(answer.headers.contains_key("connection"), closes, "{length}");
        }
    }
}

/// Of a body that is too large, all is sent before the response is read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_read_by_a_client_that_still_sends() {
    let (address, _deliveries) = receiver(HttpReceiverOptions::default()).await;
    let head = |length: &str| GOOD.split_once("content-length").unwrap().0.to_owned() + length + "\r\n\r\n";
    let chunk = format!("1000000\r\n{}\r\n", "x".repeat(16 << 20));
    for (head, body) in [
        (head("content-length: 41943040"), "x".repeat(40 << 20)),
        (head("transfer-encoding: chunked"), chunk.repeat(2) + "0\r\n\r\n"),
    ] {
        for _ in 0..5 {
            let mut wire = Wire::connect(address).await;
            assert!(wire.write(&head).await && wire.write(&body).await, "the connection was reset");
            let answer = wire.answer().await.expect("no response");
            assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
            assert_eq!(answer.headers["connection"], "close");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_learns_that_its_event_is_too_large() {
    let (address, _deliveries) = receiver(HttpReceiverOptions::default()).await;
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    let sender = sender(&format!("http://{address}/events"), options).unwrap();
    for size in [17_usize, 40, 100] {
        let payload = Payload::text("x".repeat(size << 20));
        let large =
            Event::builder().id("1").source("/s").ty("t").payload("text/plain", payload).build().unwrap();
        for _ in 0..5 {
            let error = soon(sender.send(&large)).await.unwrap_err();
            let refusal = error.source().and_then(|source| source.downcast_ref::<Refusal>());
            assert_eq!(
                refusal.map(Refusal::status),
                Some(StatusCode::PAYLOAD_TOO_LARGE),
                "{size} MiB: {error}"
            );
        }
    }
}

/// What has not arrived is no message: it neither delays the end nor counts as unsettled.
#[tokio::test]
async fn half_a_request_does_not_delay_the_end() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let (mut head, mut body) = (Wire::connect(address).await, Wire::connect(address).await);
    head.write("POST /events HTTP/1.1\r\nhost: te").await;
    body.write(GOOD.replace("content-length: 7", "content-length: 8")).await;
    let mut last = Wire::connect(address).await;
    last.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(last.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    let begin = Instant::now();
    soon(deliveries.drain(Duration::from_secs(10))).await.unwrap();
    assert!(begin.elapsed() < slowed(Duration::from_secs(8)), "{:?}", begin.elapsed());
    assert!(head.answer().await.is_none());
    assert_eq!(body.answer().await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
}

/// At the deadline, a request that has not arrived completely is owed nothing: it ends at once, and the time for last words is for other
/// responses.
#[tokio::test]
async fn what_has_not_arrived_at_the_deadline_ends_at_once() {
    let mut took = Vec::new();
    // This thread may stand still for a moment.
    while took.len() < 5 {
        took.push(drained_at_once().await);
        if took.last().is_some_and(|took| *took < Duration::from_millis(900)) {
            return;
        }
    }
    panic!("{took:?}");
}

async fn drained_at_once() -> Duration {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let (mut head, mut body) = (Wire::connect(address).await, Wire::connect(address).await);
    head.write("POST /events HTTP/1.1\r\nhost: te").await;
    body.write(GOOD.replace("content-length: 7", "content-length: 8")).await;
    let mut last = Wire::connect(address).await;
    last.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    let begin = Instant::now();
    let error = soon(deliveries.drain(Duration::ZERO)).await.unwrap_err();
    let took = begin.elapsed();
    assert!(error.to_string().contains("1 request has not arrived completely"), "{error}");
    assert_eq!(last.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    assert!(head.answer().await.is_none());
    assert!(body.answer().await.is_none());
    took
}

/// At the deadline, a client that still sends its body was sent its response, which it may lose when its connection is reset.
#[tokio::test]
async fn a_refusal_is_read_at_the_deadline_by_a_client_that_still_sends() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let (mut refused, mut body) = (Wire::connect(address).await, Wire::connect(address).await);
    let begin = Instant::now();
    refused
        .write(GOOD.replace("/events", "/elsewhere").replace("content-length: 7", "content-length: 41943040"))
        .await;
    assert_eq!(refused.answer().await.unwrap().status, StatusCode::NOT_FOUND);
    body.write(GOOD.replace("host: test", "host: test\r\nexpect: 100-continue").replace("payload", "")).await;
    assert_eq!(body.answer().await.unwrap().status, StatusCode::CONTINUE, "the server reads the body");
    let still_sends = async {
        assert!(body.answer().await.is_none(), "what is owed nothing ends first");
        for _ in 0..16 {
            assert!(refused.write([b'x'; 4 << 10]).await || is_late(begin), "the connection was reset");
            tokio::task::yield_now().await;
        }
        refused.finish().await;
    };
    // Whether all ends in time is up to the client, which is fast.
    let (_, ()) = soon(async { tokio::join!(deliveries.drain(Duration::ZERO), still_sends) }).await;
}

/// A client that goes on sending delays the end by a limited time, whoever was answered: it may read its response, and nothing is late.
#[tokio::test]
async fn clients_that_go_on_sending_do_not_delay_the_end() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let (mut body, mut refused) = (Wire::connect(address).await, Wire::connect(address).await);
    let long = |request: &str| request.replace("content-length: 7", "content-length: 10000000");
    let begin = Instant::now();
    body.write(long(GOOD)).await;
    // This one was answered before.
    refused.write(long(GOOD).replace("/events", "/elsewhere")).await;
    assert_eq!(refused.answer().await.unwrap().status, StatusCode::NOT_FOUND);
    let drain = async {
        deliveries.drain(Duration::from_secs(15)).await.unwrap();
        begin.elapsed()
    };
    let sending = async {
        let answer = loop {
            let is_reset = !body.write([b'x'; 64]).await || !refused.write([b'x'; 64]).await;
            assert!(!is_reset || is_late(begin), "a reset");
            let answer = body.answer_within(PAUSE).await;
            if answer.is_some() || is_late(begin) {
                break answer;
            }
        };
        assert!(answer.is_none_or(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE));
        for _ in 0..4 {
            assert!(refused.write([b'x'; 64]).await || is_late(begin), "the connection was reset");
            sleep(PAUSE).await;
        }
        while body.write([b'x'; 64]).await | refused.write([b'x'; 64]).await {
            sleep(PAUSE).await;
        }
    };
    let (took, ()) = soon(async { tokio::join!(drain, sending) }).await;
    assert!(took < slowed(Duration::from_secs(8)), "{took:?}");
}

/// An event with as many attributes as the model allows arrives in binary mode, and comes back as a reply.
#[tokio::test]
async fn as_many_attributes_as_the_model_allows() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let sender = sender(&format!("http://{address}/events"), HttpSenderOptions::default()).unwrap();
    let with = |attributes: usize| {
        let base = Event::builder().id("1").source("/s").ty("t").text("payload");
        // `specversion` and the content type are attributes, too.
        let extensions = (5..attributes).map(|number| format!("x{number}"));
        extensions.fold(base, |event, name| event.extension(name, "value")).build().unwrap()
    };
    let most = cloudevents_core::Limits::default().attributes;
    let (event, too_many) = (with(most), with(most + 1));
    let echo = async {
        let delivery = soon(deliveries.next()).await.unwrap().unwrap();
        let received = delivery.event().unwrap();
        delivery.reply(cloudevents_transport::Outgoing::from(&received)).await.unwrap();
        delivery.accept().await.unwrap();
        received
    };
    let (reply, received) = tokio::join!(sender.request(&event, patience()), echo);
    assert!(received.attributes().eq(event.attributes()), "{received:?}");
    assert!(reply.unwrap().attributes().eq(event.attributes()));

    // One more is refused by the model, and many more by the framing, which cannot tell attributes from other headers.
    let refused = async {
        let delivery = soon(deliveries.next()).await.unwrap().unwrap();
        let error = delivery.event().unwrap_err();
        delivery.reject(error.to_string()).await.unwrap();
        error
    };
    let (sent, error) = tokio::join!(sender.send(&too_many), refused);
    assert!(sent.is_err());
    assert_eq!(error.kind(), cloudevents_core::ErrorKind::TooMany);
    let many: String =
        (0..=cloudevents_http::MAX_HEADERS).map(|number| format!("ce-x{number}: 1\r\n")).collect();
    let answer =
        post(address, GOOD.replace("host: test\r\n", &format!("host: test\r\n{many}"))).await.unwrap();
    assert_eq!(answer.status.as_u16(), 431);
}

/// The deadline of a head is far away.
#[tokio::test]
async fn connections_that_say_nothing_give_way() {
    let mut options = HttpReceiverOptions::default();
    options.connections = 3;
    let (address, mut deliveries) = receiver(options).await;
    let mut served = Wire::connect(address).await;
    served.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    let mut silent = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::connect(address).await;
        wire.write("POST /ev").await;
        silent.push(wire);
    }
    let begin = Instant::now();
    let answer = post(address, GOOD.replace("/events", "/other")).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(begin.elapsed() < slowed(Duration::from_secs(15)), "{:?}", begin.elapsed());
    // A request that is served keeps its place.
    delivery.accept().await.unwrap();
    assert_eq!(served.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}

/// However long a connection waits whose client has sent something.
#[tokio::test]
async fn those_that_have_sent_nothing_give_way_first_and_the_oldest_of_them() {
    let mut options = HttpReceiverOptions::default();
    options.connections = 4;
    let (address, mut deliveries) = receiver(options).await;
    let elsewhere = GOOD.replace("/events", "/other");
    let mut known = Wire::connect(address).await;
    known.write(&elsewhere).await;
    assert_eq!(known.answer().await.unwrap().status, StatusCode::NOT_FOUND);
    let mut stalled = Wire::connect(address).await;
    stalled.write(GOOD.strip_suffix("oad").unwrap()).await;
    let mut strangers = [Wire::connect(address).await, Wire::connect(address).await];
    // Until each of them may give way.
    sleep(Duration::from_millis(1500)).await;
    let mut newcomers = Vec::new();
    for stranger in &mut strangers {
        let mut newcomer = Wire::connect(address).await;
        newcomer.write(&elsewhere).await;
        assert_eq!(newcomer.answer().await.unwrap().status, StatusCode::NOT_FOUND);
        newcomers.push(newcomer);
        assert!(stranger.answer().await.is_none());
    }
    // The others have kept their places.
    known.write(&elsewhere).await;
    assert_eq!(known.answer().await.unwrap().status, StatusCode::NOT_FOUND);
    stalled.write("oad").await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(stalled.answer().await.unwrap().status, StatusCode::NO_CONTENT);
}

/// What a thousand clients can do at no cost: bodies that stall or drip, and responses that are not read. The deadlines are far away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_wait_for_their_clients_give_way() {
    let stalled = GOOD.replace("content-length: 7", "content-length: 8");
    let dripping = GOOD.replace("content-length: 7", "content-length: 1000000");
    let unread = GOOD.repeat(100);
    // A few large responses fill the buffers of the system, which take many thousand small ones.
    let large = Event::builder().id("1").source("/s").ty("t").text("x".repeat(1 << 20)).build().unwrap();
    for (kind, hostile, more) in [
        ("stalled", stalled, String::new()),
        ("dripping", dripping, "x".into()),
        ("unread", unread.clone(), unread),
    ] {
        let mut options = HttpReceiverOptions::default();
        options.connections = 3;
        let (address, mut deliveries) = receiver(options).await;
        let large = large.clone();
        let replying = tokio::spawn(async move {
            while let Ok(Some(delivery)) = deliveries.next().await {
                drop(delivery.reply(large.clone()));
                drop(delivery.accept());
            }
        });
        let mut crowd = Vec::new();
        for _ in 0..3 {
            let mut wire = Wire::connect(address).await;
            wire.write(&hostile).await;
            let more = more.clone();
            crowd.push(tokio::spawn(async move {
                let pause = Duration::from_millis(if more.len() > 1 { 0 } else { 10 });
                while !more.is_empty() && wire.send(more.as_bytes()).await {
                    tokio::time::sleep(pause).await; // a byte now and then
                }
                std::future::pending::<()>().await;
            }));
        }
        // Until the crowd has its places.
        tokio::time::sleep(Duration::from_millis(100)).await;
        let begin = Instant::now();
        let answer = post(address, GOOD.replace("/events", "/other")).await.unwrap();
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{kind}");
        assert!(begin.elapsed() < slowed(Duration::from_secs(15)), "{kind}: {:?}", begin.elapsed());
        replying.abort();
        crowd.iter().for_each(|task| task.abort());
    }
}

/// However little of the body is left: a reset would destroy what the client has not read.
#[tokio::test]
async fn a_small_rest_of_a_body_costs_no_response() {
    let mut options = HttpReceiverOptions::default();
    options.receiver.decoding.limits.bytes = 1024;
    options.receiver.in_flight = Bounds { messages: 1, bytes: 1 << 20 };
    let (address, mut deliveries) = receiver(options).await;
    let large = GOOD.replace("content-length: 7", "content-length: 1000");
    let mut first = Wire::connect(address).await;
    first.write(GOOD).await;
    let _held = soon(deliveries.next()).await.unwrap().unwrap();
    for (request, status) in
        [(large.replace("/events", "/other"), 404), (large.replace("POST", "PUT"), 405), (large.clone(), 503)]
    {
        refused(address, request, 993, status).await;
    }
    drop(_held);
    first.answer().await.unwrap();
    refused(address, GOOD.replace("content-length: 7", "content-length: 2000"), 1993, 413).await;
    // A body that came with its head is no reason to end the connection.
    let mut wire = Wire::connect(address).await;
    for _ in 0..3 {
        wire.write(GOOD.replace("/events", "/other")).await;
        let answer = wire.answer().await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.headers.get("connection")), (404, None));
    }
}

/// RFC 9110, section 10.1.1: a client that waits for 100 has sent no body, and is not kept waiting.
#[tokio::test]
async fn a_refusal_instead_of_100_ends_the_connection() {
    let (address, _deliveries) = receiver(HttpReceiverOptions::default()).await;
    let mut wire = Wire::connect(address).await;
    let head = GOOD.replace("/events", "/other").replace("host: test", "host: test\r\nexpect: 100-continue");
    wire.write(head.strip_suffix("payload").unwrap()).await;
    let answer = wire.answer().await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.headers["connection"]), (404, &"close".parse().unwrap()));
    assert!(wire.ends_in_order().await);
}

/// The response comes, the rest of the request can be written, and then the connection ends in order.
async fn refused(address: SocketAddr, request: String, rest: usize, status: u16) {
    let mut wire = Wire::connect(address).await;
    wire.write(request).await;
    let answer = wire.answer().await.unwrap();
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(answer.headers["connection"], "close", "{status}");
    for piece in "x".repeat(rest).as_bytes().chunks(100) {
        assert!(wire.send(piece).await, "{status}: the connection was reset");
        tokio::task::yield_now().await;
    }
    wire.finish().await;
    assert!(wire.ends_in_order().await, "{status}: the connection was reset");
}

/// A client that hangs up, or stops, in the middle of a head. One that has said nothing has done nothing.
#[tokio::test]
async fn a_head_that_breaks_off_is_seen() {
    let seen = Arc::<Mutex<Vec<ErrorKind>>>::default();
    let mut options = HttpReceiverOptions::default();
    let refusals = Arc::clone(&seen);
    options.on_refusal = Some(Arc::new(move |error| refusals.lock().unwrap().push(error.kind())));
    // Those that hang up must not be late before.
    let (patient, mut hung_up) = receiver(options.clone()).await;
    options.header_deadline = Duration::from_millis(300);
    let (address, mut deliveries) = receiver(options).await;
    let until = async |wanted: &[ErrorKind]| {
        let begin = Instant::now();
        while *seen.lock().unwrap() != wanted {
            assert!(begin.elapsed() < patience(), "{:?}", seen.lock().unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
    };
    let mut silent = Wire::connect(address).await;
    silent.finish().await;
    assert!(silent.answer().await.is_none());
    let quiet = Wire::connect(address).await;
    let mut used = Wire::connect(address).await;
    let (head, body) = GOOD.split_at(GOOD.len() - 3);
    used.write(head).await;
    tokio::time::sleep(Duration::from_millis(50)).await; // so that these are read apart
    used.write(body).await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    used.answer().await.unwrap();
    assert!(used.answer().await.is_none(), "its deadline has come");
    until(&[]).await;
    let mut half = Wire::connect(patient).await;
    half.write("POST /events HT").await;
    half.finish().await;
    until(&[ErrorKind::Disconnected]).await;
    let mut slow = Wire::connect(address).await;
    slow.write("POST /events HT").await;
    until(&[ErrorKind::Disconnected, ErrorKind::Timeout]).await;
    drop(quiet);
    // What is read together with the request before it.
    let mut pipelined = async |more: &str, finishes: bool| {
        let (address, deliveries) =
            if finishes { (patient, &mut hung_up) } else { (address, &mut deliveries) };
        let mut wire = Wire::connect(address).await;
        wire.write(GOOD.to_owned() + more).await;
        soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
        wire.answer().await.unwrap();
        if finishes {
            wire.finish().await;
        }
        assert!(wire.answer().await.is_none(), "{more:?}");
    };
    seen.lock().unwrap().clear();
    pipelined("", true).await;
    // An empty line is no request (RFC 9112, section 2.2).
    pipelined("\r\n", true).await;
    pipelined("\r\n", false).await;
    until(&[]).await;
    pipelined("POST /events HT", true).await;
    until(&[ErrorKind::Disconnected]).await;
    pipelined("POST /events HT", false).await;
    until(&[ErrorKind::Disconnected, ErrorKind::Timeout]).await;
}

/// The status is the one that the client reads.
#[tokio::test]
async fn a_refusal_below_the_program_has_its_peer_and_its_status() {
    let seen = Arc::<Mutex<Vec<Unread>>>::default();
    let mut options = HttpReceiverOptions::default();
    let refusals = Arc::clone(&seen);
    options.on_refusal = Some(Arc::new(move |error| {
        let unread = error.source().and_then(|source| source.downcast_ref::<Unread>());
        refusals.lock().unwrap().push(*unread.unwrap());
    }));
    let (address, _deliveries) = receiver(options).await;
    for junk in [
        "GARBAGE\r\n\r\n".to_owned(),
        "POST /events HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n".to_owned(),
        "POST /events HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip\r\n\r\n".to_owned(),
        "POST /events HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n".to_owned(),
        format!("POST /{} HTTP/1.1\r\nhost: a\r\n\r\n", "p".repeat(70_000)),
        format!("POST /events HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "h".repeat(500_000)),
    ] {
        let mut stream = soon(TcpStream::connect(address)).await.unwrap();
        let peer = stream.local_addr().unwrap();
        // The server may end the connection before it has all.
        let _ = soon(stream.write_all(junk.as_bytes())).await;
        let mut response = Vec::new();
        let _ = soon(stream.read_to_end(&mut response)).await;
        let begin = Instant::now();
        while seen.lock().unwrap().is_empty() {
            assert!(begin.elapsed() < patience(), "{junk:.40}");
            tokio::time::sleep(Duration::from_millis(5)).await; // between two looks
        }
        let unread = seen.lock().unwrap().remove(0);
        assert_eq!(unread.peer, peer, "{junk:.40}");
        let status = unread.status.unwrap();
        let response = String::from_utf8_lossy(&response);
        // A client that is still writing may lose the response.
        assert!(
            response.is_empty() || response.starts_with(&format!("HTTP/1.1 {}", status.as_str())),
            "{response}"
        );
    }
}

/// A server that accepts or refuses each message, and never ends the body of its response.
#[tokio::test]
async fn a_response_without_end_holds_no_place_for_long() {
    for (status, accepted) in [("200 OK", true), ("422 Unprocessable Content", false)] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"payload") {
                    stream.read_buf(&mut request).await.unwrap();
                }
                let response = format!("HTTP/1.1 {status}\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n");
                stream.write_all(response.as_bytes()).await.unwrap();
                held.push(stream);
            }
        });
        let mut options = HttpSenderOptions::default();
        options.client = Some(client());
        options.sender.in_flight = Some(Bounds { messages: 1, bytes: 1 << 20 });
        let sender = sender(&url, options).unwrap();
        let sent = async {
            for id in 0..3 {
                assert_eq!(sender.send(&event(&id.to_string())).await.is_ok(), accepted);
            }
        };
        tokio::time::timeout(patience(), sent).await.unwrap();
    }
}

/// The parts of a body, after which it ends or never does.
struct Parts(VecDeque<Bytes>, bool);

impl http_body::Body for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.pop_front() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None if self.1 => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn parts(number: usize, length: usize, ends: bool) -> Request<Parts> {
    let parts = (0..number).map(|_| Bytes::from(vec![b'x'; length])).collect();
    Request::post("/events").body(Parts(parts, ends)).unwrap()
}

/// Those that were cut take their room until their tasks run.
#[tokio::test(start_paused = true)]
async fn no_more_slow_bodies_are_cut_than_are_in_the_way() {
    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 10_050 };
    let (exchange, _receiver) = Exchange::new(options);
    let mut slow: Vec<_> = (0..5).map(|_| Box::pin(exchange.read(parts(4, 500, false)))).collect();
    let mut ended = || slow.iter_mut().filter_map(|slow| slow.now_or_never()).count();
    assert_eq!(ended(), 0);
    tokio::time::advance(Duration::from_secs(2)).await;
    // The second one of its parts needs room, which is enough for the others, too.
    let mut first = Box::pin(exchange.read(parts(10, 100, true)));
    let first = first.as_mut().now_or_never().unwrap().unwrap();
    // This one waits for the room of the one that was cut.
    let mut second = Box::pin(exchange.read(parts(5, 100, true)));
    assert!(second.as_mut().now_or_never().is_none());
    assert_eq!(ended(), 1);
    let second = second.as_mut().now_or_never().unwrap().unwrap();
    assert_eq!((first.body().len(), second.body().len()), (1000, 500));
}
