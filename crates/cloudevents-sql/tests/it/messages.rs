//! Messages that were not decoded.

use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Formats, Message};
use cloudevents_json::Json;
use cloudevents_sql::{Expression, Value};

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

fn forms(event: &Event) -> [Message; 2] {
    [Message::from(event), Message::structured(event, &Json::new()).unwrap().0]
}

#[test]
fn as_for_the_event() {
    let event = super::event();
    for message in forms(&event) {
        for text in [
            "type LIKE 'com.example.%' AND subject = 'x' AND EXISTS priority",
            "priority = 3 AND urgent",
            "hop + 1 = 6",
            "missing = 1",
            "id",
            "time LIKE '%+01:00'",
            "specversion = '1.0'",
        ] {
            let expression = Expression::parse(text).unwrap();
            assert_eq!(
                expression.matches_message(&message, &with()).unwrap(),
                expression.matches(&event),
                "{text}"
            );
            let evaluation = expression.evaluate_message(&message, &with()).unwrap();
            assert_eq!(evaluation, expression.evaluate(&event).into_owned(), "{text}");
        }
    }
}

#[test]
fn types_are_those_of_the_document() {
    let message = Message::structured(&super::event(), &Json::new()).unwrap().0;
    let value =
        |text: &str| Expression::parse(text).unwrap().evaluate_message(&message, &with()).unwrap().value;
    assert_eq!(value("priority"), Value::Integer(3));
    assert_eq!(value("urgent"), Value::Boolean(true));
    assert_eq!(value("hop"), Value::from("5"));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let expression = Expression::parse("subject = 'x'").unwrap();
    let batch = Message::batched(&[super::event()], &Json::new()).unwrap().0;
    assert_eq!(expression.matches_message(&batch, &with()).unwrap_err().kind(), ErrorKind::Batched);
    let broken = Message::Structured(Document::new(FormatId::JSON, bytes::Bytes::from_static(b"[")));
    assert!(expression.matches_message(&broken, &with()).is_err());
    let unknown = Message::Structured(Document::new(FormatId::JSON, bytes::Bytes::from_static(b"{}")));
    let error = expression.matches_message(&unknown, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
}
