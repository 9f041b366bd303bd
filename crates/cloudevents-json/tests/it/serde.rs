//! Events inside of other structures, by serde.

use cloudevents_core::{
    Data, Event, EventKey, Payload, SpecVersion, Timestamp, Uri, UriReference, Value,
    codec::{self, Assembler, Given},
};
use cloudevents_json::serde::{AsJson, AsTyped, typed};
use cloudevents_testkit::{
    any,
    carrier::{Carrier, carrier_form},
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Row {
    key: EventKey,
    #[serde(with = "cloudevents_json::serde")]
    json: Event,
    #[serde(with = "cloudevents_json::serde::typed")]
    typed: Event,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    number: u8,
    #[serde(flatten)]
    event: AsTyped,
}

fn row(event: &Event) -> Row {
    Row { key: event.key(), json: event.clone(), typed: event.clone() }
}

#[test]
fn members_without_a_value_are_left_out_or_null() {
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let text = serde_json::to_string(&AsTyped(event.clone())).unwrap();
    assert_eq!(text, r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
    let nulls = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":null,"dataschema":null,"subject":null,"time":null,"extensions":{},"data":null}"#;
    for text in [&*text, nulls] {
        assert_eq!(serde_json::from_str::<AsTyped>(text).unwrap().0, event);
    }
}

/// Which a field has that moved from one form to the other, or one that a newer release wrote with more in it.
#[test]
fn members_of_another_form_are_refused() {
    let event = Event::builder().id("1").source("/s").ty("t").extension("priority", 3);
    let event = event.payload_only(Payload::binary(vec![0, 255])).build().unwrap();
    let document = serde_json::to_string(&AsJson(event)).unwrap();
    let error = serde_json::from_str::<AsTyped>(&document).unwrap_err().to_string();
    assert!(error.contains("unknown field `priority`"), "{error}");
    let required = r#""specversion":"1.0","id":"1","source":"/s","type":"t""#;
    for (more, name) in [
        (r#""data_base64":"AP8=""#, "data_base64"),
        (r#""later":1"#, "later"),
        (r#""data":{"Proto":{"type_url":"t","value":"AA==","later":1}}"#, "later"),
    ] {
        let error =
            serde_json::from_str::<AsTyped>(&format!("{{{required},{more}}}")).unwrap_err().to_string();
        assert!(error.contains(&format!("unknown field `{name}`")), "{error}");
    }
}

/// Whatever reads the row: in some formats everything is text.
#[test]
fn integers_are_read_from_numbers_and_text() {
    let read = |value: &str| {
        let row = format!(
            r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t","extensions":{{"n":{{"Integer":{value}}}}}}}"#
        );
        serde_json::from_str::<AsTyped>(&row).map(|event| event.0.extension_as::<i32>("n").unwrap().unwrap())
    };
    assert_eq!(read("-3").unwrap(), -3);
    assert_eq!(read("2147483647").unwrap(), i32::MAX);
    assert_eq!(read("\"-2147483648\"").unwrap(), i32::MIN);
    for value in ["3.0", "2147483648", "\"3.0\"", "null", "{}", "{\"a\":\"3\"}"] {
        let error = read(value).unwrap_err().to_string();
        assert!(error.contains("expected i32"), "{value}: {error}");
    }
}

/// A body that is not what its content type promises stays one: it is not taken for binary data, and binary data is not taken for it.
#[test]
fn a_body_stays_a_body_and_binary_data_binary() {
    for (payload, kind, is_body) in
        [(Payload::body("{oops"), "Body", true), (Payload::binary("[1]"), "Binary", false)]
    {
        let event = Event::builder()
            .id("1")
            .source("/s")
            .ty("t")
            .payload("application/json", payload)
            .build()
            .unwrap();
        let stored = serde_json::to_value(AsTyped(event)).unwrap();
        assert!(stored["data"].get(kind).is_some(), "{stored}");
        let came = serde_json::from_value::<AsTyped>(stored).unwrap().0;
        assert_eq!(codec::is_payload_not_json(&came), is_body);
        assert!(matches!(came.data(), Some(Data::Binary(_))));
    }
}

proptest! {
    #[test]
    fn rows_come_back(event in any::event()) {
        let text = serde_json::to_string(&row(&event))?;
        let came: Row = serde_json::from_str(&text)?;
        let json = carrier_form(&event, Carrier::Json);
        prop_assert_eq!(&came, &Row { json, ..row(&event) });
        // By way of a tree, as databases use it. Documents change on this way: a tree has only numbers of machine types.
        let tree = serde_json::to_value(AsTyped(event.clone()))?;
        prop_assert_eq!(&serde_json::from_value::<AsTyped>(tree)?.0, &event);
        // By way of a reader.
        let came: Row = serde_json::from_reader(text.as_bytes())?;
        prop_assert_eq!(&came.typed, &event);
    }

    #[test]
    fn the_text_without_serde_is_the_same(event in any::event()) {
        let mut text = b"[".to_vec();
        typed::append_json(&event, &mut text);
        prop_assert_eq!(String::from_utf8(text)?, format!("[{}", serde_json::to_string(&AsTyped(event))?));
    }

    #[test]
    fn strings_are_escaped_as_serde_json_does(text in any::<Vec<char>>(), plain in 0_usize..40) {
        let text: String = "x".repeat(plain).chars().chain(text).collect();
        let escapes = "\0\u{1f}\"\\\u{8}\u{c}\n\r\t\u{7f}ä";
        for text in [text.clone(), format!("{text}{escapes}"), format!("{escapes}{text}")] {
            let event = Event::builder().id("1").source("/s").ty("t").payload("text/plain", Payload::text(text)).build()?;
            let mut written = Vec::new();
            typed::append_json(&event, &mut written);
            prop_assert_eq!(String::from_utf8(written)?, serde_json::to_string(&AsTyped(event))?);
        }
    }

    #[test]
    fn formats_that_are_not_json_hold_them(event in any::event()) {
        let mut bytes = Vec::new();
        ciborium::into_writer(&(AsJson(event.clone()), AsTyped(event.clone())), &mut bytes)?;
        let (json, typed): (AsJson, AsTyped) = ciborium::from_reader(bytes.as_slice())?;
        prop_assert_eq!(json.0, carrier_form(&event, Carrier::Json));
        prop_assert_eq!(typed.0, event);
    }

    // What was stored beyond the limits of decoding, or after a repair, was unreadable.
    #[test]
    fn whatever_is_stored_is_read(event in prop_oneof![any::large_event().boxed(), any::repaired_event().boxed()]) {
        let came: AsTyped = serde_json::from_str(&serde_json::to_string(&AsTyped(event.clone()))?)?;
        prop_assert_eq!(&came.0, &event);
        let came: AsJson = serde_json::from_str(&serde_json::to_string(&AsJson(event.clone()))?)?;
        prop_assert_eq!(came.0, carrier_form(&event, Carrier::Json));
    }

    #[test]
    fn typed_events_can_be_flattened(event in any::event()) {
        let flat = Flat { number: 7, event: AsTyped(event) };
        prop_assert_eq!(&serde_json::from_str::<Flat>(&serde_json::to_string(&flat)?)?, &flat);
    }
}

/// The module states it.
#[test]
fn text_without_a_content_type_is_read_as_a_json_string() {
    let event = Event::builder().id("1").source("/s").ty("t").payload_only(Payload::text("x"));
    let stored = serde_json::to_string(&AsJson(event.build().unwrap())).unwrap();
    let read: AsJson = serde_json::from_str(&stored).unwrap();
    assert_eq!(read.0.data_bytes().unwrap(), "\"x\"");
}

#[test]
fn numbers_keep_their_spelling() {
    let json = "{\"total\":1.10,\"id\":12345678901234567890123}";
    let event = Event::builder().id("1").source("/s").ty("t");
    let event = event.payload("application/json", Payload::json(json)).build().unwrap();
    let text = serde_json::to_string(&row(&event)).unwrap();
    assert!(text.contains(json), "{text}");
    assert_eq!(serde_json::from_str::<Row>(&text).unwrap(), row(&event));
}

// Decoders may make events that `build` does not: text under a JSON content type that is JSON.
/// 0.3 has no core attribute `dataschema`: an extension of this name has the types of any other.
#[test]
fn an_extension_of_a_later_core_name_keeps_its_type() {
    for value in [
        Value::String("a:b"),
        Value::Boolean(true),
        Value::Integer(7),
        Value::Binary(b"ab"),
        Value::Uri(Uri::parse("a:b").unwrap()),
        Value::UriReference(UriReference::parse("/b").unwrap()),
        Value::Timestamp(Timestamp::parse("2018-04-05T17:31:00Z").unwrap()),
    ] {
        let builder = Event::builder().specversion(SpecVersion::V03).id("1").source("/s").ty("t");
        let event = builder.extension("dataschema", value).build().unwrap();
        let text = serde_json::to_string(&AsTyped(event.clone())).unwrap();
        assert_eq!(serde_json::from_str::<AsTyped>(&text).unwrap().0, event, "{text}");
    }
}

#[test]
fn text_that_looks_like_json_stays_text() {
    let decoding = cloudevents_core::DecodeOptions::strict();
    let mut assembler = Assembler::new(&decoding);
    let json = ("datacontenttype", "application/json");
    for (name, value) in [("specversion", "1.0"), ("id", "1"), ("source", "/s"), ("type", "t"), json] {
        let value = assembler.push(value).unwrap();
        assembler.named(name, Given::Text(value)).unwrap();
    }
    assembler.complete().unwrap();
    let event = assembler.finish(Some(Payload::text("1"))).unwrap().value;
    let text = serde_json::to_string(&AsTyped(event.clone())).unwrap();
    let came: AsTyped = serde_json::from_str(&text).unwrap();
    assert_eq!((came.0.data(), &came.0), (Some(Data::Text("1")), &event));
}

#[test]
fn what_is_stored_is_checked_when_it_is_read() {
    let good = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","extensions":{"n":{"Integer":3}}}"#;
    assert!(serde_json::from_str::<AsTyped>(good).is_ok());
    for (from, to, message) in [
        ("\"1\"", "\"\"", "is empty"),
        ("\"id\":\"1\",", "", "missing field `id`"),
        ("/s", "/ s", "is not a URI-reference"),
        ("\"n\"", "\"Bad-Name\"", "has no valid name"),
        ("\"n\"", "\"subject\"", "not an extension"),
        ("\"n\":", "\"n\":{\"Boolean\":true},\"n\":", "more than once"),
        ("3", "3000000000", "i32"),
        ("{\"Integer\":3}", "{\"Timestamp\":\"never\"}", "is not a timestamp"),
        ("{\"Integer\":3}", "{\"Binary\":\"A\"}", "not base64"),
        ("1.0", "9.9", "not a supported spec version"),
    ] {
        let error = serde_json::from_str::<AsTyped>(&good.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.contains(message), "{to}: {error}");
    }
    let error = serde_json::from_str::<AsJson>(r#"{"specversion":"1.0"}"#).unwrap_err().to_string();
    assert!(error.contains("`id` is required"), "{error}");
    let error = serde_json::from_str::<EventKey>("\"/s\"").unwrap_err().to_string();
    assert!(error.contains("`id` is empty"), "{error}");
}
