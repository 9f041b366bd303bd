//! Malformed input that a consumer must survive: each refusal is typed, and nothing is made up.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Document, ErrorKind, FormatId, Leniency, Limits, Message, RepairKind};
use cloudevents_kafka::{Record, decode, decode_message, encode_message, is_cloudevent};

const REQUIRED: [(&str, &str); 4] =
    [("ce_specversion", "1.0"), ("ce_id", "1"), ("ce_source", "/s"), ("ce_type", "t")];

fn event() -> Record {
    REQUIRED.iter().fold(Record::default(), |record, (name, value)| {
        record.with_header(*name, Bytes::from_static(value.as_bytes()))
    })
}

fn with(name: &'static str, value: &'static [u8]) -> Record {
    event().with_header(name, Bytes::from_static(value))
}

fn document(content_type: &'static str, value: &'static str) -> Record {
    Record::new(Bytes::from(value)).with_header("content-type", Bytes::from(content_type))
}

fn small() -> DecodeOptions {
    let mut limits = Limits::default();
    (limits.bytes, limits.attributes, limits.name, limits.value) = (100, 8, 20, 30);
    DecodeOptions::strict().with_limits(limits)
}

fn cases() -> Vec<(&'static str, Record, ErrorKind)> {
    let without = |name: &str| {
        let mut record = event();
        record.headers.retain(|header| &*header.name != name);
        record
    };
    let many = (0..100).fold(event(), |record, n| record.with_header(format!("ce_a{n}"), Bytes::new()));
    vec![
        ("nothing at all", Record::default(), ErrorKind::NotACloudEvent),
        ("a JSON event without headers", json(), ErrorKind::NotACloudEvent),
        (
            "somebody else's record",
            Record::new(Bytes::from("x")).with_header("a", None),
            ErrorKind::NotACloudEvent,
        ),
        (
            "another prefix",
            Record::default().with_header("CE_id", Bytes::from("1")),
            ErrorKind::NotACloudEvent,
        ),
        (
            "two content types of somebody else",
            document("a/b", "x").with_header("content-type", Bytes::from("a/c")),
            ErrorKind::NotACloudEvent,
        ),
        (
            "a content type of somebody else that is not UTF-8",
            Record::default().with_header("content-type", Bytes::from_static(b"\xff")),
            ErrorKind::NotACloudEvent,
        ),
        ("no specversion", without("ce_specversion"), ErrorKind::MissingAttribute),
        ("no id", without("ce_id"), ErrorKind::MissingAttribute),
        ("no source", without("ce_source"), ErrorKind::MissingAttribute),
        ("no type", without("ce_type"), ErrorKind::MissingAttribute),
        ("a null id", without("ce_id").with_header("ce_id", None), ErrorKind::MissingAttribute),
        (
            "a null specversion",
            without("ce_specversion").with_header("ce_specversion", None),
            ErrorKind::MissingAttribute,
        ),
        (
            "only a null attribute",
            Record::default().with_header("ce_subject", None),
            ErrorKind::MissingAttribute,
        ),
        ("an empty type", without("ce_type").with_header("ce_type", Bytes::new()), ErrorKind::EmptyAttribute),
        (
            "another version",
            without("ce_specversion").with_header("ce_specversion", Bytes::from("2.0")),
            ErrorKind::UnsupportedSpecversion,
        ),
        ("two ids", with("ce_id", b"2"), ErrorKind::DuplicateAttribute),
        ("the same id twice", with("ce_id", b"1"), ErrorKind::DuplicateAttribute),
        ("two specversions", with("ce_specversion", b"1.0"), ErrorKind::DuplicateAttribute),
        (
            "two of an extension",
            with("ce_a", b"1").with_header("ce_a", Bytes::from("2")),
            ErrorKind::DuplicateAttribute,
        ),
        ("null and a value", with("ce_a", b"1").with_header("ce_a", None), ErrorKind::DuplicateAttribute),
        (
            "a value and null",
            event().with_header("ce_a", None).with_header("ce_a", Bytes::from("1")),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "two content types",
            with("content-type", b"a/b").with_header("content-type", Bytes::from("a/b")),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "a null and another content type",
            with("content-type", b"a/b").with_header("content-type", None),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "two kinds of content type",
            document("application/cloudevents+json", "{}").with_header("content-type", Bytes::from("a/b")),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "content types that differ",
            with("content-type", b"a/b").with_header("ce_datacontenttype", Bytes::from("a/c")),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "ce_datacontenttype twice",
            with("ce_datacontenttype", b"a/b").with_header("ce_datacontenttype", Bytes::from("a/b")),
            ErrorKind::DuplicateAttribute,
        ),
        (
            "ce_datacontenttype twice beside it",
            with("content-type", b"a/b")
                .with_header("ce_datacontenttype", Bytes::from("a/b"))
                .with_header("ce_datacontenttype", Bytes::from("a/b")),
            ErrorKind::DuplicateAttribute,
        ),
        ("a value that is not UTF-8", with("ce_a", b"\xff"), ErrorKind::InvalidUtf8),
        (
            "an id that is not UTF-8",
            without("ce_id").with_header("ce_id", Bytes::from_static(b"caf\xe9")),
            ErrorKind::InvalidUtf8,
        ),
        ("a content type that is not UTF-8", with("content-type", b"text/plain\xff"), ErrorKind::InvalidUtf8),
        ("an AMQP string of Event Hubs", with("ce_a", b"\xa1\x03abc"), ErrorKind::InvalidUtf8),
        ("a surrogate", with("ce_a", b"\xed\xa0\x80"), ErrorKind::InvalidUtf8),
        ("a line break", with("ce_a", b"a\nb"), ErrorKind::InvalidString),
        ("a noncharacter", with("ce_subject", "\u{fffe}".as_bytes()), ErrorKind::InvalidString),
        ("a time that is none", with("ce_time", b"2026-02-30T10:00:00Z"), ErrorKind::InvalidTimestamp),
        ("a schema that is none", with("ce_dataschema", b"schema"), ErrorKind::InvalidUri),
        ("a media type that is none", with("content-type", b"xyz"), ErrorKind::InvalidMediaType),
        ("an empty media type", with("content-type", b""), ErrorKind::EmptyAttribute),
        ("no name", with("ce_", b"x"), ErrorKind::InvalidName),
        ("an upper-case name", with("ce_MyExt", b"x"), ErrorKind::InvalidName),
        ("a name with an underscore", with("ce_my_ext", b"x"), ErrorKind::InvalidName),
        ("a name that is not ASCII", with("ce_größe", b"x"), ErrorKind::InvalidName),
        ("a name of data", with("ce_data", b"x"), ErrorKind::InvalidName),
        ("a null value of no name", event().with_header("ce_my-ext", None), ErrorKind::InvalidName),
        ("a value too long", with("ce_a", &[b'x'; 31]), ErrorKind::TooLarge),
        ("a name too long", with("ce_aaaaaaaaaaaaaaaaaaaaa", b"x"), ErrorKind::TooLarge),
        ("a payload too large", event().with_value(Some(Bytes::from_static(&[0; 101]))), ErrorKind::TooLarge),
        (
            "a document too large",
            document("application/cloudevents+json", "").with_value(Bytes::from_static(&[b' '; 101])),
            ErrorKind::TooLarge,
        ),
        ("a hundred attributes", many, ErrorKind::TooMany),
        ("a batch", document("application/cloudevents-batch+json", "[]"), ErrorKind::Batched),
        (
            "a batch of an unknown format",
            document("application/cloudevents-batch+x", "[]"),
            ErrorKind::Batched,
        ),
        (
            "a null document",
            document("application/cloudevents+json", "").with_value(None),
            ErrorKind::InvalidDocument,
        ),
        (
            "an unsupported charset",
            document("application/cloudevents+json; charset=utf-16", "{}"),
            ErrorKind::Unsupported,
        ),
    ]
}

