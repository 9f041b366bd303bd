//! Entries whose values are written by hand: there are no published vectors.

use cloudevents_core::{Document, ErrorKind, Event, FormatId, Message, Mode};
use cloudevents_eventbridge::{encode, encode_message};
use cloudevents_json::Json;

const DOCUMENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","subject":"é","time":"2026-01-02T03:04:05.6+01:00"}"#;

fn event() -> Event {
    let builder = Event::builder().id("1").source("/s").ty("t").subject("é");
    builder.time("2026-01-02T03:04:05.6+01:00").build().unwrap()
}

#[test]
fn a_document_and_what_rules_see() {
    let (entry, losses) = encode(&event(), Mode::structured(&Json::new())).unwrap();
    assert!(losses.is_empty());
    assert_eq!(
        (&*entry.detail_type, &*entry.source, &entry.resources[..]),
        ("t", "/s", &["é".to_owned()][..])
    );
    assert_eq!(entry.detail, DOCUMENT);
    let time = entry.time.clone().unwrap();
    assert_eq!((time.seconds, time.nanosecond()), (1_767_319_445, 600_000_000));
    // 14 bytes of the time, and the bytes of the texts: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
    assert_eq!(entry.size(), 14 + DOCUMENT.len() + "t".len() + "/s".len() + "é".len());
    let message = Message::Structured(Document::new(FormatId::JSON, DOCUMENT));
    assert_eq!(encode_message(&message).unwrap(), entry);
}

/// Limits of EventBridge, at the limit and one beyond.
#[test]
fn what_does_not_fit_says_so() {
    let of = |ty: &str, source: &str| {
        let event = Event::builder().id("1").source(source).ty(ty).build().unwrap();
        encode(&event, Mode::structured(&Json::new()))
    };
    let source = |length| "s".repeat(length);
    assert!(of(&"é".repeat(128), &source(256)).is_ok() && of("t", "my.aws.thing").is_ok());
    for (ty, source, why) in [
        ("é".repeat(129), source(1), "`type` has 129 characters"),
        ("t".into(), source(257), "`source` has 257 characters"),
        ("t".into(), "aws.ec2".into(), "`aws.`"),
    ] {
        let error = of(&ty, &source).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.detail().contains(why) && error.help().is_some(), "{error}");
    }
    // The document has it all the same.
    let long = Event::builder().id("1").source("/s").ty("t").subject("x".repeat(2049)).build().unwrap();
    assert!(encode(&long, Mode::structured(&Json::new())).unwrap().0.resources.is_empty());
    assert_eq!(encode(&event(), Mode::Binary).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(encode_message(&Message::from(event())).unwrap_err().kind(), ErrorKind::Unsupported);
}
