//! Wrong messages, and messages that only look wrong.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Leniency, Message, RepairKind};
use cloudevents_sqs::{SqsMessage, decode, decode_message, encode_message, fits, is_cloudevent};
use proptest::prelude::*;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn with(body: &'static str, attributes: &[(&'static str, &'static str)]) -> SqsMessage {
    attributes.iter().fold(SqsMessage::new(body), |all, (name, value)| all.with_attribute(*name, *value))
}

fn binary() -> SqsMessage {
    with("x", &[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")])
}

fn read(message: &SqsMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

#[test]
fn what_is_wrong_in_binary_messages() {
    for (name, value, kind) in [
        ("ce-id", &b"2"[..], ErrorKind::DuplicateAttribute),
        ("ce-subject", b"\xff", ErrorKind::InvalidUtf8),
        ("ce-", b"x", ErrorKind::InvalidName),
        ("ce-Subject", b"x", ErrorKind::InvalidName),
        ("ce-\u{e9}", b"x", ErrorKind::InvalidName),
        ("ce-subject", b"", ErrorKind::EmptyAttribute),
        ("ce-subject", b"a\0", ErrorKind::InvalidString),
        ("ce-time", b"now", ErrorKind::InvalidTimestamp),
        ("content-type", b"\xff", ErrorKind::InvalidUtf8),
        ("content-type", b"x", ErrorKind::InvalidMediaType),
    ] {
        let message = binary().with_attribute(name, Bytes::from_static(value));
        assert_eq!(read(&message), Err(kind), "{name}");
    }
    let twice = binary().with_attribute("content-type", "a/b").with_attribute("content-type", "a/b");
    assert_eq!(read(&twice), Err(ErrorKind::DuplicateAttribute));
    let differ = binary().with_attribute("content-type", "a/b").with_attribute("ce-datacontenttype", "c/d");
    assert_eq!(read(&differ), Err(ErrorKind::DuplicateAttribute));
    let missing = with("x", &[("ce-specversion", "1.0"), ("ce-id", "1")]);
    assert_eq!(read(&missing), Err(ErrorKind::MissingAttribute));
}

#[test]
fn structured_messages() {
    let typed = |content_type: &'static str| with(DOCUMENT, &[("content-type", content_type)]);
    assert_eq!(read(&typed(" Application/CloudEvents+JSON; charset=utf-8")).unwrap().id(), "1");
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
    let mirrored = typed("application/cloudevents+json").with_attribute("ce-id", "2");
    assert_eq!(read(&mirrored).unwrap().id(), "1");
    assert_eq!(read(&SqsMessage::default()), Err(ErrorKind::NotACloudEvent));
}

/// As the message processing framework of AWS for .NET writes it.
#[test]
fn documents_without_a_mark_are_read_by_their_own_leniency_only() {
    let unmarked = SqsMessage::new(DOCUMENT);
    assert_eq!(read(&unmarked), Err(ErrorKind::NotACloudEvent));
    let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
    let decoded = decode(&unmarked, &with).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
    for body in ["", "{}", "21.5", "[]", r#"[{"specversion":"1.0"}]"#, "\u{0}"] {
        let error = decode(&SqsMessage::new(body), &with).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotACloudEvent, "{body}");
    }
}

#[test]
fn a_batch_is_no_message() {
    let batch = Message::Batched(Document::new(FormatId::JSON, "[]"));
    assert_eq!(encode_message(&batch).unwrap_err().kind(), ErrorKind::Unsupported);
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let text = "1\\.0|application/cloudevents.{0,8}".prop_map(String::into_bytes);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..8), text, Just(DOCUMENT.as_bytes().to_vec())]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["ce-[a-z]{0,3}|ce-(specversion|id|source|type|time)|content-type", ".{0,8}"]
}

proptest! {
    #[test]
    fn any_message(body in value(), attributes in prop::collection::vec((name(), value(), any::<bool>()), 0..8)) {
        let mut message = SqsMessage::new(body);
        for (name, value, is_binary) in attributes {
            message = message.with_attribute(name, value);
            if is_binary {
                message.attributes.last_mut().unwrap().1.data_type = "Binary".into();
            }
        }
        let _ = fits(&message);
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Err(error) = decode(&message, &with) {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}
