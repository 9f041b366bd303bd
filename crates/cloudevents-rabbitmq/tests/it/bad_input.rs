//! Wrong messages, and messages that only look wrong.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Mode, Payload, RepairKind};
use cloudevents_rabbitmq::{FieldValue, RabbitMessage, decode, decode_message, encode, is_cloudevent};
use proptest::prelude::*;

fn spelled(prefix: &str) -> RabbitMessage {
    RabbitMessage::new("{}")
        .with_header(format!("{prefix}specversion"), "1.0")
        .with_header(format!("{prefix}id"), "1")
        .with_header(format!("{prefix}source"), "/s")
        .with_header(format!("{prefix}type"), "t")
}

fn message() -> RabbitMessage {
    spelled("ce-")
}

fn read(message: &RabbitMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

/// What RabbitMQ converts from AMQP 1.0 and MQTT keeps its producers' names.
#[test]
fn spellings_of_other_protocols() {
    for prefix in ["ce-", "cloudEvents_", "cloudEvents:", ""] {
        let event = read(
            &spelled(prefix)
                .with_header(format!("{prefix}subject"), "x")
                .with_header("x-death", FieldValue::Other("a list")),
        );
        assert_eq!(event.unwrap().subject(), Some("x"), "{prefix}");
    }
    // One spelling per message.
    assert_eq!(read(&message().with_header("cloudEvents_subject", "x")), Err(ErrorKind::InvalidName));
    assert_eq!(
        read(&spelled("cloudEvents:").with_header("cloudEvents_id", "1")),
        Err(ErrorKind::DuplicateAttribute)
    );
    // Without a prefix, a header is an attribute only where no other spelling is.
    assert_eq!(read(&message().with_header("subject", "x")).unwrap().subject(), None);
    let mut bare = spelled("");
    bare.headers.pop();
    assert_eq!(read(&bare), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn native_values() {
    let event = read(
        &message()
            .with_header("ce-time", FieldValue::Timestamp(1_522_949_460))
            .with_header("ce-flag", FieldValue::Boolean(true))
            .with_header("ce-count", FieldValue::Integer(-7))
            .with_header("ce-none", FieldValue::Void),
    )
    .unwrap();
    assert_eq!(event.time().unwrap().as_str(), "2018-04-05T17:31:00Z");
    assert_eq!(event.attribute("flag").unwrap().to_canonical(), "true");
    assert_eq!(event.attribute("count").unwrap().to_canonical(), "-7");
    assert!(event.attribute("none").is_none());
    for (name, value, kind) in [
        ("ce-subject", FieldValue::Bytes(Bytes::from_static(b"\xff")), ErrorKind::InvalidUtf8),
        ("ce-a", FieldValue::Integer(2_147_483_648), ErrorKind::InvalidInteger),
        ("ce-a", FieldValue::Other("a table"), ErrorKind::InvalidType),
        ("ce-time", FieldValue::Timestamp(u64::MAX), ErrorKind::InvalidTimestamp),
        ("ce-time", FieldValue::Timestamp(253_402_300_800), ErrorKind::InvalidTimestamp),
        ("ce-id", FieldValue::Void, ErrorKind::MissingAttribute),
        ("ce-A", FieldValue::from("x"), ErrorKind::InvalidName),
        ("ce-data", FieldValue::from("x"), ErrorKind::InvalidName),
    ] {
        assert_eq!(read(&message().with_header(name, value.clone())), Err(kind), "{name}: {value:?}");
    }
    let mut unset = message();
    unset.headers[1].1 = FieldValue::Void;
    assert_eq!(read(&unset), Err(ErrorKind::MissingAttribute));
}

#[test]
fn an_attribute_stands_there_once() {
    assert_eq!(read(&message().with_header("ce-id", "1")), Err(ErrorKind::DuplicateAttribute));
    let typed =
        |name: &str| message().with_content_type("text/plain").with_header("ce-datacontenttype", name);
    assert_eq!(read(&typed("text/plain")).unwrap().content_type().unwrap().as_str(), "text/plain");
    assert_eq!(read(&typed("text/html")), Err(ErrorKind::DuplicateAttribute));
    assert_eq!(
        read(&typed("text/plain").with_header("ce-datacontenttype", "text/plain")),
        Err(ErrorKind::DuplicateAttribute)
    );
    let repaired = decode(&typed("text/html"), &DecodeOptions::lenient()).unwrap();
    assert_eq!(repaired.repairs()[0].kind(), RepairKind::IgnoredHeader);
    assert_eq!(repaired.value.datacontenttype().unwrap().as_str(), "text/html");
}

#[test]
fn structured_messages() {
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
    let typed = |content_type: &str| RabbitMessage::new(document).with_content_type(content_type);
    assert!(read(&typed("Application/CloudEvents+JSON; charset=utf-8")).is_ok());
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/cloudevents+json").with_header("ce-id", "2")).unwrap().id(), "1");
    assert_eq!(
        read(&RabbitMessage::new("").with_content_type("application/cloudevents+json")),
        Err(ErrorKind::InvalidDocument)
    );
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn bodies_that_are_compressed() {
    for (encoding, refused) in
        [("gzip", true), ("utf-8", false), ("UTF-8", false), ("", false), ("identity", false)]
    {
        let mut encoded = message();
        encoded.content_encoding = Some(encoding.into());
        assert_eq!(read(&encoded).err(), refused.then_some(ErrorKind::ContentEncoding), "{encoding}");
    }
    let mut foreign = RabbitMessage::new("x");
    foreign.content_encoding = Some("gzip".into());
    assert_eq!(read(&foreign), Err(ErrorKind::NotACloudEvent));
}

fn value() -> impl Strategy<Value = FieldValue> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..8).prop_map(|bytes| FieldValue::Bytes(bytes.into())),
        Just(FieldValue::from("1.0")),
        any::<bool>().prop_map(FieldValue::Boolean),
        any::<i128>().prop_map(FieldValue::Integer),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
        Just(FieldValue::Other("a table")),
    ]
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
    fn any_message(headers in prop::collection::vec(("(ce-|cloudEvents[_:])?([a-z]{0,3}|specversion|id|source|type|time)", value()), 0..8), content_type in prop::option::of(".{0,20}|application/cloudevents.{0,8}"), body: Vec<u8>) {
        let mut message = RabbitMessage::new(body);
        message.content_type = content_type.map(Into::into);
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

/// A receiver would take the payload for a document.
#[test]
fn an_event_whose_payload_is_an_event_is_not_written_in_binary_mode() {
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t");
    let event =
        event.payload("Application/CloudEvents+json", cloudevents_core::Payload::text("{}")).build().unwrap();
    let refused = cloudevents_rabbitmq::encode(&event, cloudevents_core::Mode::Binary).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.attribute()),
        (cloudevents_core::ErrorKind::Unsupported, Some("datacontenttype"))
    );
    assert!(
        cloudevents_rabbitmq::encode(
            &event,
            cloudevents_core::Mode::structured(&cloudevents_json::Json::new())
        )
        .is_ok()
    );
}
