//! The dialect `data`, which looks into payloads.

use crate::index::{event, filter};
use cloudevents_core::{DecodeOptions, ErrorKind, Event, Formats, Message, Payload};
use cloudevents_json::Json;
use cloudevents_subscriptions::{
    DataConditions, Filter, FilterIndex, FilterOptions, Filters, Leniency, UnreadablePayload,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;

const ORDER: &str = r#"{"order": {"id": "A-7", "total": 1.50, "paid": true, "note": null, "empty": "",
    "items": [{"sku": "x1"}, {"sku": "y2"}], "größe": "é"}}"#;

fn parse(filters: &str) -> Filters {
    Filters::parse_with(filters, &FilterOptions::strict().with_data()).unwrap().value
}

fn with_payload(content_type: &str, payload: Payload) -> Event {
    Event::builder().id("1").source("/s").ty("order").payload(content_type, Ok(payload)).build().unwrap()
}

fn order() -> Event {
    with_payload("application/json", Payload::json(ORDER).unwrap())
}

fn structured(event: &Event) -> Message {
    Message::structured(event, &Json::new()).unwrap().0
}

fn with() -> DecodeOptions {
    DecodeOptions::strict().with_formats(Formats::none().with(Json::new()))
}

#[test]
fn what_passes() {
    for (conditions, passes) in [
        (r#"{"order.id": {"exact": "A-7"}}"#, true),
        (r#"{"order.id": {"exact": "A-"}}"#, false),
        (r#"{"order.id": {"prefix": "A-"}}"#, true),
        (r#"{"order.id": {"suffix": "-7"}}"#, true),
        // Numbers and truth values compare as they are written.
        (r#"{"order.total": {"exact": "1.50"}}"#, true),
        (r#"{"order.total": {"exact": "1.5"}}"#, false),
        (r#"{"order.paid": {"exact": "true"}}"#, true),
        (r#"{"order.items.1.sku": {"exact": "y2"}}"#, true),
        (r#"{"order.items.2.sku": {"exact": "y2"}}"#, false),
        (r#"{"order.größe": {"exact": "é"}}"#, true),
        // What has no text is absent.
        (r#"{"order.note": {"exact": "null"}}"#, false),
        (r#"{"order.items": {"prefix": "["}}"#, false),
        (r#"{"order.none": {"not": {"exact": "x"}}}"#, true),
        (r#"{"order.empty": {"not": {"prefix": "x"}}}"#, true),
        (r#"{"order.id": {"any": [{"exact": "B"}, {"prefix": "A"}]}}"#, true),
        (r#"{"order.id": {"all": [{"suffix": "8"}, {"prefix": "A"}]}}"#, false),
        (r#"{"order.id": {"all": [{"not": {"suffix": "8"}}, {"prefix": "A"}]}}"#, true),
        // All places have to pass.
        (r#"{"order.id": {"exact": "A-7"}, "order.paid": {"exact": "true"}}"#, true),
        (r#"{"order.id": {"exact": "A-7"}, "order.paid": {"exact": "false"}}"#, false),
    ] {
        let filters = parse(&format!(r#"[{{"data": {conditions}}}]"#));
        assert_eq!(filters.matches(&order()), passes, "{conditions}");
        assert_eq!(filters.evaluate(&order()).unreadable, None);
        assert_eq!(parse(&filters.to_string()), filters);
        for message in [Message::from(order()), structured(&order())] {
            assert_eq!(filters.matches_message(&message, &with()).unwrap(), passes, "{conditions}");
            let filter = filters.iter().next().unwrap();
            assert_eq!(filter.matches_message(&message, &with()).unwrap(), passes, "{conditions}");
        }
    }
}

#[test]
fn a_payload_without_places_is_false_and_says_why() {
    let filter = parse(r#"[{"data": {"a": {"not": {"exact": "x"}}}}]"#);
    let absent = Event::builder().id("1").source("/s").ty("order").build().unwrap();
    let large = format!("[\"{}\"]", "x".repeat(DataConditions::MAX_PAYLOAD));
    let fits = format!("[\"{}\"]", "x".repeat(DataConditions::MAX_PAYLOAD - 4));
    for (event, unreadable) in [
        (absent, Some(UnreadablePayload::Absent)),
        (with_payload("text/plain", Payload::text("{}")), Some(UnreadablePayload::NotJson)),
        (with_payload("application/json", Payload::binary(&b"{"[..])), Some(UnreadablePayload::NotJson)),
        (with_payload("application/json", Payload::binary(&b"{}"[..])), None),
        (with_payload("application/json", Payload::json(large).unwrap()), Some(UnreadablePayload::TooLarge)),
        (with_payload("application/json", Payload::json(fits).unwrap()), None),
    ] {
        let evaluation = filter.evaluate(&event);
        assert_eq!((evaluation.passes, evaluation.unreadable), (unreadable.is_none(), unreadable));
        assert_eq!(filter.evaluate_message(&structured(&event), &with()).unwrap(), evaluation);
    }
    // `not` around the filter is true.
    let text = with_payload("text/plain", Payload::text("{}"));
    assert!(parse(r#"[{"not": {"data": {"a": {"exact": "x"}}}}]"#).matches(&text));
    // The payload is not read if another filter is false already.
    let other = parse(r#"[{"exact": {"type": "other"}}, {"data": {"a": {"exact": "x"}}}]"#);
    assert_eq!(other.evaluate(&text).unreadable, None);
}

#[test]
fn a_document_is_decoded_only_if_the_attributes_pass() {
    let text = br#"{"specversion":"1.0","type":"com.example.order","id":"1","source":"/s","data":"#;
    let document =
        cloudevents_core::Document::new(cloudevents_core::FormatId::JSON, bytes::Bytes::from_static(text));
    let message = Message::Structured(document);
    let filters = |ty: &str| {
        parse(&format!(r#"[{{"data": {{"a": {{"exact": "x"}}}}}}, {{"exact": {{"type": "{ty}"}}}}]"#))
    };
    assert!(!filters("other").matches_message(&message, &with()).unwrap());
    assert!(filters("com.example.order").matches_message(&message, &with()).is_err());
    let batch = Message::batched(&[order()], &Json::new()).unwrap().0;
    let error = filters("order").matches_message(&batch, &with()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Batched);
    let filters = filters("order");
    let error = filters.iter().next().unwrap().matches_message(&batch, &with()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Batched);
}

#[test]
fn mistakes_have_a_place() {
    let deep = ["a"; 33].join(".");
    let many: Vec<_> = (0..65).map(|number| format!(r#""p{number}": {{"exact": "x"}}"#)).collect();
    for (document, message) in [
        (r#"[{"data": {}}]"#.to_owned(), "/0/data: no place is named"),
        (
            r#"[{"data": []}]"#.to_owned(),
            "/0/data: this is an object of places and tests, and here is an array",
        ),
        (
            r#"[{"data": {"a..b": {"exact": "x"}}}]"#.to_owned(),
            "/0/data/a..b: a place has names with full stops between them, as in `order.id`",
        ),
        (
            r#"[{"data": {"": {"exact": "x"}}}]"#.to_owned(),
            "/0/data/: a place has names with full stops between them, as in `order.id`",
        ),
        (
            r#"[{"data": {"a": "x"}}]"#.to_owned(),
            "/0/data/a: a test is an object with one member of exact, prefix, suffix, all, any, not",
        ),
        (
            r#"[{"data": {"a": {"like": "x"}}}]"#.to_owned(),
            "/0/data/a/like: there is no test \"like\": the tests are exact, prefix, suffix, all, any, not",
        ),
        (
            r#"[{"data": {"a": {"exact": 1}}}]"#.to_owned(),
            "/0/data/a/exact: places compare with a string, and this is a number",
        ),
        (r#"[{"data": {"a": {"exact": ""}}}]"#.to_owned(), "/0/data/a/exact: the value is empty"),
        (r#"[{"data": {"a": {"any": []}}}]"#.to_owned(), "/0/data/a/any: there is no test in the array"),
        (
            r#"[{"data": {"a": {"all": [{"not": {"prefix": ""}}]}}}]"#.to_owned(),
            "/0/data/a/all/0/not/prefix: the value is empty",
        ),
        (format!(r#"[{{"data": {{"{deep}": {{"exact": "x"}}}}}}]"#), "a place has 32 names at most"),
        (
            format!(r#"[{{"data": {{{}}}}}]"#, many.join(",")),
            "/0/data: filters have 64 places of the payload at most",
        ),
    ] {
        let options = FilterOptions::strict().with_data();
        let error = Filters::parse_with(&document, &options).unwrap_err().to_string();
        assert!(error.ends_with(message), "{document}: {error}");
    }
    let nested = |levels: usize| {
        format!(
            r#"[{{"data":{{"a":{}{{"exact":"x"}}{}}}}}]"#,
            r#"{"not":"#.repeat(levels),
            "}".repeat(levels)
        )
    };
    assert!(!parse(&nested(98)).matches(&order()));
    let options = FilterOptions::strict().with_data();
    assert!(Filters::parse_with(nested(99), &options).unwrap_err().message().contains("deeper than 100"));
}

#[test]
fn the_dialect_is_off_unless_a_program_turns_it_on() {
    let document = r#"[{"data": {"a": {"exact": "x"}}}]"#;
    let error =
        Filters::parse_with(document, &FilterOptions::strict().allow(Leniency::CesqlDialect)).unwrap_err();
    assert_eq!(error.clause(), Some("SUBS-3.2.4-c"));
    assert!(Filters::parse(document).is_err());
}

fn of_data() -> impl Strategy<Value = Filter> {
    (select(vec!["a", "b.0"]), select(vec!["exact", "prefix", "suffix"]), select(vec!["1", "x", "12"]))
        .prop_map(|(place, test, text)| {
            let document = format!(r#"{{"data": {{"{place}": {{"{test}": "{text}"}}}}}}"#);
            Filter::parse_with(document, &FilterOptions::strict().with_data()).unwrap().value
        })
}

fn mixed() -> impl Strategy<Value = Filter> {
    prop_oneof![filter(), of_data()].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 1..4).prop_map(|filters| Filter::all(filters).unwrap()),
            vec(inner.clone(), 1..4).prop_map(|filters| Filter::any(filters).unwrap()),
            inner.prop_map(Filter::not),
        ]
    })
}

fn with_data() -> impl Strategy<Value = Event> {
    let payloads =
        select(vec![None, Some(r#"{"a": "x", "b": ["12"]}"#), Some(r#"{"a": 12}"#), Some(r#"{"b": ["1"]}"#)]);
    (event(), payloads).prop_map(|(event, payload)| match payload {
        Some(json) => event.into_builder().payload("application/json", Payload::json(json)).build().unwrap(),
        None => event,
    })
}

proptest! {
    #[test]
    fn an_index_and_messages_as_the_naive_loop(
        subscriptions in vec(vec(mixed(), 0..3), 1..30),
        events in vec(with_data(), 1..5),
    ) {
        let (mut index, mut naive) = (FilterIndex::new(), BTreeMap::new());
        for (key, filters) in subscriptions.into_iter().enumerate() {
            let filters = Filters::new(filters);
            index.insert(key, filters.clone());
            naive.insert(key, filters);
        }
        for event in events {
            let mut found: Vec<usize> = index.matches(&event).into_iter().copied().collect();
            found.sort_unstable();
            let passing = naive.iter().filter(|(_, filters)| filters.iter().all(|filter| filter.matches(&event)));
            prop_assert_eq!(found, passing.map(|(key, _)| *key).collect::<Vec<_>>());
            let document = structured(&event);
            for filters in naive.values() {
                prop_assert_eq!(filters.matches_message(&document, &with()).unwrap(), filters.matches(&event));
            }
        }
    }
}
