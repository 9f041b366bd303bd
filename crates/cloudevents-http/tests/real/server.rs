//! The receiver: settlements as responses, bounds, draining.

use crate::tools::{GOOD, Wire, client, event, post, samples, soon};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Event};
use cloudevents_http::{
    Exchange, HttpReceiver, HttpReceiverOptions,
    reqwest013::{HttpSenderOptions, RequestBuilderExt, sender},
};
use cloudevents_json::Json;
use cloudevents_testkit::{
    carrier::{Carrier, carrier_form},
    patience, ports,
};
use cloudevents_transport::{Bounds, Receiver, Sender, UnreadablePolicy};
use futures_util::FutureExt;
use http::{Request, StatusCode};
use http_body_util::Full;
use std::{
    io::{Read, Write},
    net::SocketAddr,
    pin::pin,
    time::Duration,
};

async fn receiver(options: HttpReceiverOptions) -> (SocketAddr, Receiver) {
    receiver_at(0, options).await
}

async fn receiver_at(port: u16, options: HttpReceiverOptions) -> (SocketAddr, Receiver) {
    let receiver = HttpReceiver::bind(&format!("http://127.0.0.1:{port}/events"), options).await.unwrap();
    assert_eq!(receiver.url(), format!("http://{}/events", receiver.local_addr()));
    (receiver.local_addr(), receiver.into_receiver())
}

fn to(address: SocketAddr) -> Sender {
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    sender(&format!("http://{address}/events"), options).unwrap()
}

#[tokio::test]
async fn a_settlement_is_the_answer() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let mut wire = Wire::connect(address).await;

    wire.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    assert_eq!(delivery.event().unwrap().id(), "1");
    assert_eq!((delivery.topic(), delivery.attempt()), (Some("/events"), 1));
    assert_eq!(delivery.header_text("Content-Type").unwrap(), "text/plain");
    assert_eq!(delivery.body().unwrap(), "payload");
    assert!(delivery.peer().unwrap().ip().is_loopback());
    let parts: &http::request::Parts = delivery.native().unwrap();
    assert_eq!((&parts.method, parts.version), (&http::Method::POST, http::Version::HTTP_11));
    assert!(wire.answer_within(Duration::from_millis(20)).await.is_none());
    delivery.accept().await.unwrap();
    let answer = wire.answer().await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (StatusCode::NO_CONTENT, 0));

    wire.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().retry(Duration::from_millis(2500)).await.unwrap();
    let answer = wire.answer().await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"3".parse().unwrap())
    );

    wire.write(GOOD).await;
    drop(soon(deliveries.next()).await.unwrap().unwrap());
    let answer = wire.answer().await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["retry-after"]),
        (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
    );

    wire.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().reject("the order is closed").await.unwrap();
    let answer = wire.answer().await.unwrap();
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        (answer.problem("detail"), answer.problem("code")),
        ("the order is closed".into(), "refused".into())
    );

    let metrics = deliveries.metrics();
    assert_eq!((metrics.accepted, metrics.retried, metrics.released, metrics.rejected), (1, 1, 1, 1));
    soon(deliveries.drain(Duration::from_secs(5))).await.unwrap();
}

#[tokio::test]
async fn every_sample_in_every_mode() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let (client, url) = (client(), format!("http://{address}/events"));
    for (name, event) in samples() {
        for (request, carrier) in [
            (client.post(&url).event(&event), Carrier::HttpBinary),
            (client.post(&url).structured_event(&event, &Json::new()), Carrier::Json),
            (client.post(&url).events(std::slice::from_ref(&event), &Json::new()), Carrier::Json),
        ] {
            let sent = tokio::spawn(request.send());
            let delivery = soon(deliveries.next()).await.unwrap().unwrap();
            assert_eq!(delivery.events().unwrap(), [carrier_form(&event, carrier)], "{name}");
            delivery.accept().await.unwrap();
            assert_eq!(soon(sent).await.unwrap().unwrap().status(), StatusCode::NO_CONTENT);
        }
    }
}

