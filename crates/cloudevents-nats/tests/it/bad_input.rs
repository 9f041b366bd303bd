//! Messages that are wrong, and those that only look so.

use crate::tools::{event, next, put_raw, receiver_from, sender_to, strict, take, within};
use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Message, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_nats::async_nats051::{receiver, sender};
use cloudevents_nats::{
    Encoding, NatsMessage, decode, decode_message, encode, encode_message, is_cloudevent,
};
use cloudevents_testkit::nats::Server;
use proptest::prelude::*;
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

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn message() -> NatsMessage {
    NatsMessage::new("{}")
        .with_header("ce-specversion", "1.0")
        .with_header("ce-id", "1")
        .with_header("ce-source", "/s")
        .with_header("ce-type", "t")
}

fn read(message: &NatsMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

/// NATS-3.1.3.1-b, NATS-3.1.2-a.
#[test]
fn names_in_any_case() {
    let event =
        read(&message().with_header("CE-DataContentType", "text/plain").with_header("Ce-Subject", "x"))
            .unwrap();
    assert_eq!((event.subject(), event.content_type().unwrap().as_str()), (Some("x"), "text/plain"));
    assert_eq!(read(&message().with_header("Ce-Id", "1")), Err(ErrorKind::DuplicateAttribute));
    assert_eq!(read(&message().with_header("ce-a_b", "1")), Err(ErrorKind::InvalidName));
    assert_eq!(read(&message().with_header("ce-", "1")), Err(ErrorKind::InvalidName));
}

/// In binary mode Content-Type is somebody else's header: datacontenttype has one of its own.
#[test]
fn a_content_type_is_no_attribute() {
    let event =
        read(&message().with_header("Content-Type", "text/plain").with_header("Nats-Msg-Id", "7")).unwrap();
    assert!(event.content_type().is_none());
    assert_eq!(event.attributes().len(), 3);
}

/// NATS-3.1.3.2-e to -q.
#[test]
fn values_are_unquoted_and_percent_decoded_once() {
    for (value, text) in [
        ("Euro%20%E2%82%AC", "Euro €"),
        ("%e2%82%ac", "€"),
        ("%41", "A"),
        ("a%2520b", "a%20b"),
        (r#""a \"b\" c""#, r#"a "b" c"#),
        (" padded ", "padded"),
    ] {
        assert_eq!(
            read(&message().with_header("ce-subject", value)).unwrap().subject(),
            Some(text),
            "{value}"
        );
    }
    for (value, kind) in [
        ("100%", ErrorKind::InvalidEscape),
        ("%zz", ErrorKind::InvalidEscape),
        ("\"a", ErrorKind::InvalidEscape),
        ("é", ErrorKind::InvalidEscape),
        ("%C0%A0", ErrorKind::InvalidUtf8),
        ("%ED%A0%80", ErrorKind::InvalidUtf8),
        ("a%0Ab", ErrorKind::InvalidString),
        ("", ErrorKind::EmptyAttribute),
    ] {
        assert_eq!(read(&message().with_header("ce-subject", value)), Err(kind), "{value}");
    }
}

/// NATS-3-a.
#[test]
fn structured_messages() {
    let typed =
        |content_type: &'static str| NatsMessage::new(DOCUMENT).with_header("content-type", content_type);
    assert!(read(&typed(" Application/CloudEvents+JSON; charset=utf-8")).is_ok());
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
    assert_eq!(read(&typed("application/cloudevents+json").with_header("ce-id", "2")).unwrap().id(), "1");
    let twice = typed("application/cloudevents+json").with_header("Content-Type", "text/plain");
    assert_eq!(read(&twice), Err(ErrorKind::DuplicateAttribute));
}

#[test]
fn messages_of_servers_without_headers() {
    assert_eq!(read(&NatsMessage::new(DOCUMENT)).unwrap().id(), "1");
    assert_eq!(read(&NatsMessage::new(r#"{"specversion":"1.0"}"#)), Err(ErrorKind::MissingAttribute));
    for payload in ["", "{}", "21.5", "[]", r#"[{"specversion":"1.0"}]"#, "\u{0}"] {
        assert_eq!(read(&NatsMessage::new(payload)), Err(ErrorKind::NotACloudEvent), "{payload}");
    }
    // With headers it is not assumed to be one.
    assert_eq!(
        read(&NatsMessage::new(DOCUMENT).with_header("Nats-Msg-Id", "7")),
        Err(ErrorKind::NotACloudEvent)
    );
}

/// NATS-3-b, NATS-1.3-a, NATS-1.3-b.
#[test]
fn what_nats_does_not_have() {
    let toml = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
    assert_eq!(encode_message(&toml).unwrap_err().kind(), ErrorKind::Unsupported);
    let mut bare = Encoding::binary();
    bare.without_headers = true;
    assert_eq!(encode(&read(&message()).unwrap(), bare).unwrap_err().kind(), ErrorKind::Unsupported);
    assert!(encode(&read(&message()).unwrap(), Encoding::without_headers(&Json::new())).is_ok());
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let text = "1\\.0|application/cloudevents.{0,8}".prop_map(String::into_bytes);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..8), text]
}

#[test]
fn a_type_url_is_lost_in_binary_mode() {
    let payload = Payload::proto("type.example/order", vec![1]);
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .payload("application/protobuf", payload)
        .build()
        .unwrap();
    let (_, losses) = encode(&event, Mode::Binary).unwrap();
    assert_eq!(losses.iter().count(), 1);
}

proptest! {
    #[test]
    fn any_message(headers in prop::collection::vec(("ce-[a-z]{0,3}|ce-(specversion|id|source|type|time)|content-type", value()), 0..8), payload: Vec<u8>) {
        let mut message = NatsMessage::new(payload);
        for (name, value) in headers {
            message = message.with_header(name, value);
        }
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Err(error) = decode(&message, &with) {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}
