//! Messages whose values are written by hand: there are no published vectors.

use cloudevents_core::{DecodeOptions, ErrorKind, Event, Mode, Payload};
use cloudevents_json::Json;
use cloudevents_sqs::{SqsMessage, decode, encode};

fn message(body: &'static str, attributes: &[(&'static str, &'static str)]) -> SqsMessage {
    attributes.iter().fold(SqsMessage::new(body), |all, (name, value)| all.with_attribute(*name, *value))
}

fn binary(body: &'static str) -> SqsMessage {
    let attributes = [("ce-specversion", "1.0"), ("ce-id", "1"), ("ce-source", "/s"), ("ce-type", "t")];
    message(body, &attributes)
}

fn read(message: &SqsMessage) -> Event {
    decode(message, &DecodeOptions::strict()).unwrap().value
}

#[test]
fn binary_messages() {
    let full = binary("a\r\nb")
        .with_attribute("ce-subject", "Größe 100 %")
        .with_attribute("ce-partitionkey", "7")
        .with_attribute("content-type", "text/plain")
        .with_attribute("traceparent", "x");
    let event = read(&full);
    assert_eq!(
        (event.subject(), event.content_type().unwrap().as_str()),
        (Some("Größe 100 %"), "text/plain")
    );
    assert_eq!(event.extension("partitionkey").unwrap().to_string(), "7");
    assert_eq!((event.data_bytes().unwrap().to_vec(), event.attributes().len()), (b"a\r\nb".to_vec(), 6));
    assert_eq!(read(&full.with_attribute("ce-datacontenttype", "text/plain")), event);
    let alone = binary("x").with_attribute("ce-datacontenttype", "text/plain");
    assert_eq!(read(&alone).content_type().unwrap().as_str(), "text/plain");
    assert!(read(&binary("")).data().is_none());
}

/// A producer may have written a number as one.
#[test]
fn numbers_are_read_as_their_text() {
    let mut numbered = binary("x").with_attribute("ce-sequence", "7");
    numbered.attributes.last_mut().unwrap().1.data_type = "Number.int".into();
    assert_eq!(read(&numbered).extension("sequence").unwrap().to_string(), "7");
    numbered.attributes.last_mut().unwrap().1.data_type = "Binary".into();
    assert_eq!(decode(&numbered, &DecodeOptions::strict()).unwrap_err().kind(), ErrorKind::InvalidUtf8);
}

#[test]
fn what_is_written() {
    let event = Event::builder().id("1").source("/s").ty("t").subject("é");
    let event = event.payload("text/plain", Ok(Payload::text("hello"))).build().unwrap();
    let (written, _) = encode(&event, Mode::Binary).unwrap();
    let wanted = [("ce-subject", "é"), ("content-type", "text/plain")];
    let wanted = wanted.iter().fold(binary("hello"), |all, (name, value)| all.with_attribute(*name, *value));
    assert_eq!(written, wanted);
    assert!(written.attributes.iter().all(|(_, value)| value.data_type == "String"));
    let (written, _) = encode(&event, Mode::structured(&Json::new())).unwrap();
    let document = concat!(
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","#,
        r#""subject":"é","data":"hello"}"#
    );
    assert_eq!(written, message(document, &[("content-type", "application/cloudevents+json")]));
}

/// Limits of SQS, at the limit and one beyond.
#[test]
fn what_does_not_fit_says_so() {
    let with = |extensions: usize, data: &[u8]| {
        let builder = Event::builder().id("1").source("/s").ty("t");
        let builder = builder.payload("text/plain", Ok(Payload::binary(data.to_vec())));
        (0..extensions).fold(builder, |all, n| all.extension(format!("e{n}"), "x")).build().unwrap()
    };
    // Version, id, source, type, and the content type are five.
    assert_eq!(encode(&with(5, b"x"), Mode::Binary).unwrap().0.attributes.len(), 10);
    for (event, why) in [
        (with(6, b"x"), "it has 11 attributes"),
        (with(0, b"\xff"), "not text"),
        (with(0, b"\x1b"), "U+001B"),
        (with(0, "\u{ffff}".as_bytes()), "U+FFFF"),
    ] {
        let error = encode(&event, Mode::Binary).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.detail().contains(why), "{error}");
        assert!(error.help().unwrap().contains("mode=structured"));
        if why != "U+FFFF" {
            let _ = encode(&event, Mode::structured(&Json::new())).unwrap();
        }
    }
    let _ = encode(&with(0, "\t\r\n \u{d7ff}\u{e000}\u{fffd}\u{10000}\u{10ffff}".as_bytes()), Mode::Binary)
        .unwrap();
}
