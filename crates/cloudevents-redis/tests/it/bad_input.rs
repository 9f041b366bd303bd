//! Wrong entries, and entries that only look wrong.

use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Message, Peer, RepairKind};
use cloudevents_redis::{RedisMessage, decode, decode_message, encode_message, is_cloudevent};
use proptest::prelude::*;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

fn entry(fields: &[(&'static str, &'static str)]) -> RedisMessage {
    fields.iter().fold(RedisMessage::default(), |entry, (name, value)| entry.with_field(*name, *value))
}

fn binary() -> RedisMessage {
    entry(&[("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")])
}

fn read(message: &RedisMessage) -> Result<Event, ErrorKind> {
    decode(message, &DecodeOptions::strict()).map(|decoded| decoded.value).map_err(|error| error.kind())
}

#[test]
fn what_is_wrong_in_binary_entries() {
    for (field, value, kind) in [
        (&b"ce-id"[..], &b"2"[..], ErrorKind::DuplicateAttribute),
        (b"ce-subject", b"\xff", ErrorKind::InvalidUtf8),
        (b"ce-\xff", b"x", ErrorKind::InvalidName),
        (b"ce-", b"x", ErrorKind::InvalidName),
        (b"ce-Subject", b"x", ErrorKind::InvalidName),
        (b"ce-subject", b"", ErrorKind::EmptyAttribute),
        (b"ce-subject", b"a\0", ErrorKind::InvalidString),
        (b"ce-time", b"now", ErrorKind::InvalidTimestamp),
        (b"content-type", b"\xff", ErrorKind::InvalidUtf8),
        (b"content-type", b"x", ErrorKind::InvalidMediaType),
    ] {
        assert_eq!(read(&binary().with_field(field, value)), Err(kind), "{}", field.escape_ascii());
    }
    for name in ["data", "content-type"] {
        let twice = binary().with_field(name, "a/b").with_field(name, "a/b");
        assert_eq!(read(&twice), Err(ErrorKind::DuplicateAttribute), "{name}");
    }
    let differ = binary().with_field("content-type", "a/b").with_field("ce-datacontenttype", "c/d");
    assert_eq!(read(&differ), Err(ErrorKind::DuplicateAttribute));
    assert_eq!(read(&entry(&[("ce-specversion", "1.0"), ("ce-id", "1")])), Err(ErrorKind::MissingAttribute));
}

#[test]
fn structured_entries() {
    let typed = |content_type: &'static str| entry(&[("content-type", content_type), ("data", DOCUMENT)]);
    assert_eq!(read(&typed(" Application/CloudEvents+JSON; charset=utf-8")).unwrap().id(), "1");
    assert_eq!(read(&typed("application/cloudevents+toml")), Err(ErrorKind::UnknownFormat));
    assert_eq!(read(&typed("application/cloudevents-batch+json")), Err(ErrorKind::Batched));
    assert_eq!(read(&typed("application/json")), Err(ErrorKind::NotACloudEvent));
    assert_eq!(read(&typed("application/cloudevents+json").with_field("ce-id", "2")).unwrap().id(), "1");
    let twice = typed("application/cloudevents+json").with_field("data", DOCUMENT);
    assert_eq!(read(&twice), Err(ErrorKind::DuplicateAttribute));
    // Dapr, which writes one field.
    assert_eq!(read(&entry(&[("data", DOCUMENT)])).unwrap().id(), "1");
    assert_eq!(read(&entry(&[("data", r#"{"specversion":"1.0"}"#)])), Err(ErrorKind::MissingAttribute));
    for data in ["", "{}", "21.5", "[]", r#"[{"specversion":"1.0"}]"#, "\u{0}"] {
        assert_eq!(read(&entry(&[("data", data)])), Err(ErrorKind::NotACloudEvent), "{data}");
    }
    assert_eq!(read(&RedisMessage::default()), Err(ErrorKind::NotACloudEvent));
}

#[test]
fn what_others_mark_as_json_can_be_assumed() {
    let message = entry(&[("content-type", "application/json"), ("data", DOCUMENT)]);
    let decoded = decode(&message, &DecodeOptions::strict().with_leniency(Peer::Dapr.leniency())).unwrap();
    assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
}

#[test]
fn a_batch_is_no_entry() {
    let batch = Message::Batched(Document::new(FormatId::JSON, "[]"));
    assert_eq!(encode_message(&batch).unwrap_err().kind(), ErrorKind::Unsupported);
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let text = "1\\.0|application/cloudevents.{0,8}".prop_map(String::into_bytes);
    prop_oneof![prop::collection::vec(any::<u8>(), 0..8), text, Just(DOCUMENT.as_bytes().to_vec())]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let text =
        "ce-[a-z]{0,3}|ce-(specversion|id|source|type|time)|content-type|data".prop_map(String::into_bytes);
    prop_oneof![text, prop::collection::vec(any::<u8>(), 0..8)]
}

proptest! {
    #[test]
    fn any_entry(fields in prop::collection::vec((name(), value()), 0..8)) {
        let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let message = RedisMessage::from(fields);
        for with in [DecodeOptions::strict(), DecodeOptions::lenient()] {
            if let Err(error) = decode(&message, &with) {
                prop_assert_eq!(error.kind() == ErrorKind::NotACloudEvent, !is_cloudevent(&message));
            }
            let _ = decode_message(&message, &with);
        }
    }
}
