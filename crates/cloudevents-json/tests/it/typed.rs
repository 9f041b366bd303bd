//! Payloads as Rust types.

use cloudevents_core::{ErrorKind, Event, EventData, Payload, TypedEvent};
use cloudevents_json::{Json, JsonBuilderExt, JsonEventExt};
use serde::{Deserialize, Serialize};
use std::error::Error as _;

/// A type that is only received, and does not serialise.
#[derive(Debug, PartialEq, Deserialize)]
struct Received {
    total: u32,
}

impl EventData for Received {
    const TYPE: &'static str = "com.example.received";
    type Codec = Json;
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Both {
    total: u32,
}

impl EventData for Both {
    const TYPE: &'static str = "com.example.both";
    type Codec = Json;
}

fn event(json: &'static str) -> Event {
    let builder = Event::builder().id("1").source("/s").ty(Received::TYPE);
    builder.payload("application/json", Payload::body(json)).build().unwrap()
}

#[test]
fn a_type_that_is_only_received_need_not_serialise() {
    let typed: TypedEvent<Received> = event("{\"total\":7}").try_into().unwrap();
    assert_eq!(typed.data(), &Received { total: 7 });
    let typed = TypedEvent::build(Event::builder().id("1").source("/s"), Both { total: 7 }).unwrap();
    let again: TypedEvent<Both> = typed.into_event().try_into().unwrap();
    assert_eq!(again.data(), &Both { total: 7 });
}

#[test]
fn the_source_of_an_error_is_that_of_serde_json() {
    for (json, message) in
        [("{\"total\":-7}", "the JSON does not fit the type"), ("{\"total\":", "the payload is not JSON")]
    {
        let event = event(json);
        let error = event.data_as_json::<Received>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        assert!(error.detail().starts_with(message), "{error}");
        let source = error.source().and_then(|source| source.downcast_ref::<serde_json::Error>()).unwrap();
        assert_eq!(source.line(), 1);
        assert!(source.column() > 1);
    }
}

#[test]
fn a_value_borrows_from_the_event() {
    #[derive(Deserialize)]
    struct Borrowed<'a> {
        name: &'a str,
    }
    let event = event("{\"name\":\"Ann\"}");
    let value: Borrowed<'_> = event.data_as_json().unwrap();
    assert!(event.data_bytes().unwrap().as_ptr_range().contains(&value.name.as_ptr()));
}

/// In any order of setters; one that is not JSON is replaced, and so is one with a charset that JSON is not written in.
#[test]
fn a_content_type_that_fits_stays() {
    let builder = || Event::builder().id("1").source("/s");
    for (stated, expected) in [
        (None, "application/json"),
        (Some("application/vnd.order+json; v=2"), "application/vnd.order+json; v=2"),
        (Some("application/json; charset=utf-8"), "application/json; charset=utf-8"),
        // It says of any text with other characters what is not so.
        (Some("application/json; charset=US-ASCII"), "application/json"),
        (Some("application/json; charset=ISO-8859-1"), "application/json"),
        (Some("application/vnd.order+json; charset=\"utf-16\""), "application/json"),
        (Some("text/plain"), "application/json"),
    ] {
        let event = builder().ty("t").datacontenttype(stated).json(&Both { total: 7 }).build().unwrap();
        let typed = TypedEvent::build(builder().datacontenttype(stated), Both { total: 7 }).unwrap();
        let again = event.clone().into_builder().json(&8).build().unwrap();
        for event in [&event, typed.event(), &again] {
            assert_eq!(event.datacontenttype().unwrap().as_str(), expected);
        }
        assert_eq!(event.data_as_json::<Both>().unwrap(), Both { total: 7 });
        assert_eq!(again.data_bytes().unwrap().as_ref(), b"8");
    }
}