#[tokio::test]
async fn what_is_no_event_goes_by_the_policy() {
    let foreign = "POST /events HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    for (policy, status) in
        [(UnreadablePolicy::Skip, 204), (UnreadablePolicy::Reject, 415), (UnreadablePolicy::Deliver, 503)]
    {
        let mut options = HttpReceiverOptions::default();
        options.receiver.not_cloudevents = policy;
        let (address, mut deliveries) = receiver(options).await;
        let running = tokio::spawn(async move {
            while let Some(delivery) = deliveries.next().await.unwrap() {
                assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::NotACloudEvent);
            }
        });
        let answer = post(address, foreign).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{policy:?}");
        if status == 415 {
            assert_eq!(
                answer.headers["accept"],
                "application/cloudevents-batch+json, application/cloudevents+json"
            );
        }
        running.abort();
    }
}

/// What is wrong is known at once in binary mode, and when the program decodes it in the others.
#[tokio::test]
async fn a_malformed_message_is_the_senders_mistake_in_every_mode() {
    let bad = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"yesterday"}"#;
    let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let post_as = |media_type: &str, body: &str| {
        let length = body.len();
        format!(
            "POST /events HTTP/1.1\r\nhost: test\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
    };
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let running = tokio::spawn(async move {
        while let Some(delivery) = deliveries.next().await.unwrap() {
            delivery.reject("not wanted here").await.unwrap();
        }
    });
    for (request, index) in [
        (GOOD.replace("ce-type", "ce-time: yesterday\r\nce-type"), None),
        (post_as("application/cloudevents+json", bad), None),
        (post_as("application/cloudevents-batch+json", &format!("[{good},{bad}]")), Some(1)),
    ] {
        let answer = soon(post(address, request)).await.unwrap();
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.problem("code"), "invalid-timestamp");
        assert_eq!(answer.problem("attribute"), "time");
        assert_eq!(answer.problem("clause"), "CE-Type-System-l");
        assert_eq!(answer.problem("index").as_u64(), index);
    }
    let answer = soon(post(address, post_as("application/cloudevents+json", "{"))).await.unwrap();
    assert_eq!((answer.status, answer.problem("code")), (StatusCode::BAD_REQUEST, "invalid-document".into()));
    let answer = soon(post(address, post_as("application/cloudevents+nobody", "?"))).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem("code")),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown-format".into())
    );
    assert_eq!(answer.headers["accept"], "application/cloudevents-batch+json, application/cloudevents+json");
    // A sound message is rejected for the reason of the program.
    let answer = soon(post(address, post_as("application/cloudevents+json", good))).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem("detail")),
        (StatusCode::UNPROCESSABLE_ENTITY, "not wanted here".into())
    );
    running.abort();
}

/// Azure's clients take any other status for a failure.
#[tokio::test]
async fn event_grid_is_answered_with_200() {
    let url = |query: &str| format!("http://127.0.0.1:0/events{query}");
    let mut accepted = HttpReceiverOptions::default();
    accepted.accepted = StatusCode::ACCEPTED;
    for (query, options, status) in [
        ("?peer=event-grid", HttpReceiverOptions::default(), StatusCode::OK),
        ("?peer=event-grid", accepted, StatusCode::ACCEPTED),
        ("?peer=go-2", HttpReceiverOptions::default(), StatusCode::NO_CONTENT),
    ] {
        let listening = HttpReceiver::bind(&url(query), options).await.unwrap();
        let mut wire = Wire::connect(listening.local_addr()).await;
        let mut deliveries = listening.into_receiver();
        wire.write(GOOD).await;
        soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
        assert_eq!(wire.answer().await.unwrap().status, status, "{query}");
    }
}

#[tokio::test]
async fn other_paths_and_methods() {
    let (address, _deliveries) = receiver(HttpReceiverOptions::default()).await;
    let answer = post(address, GOOD.replace("/events HTTP", "/other HTTP")).await.unwrap();
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    let answer = post(address, GOOD.replace("POST", "PUT")).await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"POST".parse().unwrap())
    );
}

