//! What evaluating asks of the heap.

use cloudevents_core::{DecodeOptions, Message};
use cloudevents_sql::Expression;
use cloudevents_testkit::heap;

#[test]
fn common_filters_allocate_nothing() {
    let event = super::event();
    for (text, expected) in [
        ("type LIKE 'com.example.%' AND subject = 'x' AND EXISTS priority", true),
        ("type LIKE '%placed' OR source LIKE 'https://%/ord_rs'", true),
        ("subject IN ('y', 'z', id, 'x')", true),
        ("priority > 2 AND priority * 2 - 1 <= hop", true),
        ("priority = '3'", true),
        ("hop = 5 AND urgent", true),
        ("NOT urgent XOR missing = 'x'", false),
        ("LEFT(type, 3) = 'com' AND TRIM(subject) = 'x' AND LENGTH(id) = 2", true),
        ("LOWER(subject) = 'x'", true),
        ("time = '2026-11-20T10:00:00+01:00'", true),
    ] {
        let expression = Expression::parse(text).unwrap();
        let mut passes = false;
        let heap = heap::of(|| passes = expression.matches(&event));
        assert_eq!(passes, expected, "{text}");
        let integer_as_text = text.contains("priority = '3'");
        assert_eq!(heap.calls, usize::from(integer_as_text), "{text}");
    }
}

#[test]
fn a_document_is_looked_into_without_allocating() {
    let message = Message::structured(&super::event(), &cloudevents_json::Json::new()).unwrap().0;
    let with = DecodeOptions::strict();
    let expression =
        Expression::parse("type LIKE 'com.example.%' AND subject = 'x' AND EXISTS priority").unwrap();
    let mut passes = false;
    let with = with.with_formats(cloudevents_core::Formats::none().with(cloudevents_json::Json::new()));
    let heap = heap::of(|| passes = expression.matches_message(&message, &with).unwrap());
    assert!(passes);
    assert_eq!(heap.calls, 0);
}
