//! What the client cannot read.

use crate::tools::{event, next, put_raw, receiver_from, sender_to, strict, take, within};
use cloudevents_core::ErrorKind;
use cloudevents_nats::async_nats051::{receiver, sender};
use cloudevents_testkit::nats::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Header blocks that the client reads in its own way, or that it cannot parse.
const UNPARSED: [&[u8]; 4] = [
    b"NATS/1.0\r\nno colon\r\n\r\n",
    b"NATS/1.0\r\nbad name: x\r\n\r\n",
    b"NATS/1.0\r\nce-id: \xff\r\n\r\n",
    b"NATS/2.0\r\nce-id: 1\r\n\r\n",
];

/// The receiver connects again, and later messages arrive.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn headers_that_the_client_cannot_parse_cost_a_connection() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    for (number, headers) in UNPARSED.into_iter().enumerate() {
        put_raw(server.port(), "orders", headers, b"x").await;
        let mut connectivity = receiver.connectivity();
        within(async {
            while connectivity.connects() < number as u64 + 2 {
                connectivity.changed().await;
            }
        })
        .await;
        sender_to(&server, "orders").await.send(&event(number)).await.unwrap();
        assert_eq!(take(&mut receiver).await.0, number.to_string());
    }
}

/// Each connection is answered with these bytes: the first when it is accepted, the others when the client has said something.
async fn scripted(lines: &'static [&'static [u8]]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("nats://{}/orders", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut said = [0; 4096];
                for line in lines {
                    if stream.write_all(line).await.is_err() || stream.read(&mut said).await.is_err() {
                        return;
                    }
                }
                std::future::pending::<()>().await;
            });
        }
    });
    url
}

const INFO: &[u8] =
    b"INFO {\"server_id\":\"s\",\"version\":\"2.10.0\",\"headers\":true,\"max_payload\":1048576}\r\n";

/// The client panics there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_without_a_text_is_a_lost_connection() {
    const EMPTY: &[u8] = b"-ERR\r\n";
    const AT_ONCE: &[&[u8]] = &[EMPTY];
    const AT_LOGIN: &[&[u8]] = &[INFO, EMPTY];
    for lines in [AT_ONCE, AT_LOGIN] {
        let url = scripted(lines).await;
        let error = within(sender(&url, Default::default())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
        let error = within(receiver(&url, strict())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Disconnected, "{error}");
    }
}

/// A login that has expired is tried again for as long as one that is unknown.
#[tokio::test]
async fn a_login_that_has_expired_is_refused() {
    const EXPIRED: &[&[u8]] = &[INFO, b"-ERR 'Account Authentication Expired'\r\n"];
    const FULL: &[&[u8]] = &[INFO, b"-ERR 'maximum connections exceeded'\r\n"];
    for (lines, kind) in [(EXPIRED, ErrorKind::Refused), (FULL, ErrorKind::Disconnected)] {
        let error = within(sender(&scripted(lines).await, Default::default())).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
}

/// The task of the client panics there, and reports nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_length_that_no_message_has_is_a_lost_connection() {
    const LINES: &[&[u8]] = &[INFO, b"PONG\r\nMSG orders 1 18446744073709551615\r\nx\r\n"];
    let sender = sender(&scripted(LINES).await, Default::default()).await.unwrap();
    let mut connectivity = sender.connectivity();
    within(async {
        while connectivity.losses() == 0 {
            connectivity.changed().await;
        }
    })
    .await;
}

/// A bare line feed ends a line for the client. What follows is a header of its own, never part of a value.
#[tokio::test]
async fn a_bare_line_feed_ends_a_header() {
    let server = Server::start().unwrap();
    let mut receiver = receiver_from(&server, "orders").await;
    let headers = b"NATS/1.0\r\nce-specversion: 1.0\r\nce-id: 1\nce-source: /s\r\nce-type: t\r\n\r\n";
    put_raw(server.port(), "orders", headers, b"{}").await;
    let delivery = next(&mut receiver).await;
    assert_eq!((delivery.event().unwrap().id(), delivery.event().unwrap().source().as_str()), ("1", "/s"));
    delivery.accept().await.unwrap();
    // A second header of the same name this way is as wrong as any other.
    let headers =
        b"NATS/1.0\r\nce-specversion: 1.0\r\nce-id: 1\nce-id: 2\r\nce-source: /s\r\nce-type: t\r\n\r\n";
    put_raw(server.port(), "orders", headers, b"{}").await;
    let delivery = next(&mut receiver).await;
    assert_eq!(delivery.event().unwrap_err().kind(), ErrorKind::DuplicateAttribute);
    assert_eq!(delivery.body().unwrap(), "{}");
    delivery.accept().await.unwrap();
}