#[tokio::test]
async fn a_receiver_without_room_says_so_at_once() {
    for bounds in [Bounds { messages: 2, bytes: 1 << 20 }, Bounds { messages: 100, bytes: 14 }] {
        let mut options = HttpReceiverOptions::default();
        options.receiver.in_flight = bounds;
        let (address, mut deliveries) = receiver(options).await;
        let (mut one, mut two) = (Wire::connect(address).await, Wire::connect(address).await);
        one.write(GOOD).await;
        let first = soon(deliveries.next()).await.unwrap().unwrap();
        two.write(GOOD).await;
        // The second is in flight as soon as it was read, whether or not anybody takes it. Whoever overtakes it takes its place.
        let mut unanswered = Vec::new();
        let answer = soon(async {
            loop {
                let mut third = Wire::connect(address).await;
                third.write(GOOD).await;
                if let Some(answer) = third.answer_within(Duration::from_millis(50)).await {
                    break answer;
                }
                unanswered.push(third);
            }
        })
        .await;
        assert_eq!(
            (answer.status, &answer.headers["retry-after"]),
            (StatusCode::SERVICE_UNAVAILABLE, &"1".parse().unwrap())
        );
        first.accept().await.unwrap();
        assert_eq!(one.answer().await.unwrap().status, StatusCode::NO_CONTENT);
        // One was let in besides it, whichever that is.
        soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
        assert!(deliveries.next().now_or_never().is_none(), "{bounds:?}");
    }
}

#[tokio::test]
async fn a_client_that_reads_no_response_loses_its_place() {
    let mut options = HttpReceiverOptions::default();
    (options.connections, options.response_deadline) = (1, Duration::from_millis(100));
    let (address, _deliveries) = receiver(options).await;
    let mut deaf = Wire::connect(address).await;
    let requests = "GET /events HTTP/1.1\r\nhost: test\r\n\r\n".repeat(100);
    // Until the server hangs up.
    while deaf.write(&requests).await {}
    let answer = post(address, "GET /events HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

/// With default settings. A length that is declared costs the peer nothing, so it must cost the server nothing.
#[tokio::test]
async fn bodies_that_do_not_come_take_no_room() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = deliveries.next().await {
            let _ = delivery.accept().await;
        }
    });
    let mut waiting = Vec::new();
    for _ in 0..40 {
        let mut wire = Wire::connect(address).await;
        // The server has read the head when it asks for the body.
        let head = GOOD.split_once("content-length").unwrap().0.to_owned();
        wire.write(head + "content-length: 16777216\r\nexpect: 100-continue\r\n\r\n").await;
        assert_eq!(wire.answer().await.unwrap().status, StatusCode::CONTINUE);
        waiting.push(wire);
    }
    assert_eq!(post(address, GOOD).await.unwrap().status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn bodies_on_their_way_are_bounded_together() {
    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 1 << 20 };
    let (address, _deliveries) = receiver(options).await;
    let head = |length: &str| {
        format!(
            "POST /events HTTP/1.1\r\nhost: test\r\n{length}\r\nce-specversion: 1.0\r\nce-id: 1\r\nce-source: /s\r\nce-type: t\r\n\r\n"
        )
    };
    // What has come of one takes all the room. What came before it was read is not settled, and stays.
    let mut declared = Wire::connect(address).await;
    declared.write(head("content-length: 1048577") + &"x".repeat(1 << 20)).await;
    let mut before = Vec::new();
    let answer = soon(async {
        loop {
            let mut wire = Wire::connect(address).await;
            wire.write(head("content-length: 1") + "x").await;
            if let Some(answer) = wire.answer_within(Duration::from_millis(50)).await {
                break answer;
            }
            before.push(wire);
        }
    })
    .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);

    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 1 << 20 };
    let (address, _deliveries) = receiver(options).await;
    // Those that do not say are stopped when together they are too much.
    let chunk = format!("80000\r\n{}\r\n", "x".repeat(0x80000));
    let mut wires = Vec::new();
    let answer = soon(async {
        loop {
            let mut wire = Wire::connect(address).await;
            wire.write(head("transfer-encoding: chunked")).await;
            wire.write(&chunk).await;
            if let Some(answer) = wire.answer_within(Duration::from_millis(50)).await {
                break answer;
            }
            wires.push(wire);
            assert!(wires.len() < 10);
        }
    })
    .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_sender_that_does_not_wait() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    // The server hears of it when the system tells it, which may take a while.
    let error = soon(async {
        let mut patience = Duration::from_millis(1);
        loop {
            let mut wire = Wire::connect(address).await;
            wire.write(GOOD).await;
            let delivery = deliveries.next().await.unwrap().unwrap();
            drop(wire);
            tokio::time::sleep(patience).await;
            match delivery.accept().await {
                Err(error) => break error,
                Ok(()) => patience *= 2,
            }
        }
    })
    .await;
    assert_eq!(error.kind(), ErrorKind::Disconnected);
    assert!(deliveries.metrics().settlements_failed == 1);
}

