//! Peers that do what they should not: requests that are framed wrongly, never end, or come too late to be read.

use crate::tools::{GOOD, PATIENCE, Wire, client, event, post, soon};
use cloudevents_core::{Event, Payload};
use cloudevents_http::{HttpReceiver, HttpReceiverOptions, HttpSenderOptions, Refusal, sender};
use cloudevents_transport::{Bounds, Receiver};
use http::StatusCode;
use std::{
    error::Error as _,
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

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
        (gzip, 501),
    ] {
        let answer = post(address, &request).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{request}");
        assert_eq!(answer.headers["connection"], "close");
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
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    assert!(head.answer().await.is_none());
    assert_eq!(body.answer().await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
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
    let (reply, received) = tokio::join!(sender.request(&event, PATIENCE), echo);
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
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    // A request that is served keeps its place.
    delivery.accept().await.unwrap();
    assert_eq!(served.answer().await.unwrap().status, StatusCode::NO_CONTENT);
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
        options.in_flight = Bounds { messages: 1, bytes: 1 << 20 };
        let sender = sender(&url, options).unwrap();
        let sent = async {
            for id in 0..3 {
                assert_eq!(sender.send(&event(&id.to_string())).await.is_ok(), accepted);
            }
        };
        tokio::time::timeout(PATIENCE, sent).await.unwrap();
    }
}
