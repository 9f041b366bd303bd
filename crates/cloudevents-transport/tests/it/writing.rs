//! The mode and the format of a sender's URL.

use crate::event;
use cloudevents_core::{
    DecodeOptions, Document, Error, ErrorKind, Event, Format, FormatId, Formats, Message, Payload, Timestamp,
};
use cloudevents_json::Json;
use cloudevents_testkit::logged::Logged;
use cloudevents_transport::{Endpoint, LossPolicy, binding::Writing};
use std::sync::Arc;

/// `LossPolicy::Log` says which event lost its meaning, in one line.
#[test]
fn a_logged_loss_names_the_event() {
    let payload = Payload::proto("type.googleapis.com/example.Order", vec![8, 1]);
    let event =
        Event::builder().id("A-1").source("/orders").ty("placed").payload_only(payload).build().unwrap();
    let message = Message::from(event);
    for format in [None, Some(Arc::new(Json::new()) as Arc<dyn Format>)] {
        let logged = Logged::begin();
        let _ = Writing::given(format, LossPolicy::Log).message(&message).unwrap();
        let text = logged.text();
        assert!(text.contains("placed /orders A-1") && text.contains("type URL"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

fn writing(query: &str, given: bool) -> Result<Writing, Error> {
    let endpoint = Endpoint::parse(&format!("amqp://localhost/orders{query}"))?;
    let given: Option<Arc<dyn Format>> = if given { Some(Arc::new(Json::new())) } else { None };
    Writing::new(&endpoint, given, Formats::none().with(Json::new()), LossPolicy::Refuse)
}

#[test]
fn the_url_goes_before_the_program() {
    for (query, given, structured) in [
        ("", false, false),
        ("", true, true),
        ("?mode=binary", false, false),
        ("?mode=binary", true, false),
        ("?mode=structured", false, true),
        ("?mode=structured&format=json", true, true),
    ] {
        let writing = writing(query, given).unwrap();
        assert_eq!(writing.format().map(Format::id), structured.then_some(FormatId::JSON), "{query}");
        let message = Message::from(event(1));
        let written = writing.message(&message).unwrap();
        assert_eq!(matches!(&*written, Message::Structured(_)), structured, "{query}");
    }
}

#[test]
fn what_is_a_document_stays_as_it_is() {
    let document = Message::Structured(Document::new(FormatId::new("protobuf"), "no json"));
    let written = writing("?mode=structured", false).unwrap().message(&document).unwrap().into_owned();
    let Message::Structured(written) = written else { panic!("{written:?}") };
    let (format, body) = (written.format().clone(), written.into_body());
    assert_eq!((format, &body[..]), (FormatId::new("protobuf"), &b"no json"[..]));
}

#[test]
fn a_lost_value_is_refused_and_a_lost_type_is_not() {
    let with = |name: &str, payload: Payload| {
        let builder = Event::builder().id("1").source("/s").ty("t").payload_only(Ok(payload));
        let seen: Timestamp<'_> = "2026-11-21T06:00:00Z".try_into().unwrap();
        Message::from(builder.extension(name, seen).build().unwrap())
    };
    let writing = writing("?mode=structured", false).unwrap();
    let written = writing.message(&with("seen", Payload::json("1").unwrap())).unwrap().into_owned();
    let again = written
        .event(&DecodeOptions::strict().with_formats(Formats::none().with(Json::new())))
        .unwrap()
        .value;
    assert_eq!(again.extension("seen").unwrap().to_string(), "2026-11-21T06:00:00Z");
    let lossy = with("seen", Payload::proto("type.googleapis.com/example.Order", vec![8, 1]));
    assert_eq!(writing.message(&lossy).unwrap_err().kind(), ErrorKind::Inexact);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (query, says) in [
        ("?mode=Binary", "neither"),
        ("?mode=", "neither"),
        ("?mode=batched&format=json", "neither"),
        ("?format=json", "goes with"),
        ("?mode=binary&format=json", "goes with"),
        ("?mode=structured&format=avro", "names no known format"),
        ("?mode=structured&format=", "names no known format"),
    ] {
        let error = writing(query, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}");
        assert!(error.detail().contains(says), "{query}: {error}");
    }
    let endpoint = Endpoint::parse("amqp://localhost/orders?mode=structured").unwrap();
    assert_eq!(
        Writing::new(&endpoint, None, Formats::none(), LossPolicy::Refuse).unwrap_err().kind(),
        ErrorKind::InvalidUrl
    );
}
