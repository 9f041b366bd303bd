//! Invalid events of the SDK, and ambiguous payloads.

use crate::generate;
use chrono::{DateTime, Utc};
use cloudevents::{
    Data, Event, EventBuilder, EventBuilderV03, EventBuilderV10,
    event::{AttributesWriter, TryIntoUrl},
};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_sdk_bridge::{from_sdk, from_sdk_owned};
use serde_json::json;

fn minimal() -> Event {
    EventBuilderV10::new().id("1").source("/s").ty("t").build().unwrap()
}

/// Attribute and kind of every mistake, from the event and from a reference to it.
fn mistakes(event: Event) -> Vec<(String, &'static str)> {
    let list = |errors: &[Error]| {
        errors
            .iter()
            .map(|error| (error.attribute().unwrap_or_default().to_owned(), error.kind().code()))
            .collect::<Vec<_>>()
    };
    let by_reference = list(from_sdk(&event).unwrap_err().errors());
    assert_eq!(list(from_sdk_owned(event).unwrap_err().errors()), by_reference);
    by_reference
}

fn named(list: &[(&str, &'static str)]) -> Vec<(String, &'static str)> {
    list.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect()
}

#[test]
fn every_mistake_is_named_in_one_order() {
    let mut event = EventBuilderV10::new().id("").source("a b").ty("a\u{7}b").build().unwrap();
    event.set_datacontenttype(Some("xyz"));
    event.set_dataschema(Some("https://example.com/a#b".into_url().unwrap()));
    event.set_subject(Some(""));
    event.set_time(Some(DateTime::<Utc>::MAX_UTC));
    event.set_extension("Bad-Name", "x");
    event.set_extension("", true);
    event.set_extension("data", true);
    event.set_extension("id", "2");
    event.set_extension("specversion", "1.0");
    event.set_extension("wide", i64::from(i32::MAX) + 1);
    event.set_extension("wider", i64::MIN);
    event.set_extension("string", "\u{fffe}");
    event.set_data_unchecked(json!({"a": 1}));
    assert_eq!(
        mistakes(event),
        named(&[
            ("id", "empty-attribute"),
            ("source", "invalid-uri-reference"),
            ("type", "invalid-string"),
            ("datacontenttype", "invalid-media-type"),
            ("subject", "empty-attribute"),
            ("", "invalid-name"),
            ("Bad-Name", "invalid-name"),
            ("data", "invalid-name"),
            ("id", "invalid-name"),
            ("specversion", "invalid-name"),
            ("string", "invalid-string"),
            ("dataschema", "invalid-uri"),
            ("time", "invalid-timestamp"),
            ("wide", "invalid-integer"),
            ("wider", "invalid-integer"),
        ])
    );
}

#[test]
fn integers_of_32_bits_pass() {
    for number in [i64::from(i32::MIN), 0, i64::from(i32::MAX)] {
        let mut event = minimal();
        event.set_extension("n", number);
        assert_eq!(from_sdk(&event).unwrap().extension("n").unwrap().to_string(), number.to_string());
    }
}

#[test]
fn times_outside_rfc_3339() {
    for (seconds, nanosecond) in
        [(-62_167_219_201, 0), (253_402_300_800, 0), (1_522_949_459 + 60, 1_000_000_000)]
    {
        let mut event = minimal();
        event.set_time(DateTime::from_timestamp(seconds, nanosecond));
        assert_eq!(mistakes(event), named(&[("time", "invalid-timestamp")]));
    }
}

#[test]
fn what_belongs_to_0_3() {
    let mut event = EventBuilderV03::new().id("1").source("/s").ty("t").build().unwrap();
    event.set_dataschema(Some("https://example.com/a#b".into_url().unwrap()));
    event.set_extension("dataschema", "any text");
    let ours = from_sdk(&event).unwrap();
    assert_eq!(ours.schemaurl().unwrap().as_str(), "https://example.com/a#b");
    assert_eq!(ours.attribute("dataschema").unwrap().as_str(), Some("any text"));

    event.set_extension("schemaurl", "x");
    event.set_extension("datacontentencoding", "base64");
    assert_eq!(
        mistakes(event),
        named(&[("datacontentencoding", "invalid-name"), ("schemaurl", "invalid-name")])
    );
    let mut event = minimal();
    event.set_extension("datacontentencoding", "base64");
    assert!(from_sdk(&event).is_ok());
}

/// A JSON value needs a JSON content type, and text needs one of which the SDK is sure.
#[test]
fn payloads_that_may_be_two_things() {
    let taken = |data: Data, content_type: Option<&str>| {
        let mut event = minimal();
        event.set_datacontenttype(content_type);
        event.set_data_unchecked(data);
        match from_sdk(&event) {
            Ok(_) => true,
            Err(error) => {
                assert_eq!(error.errors().len(), 1);
                assert_eq!(error.errors()[0].kind(), ErrorKind::InvalidData);
                assert_eq!(mistakes(event), named(&[("data", "invalid-data")]));
                false
            }
        }
    };
    let under = |data: Data| -> Vec<_> {
        generate::CONTENT_TYPES.iter().copied().filter(|ct| !taken(data.clone(), Some(ct))).collect()
    };
    assert_eq!(
        under(Data::Json(json!("placed"))),
        [
            "application/json-seq",
            "application/jsonfoo",
            "text/plain; profile=example+json",
            "text/plain",
            "application/xml",
            "application/cbor",
            "application/octet-stream"
        ]
    );
    assert_eq!(
        under(Data::String("placed".into())),
        ["Application/JSON", "application/vnd.example+json; charset=utf-8", "application/vnd.example+JSON"]
    );
    assert_eq!(under(Data::Binary(b"1".to_vec())), [""; 0]);
    for data in [Data::Json(json!(1)), Data::String("1".into()), Data::Binary(b"1".to_vec())] {
        assert!(taken(data, None));
    }
}
