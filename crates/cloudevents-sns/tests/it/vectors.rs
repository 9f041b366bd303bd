//! Messages whose values are written by hand: there are no published vectors.

use cloudevents_core::{Document, ErrorKind, Event, FormatId, Message, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_sns::{SnsMessage, encode, encode_message};

fn message(body: &'static str, attributes: &[(&'static str, &'static str)]) -> SnsMessage {
    attributes.iter().fold(SnsMessage::new(body), |all, (name, value)| all.with_attribute(*name, *value))
}

/// Filter policies see the attributes that are beside the document.
#[test]
fn a_document_has_attributes_beside_it() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("é").build().unwrap();
    let document = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"é"}"#;
    let wanted = [
        ("content-type", "application/cloudevents+json"),
        ("ce-type", "t"),
        ("ce-source", "/s"),
        ("ce-subject", "é"),
    ];
    let wanted = message(document, &wanted);
    assert_eq!(encode(&event, Mode::structured(&Json::new())).unwrap().0, wanted);
    // And beside one that is forwarded.
    let forwarded = Message::Structured(Document::new(FormatId::JSON, document));
    assert_eq!(encode_message(&forwarded).unwrap(), wanted);
    let (plain, _) = encode(
        &Event::builder().id("1").source("/s").ty("t").build().unwrap(),
        Mode::structured(&Json::new()),
    )
    .unwrap();
    assert!(plain.attribute("ce-subject").is_none() && plain.attributes.len() == 3);
}

#[test]
fn binary_mode_has_each_attribute_once() {
    let event = Event::builder().id("1").source("/s").ty("t");
    let event = event.payload("text/plain", Ok(Payload::text("hello"))).build().unwrap();
    let wanted = [
        ("ce-specversion", "1.0"),
        ("ce-id", "1"),
        ("ce-source", "/s"),
        ("ce-type", "t"),
        ("content-type", "text/plain"),
    ];
    assert_eq!(encode(&event, Mode::Binary).unwrap().0, message("hello", &wanted));
}

/// With raw delivery, a queue of SQS discards a message with more than ten attributes.
#[test]
fn binary_mode_has_ten_attributes_at_most() {
    let with = |extensions: usize| {
        let builder = Event::builder().id("1").source("/s").ty("t");
        let builder = builder.payload("text/plain", Ok(Payload::text("x")));
        (0..extensions).fold(builder, |all, n| all.extension(format!("e{n}"), "x")).build().unwrap()
    };
    assert_eq!(encode(&with(5), Mode::Binary).unwrap().0.attributes.len(), 10);
    assert_eq!(encode(&with(6), Mode::Binary).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(encode(&with(6), Mode::structured(&Json::new())).unwrap().0.attributes.len(), 3);
}
