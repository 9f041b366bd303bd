//! Events: setters, equality, sharing, payloads under content types, the upgrade from 0.3 to 1.0.

use bytes::Bytes;
use cloudevents_core::{
    Codec, CodecContext, Data, Decode, Encode, Error, ErrorKind, Event, EventBuilder, EventData, MediaType,
    Payload, SpecVersion, TypedEvent, Value,
    codec::{self, share},
};
use cloudevents_testkit::any;
use proptest::prelude::*;

fn minimal() -> EventBuilder {
    Event::builder().id("1").source("/s").ty("t")
}

#[test]
fn a_builder_reports_every_mistake_at_once() {
    let mistakes = Event::builder()
        .id("a\nb")
        .time("2026-02-30T10:00:00Z")
        .dataschema("#")
        .datacontenttype("xyz")
        .subject("")
        .extension("id", "x")
        .extension("data", "x")
        .extension("ok", "\u{7}")
        .payload_only(Payload::json("{oops"))
        .build()
        .unwrap_err();
    let kinds: Vec<_> = mistakes.errors().iter().map(|error| (error.attribute(), error.kind())).collect();
    assert_eq!(
        kinds,
        [
            (Some("id"), ErrorKind::InvalidString),
            (Some("time"), ErrorKind::InvalidTimestamp),
            (Some("datacontenttype"), ErrorKind::InvalidMediaType),
            (Some("subject"), ErrorKind::EmptyAttribute),
            (Some("id"), ErrorKind::InvalidName),
            (Some("data"), ErrorKind::InvalidName),
            (Some("ok"), ErrorKind::InvalidString),
            (None, ErrorKind::InvalidDocument),
            (Some("source"), ErrorKind::MissingAttribute),
            (Some("type"), ErrorKind::MissingAttribute),
            (Some("dataschema"), ErrorKind::InvalidUri),
        ]
    );
    assert!(
        mistakes
            .errors()
            .iter()
            .all(|error| error.clause().is_some() || error.kind() == ErrorKind::InvalidDocument)
    );
}

#[test]
fn setters_check_and_leave_the_event_as_it_was_on_a_mistake() {
    let mut event = minimal().extension("n", 1).build().unwrap();
    let before = event.clone();
    assert!(event.set_id("").is_err());
    assert!(event.set_source("not a uri").is_err());
    assert!(event.set_ty("\u{0}").is_err());
    assert!(event.set_subject("").is_err());
    assert!(event.set_time("never").is_err());
    assert!(event.set_dataschema("relative").is_err());
    assert!(event.set_datacontenttype("xyz").is_err());
    assert!(event.set_extension("Bad-Name", 1).is_err());
    assert!(event.set_extension("id", "2").is_err());
    assert!(!event.remove("id"));
    assert!(!event.remove("absent"));
    assert!(!event.remove("specversion"));
    assert_eq!(event, before);

    event.set_id("2").unwrap();
    event.set_subject("s").unwrap();
    event.set_time("2020-01-01T00:00:00Z").unwrap();
    event.set_extension("n", "text").unwrap();
    event.set_extension("bytes", [1, 2, 3]).unwrap();
    event.set_extension("another", true).unwrap();
    assert_eq!(event.id(), "2");
    assert_eq!(event.attribute("n"), Some(Value::String("text")));
    assert_eq!(event.attribute("bytes"), Some(Value::Binary(&[1, 2, 3])));
    assert!(event.remove("subject") && event.remove("n"));
    let names: Vec<_> = event.attributes().map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["id", "source", "type", "time", "another", "bytes"]);
    assert_eq!(event.attributes().len(), 6);
    assert_eq!(before.id(), "1", "a clone is not changed with it");
}