#[tokio::test]
async fn draining_answers_everybody() {
    // A port that no other test is given when it is free.
    let (address, mut deliveries) = receiver_at(ports::free(), HttpReceiverOptions::default()).await;
    let (mut held, mut waiting, mut idle) =
        (Wire::connect(address).await, Wire::connect(address).await, Wire::connect(address).await);
    idle.write(GOOD).await;
    soon(deliveries.next()).await.unwrap().unwrap().accept().await.unwrap();
    assert_eq!(idle.answer().await.unwrap().status, StatusCode::NO_CONTENT);
    held.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    waiting.write(GOOD).await;
    let draining = tokio::spawn(async move {
        let drained = deliveries.drain(patience()).await;
        (drained, deliveries)
    });
    // What waited is given back at once, and whoever is idle is hung up on.
    let answer = waiting.answer().await;
    assert!(answer.is_none_or(|answer| answer.status == StatusCode::SERVICE_UNAVAILABLE));
    assert!(idle.answer().await.is_none());
    assert!(!draining.is_finished());
    delivery.accept().await.unwrap();
    let answer = held.answer().await.unwrap();
    assert_eq!(
        (answer.status, &answer.headers["connection"]),
        (StatusCode::NO_CONTENT, &"close".parse().unwrap())
    );
    let (drained, mut deliveries) = soon(draining).await.unwrap();
    drained.unwrap();
    assert!(deliveries.next().await.unwrap().is_none());
    soon(async { while tokio::net::TcpStream::connect(address).await.is_ok() {} }).await;
    deliveries.drain(Duration::from_secs(1)).await.unwrap();
}

/// A program ends right behind draining.
#[test]
fn the_last_response_is_written_before_draining_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut client = runtime.block_on(async {
        let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
        let mut client = std::net::TcpStream::connect(address).unwrap();
        client.write_all(GOOD.as_bytes()).unwrap();
        let delivery = soon(deliveries.next()).await.unwrap().unwrap();
        let (settled, drained) = tokio::join!(delivery.accept(), deliveries.drain(patience()));
        settled.unwrap();
        drained.unwrap();
        client
    });
    drop(runtime);
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}

fn request(body: usize) -> Request<Full<Bytes>> {
    Request::post("/events")
        .header("ce-specversion", "1.0")
        .header("ce-id", "1")
        .header("ce-source", "/tests")
        .header("ce-type", "t")
        .body(Full::new(vec![b'x'; body].into()))
        .unwrap()
}

#[tokio::test]
async fn an_exchange_that_drains_waits_for_what_is_in_flight_and_takes_no_more() {
    let (exchange, receiver) = Exchange::new(HttpReceiverOptions::default());
    let mut deliveries = receiver.into_receiver();
    let deliver = async || {
        let read = exchange.read(request(1)).await.unwrap();
        let decoded = exchange.decode(&read);
        let settled = exchange.deliver(read, decoded, None).await;
        settled.into_response(StatusCode::NO_CONTENT, Duration::from_secs(1)).status()
    };
    let drained = async {
        let delivery = soon(deliveries.next()).await.unwrap().unwrap();
        let mut drain = pin!(deliveries.drain(patience()));
        assert!((&mut drain).now_or_never().is_none());
        assert_eq!(deliver().await, StatusCode::SERVICE_UNAVAILABLE);
        assert!((&mut drain).now_or_never().is_none());
        delivery.accept().await.unwrap();
        drain.await.unwrap();
    };
    let (status, ()) = soon(async { tokio::join!(deliver(), drained) }).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
}

