//! Looking up attributes finds what decoding finds, in every format, and allocates nothing.

use cloudevents_avro::{Avro, AvroCompact};
use cloudevents_cbor::Cbor;
use cloudevents_core::{
    DecodeOptions, Error, ErrorKind, Event, Format, Leniency, Message, RepairKind, ResolvedName, SpecVersion,
    Value,
};
use cloudevents_json::Json;
use cloudevents_protobuf::Protobuf;
use cloudevents_testkit::{any, heap};
use cloudevents_xml::Xml;
use proptest::prelude::*;

#[global_allocator]
static COUNTING: heap::Counting = heap::Counting;

fn formats() -> [Box<dyn Format>; 6] {
    [
        Box::new(Json::new()),
        Box::new(Protobuf::new()),
        Box::new(Avro::new()),
        Box::new(AvroCompact::new()),
        Box::new(Xml::new()),
        Box::new(Cbor::new()),
    ]
}

fn names<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<ResolvedName> {
    names.into_iter().map(|name| ResolvedName::new(name).unwrap()).collect()
}

/// Every attribute, and some that are not there, from the last to the first.
fn check(event: &Event, message: &Message) -> Result<(), TestCaseError> {
    let there: Vec<_> = event.attributes().map(|(name, _)| name).collect();
    let others =
        ["absent", "specversion", "dataschema", "schemaurl", "datacontentencoding", "time", "subject"];
    let names = names(there.iter().rev().map(|name| name.as_str()).chain(others));
    message
        .look_up(&names, &DecodeOptions::strict(), |found| {
            for (position, name) in names.iter().enumerate() {
                prop_assert_eq!(found.get(position), event.attribute(name.as_str()), "{}", name);
                prop_assert_eq!(found.get(position), event.attribute_of(name), "{}", name);
            }
            prop_assert_eq!(found.get(names.len()), None);
            Ok(())
        })
        .map_err(|error| TestCaseError::fail(error.to_string()))?
}

proptest! {
    #[test]
    fn what_decoding_finds(event in any::event_of_1_0()) {
        for format in formats() {
            let (message, _) = Message::structured(&event, &*format)?;
            check(&message.event(&DecodeOptions::strict())?.value, &message)?;
        }
        check(&event, &Message::from(event.clone()))?;
    }

    #[test]
    fn in_specversion_0_3_too(event in any::event()) {
        let (message, _) = Message::structured(&event, &Json::new())?;
        check(&message.event(&DecodeOptions::strict())?.value, &message)?;
    }
}

#[test]
fn nothing_is_allocated() {
    let event = Event::builder()
        .id("1")
        .source("/s")
        .ty("t")
        .subject("a subject that is longer than anything in place")
        .time("2018-04-05T17:31:00Z")
        .extension("key", "k")
        .extension("priority", 3)
        .build()
        .unwrap();
    let names = ResolvedName::all(["priority", "subject", "time", "type", "absent"]).unwrap();
    let strict = DecodeOptions::strict();
    for format in formats() {
        let (message, _) = Message::structured(&event, &*format).unwrap();
        let mut found = 0;
        let heap = heap::of(|| {
            message
                .look_up(&names, &strict, |values| {
                    let [priority, subject, time, ty, absent] = values.array();
                    assert_eq!(
                        (priority, ty, absent),
                        (Some(Value::Integer(3)), Some(Value::String("t")), None)
                    );
                    assert_eq!(subject.and_then(Value::as_str), event.subject());
                    assert_eq!(time, event.time().map(Value::Timestamp));
                    found = 1;
                })
                .unwrap();
        });
        assert_eq!((heap.calls, found), (0, 1), "{format:?}");
    }
}

#[test]
fn what_follows_is_not_read() {
    let document = &br#"{"type": "t", "id": "1", and the rest is missing"#[..];
    let names = ResolvedName::all(["id", "type"]).unwrap();
    let mut looked = false;
    Json::new()
        .look_up(&document.into(), &names, &DecodeOptions::strict(), &mut |found| {
            assert_eq!(found.array(), [Some(Value::String("1")), Some(Value::String("t"))]);
            looked = true;
        })
        .unwrap();
    assert!(looked);
}

#[test]
fn the_rules_of_attributes_hold() {
    let look_up = |document: &'static str, with: &DecodeOptions| -> Result<Option<String>, Error> {
        Json::new().peek(&document.into(), "time", with)
    };
    let strict = DecodeOptions::strict();
    let error = look_up(r#"{"time": "yesterday"}"#, &strict).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
    let lenient = DecodeOptions::strict().with_leniency(Leniency::all());
    assert_eq!(look_up(r#"{"time": "yesterday"}"#, &lenient).unwrap(), None);
    assert_eq!(look_up(r#"{"TIME": "2018-04-05T17:31:00Z"}"#, &strict).unwrap(), None);
    assert!(look_up(r#"{"TIME": "2018-04-05T17:31:00Z"}"#, &lenient).unwrap().is_some());
    assert_eq!(look_up(r#"{"time": null}"#, &strict).unwrap(), None);
    // In another letter case, it gives way whatever its value is, and is that attribute where nothing follows.
    let timely = r#"{"TIME": "yesterday", "time": "2018-04-05T17:31:00Z"}"#;
    let lenient =
        DecodeOptions::strict().with_leniency(Leniency::all().without(RepairKind::DroppedAttribute));
    assert!(look_up(timely, &lenient).unwrap().is_some());
    let error = look_up(r#"{"TIME": "yesterday"}"#, &lenient).unwrap_err();
    assert_eq!((error.kind(), error.attribute()), (ErrorKind::InvalidTimestamp, Some("time")));
}

#[test]
fn names_are_checked_once() {
    assert_eq!(ResolvedName::new("data").unwrap_err().kind(), ErrorKind::InvalidName);
    assert!(ResolvedName::all(["id", "Id"]).is_err());
    let event = Event::builder()
        .specversion(SpecVersion::V03)
        .id("1")
        .source("/s")
        .ty("t")
        .dataschema("x")
        .build()
        .unwrap();
    let names = ResolvedName::all(["schemaurl", "dataschema", "specversion"]).unwrap();
    let [schemaurl, dataschema, version] = event.look_up(&names);
    assert_eq!((schemaurl.and_then(Value::as_str), dataschema), (Some("x"), None));
    assert_eq!(version, Some(Value::String("0.3")));
}