#[test]
fn payloads_agree_with_content_types() {
    let kind = |content_type: Option<&str>, payload: Payload| {
        let builder = minimal().payload_only(payload);
        let event = match content_type {
            Some(content_type) => builder.datacontenttype(content_type),
            None => builder,
        };
        match event.build().unwrap().data().unwrap() {
            Data::Json(_) => "json",
            Data::Text(_) => "text",
            Data::Binary(_) => "binary",
            Data::Xml(_) => "xml",
            Data::Cbor(_) => "cbor",
            Data::Proto { .. } => "proto",
            _ => "?",
        }
    };
    let (json, cbor, text) = (Some("application/x+json"), Some("application/cbor"), Some("text/plain"));
    // The table in the documentation of `Payload`, row by row.
    type Make = fn() -> Payload;
    let rows: [(Make, [&str; 4]); 9] = [
        (|| Payload::json("1").unwrap(), ["json", "text", "json", "text"]),
        (|| Payload::text("1"), ["json", "text", "text", "text"]),
        (|| Payload::text("no"), ["text", "text", "text", "text"]),
        (|| Payload::binary("1"), ["binary", "binary", "binary", "binary"]),
        (|| Payload::body("[]"), ["json", "binary", "binary", "binary"]),
        (|| Payload::body(&b"\x83\x01\x02\x03"[..]), ["binary", "cbor", "binary", "binary"]),
        (|| Payload::xml("<a/>"), ["xml", "xml", "xml", "xml"]),
        (|| Payload::cbor(&b"\x01"[..]).unwrap(), ["binary", "cbor", "cbor", "binary"]),
        (|| Payload::proto("u", &b""[..]), ["proto", "proto", "proto", "proto"]),
    ];
    for (row, (make, expected)) in rows.into_iter().enumerate() {
        for (content_type, expected) in [json, cbor, None, text].into_iter().zip(expected) {
            assert_eq!(kind(content_type, make()), expected, "row {row} under {content_type:?}");
        }
    }
}

#[test]
fn what_a_body_is_follows_its_content_type() {
    let mut event =
        minimal().datacontenttype("application/json").payload_only(Payload::body("{oops")).build().unwrap();
    assert!(matches!(event.data(), Some(Data::Binary(b"{oops"))));
    assert!(codec::is_payload_not_json(&event));
    event.set_datacontenttype("text/plain").unwrap();
    assert!(!codec::is_payload_not_json(&event));
    let mut event = minimal().payload_only(Payload::body("[1]")).build().unwrap();
    assert!(matches!(event.data(), Some(Data::Binary(_))));
    event.set_datacontenttype("application/json").unwrap();
    assert!(matches!(event.data(), Some(Data::Json(_))));
    assert_eq!(event.data_bytes().unwrap(), "[1]");
    event.clear_payload();
    assert_eq!(event.data(), None);
    assert!(event.datacontenttype().is_some());
}

#[test]
fn clones_share_and_detached_events_do_not() {
    let bytes = Bytes::from(vec![7; 1000]);
    let event = minimal().binary("application/octet-stream", bytes.clone()).build().unwrap();
    assert_eq!(event.clone().data_bytes().unwrap().as_ptr(), bytes.as_ptr());
    let mut detached = event.clone();
    detached.detach();
    assert_ne!(detached.data_bytes().unwrap().as_ptr(), bytes.as_ptr());
    assert_eq!(detached, event);
    drop((event, bytes));
    assert_eq!(detached.data_bytes().unwrap().len(), 1000);
}

#[test]
fn texts_are_shared_only_from_the_event_itself() {
    let event = minimal().subject("shared").build().unwrap();
    let subject = event.subject().unwrap();
    let shared = share(&event, subject).unwrap();
    assert_eq!(shared, "shared");
    assert_eq!(shared.as_ptr(), subject.as_ptr());
    assert_eq!(share(&event, "elsewhere"), None);
    let twin = event.clone().into_builder().build().unwrap();
    assert_eq!(share(&event, twin.subject().unwrap()), None);
}

#[test]
fn the_version_decides_whenever_it_is_set() {
    let old = minimal()
        .dataschema("relative")
        .extension("dataschema", 1)
        .specversion(SpecVersion::V03)
        .build()
        .unwrap();
    assert_eq!(old.schemaurl().unwrap().as_str(), "relative");
    assert_eq!(old.extension("dataschema"), Some(Value::Integer(1)));
    assert_eq!(old.extension("schemaurl"), None);
    let mistakes = old.into_builder().specversion(SpecVersion::V1).build().unwrap_err();
    let kinds: Vec<_> = mistakes.errors().iter().map(|error| (error.attribute(), error.kind())).collect();
    assert_eq!(
        kinds,
        [(Some("dataschema"), ErrorKind::InvalidUri), (Some("dataschema"), ErrorKind::InvalidName)]
    );
    for name in ["schemaurl", "datacontentencoding"] {
        assert!(minimal().extension(name, "x").build().is_ok(), "{name}");
        assert!(minimal().extension(name, "x").specversion(SpecVersion::V03).build().is_err(), "{name}");
    }
}

