//! `ce sql`, `ce filter` and `ce listen --filter`.

use crate::program::{Listener, ce, ce_with, file, path_of, url_of, wait};
use cloudevents_testkit::patience;

const EVENTS: &str = concat!(
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"com.example.a","priority":3}"#,
    "\n",
    r#"{"specversion":"1.0","id":"2","source":"/s","type":"com.example.b"}"#,
    "\n"
);

#[test]
fn an_expression_is_evaluated_for_each_event() {
    let events: &str = &path_of("events.jsonl", EVENTS);
    let lines = ce(&["sql", "priority + 1", events]).ended(0).lines();
    assert_eq!(lines[0], serde_json::json!({"value": 4, "type": "Integer", "errors": []}));
    assert_eq!(lines[1]["value"], 0);
    assert_eq!(lines[1]["errors"][0]["kind"], "missing-attribute");
    ce(&["sql", "UPPER(id)", events, "--output", "pretty"]).prints("'1'\n'2'\n");
}

#[test]
fn a_mistake_in_an_expression_has_a_caret() {
    let ran = ce(&["sql", "type LIKE 5", "--check"])
        .ended(2)
        .says("expected a string literal as the pattern of LIKE, found the number `5`");
    let lines: Vec<_> = ran.err.lines().collect();
    let shown = lines.iter().position(|line| line.contains("type LIKE 5")).unwrap();
    let at = lines[shown].find("LIKE 5").unwrap() + "LIKE ".len();
    assert_eq!(lines[shown + 1].find('^'), Some(at), "{}", ran.err);
}

#[test]
fn an_expression_is_checked_without_events() {
    let checked = ce(&["sql", "--check", "time>'2026-01-01' and (subject='x')"])
        .ended(0)
        .says("never an Integer")
        .lines();
    assert_eq!(checked[0]["expression"], "time > '2026-01-01' AND subject = 'x'");
    assert_eq!(checked[0]["attributes"], serde_json::json!(["subject", "time"]));
}

#[test]
fn filters_keep_what_matches() {
    let events = path_of("events.jsonl", EVENTS);
    let filter = |name: &str, filters: &str| ce(&["filter", &path_of(name, filters), &events]);
    let both = r#"[{"suffix": {"type": ".b"}}, {"sql": "NOT EXISTS priority"}]"#;
    assert_eq!(filter("filters.json", both).ended(0).says("1 of 2 events match").ids(), ["2"]);
    filter("none.json", r#"{"exact": {"id": "3"}}"#).ended(1).prints("");
}

#[test]
fn filters_that_are_none_say_where() {
    let bad = path_of("bad.json", r#"[{"any": [{"exact": {"type": ""}}]}]"#);
    ce(&["filter", &bad, "-"]).ended(2).says("/0/any/0/exact/type: the value is empty");
    let knative = path_of("knative.json", r#"[{"cesql": "TRUE"}]"#);
    ce(&["filter", &knative, "-"]).ended(2);
    ce(&["filter", "--lenient", &knative, &path_of("events.jsonl", EVENTS)]).prints_lines(2);
}

#[test]
fn what_does_not_match_is_accepted_and_left_out() {
    let listener = Listener::start(&["--count", "1", "--filter", "NOT EXISTS priority"]);
    ce(&["send", &listener.url, &path_of("events.jsonl", EVENTS)]).ended(0);
    assert_eq!(listener.end().ended(0).says("1 event received, 1 left out").ids(), ["2"]);
}

/// Its mistakes stay hidden otherwise.
#[test]
fn an_expression_that_fails_shows() {
    let reversed = EVENTS.lines().rev().fold(String::new(), |all, line| all + line + "\n");
    let path: &str = &path_of("events.jsonl", reversed);
    let (from, to) = (format!("file:{path}"), url_of("out.jsonl", ""));
    let bridge = ce(&["bridge", &from, &to, "--filter", "priority = 3"]);
    let listener = Listener::start(&["--count", "1", "--filter", "priority = 3"]);
    ce(&["send", &listener.url, path]).ended(0);
    for ran in [ce(&["filter", "priority = 3", path]), bridge, listener.end()] {
        ran.ended(0)
            .says("the filter failed for 1 event, so there was no match")
            .says("the event has no attribute `priority`")
            .says("EXISTS");
    }
}

#[test]
fn a_filter_takes_nothing_from_a_queue_unless_that_is_meant() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let url = broker.url("orders");
    crate::program::ce_with(&["send", &url], crate::program::GOOD).ended(0);
    ce(&["listen", &url, "--filter", "FALSE", "--idle", "30"]).ended(2).says("--drop-unmatched");
    // It may be on its way back.
    let orders = broker.queue("orders");
    let back = orders.until(|orders| orders.len() == 1 && orders.unsettled() == 0);
    let is_back = wait(async { tokio::time::timeout(patience(), back).await.is_ok() });
    assert!(is_back, "{} and {}", orders.len(), orders.unsettled());
}

#[test]
fn an_expression_is_a_filter() {
    let events = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","priority":7}
{"specversion":"1.0","id":"2","source":"/s","type":"t","priority":3}"#;
    assert_eq!(ce_with(&["filter", "priority > 5"], events).ended(0).ids(), ["1"]);
    ce_with(&["filter", "priority >"], events).ended(2);
    ce_with(&["filter", "missing.json"], events).ended(2);
}

#[test]
fn only_invalid_events_are_listed() {
    let text = format!("{}\n{{\"id\":1}}\n", crate::program::GOOD);
    let found = ce_with(&["validate", "--invalid"], text.repeat(3)).ended(1).prints_lines(3).lines();
    assert!(found.iter().all(|line| line["valid"] == false));
}

#[test]
fn the_summary_of_a_bridge_has_what_its_filter_left_out() {
    let events = url_of("events.jsonl", EVENTS);
    let to = url_of("out.jsonl", "");
    let arguments = ["bridge", &events, &to, "--filter", "id = '2'"];
    let left_out = EVENTS.lines().count() - 1;
    let words = format!("1 message moved, 0 refused, {left_out} left out by the filter\n");
    ce(&arguments).ended(0).says_last(&words);
    let ran = ce(&[&arguments[..], &["--error-format", "json"]].concat());
    let last = ran.errors().pop().unwrap();
    assert_eq!((&last["kind"], &last["moved"]), (&"summary".into(), &1.into()), "{last}");
    assert_eq!(last["unmatched"], left_out, "{last}");
}

#[test]
fn a_bridge_takes_nothing_from_a_queue_by_a_filter_unless_that_is_meant() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let (from, to) = (broker.url("orders?reject=drop"), broker.url("others"));
    let ran = ce(&["bridge", &from, &to, "--filter", "FALSE"]).ended(2);
    let helps = |line: &str| line.contains("help: add --drop-unmatched") && line.contains("--redrive");
    assert!(ran.err.lines().any(helps), "{}", ran.err);
}

const ORDERS: &str = concat!(
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"order","data":{"order":{"id":"A-1","paid":true}}}"#,
    "\n",
    r#"{"specversion":"1.0","id":"2","source":"/s","type":"order","data":{"order":{"id":"A-2","paid":false}}}"#,
    "\n",
    r#"{"specversion":"1.0","id":"3","source":"/s","type":"order","datacontenttype":"text/plain","data":"paid"}"#,
    "\n"
);

