//! Mistakes of other implementations that must not occur here.

use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Document, Event, FormatId, Message, Mode, Payload, Value};
use cloudevents_json::Json;
use cloudevents_kafka::{
    Encoding, HeaderName, Key, Record, RecordView, decode, decode_message, encode, encode_message,
};

fn event() -> Event {
    Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .extension("flag", true)
        .extension("partitionkey", "p")
        .payload("application/json", Payload::json(r#"{"n": 1.10}"#))
        .build()
        .unwrap()
}

fn names(record: &Record) -> Vec<&str> {
    record.headers.iter().map(|header| header.name.as_str()).collect()
}

/// K1: a header with a null value.
#[test]
fn null_headers() {
    let (record, _) = encode(&event(), Mode::Binary).unwrap();
    let record =
        record.with_header("ce_subject", None).with_header("ce_other", None).with_header("trace", None);
    let decoded = decode(&record, &DecodeOptions::strict()).unwrap();
    assert!(decoded.repairs().is_empty());
    assert_eq!((decoded.value.subject(), decoded.value.attribute("other")), (None, None));
    // A null content-type counts as none.
    let (mut record, _) = encode(&event(), Mode::Binary).unwrap();
    let header = record.headers.iter_mut().find(|header| &*header.name == "content-type").unwrap();
    header.value = None;
    assert!(decode(&record, &DecodeOptions::strict()).unwrap().value.datacontenttype().is_none());
}

/// K2: null is no payload, empty is an empty payload, in both directions.
#[test]
fn null_and_empty_values() {
    let (mut record, _) = encode(&event(), Mode::Binary).unwrap();
    for value in [None, Some(Bytes::new())] {
        record.value = value.clone();
        let event = decode(&record, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(event.data_bytes(), value.as_ref());
        assert_eq!(encode(&event, Mode::Binary).unwrap().0.value, value);
        let structured = encode(&event, Mode::structured(&Json::new())).unwrap().0;
        assert!(structured.value.is_some_and(|document| document.starts_with(b"{")));
    }
}

/// K4: keys do not become attributes, nor attributes keys.
#[test]
fn keys() {
    let json = Json::new();
    let structured = Encoding::structured(&json).with_key(Key::partition_key());
    for with in [Encoding::binary().with_key(Key::partition_key()), structured] {
        let (record, _) = encode(&event(), with).unwrap();
        assert_eq!(record.key.as_deref(), Some(&b"p"[..]));
        let read = decode(&record, &DecodeOptions::strict()).unwrap().value;
        assert_eq!(read.attribute("partitionkey"), Some(Value::String("p")));
    }
    let plain = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let (record, _) = encode(&plain, Encoding::binary().with_key(Key::literal(vec![0xff, 0]))).unwrap();
    assert_eq!(record.key.as_deref(), Some(&[0xff, 0][..]));
    assert_eq!(decode(&record, &DecodeOptions::strict()).unwrap().value, plain);
    assert_eq!(encode(&plain, Encoding::binary().with_key(Key::partition_key())).unwrap().0.key, None);
}

#[test]
fn keys_of_messages() {
    let with = DecodeOptions::strict().with_formats(cloudevents_core::Formats::none().with(Json::new()));
    let (structured, _) = Message::structured(&event(), &Json::new()).unwrap();
    for message in [Message::from(event()), structured] {
        for (key, expected) in [
            (Key::None, None),
            (Key::partition_key(), Some("p")),
            (Key::literal("k"), Some("k")),
            (Key::attribute("flag"), Some("true")),
        ] {
            assert_eq!(key.of_message(&message, &with).unwrap().as_deref(), expected.map(str::as_bytes));
        }
    }
    let unknown = Message::Structured(Document::new(FormatId::new("toml"), Bytes::new()));
    assert!(Key::partition_key().of_message(&unknown, &with).is_err());
    assert_eq!(Key::literal("k").of_message(&unknown, &with).unwrap().as_deref(), Some(&b"k"[..]));
}

#[test]
fn the_payload_is_never_copied() {
    let value = Bytes::from(vec![7; 1000]);
    let (record, _) = encode(&event(), Mode::Binary).unwrap();
    let record = record.with_value(value.clone());
    let event = decode(&record, &DecodeOptions::strict()).unwrap().value;
    assert_eq!(event.data_bytes().unwrap().as_ptr(), value.as_ptr());
    let (again, _) = encode(&event, Mode::Binary).unwrap();
    assert_eq!(again.value.unwrap().as_ptr(), value.as_ptr());
    let body = Bytes::from(vec![b'{'; 1000]);
    let record = encode_message(&Message::Structured(Document::new(FormatId::JSON, body.clone()))).unwrap();
    let Message::Structured(moved) = decode_message(&record, &DecodeOptions::strict()).unwrap().value else {
        panic!("it was structured")
    };
    assert_eq!(moved.body().as_ptr(), body.as_ptr());
}

#[test]
fn exactly_these_headers() {
    let (record, _) = encode(&event(), Mode::Binary).unwrap();
    assert_eq!(
        names(&record),
        ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_flag", "ce_partitionkey", "content-type"]
    );
    assert_eq!(record.header("ce_flag"), Some(&b"true"[..]));
    assert_eq!(record.header("content-type"), Some(&b"application/json"[..]));
    let (record, _) = encode(&event(), Mode::structured(&Json::new())).unwrap();
    assert_eq!(names(&record), ["content-type"]);
}

/// A client that lends its records and shares no buffers.
struct Lent<'a>(&'a [(&'a str, Option<&'a [u8]>)], Option<&'a [u8]>);

impl RecordView for Lent<'_> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        self.0.iter().copied()
    }

    fn value(&self) -> Option<&[u8]> {
        self.1
    }
}

#[test]
fn any_client_s_records() {
    let headers: Vec<(&str, Option<&[u8]>)> = vec![
        ("content-type", Some(b"text/plain")),
        ("trace", Some(b"\xff")),
        ("trace", Some(b"2")),
        ("ce_type", Some(b"t")),
        ("ce_source", Some(b"/s")),
        ("ce_id", Some(b"1")),
        ("ce_specversion", Some(b"1.0")),
    ];
    let event = decode(&Lent(&headers, Some(b"hello")), &DecodeOptions::strict()).unwrap().value;
    assert_eq!(event.data_bytes().unwrap().as_ref(), b"hello");
    assert_eq!(event.attributes().len(), 4);
    assert!(decode(&Lent(&headers, None), &DecodeOptions::strict()).unwrap().value.data_bytes().is_none());
}

#[test]
fn header_names() {
    let (record, _) = encode(&event(), Mode::Binary).unwrap();
    let shared = &record.headers[5].name;
    assert_eq!(shared, &HeaderName::from_static("ce_partitionkey"));
    assert_eq!(format!("{shared:?}"), "\"ce_partitionkey\"");
}