#[test]
fn upgrading_names_what_stands_in_the_way() {
    let old = || minimal().specversion(SpecVersion::V03);
    let event = old().dataschema("https://example.com/schema").build().unwrap();
    assert_eq!(event.schemaurl().unwrap().as_str(), "https://example.com/schema");
    assert_eq!(event.dataschema(), None);
    assert!(event.attribute("schemaurl").is_some() && event.attribute("dataschema").is_none());
    let upgraded = event.upgrade().unwrap();
    assert_eq!(upgraded.specversion(), SpecVersion::V1);
    assert_eq!(upgraded.dataschema().unwrap().as_str(), "https://example.com/schema");

    let stuck = old().dataschema("relative").extension("dataschema", "x").build().unwrap();
    let mistakes = stuck.upgrade().unwrap_err();
    let names: Vec<_> = mistakes.errors().iter().filter_map(|error| error.attribute()).collect();
    assert_eq!(names, ["schemaurl", "dataschema"]);
}

#[test]
fn none_removes_an_optional_attribute() {
    let full = || {
        minimal()
            .subject("s")
            .time("2020-01-01T00:00:00Z")
            .dataschema("urn:x:y")
            .datacontenttype("text/plain")
            .extension("n", 1)
    };
    let (text, number) = (None::<&str>, None::<i32>);
    let built = full().subject(text).time(text).dataschema(text).datacontenttype(text).extension("n", number);
    assert_eq!(built.build().unwrap(), minimal().build().unwrap());
    let mut event = full().build().unwrap();
    event.set_subject(text).unwrap();
    event.set_time(text).unwrap();
    event.set_dataschema(text).unwrap();
    event.set_datacontenttype(text).unwrap();
    event.set_extension("n", number).unwrap();
    assert_eq!(event, minimal().build().unwrap());
    event.set_subject(Some("s")).unwrap();
    event.set_extension("n", Some(1)).unwrap();
    assert_eq!((event.subject(), event.extension("n")), (Some("s"), Some(Value::Integer(1))));
    assert_eq!(minimal().extension("Bad-Name", number).build().unwrap_err().errors().len(), 1);
}

#[test]
fn builder_and_event_take_payloads_alike() {
    type Set = (fn(EventBuilder) -> EventBuilder, fn(&mut Event));
    let sets: [Set; 4] = [
        (
            |builder| builder.payload("a/b", Payload::text("x")),
            |event| event.set_payload("a/b", Payload::text("x")).unwrap(),
        ),
        (
            |builder| builder.payload_only(Payload::json("1")),
            |event| event.set_payload_only(Payload::json("1")).unwrap(),
        ),
        (|builder| builder.text("x"), |event| event.set_text("x").unwrap()),
        (|builder| builder.binary("a/b", "x"), |event| event.set_binary("a/b", "x").unwrap()),
    ];
    for content_type in [None, Some("application/json"), Some("text/html")] {
        for (build, set) in sets {
            let mut event = minimal().datacontenttype(content_type).build().unwrap();
            set(&mut event);
            assert_eq!(build(minimal().datacontenttype(content_type)).build().unwrap(), event);
        }
    }
    let mut event = minimal().build().unwrap();
    assert_eq!(
        event.set_payload("a/b", Payload::json("{oops")).unwrap_err().kind(),
        ErrorKind::InvalidDocument
    );
    assert_eq!(event, minimal().build().unwrap());
}

/// Writes JSON, and also reads CBOR.
struct ReadsBoth;

struct Total(u8);

impl Codec for ReadsBoth {
    const CONTENT_TYPE: &'static str = "application/json";

    fn accepts(content_type: MediaType<'_>) -> bool {
        content_type.is_json() || content_type.is_cbor()
    }
}

impl Encode<Total> for ReadsBoth {
    fn encode(value: &Total, _: &CodecContext<'_>) -> Result<Payload, Error> {
        Payload::json(value.0.to_string())
    }
}

impl Decode<Total> for ReadsBoth {
    fn decode(data: Data<'_>, context: &CodecContext<'_>) -> Result<Total, Error> {
        let total = match (context.content_type, data.as_bytes()) {
            (Some(content_type), [0x18, total]) if content_type.is_cbor() => Some(*total),
            (Some(content_type), json) if content_type.is_json() => {
                std::str::from_utf8(json).ok().and_then(|json| json.parse().ok())
            }
            _ => None,
        };
        total.map(Total).ok_or_else(|| Error::new(ErrorKind::InvalidData))
    }
}

impl EventData for Total {
    const TYPE: &'static str = "com.example.total";
    type Codec = ReadsBoth;
}

/// Regression: a content type that the codec can only read stayed, and the payload was read as what it is not.
#[test]
fn a_typed_event_keeps_a_content_type_only_if_its_codec_writes_it() {
    let cbor = minimal().ty(Total::TYPE).payload("application/cbor", Payload::cbor(vec![0x18, 42]));
    let received: TypedEvent<Total> = cbor.build().unwrap().try_into().unwrap();
    for (stated, expected) in [
        ("application/cbor", "application/json"),
        ("application/json; charset=iso-8859-1", "application/json"),
        ("application/json; v=2", "application/json; v=2"),
    ] {
        let builder = received.event().clone().into_builder().datacontenttype(stated);
        let event = TypedEvent::build(builder, Total(received.data().0)).unwrap().into_event();
        assert_eq!(event.datacontenttype().unwrap().as_str(), expected);
        assert_eq!(TypedEvent::<Total>::try_from(event).unwrap().data().0, 42);
    }
}