#[test]
fn a_filter_looks_into_payloads() {
    let orders: &str = &path_of("orders.jsonl", ORDERS);
    let filters = file("paid.json", r#"{"data": {"order.paid": {"exact": "true"}}}"#);
    let json = r#"[{"data": {"order.id": {"not": {"suffix": "-2"}}}}]"#;
    for filter in [filters.to_str().unwrap(), "data.order.paid=true", "data.order.id=*-1", json] {
        let ran = ce(&["filter", filter, orders]).ended(0);
        let ran = ran.says("the filter failed for 1 event").says("the payload is not JSON");
        assert_eq!(ran.ids(), ["1"], "{filter}");
    }
    ce(&["filter", "data.order.id=A*1", orders])
        .ended(2)
        .says("`*` is in the middle")
        .says("data.order.id=A-*");
    ce(&["filter", r#"{"data": {"a": {"like": "x"}}}"#, orders]).says("/data/a/like: there is no test");
}

#[test]
fn listen_and_bridge_filter_payloads() {
    let from = url_of("orders.jsonl", ORDERS);
    for filter in
        ["data.order.id=A-*", r#"[{"exact": {"type": "order"}}, {"data": {"order.id": {"prefix": "A-"}}}]"#]
    {
        assert_eq!(ce(&["listen", &from, "--filter", filter]).ended(0).ids(), ["1", "2"]);
        let to = path_of("moved.jsonl", "");
        std::fs::remove_file(&to).unwrap();
        ce(&["bridge", &from, &format!("file:{to}"), "--filter", filter])
            .ended(0)
            .says("the filter failed for 1 event");
        let moved = std::fs::read_to_string(&to).unwrap();
        assert_eq!(moved.lines().collect::<Vec<_>>(), ORDERS.lines().take(2).collect::<Vec<_>>());
    }
}

#[test]
fn the_filters_of_a_trigger() {
    let events: &str = &path_of("events.jsonl", EVENTS);
    let trigger = file(
        "trigger.yaml",
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nspec:\n  filters:\n  - cesql: priority > 2\n",
    );
    ce(&["filter", "--trigger", trigger.to_str().unwrap(), events]).ended(0).says("1 of 2 events match");
    assert_eq!(ce_with(&["filter", "--trigger", trigger.to_str().unwrap()], EVENTS).ids(), ["1"]);
    ce(&["filter"]).ended(2);
}
