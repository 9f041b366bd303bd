//! Wrong messages, and messages that only look wrong.

use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Message, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_nats::{
    Encoding, NatsMessage, decode, decode_message, encode, encode_message, is_cloudevent,
};
use proptest::prelude::*;

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
