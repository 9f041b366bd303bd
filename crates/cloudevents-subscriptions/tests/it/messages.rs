//! Filters on messages that were not decoded.

use crate::index::{event, filter};
use cloudevents_core::{DecodeOptions, Document, ErrorKind, Event, FormatId, Formats, Message};
use cloudevents_json::Json;
use cloudevents_subscriptions::Filters;
use cloudevents_testkit::heap;
use proptest::collection::vec;
use proptest::prelude::*;

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

fn structured(event: &Event) -> Message {
    Message::structured(event, &Json::new()).unwrap().0
}

proptest! {
    #[test]
    fn as_for_the_event(filters in vec(filter(), 0..4), event in event()) {
        let document = structured(&event);
        for filter in &filters {
            prop_assert_eq!(filter.matches_message(&document, &with()).unwrap(), filter.matches(&event));
        }
        let filters = Filters::new(filters);
        prop_assert_eq!(filters.matches_message(&document, &with()).unwrap(), filters.matches(&event));
        prop_assert_eq!(filters.matches_message(&Message::from(event.clone()), &with()).unwrap(), filters.matches(&event));
    }
}

#[test]
fn a_document_is_read_once_and_only_as_far_as_needed() {
    // The end of the document is broken, which decoding would report.
    let text = br#"{"specversion":"1.0","type":"com.example.order","subject":"x","priority":3,"id":"#;
    let message = Message::Structured(Document::new(FormatId::JSON, bytes::Bytes::from_static(text)));
    let filters = Filters::parse(
        r#"[{"prefix": {"type": "com.example."}}, {"not": {"exact": {"subject": "y"}}}, {"sql": "priority > 2 AND subject = 'x'"}]"#,
    )
    .unwrap();
    let with = with();
    let mut passes = false;
    let heap = heap::of(|| passes = filters.matches_message(&message, &with).unwrap());
    assert!(passes);
    assert_eq!(heap.calls, 0);
    assert!(message.event(&with).is_err());
}

#[test]
fn what_cannot_be_read_is_an_error() {
    let filters = Filters::parse(r#"[{"exact": {"subject": "x"}}]"#).unwrap();
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let batch = Message::batched(std::slice::from_ref(&event), &Json::new()).unwrap().0;
    assert_eq!(filters.matches_message(&batch, &with()).unwrap_err().kind(), ErrorKind::Batched);
    let filter = filters.iter().next().unwrap();
    assert_eq!(filter.matches_message(&batch, &with()).unwrap_err().kind(), ErrorKind::Batched);
    let broken = Message::Structured(Document::new(FormatId::JSON, bytes::Bytes::from_static(b"[")));
    assert!(filters.matches_message(&broken, &with()).is_err());
    let unknown = Message::Structured(Document::new(FormatId::JSON, bytes::Bytes::from_static(b"{}")));
    let error = filters.matches_message(&unknown, &DecodeOptions::strict()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownFormat);
}
