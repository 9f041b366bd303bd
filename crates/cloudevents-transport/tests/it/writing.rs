//! The mode and the format of a sender's URL.

use crate::event;
use cloudevents_core::{Error, ErrorKind, Format, FormatId, Formats, Message};
use cloudevents_json::Json;
use cloudevents_transport::{Endpoint, Writing};
use std::sync::Arc;

fn writing(query: &str, given: bool) -> Result<Writing, Error> {
    let endpoint = Endpoint::parse(&format!("amqp://localhost/orders{query}"))?;
    let given: Option<Arc<dyn Format>> = if given { Some(Arc::new(Json::new())) } else { None };
    Writing::new(&endpoint, given, Formats::none().with(Json::new()))
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
        assert_eq!(matches!(&*written, Message::Structured { .. }), structured, "{query}");
    }
}

#[test]
fn what_is_a_document_stays_as_it_is() {
    let document = Message::Structured { format: FormatId::new("protobuf"), body: "no json".into() };
    let written = writing("?mode=structured", false).unwrap().message(&document).unwrap().into_owned();
    let Message::Structured { format, body } = written else { panic!("{written:?}") };
    assert_eq!((format, &body[..]), (FormatId::new("protobuf"), &b"no json"[..]));
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (query, says) in [
        ("?mode=Binary", "neither"),
        ("?mode=", "neither"),
        ("?mode=batched&format=json", "neither"),
        ("?format=json", "goes with"),
        ("?mode=binary&format=json", "goes with"),
        ("?mode=structured&format=avro", "names no format"),
        ("?mode=structured&format=", "names no format"),
    ] {
        let error = writing(query, true).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{query}");
        assert!(error.detail().contains(says), "{query}: {error}");
    }
    let endpoint = Endpoint::parse("amqp://localhost/orders?mode=structured").unwrap();
    assert_eq!(Writing::new(&endpoint, None, Formats::none()).unwrap_err().kind(), ErrorKind::InvalidUrl);
}