fn json() -> Record {
    Record::new(Bytes::from_static(br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#))
}

#[test]
fn refused() {
    let with = small();
    for (what, record, kind) in cases() {
        assert_eq!(decode(&record, &with).map(|_| ()).unwrap_err().kind(), kind, "{what}");
        assert_eq!(
            decode_message(&record, &with).map(|_| ()).unwrap_err().kind(),
            kind,
            "{what}, as a message"
        );
        assert_eq!(is_cloudevent(&record), kind != ErrorKind::NotACloudEvent, "{what}");
    }
    assert!(decode(&event(), &with).is_ok());
}

/// Lenient decoding reports what it repaired, and refuses the rest as before.
#[test]
fn leniency_repairs_no_more_than_it_says() {
    let with = small().with_leniency(DecodeOptions::lenient().leniency);
    for (what, record, kind) in cases() {
        match decode(&record, &with) {
            Ok(decoded) => assert!(!decoded.repairs().is_empty(), "{what} was passed over"),
            Err(error) => assert_eq!(error.kind(), kind, "{what}"),
        }
    }
}

#[test]
fn documents_are_refused_when_they_are_read() {
    for (what, record, kind) in [
        ("an empty value", document("application/cloudevents+json", ""), ErrorKind::InvalidDocument),
        ("an array", document("application/cloudevents+json", "[]"), ErrorKind::Batched),
        ("half a document", document("application/cloudevents+json", "{\"id\":"), ErrorKind::InvalidDocument),
        (
            "no id",
            document("application/cloudevents+json", "{\"specversion\":\"1.0\"}"),
            ErrorKind::MissingAttribute,
        ),
        ("an unknown format", document("application/cloudevents+toml", "id = 1"), ErrorKind::UnknownFormat),
        ("no format", document("application/cloudevents", "{}"), ErrorKind::UnknownFormat),
    ] {
        assert_eq!(decode(&record, &DecodeOptions::strict()).map(|_| ()).unwrap_err().kind(), kind, "{what}");
        // Forwarding does not parse documents.
        let message = decode_message(&record, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(encode_message(&message).unwrap().value, record.value, "{what}");
    }
}

#[test]
fn deep_documents() {
    let deep = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{}1{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let record = Record::new(Bytes::from(deep))
        .with_header("content-type", Bytes::from("application/cloudevents+json"));
    assert_eq!(decode(&record, &DecodeOptions::strict()).map(|_| ()).unwrap_err().kind(), ErrorKind::TooDeep);
}

#[test]
fn repairs_have_names() {
    let record = with("ce_MyExt", b"1")
        .with_header("ce_my_ext", Bytes::from("2"))
        .with_header("ce_time", Bytes::from("yesterday"))
        .with_header("ce_datacontenttype", Bytes::from("a/c"))
        .with_header("content-type", Bytes::from("a/b"));
    let decoded = decode(&record, &DecodeOptions::lenient()).unwrap();
    let repairs: Vec<_> =
        decoded.repairs().iter().map(|repair| (repair.kind(), repair.attribute())).collect();
    assert_eq!(
        repairs,
        [
            (RepairKind::LowerCasedName, Some("myext")),
            (RepairKind::DroppedName, Some("my_ext")),
            (RepairKind::DroppedAttribute, Some("time")),
            (RepairKind::IgnoredHeader, Some("datacontenttype")),
        ]
    );
    assert_eq!(decoded.value.datacontenttype().unwrap().as_str(), "a/b");
    assert_eq!(decoded.value.extensions().len(), 1);
}

#[test]
fn errors_name_the_attribute_and_help() {
    let error = decode(&with("ce_city", b"\xa1\x03abc"), &DecodeOptions::strict()).unwrap_err();
    assert_eq!((error.attribute(), error.clause()), (Some("city"), Some("KAFKA-3.2.3-b")));
    assert!(error.help().unwrap().contains("Event Hubs"));
    let error = decode(&with("ce_city", b"\xff"), &DecodeOptions::strict()).unwrap_err();
    assert_eq!((error.attribute(), error.help()), (Some("city"), None));
}

#[test]
fn json_without_a_mark_by_repair_only() {
    let with = DecodeOptions::strict().with_leniency(Leniency::strict().with(RepairKind::AssumedJson));
    let read = |record: &Record| decode(record, &with).map(|decoded| decoded.value);
    assert_eq!(decode(&json(), &DecodeOptions::strict()).unwrap_err().kind(), ErrorKind::NotACloudEvent);
    let plain = json().with_header("content-type", Bytes::from("application/json")).with_header("a", None);
    for record in [json(), plain] {
        let decoded = decode(&record, &with).unwrap();
        assert_eq!((decoded.value.id(), decoded.repairs()[0].kind()), ("1", RepairKind::AssumedJson));
        assert_eq!(decoded.repairs()[0].cause().unwrap().kind(), ErrorKind::NotACloudEvent);
        let message = decode_message(&record, &with).unwrap();
        assert_eq!(message.repairs()[0].kind(), RepairKind::AssumedJson);
        assert!(
            matches!(message.value, Message::Structured(document) if *document.format() == FormatId::JSON)
        );
    }
    for (what, record, kind) in [
        ("null", Record::default(), ErrorKind::NotACloudEvent),
        ("empty", Record::new(Bytes::new()), ErrorKind::NotACloudEvent),
        ("no JSON", Record::new(Bytes::from("hello")), ErrorKind::NotACloudEvent),
        ("no object", Record::new(Bytes::from("[1]")), ErrorKind::NotACloudEvent),
        ("no specversion", Record::new(Bytes::from("{\"id\":\"1\"}")), ErrorKind::NotACloudEvent),
        // What cannot be read as an event is left to others.
        ("no id", Record::new(Bytes::from("{\"specversion\":\"1.0\"}")), ErrorKind::NotACloudEvent),
    ] {
        assert_eq!(read(&record).unwrap_err().kind(), kind, "{what}");
    }
    // If there are headers, they are read.
    assert_eq!(read(&event()).unwrap().id(), "1");
    // The limit is the user's, whatever its value.
    let mut large = with.clone();
    large.limits.bytes = 64 << 20;
    let text = format!(
        r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","data":"{}"}}"#,
        "x".repeat(17 << 20)
    );
    let record = Record::new(Bytes::from(text));
    assert!(decode(&record, &large).is_ok());
    assert_eq!(read(&record).unwrap_err().kind(), ErrorKind::TooLarge);
}

#[test]
fn batches_are_not_written() {
    let message = Message::Batched(Document::new(FormatId::JSON, Bytes::from("[]")));
    let error = encode_message(&message).unwrap_err();
    assert_eq!((error.kind(), error.clause()), (ErrorKind::Unsupported, Some("KAFKA-1.3-a")));
}

/// A receiver would mistake the payload for a document.
#[test]
fn an_event_whose_payload_is_an_event_is_not_written_in_binary_mode() {
    let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t");
    let event =
        event.payload("Application/CloudEvents+json", cloudevents_core::Payload::text("{}")).build().unwrap();
    let refused = cloudevents_kafka::encode(&event, cloudevents_core::Mode::Binary).unwrap_err();
    assert_eq!(
        (refused.kind(), refused.attribute()),
        (cloudevents_core::ErrorKind::Unsupported, Some("datacontenttype"))
    );
    assert!(
        cloudevents_kafka::encode(&event, cloudevents_core::Mode::structured(&cloudevents_json::Json::new()))
            .is_ok()
    );
}
