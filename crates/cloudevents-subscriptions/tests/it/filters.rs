//! Filters from and to JSON, and what they let pass.

use cloudevents_core::{DecodeOptions, Event, Message};
use cloudevents_subscriptions::{Filter, FilterOptions, Filters, Leniency};

fn event() -> Event {
    Event::builder()
        .id("1")
        .source("https://example.com/a")
        .ty("com.example.order")
        .time("2026-11-20T10:00:00+01:00")
        .extension("priority", 12)
        .extension("urgent", true)
        .extension("raw", &[0_u8, 255][..])
        .build()
        .unwrap()
}

#[test]
fn what_passes() {
    for (filter, passes) in [
        (r#"{"exact": {"type": "com.example.order"}}"#, true),
        (r#"{"exact": {"type": "com.example.Order"}}"#, false),
        (r#"{"exact": {"type": "com.example.order", "id": "2"}}"#, false),
        (r#"{"exact": {"priority": "12"}}"#, true),
        (r#"{"prefix": {"priority": "1"}}"#, true),
        (r#"{"suffix": {"urgent": "rue"}}"#, true),
        (r#"{"exact": {"raw": "AP8="}}"#, true),
        (r#"{"exact": {"time": "2026-11-20T09:00:00Z"}}"#, false),
        (r#"{"suffix": {"time": "+01:00"}}"#, true),
        (r#"{"exact": {"specversion": "1.0"}}"#, true),
        (r#"{"prefix": {"source": "https://", "type": "com."}}"#, true),
        (r#"{"exact": {"subject": "x"}}"#, false),
        (r#"{"not": {"exact": {"subject": "x"}}}"#, true),
        (r#"{"any": [{"exact": {"id": "2"}}, {"exact": {"id": "1"}}]}"#, true),
        (r#"{"all": [{"exact": {"id": "2"}}, {"exact": {"id": "1"}}]}"#, false),
        (r#"{"not": {"not": {"exact": {"id": "1"}}}}"#, true),
        (r#"{"sql": "priority > 2"}"#, true),
        (r#"{"sql": "priority"}"#, false),
        (r#"{"sql": "missing = 1"}"#, false),
        (r#"{"not": {"sql": "missing = 1"}}"#, true),
    ] {
        let read = Filter::parse(filter).unwrap();
        assert_eq!(read.matches(&event()), passes, "{filter}");
        let message = Message::from(event());
        assert_eq!(read.matches_message(&message, &DecodeOptions::strict()).unwrap(), passes, "{filter}");
        assert_eq!(Filter::parse(read.to_string()).unwrap(), read);
    }
}

#[test]
fn all_filters_of_a_subscription_have_to_be_true() {
    assert!(Filters::parse("[]").unwrap().matches(&event()));
    let two =
        |second: &str| format!(r#"[{{"prefix": {{"type": "com."}}}}, {{"exact": {{"id": "{second}"}}}}]"#);
    assert!(Filters::parse(two("1")).unwrap().matches(&event()));
    assert!(!Filters::parse(two("2")).unwrap().matches(&event()));
}

#[test]
fn mistakes_have_a_place() {
    for (document, message) in [
        ("{}", "filters are an array, and this is an object"),
        ("[", "EOF while parsing a list at line 1 column 1"),
        ("[1]", "/0: a filter is an object, and this is a number"),
        ("[{}]", "/0: a filter has one member, which names its dialect, and this has 0"),
        (
            r#"[{"exact": {"id": "1"}, "prefix": {"id": "1"}}]"#,
            "/0: a filter has one member, which names its dialect, and this has 2",
        ),
        (
            r#"[{"exact": {"id": "1"}}, {"like": {"a/b": "1"}}]"#,
            "/1/like: there is no dialect \"like\": the dialects are exact, prefix, suffix, all, any, not, sql",
        ),
        (r#"[{"exact": {}}]"#, "/0/exact: no attribute is named"),
        (r#"[{"exact": []}]"#, "/0/exact: this is an object of attributes and texts, and here is an array"),
        (r#"[{"exact": {"": "x"}}]"#, "/0/exact/: the name of the attribute is empty"),
        (r#"[{"suffix": {"type": ""}}]"#, "/0/suffix/type: the value is empty"),
        (
            r#"[{"exact": {"priority": 3}}]"#,
            "/0/exact/priority: attributes compare with a string, and this is a number",
        ),
        (
            r#"[{"exact": {"a/b~": "x"}}]"#,
            "/0/exact/a~1b~0: no event has such an attribute: only the characters a to z and 0 to 9 are allowed",
        ),
        (
            r#"[{"exact": {"data": "x"}}]"#,
            "/0/exact/data: no event has such an attribute: `data` names the payload, not an attribute",
        ),
        (r#"[{"all": []}]"#, "/0/all: there is no filter in the array"),
        (
            r#"[{"any": {"exact": {"id": "1"}}}]"#,
            "/0/any: this is an array of filters, and here is an object",
        ),
        (r#"[{"not": [{"exact": {"id": "1"}}]}]"#, "/0/not: a filter is an object, and this is an array"),
        (
            r#"[{"all": [{"any": [{"not": {"sql": true}}]}]}]"#,
            "/0/all/0/any/0/not/sql: an expression is a string, and this is a boolean",
        ),
        (
            r#"[{"cesql": "TRUE"}]"#,
            "/0/cesql: there is no dialect \"cesql\": the dialects are exact, prefix, suffix, all, any, not, sql",
        ),
        (r#"[{"exact": {"id": "1", "id": "2"}}]"#, "the member \"id\" is there twice at line 1 column 27"),
    ] {
        assert_eq!(Filters::parse(document).unwrap_err().to_string(), message, "{document}");
    }
}

#[test]
fn nesting_is_limited() {
    let nested = |levels: usize| {
        format!("[{}{{\"exact\":{{\"id\":\"1\"}}}}{}]", "{\"not\":".repeat(levels), "}".repeat(levels))
    };
    assert!(!Filters::parse(nested(99)).unwrap().matches(&event()));
    assert!(Filters::parse(nested(100)).unwrap_err().message().contains("deeper than 100"));
    assert!(Filters::parse(nested(100_000)).is_err());
}

#[test]
fn the_spelling_of_knative_is_a_leniency() {
    let options = FilterOptions::strict().allow(Leniency::CesqlDialect);
    let parsed = Filters::parse_with(r#"[{"not": {"cesql": "FALSE"}}, {"sql": "TRUE"}]"#, &options).unwrap();
    assert!(parsed.value.matches(&event()));
    let paths: Vec<_> = parsed.repairs.iter().map(|repair| repair.path.as_str()).collect();
    assert_eq!(paths, ["/0/not/cesql"]);
    assert_eq!(parsed.value.to_string(), r#"[{"not":{"sql":"FALSE"}},{"sql":"TRUE"}]"#);
}