/// There is room for a message as long as the bound is not reached, whatever its size.
#[tokio::test]
async fn a_body_is_not_refused_once_there_was_room() {
    let mut options = HttpReceiverOptions::default();
    options.receiver.in_flight = Bounds { messages: 100, bytes: 1000 };
    let (exchange, _receiver) = Exchange::new(options);
    let _one = exchange.read(request(800)).await.unwrap();
    let _two = exchange.read(request(800)).await.unwrap();
    assert_eq!(exchange.read(request(1)).await.unwrap_err().status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn draining_ends_at_the_deadline() {
    let (address, mut deliveries) = receiver(HttpReceiverOptions::default()).await;
    let mut wire = Wire::connect(address).await;
    wire.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    let error = soon(deliveries.drain(Duration::from_millis(100))).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    let answer = wire.answer().await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(delivery.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
    soon(deliveries.drain(Duration::from_secs(5))).await.unwrap();
}

#[tokio::test]
async fn dropping_hangs_up() {
    // A port that no other test is given when it is free.
    let (address, mut deliveries) = receiver_at(ports::free(), HttpReceiverOptions::default()).await;
    let mut wire = Wire::connect(address).await;
    wire.write(GOOD).await;
    let delivery = soon(deliveries.next()).await.unwrap().unwrap();
    drop(deliveries);
    assert!(wire.answer().await.is_none());
    assert_eq!(delivery.accept().await.unwrap_err().kind(), ErrorKind::Disconnected);
    soon(async { while tokio::net::TcpStream::connect(address).await.is_ok() {} }).await;
}

#[tokio::test]
async fn sender_to_receiver() {
    let (address, deliveries) = receiver(DecodeOptions::strict().into()).await;
    let running = tokio::spawn(async move {
        let (stop, counters) = (deliveries.stopper(), deliveries.counters());
        let seen = std::sync::atomic::AtomicUsize::new(0);
        let handle = async |_: Event| {
            if seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == 500 {
                stop.stop();
            }
        };
        deliveries.run(handle).concurrency(16).await.unwrap();
        counters.snapshot().accepted
    });
    let sender = to(address);
    soon(sender.send_all((0..500).map(|n| event(&n.to_string())))).await.unwrap();
    soon(sender.close()).await.unwrap();
    assert_eq!(soon(running).await.unwrap(), 500);
}

#[tokio::test]
async fn addresses() {
    for (url, kind) in [
        ("127.0.0.1:0", ErrorKind::InvalidUrl),
        ("ftp://127.0.0.1:0/", ErrorKind::InvalidUrl),
        ("https://127.0.0.1:0/", ErrorKind::Unsupported),
        ("http://me@127.0.0.1:0/", ErrorKind::InvalidUrl),
        ("http://127.0.0.1:0,127.0.0.1:0/", ErrorKind::InvalidUrl),
        ("http://127.0.0.1:0/?deadline=1", ErrorKind::InvalidUrl),
        ("http://192.0.2.1:0/", ErrorKind::Transport),
    ] {
        assert_eq!(
            HttpReceiver::bind(url, HttpReceiverOptions::default()).await.unwrap_err().kind(),
            kind,
            "{url}"
        );
    }
    let receiver = HttpReceiver::bind("http://localhost:0", HttpReceiverOptions::default()).await.unwrap();
    assert!(receiver.local_addr().port() > 0 && receiver.url().ends_with('/'));
}

/// RFC 3986, section 6.2.2: one path has several spellings, and the announced one is sent to.
#[tokio::test]
async fn a_path_with_other_letters() {
    let options = HttpReceiverOptions::default();
    let receiver = HttpReceiver::bind("http://127.0.0.1:0/caf\u{e9}/%7ealice", options).await.unwrap();
    let (url, address) = (receiver.url(), receiver.local_addr());
    assert_eq!(url, format!("http://{address}/caf%C3%A9/~alice"));
    let mut deliveries = receiver.into_receiver();
    tokio::spawn(async move {
        while let Ok(Some(delivery)) = deliveries.next().await {
            delivery.accept().await.unwrap();
        }
    });
    let mut options = HttpSenderOptions::default();
    options.client = Some(client());
    soon(sender(&url, options).unwrap().send(&event("1"))).await.unwrap();
    for (path, status) in [
        ("/caf%C3%A9/~alice", 204),
        ("/caf%c3%a9/%7Ealice", 204),
        ("/%63af%c3%A9/~alice", 204),
        ("/caf%C3%A9%2F~alice", 404),
        ("/cafe/~alice", 404),
    ] {
        let answer = post(address, GOOD.replace("/events", path)).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{path}");
    }
}

/// What has not arrived is no message.
#[tokio::test(start_paused = true)]
async fn requests_that_are_not_read_are_not_unsettled_messages() {
    let (exchange, mut receiver) = Exchange::new(HttpReceiverOptions::default());
    let body = http_body_util::StreamBody::new(futures_util::stream::pending::<
        Result<http_body::Frame<Bytes>, std::io::Error>,
    >());
    let reading =
        tokio::spawn(async move { exchange.read(Request::post("/").body(body).unwrap()).await.map(drop) });
    tokio::task::yield_now().await;
    let error = cloudevents_transport::binding::Receive::drain(&mut receiver, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(error.detail(), "1 request has not arrived completely");
    reading.abort();
}
