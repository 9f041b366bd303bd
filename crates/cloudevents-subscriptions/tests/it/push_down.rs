//! What a broker evaluates lets everything pass that the filters would.

use cloudevents_subscriptions::Filters;
use cloudevents_subscriptions::push_down::{AmqpProperties, Template, amqp, mqtt, nats};

fn filters(text: &str) -> Filters {
    Filters::parse(text).unwrap()
}

#[test]
fn selectors() {
    for (document, pushed, rest) in [
        (r#"[]"#, None, "[]"),
        (
            r#"[{"exact": {"type": "it's", "id": "1"}}]"#,
            Some("cloudEvents_id = '1' AND cloudEvents_type = 'it''s'"),
            "[]",
        ),
        (
            r#"[{"suffix": {"subject": "50%_\\"}}]"#,
            Some(r"cloudEvents_subject LIKE '%50\%\_\\' ESCAPE '\'"),
            "[]",
        ),
        (r#"[{"exact": {"priority": "3"}}]"#, None, r#"[{"exact":{"priority":"3"}}]"#),
        (r#"[{"exact": {"time": "3"}}]"#, None, r#"[{"exact":{"time":"3"}}]"#),
        (r#"[{"exact": {"region": "eu"}}]"#, Some("cloudEvents_region = 'eu'"), "[]"),
        (
            r#"[{"any": [{"exact": {"id": "1"}}, {"prefix": {"id": "a", "type": "b"}}]}, {"exact": {"type": "x"}}]"#,
            Some(
                "(cloudEvents_id = '1' OR (cloudEvents_id LIKE 'a%' AND cloudEvents_type LIKE 'b%')) AND cloudEvents_type = 'x'",
            ),
            "[]",
        ),
        (
            r#"[{"any": [{"exact": {"id": "1"}}, {"sql": "TRUE"}]}]"#,
            None,
            r#"[{"any":[{"exact":{"id":"1"}},{"sql":"TRUE"}]}]"#,
        ),
        (
            r#"[{"all": [{"exact": {"id": "1"}}, {"sql": "TRUE"}]}]"#,
            Some("cloudEvents_id = '1'"),
            r#"[{"sql":"TRUE"}]"#,
        ),
        (
            r#"[{"not": {"exact": {"subject": "x"}}}]"#,
            Some("NOT (cloudEvents_subject IS NOT NULL AND cloudEvents_subject = 'x')"),
            "[]",
        ),
        (
            r#"[{"not": {"any": [{"exact": {"subject": "x"}}, {"exact": {"id": "1"}}]}}]"#,
            Some(
                "NOT ((cloudEvents_subject IS NOT NULL AND cloudEvents_subject = 'x') OR (cloudEvents_id IS NOT NULL AND cloudEvents_id = '1'))",
            ),
            "[]",
        ),
    ] {
        let down = amqp(&filters(document), &AmqpProperties::underscore().text("region"));
        assert_eq!((down.pushed.as_deref(), down.rest.to_string().as_str()), (pushed, rest), "{document}");
    }
    let down = amqp(&filters(r#"[{"exact": {"id": "1"}}]"#), &AmqpProperties::colon());
    assert_eq!(down.pushed.as_deref(), Some(r#""cloudEvents:id" = '1'"#));
}

#[test]
fn topics() {
    for (template, document, pushed, rest) in [
        ("a/{type}/{subject}", r#"[]"#, "a/+/+", "[]"),
        ("a/{type}/{subject}", r#"[{"exact": {"subject": "s", "type": "t"}}]"#, "a/t/s", "[]"),
        ("a/{type}", r#"[{"exact": {"type": "x/y"}}]"#, "a/+", r#"[{"exact":{"type":"x/y"}}]"#),
        ("a/{type}", r#"[{"exact": {"type": "x+"}}]"#, "a/+", r#"[{"exact":{"type":"x+"}}]"#),
        (
            "a/{type}",
            r#"[{"all": [{"exact": {"type": "t"}}, {"exact": {"id": "1"}}]}]"#,
            "a/t",
            r#"[{"all":[{"exact":{"id":"1"}}]}]"#,
        ),
        (
            "a/{type}",
            r#"[{"any": [{"exact": {"type": "t"}}]}]"#,
            "a/+",
            r#"[{"any":[{"exact":{"type":"t"}}]}]"#,
        ),
        ("a/{type}", r#"[{"not": {"exact": {"type": "t"}}}]"#, "a/+", r#"[{"not":{"exact":{"type":"t"}}}]"#),
        (
            "a/{type}",
            r#"[{"exact": {"type": "t"}}, {"exact": {"type": "u"}}]"#,
            "a/t",
            r#"[{"exact":{"type":"u"}}]"#,
        ),
        // One level of several attributes says no value of either.
        ("v{specversion}-{type}", r#"[{"exact": {"type": "t"}}]"#, "+", r#"[{"exact":{"type":"t"}}]"#),
        (
            "{id}-{type}",
            r#"[{"exact": {"type": "t", "id": "1"}}]"#,
            "1-t",
            r#"[{"exact":{"id":"1","type":"t"}}]"#,
        ),
        ("{{x}}/{type}", r#"[{"exact": {"type": "t"}}]"#, "{x}/t", "[]"),
        ("/a/{type}/", r#"[]"#, "/a/+/", "[]"),
        // `$share/...` would be a shared subscription.
        ("{type}/{id}", r#"[{"exact": {"type": "$share"}}]"#, "+/+", r#"[{"exact":{"type":"$share"}}]"#),
    ] {
        let template = Template::parse(template).unwrap();
        let down = mqtt(&filters(document), &template);
        assert_eq!((down.pushed.as_str(), down.rest.to_string().as_str()), (pushed, rest), "{document}");
    }
    let template = Template::parse("orders.{type}").unwrap();
    assert_eq!(nats(&filters(r#"[{"exact": {"type": "a.b"}}]"#), &template).pushed, "orders.*");
    assert_eq!(nats(&filters(r#"[{"exact": {"type": "a/b"}}]"#), &template).pushed, "orders.a/b");
    for bad in ["{", "}", "{type", "a}b", "{Type}", "{}"] {
        assert!(Template::parse(bad).is_err(), "{bad}");
    }
}