#[test]
fn a_builder_shows_what_was_set() {
    let event =
        minimal().subject("é").extension("b", [1, 2]).extension("n", -1).extension("t", "x").build().unwrap();
    let builder = event.clone().into_builder().extension("later", "y").text("hi").extension("Bad-Name", 1);
    for (name, value) in event.attributes() {
        assert_eq!(builder.attribute(name.as_str()), Some(value), "{name}");
    }
    assert_eq!(builder.attribute("later").unwrap(), "y");
    assert_eq!(builder.attribute("specversion").unwrap(), "1.0");
    assert_eq!(builder.attribute("datacontenttype").unwrap(), "text/plain");
    assert_eq!(builder.attribute("time"), None);
    assert_eq!(builder.data_bytes().unwrap(), "hi");
    assert_eq!(builder.mistakes().len(), 1);
}

#[test]
fn a_mistake_about_a_required_attribute_is_reported_once() {
    let mistake = cloudevents_core::Error::new(ErrorKind::Unsupported).with_attribute("id");
    let mistakes = Event::builder().source("/s").ty("t").mistake(mistake).build().unwrap_err();
    let kinds: Vec<_> = mistakes.errors().iter().map(|error| error.kind()).collect();
    assert_eq!(kinds, [ErrorKind::Unsupported]);
}

#[test]
fn only_text_is_read_as_text() {
    let read = |content_type: Option<&str>, payload: Payload| {
        let event = minimal().payload_only(payload).datacontenttype(content_type).build().unwrap();
        event.data_as_text().map(str::to_owned).map_err(|error| error.kind())
    };
    let body = |bytes: &'static [u8]| Payload::body(bytes);
    assert_eq!(read(Some("text/plain; charset=UTF-8"), body("é".as_bytes())), Ok("é".into()));
    assert_eq!(read(Some("application/octet-stream"), body(b"x")), Ok("x".into()));
    assert_eq!(
        read(Some("text/plain; charset=iso-8859-1"), body(b"x")),
        Err(ErrorKind::UnexpectedContentType)
    );
    assert_eq!(read(Some("text/plain"), body(b"\xe9")), Err(ErrorKind::InvalidUtf8));
    assert_eq!(read(Some("application/json"), body(b" [1]")), Ok(" [1]".into()));
    assert_eq!(read(None, Payload::xml("<a/>")), Ok("<a/>".into()));
    assert_eq!(read(None, Payload::cbor(&b"\x01"[..]).unwrap()), Err(ErrorKind::InvalidData));
    assert_eq!(read(None, Payload::proto("u", &b"x"[..])), Err(ErrorKind::InvalidData));
}

proptest! {
    #[test]
    fn equality_sees_every_attribute(event in any::event(), other in any::event()) {
        prop_assert_eq!(&event, &event.clone());
        let same = event.specversion() == other.specversion()
            && event.attributes().collect::<Vec<_>>() == other.attributes().collect::<Vec<_>>()
            && event.data() == other.data();
        prop_assert_eq!(event == other, same);
        for (name, _) in event.attributes() {
            let mut without = event.clone();
            if without.remove(name.as_str()) {
                prop_assert_ne!(&without, &event);
                prop_assert_eq!(without.attribute(name.as_str()), None);
            }
        }
    }

    #[test]
    fn every_attribute_is_found_by_its_name(event in any::event()) {
        for (name, value) in event.attributes() {
            prop_assert_eq!(event.attribute(name.as_str()), Some(value));
        }
        prop_assert_eq!(event.attributes().len(), event.attributes().count());
        prop_assert_eq!(event.extensions().len(), event.extensions().count());
    }
}

/// The type URL outlived the payload that it named.
#[test]
fn a_cleared_payload_has_no_type_url() {
    let any = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let mut event = Event::builder().id("1").source("/s").ty("t").payload_only(any).build().unwrap();
    event.clear_payload();
    assert!(codec::binary_mode_losses(&event, codec::BinaryMode::TEXT).is_empty());
    // Characters that a decoder found take no type URL from before.
    let event = event.into_builder().payload_only(Payload::proto("", vec![8])).build().unwrap();
    assert_eq!(event.data(), Some(Data::Proto { type_url: "", value: &[8] }));
}
