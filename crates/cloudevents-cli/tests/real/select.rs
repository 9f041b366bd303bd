//! `ce sql`, `ce filter` and `ce listen --filter`.

use crate::program::{Listener, ce, ce_with, file};
use cloudevents_testkit::patience;

const EVENTS: &str = concat!(
    r#"{"specversion":"1.0","id":"1","source":"/s","type":"com.example.a","priority":3}"#,
    "\n",
    r#"{"specversion":"1.0","id":"2","source":"/s","type":"com.example.b"}"#,
    "\n"
);

#[test]
fn an_expression_is_evaluated_for_each_event() {
    let events = file("events.jsonl", EVENTS);
    let ran = ce(&["sql", "priority + 1", events.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines[0], serde_json::json!({"value": 4, "type": "Integer", "errors": []}));
    assert_eq!(lines[1]["value"], 0);
    assert_eq!(lines[1]["errors"][0]["kind"], "missing-attribute");
    let ran = ce(&["sql", "UPPER(id)", events.to_str().unwrap(), "--output", "pretty"]);
    assert_eq!(ran.out, "'1'\n'2'\n");
}

#[test]
fn a_mistake_in_an_expression_has_a_caret() {
    let ran = ce(&["sql", "type LIKE 5", "--check"]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.err.contains("expected a string literal as the pattern of LIKE, found the number `5`"),
        "{}",
        ran.err
    );
    let lines: Vec<_> = ran.err.lines().collect();
    let shown = lines.iter().position(|line| line.contains("type LIKE 5")).unwrap();
    let at = lines[shown].find("LIKE 5").unwrap() + "LIKE ".len();
    assert_eq!(lines[shown + 1].find('^'), Some(at), "{}", ran.err);
}

#[test]
fn an_expression_is_checked_without_events() {
    let ran = ce(&["sql", "--check", "time>'2026-01-01' and (subject='x')"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(ran.lines()[0]["expression"], "time > '2026-01-01' AND subject = 'x'");
    assert_eq!(ran.lines()[0]["attributes"], serde_json::json!(["subject", "time"]));
    assert!(ran.err.contains("never an Integer"), "{}", ran.err);
}

#[test]
fn filters_keep_what_matches() {
    let events = file("events.jsonl", EVENTS);
    let filters = file("filters.json", r#"[{"suffix": {"type": ".b"}}, {"sql": "NOT EXISTS priority"}]"#);
    let ran = ce(&["filter", filters.to_str().unwrap(), events.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert_eq!(ran.lines().len(), 1);
    assert_eq!(ran.lines()[0]["id"], "2");
    assert!(ran.err.contains("1 of 2 events match"), "{}", ran.err);
    let none = file("none.json", r#"{"exact": {"id": "3"}}"#);
    let ran = ce(&["filter", none.to_str().unwrap(), events.to_str().unwrap()]);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
}

#[test]
fn filters_that_are_none_say_where() {
    let bad = file("bad.json", r#"[{"any": [{"exact": {"type": ""}}]}]"#);
    let ran = ce(&["filter", bad.to_str().unwrap(), "-"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("/0/any/0/exact/type: the value is empty"), "{}", ran.err);
    let knative = file("knative.json", r#"[{"cesql": "TRUE"}]"#);
    assert_eq!(ce(&["filter", knative.to_str().unwrap(), "-"]).status, 2);
    let events = file("events.jsonl", EVENTS);
    let ran = ce(&["filter", "--lenient", knative.to_str().unwrap(), events.to_str().unwrap()]);
    assert_eq!(ran.lines().len(), 2, "{}", ran.err);
}

#[test]
fn what_does_not_match_is_accepted_and_left_out() {
    let listener = Listener::start(&["--count", "1", "--filter", "NOT EXISTS priority"]);
    let events = file("events.jsonl", EVENTS);
    let ran = ce(&["send", &listener.url, events.to_str().unwrap()]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let listened = listener.end();
    assert_eq!(listened.status, 0, "{}", listened.err);
    assert_eq!(listened.lines().len(), 1);
    assert_eq!(listened.lines()[0]["id"], "2");
    assert!(listened.err.contains("1 event received, 1 left out"), "{}", listened.err);
}

/// Its mistakes stay hidden otherwise.
#[test]
fn an_expression_that_fails_shows() {
    let events =
        file("events.jsonl", EVENTS.lines().rev().fold(String::new(), |all, line| all + line + "\n"));
    let path = events.to_str().unwrap();
    let out = file("out.jsonl", "").display().to_string();
    let from = format!("file:{path}");
    let bridge = ce(&["bridge", &from, &format!("file:{out}"), "--filter", "priority = 3"]);
    let listener = Listener::start(&["--count", "1", "--filter", "priority = 3"]);
    assert_eq!(ce(&["send", &listener.url, path]).status, 0);
    for ran in [ce(&["filter", "priority = 3", path]), bridge, listener.end()] {
        assert_eq!(ran.status, 0, "{}", ran.err);
        assert!(ran.err.contains("the filter failed for 1 event, so there was no match"), "{}", ran.err);
        assert!(ran.err.contains("the event has no attribute `priority`"), "{}", ran.err);
        assert!(ran.err.contains("EXISTS"), "{}", ran.err);
    }
}

#[cfg(feature = "amqp")]
#[test]
fn a_filter_takes_nothing_from_a_queue_unless_that_is_meant() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let url = broker.url("orders");
    assert_eq!(crate::program::ce_with(&["send", &url], crate::program::GOOD).status, 0);
    let ran = ce(&["listen", &url, "--filter", "FALSE", "--idle", "30"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("--drop-unmatched"), "{}", ran.err);
    // It may be on its way back.
    let orders = broker.queue("orders");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let back = orders.until(|orders| orders.len() == 1 && orders.unsettled() == 0);
    let limited = async { tokio::time::timeout(patience(), back).await };
    assert!(runtime.block_on(limited).is_ok(), "{} and {}", orders.len(), orders.unsettled());
}

#[test]
fn an_expression_is_a_filter() {
    let events = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","priority":7}
{"specversion":"1.0","id":"2","source":"/s","type":"t","priority":3}"#;
    let ran = ce_with(&["filter", "priority > 5"], events);
    assert_eq!((ran.status, ran.lines().len(), &ran.lines()[0]["id"]), (0, 1, &"1".into()), "{}", ran.err);
    assert_eq!(ce_with(&["filter", "priority >"], events).status, 2);
    assert_eq!(ce_with(&["filter", "missing.json"], events).status, 2);
}

#[test]
fn only_invalid_events_are_listed() {
    let text = format!("{}\n{{\"id\":1}}\n", crate::program::GOOD);
    let ran = ce_with(&["validate", "--invalid"], text.repeat(3));
    let found = ran.lines();
    assert_eq!((ran.status, found.len()), (1, 3), "{}", ran.out);
    assert!(found.iter().all(|line| line["valid"] == false));
}

#[test]
fn the_summary_of_a_bridge_has_what_its_filter_left_out() {
    let events = format!("file:{}", file("events.jsonl", EVENTS).display());
    let to = format!("file:{}", file("out.jsonl", "").display());
    let arguments = ["bridge", &events, &to, "--filter", "id = '2'"];
    let left_out = EVENTS.lines().count() - 1;
    let ran = ce(&arguments);
    let words = format!("1 message moved, 0 refused, {left_out} left out by the filter\n");
    assert!(ran.status == 0 && ran.err.ends_with(&words), "{}", ran.err);
    let ran = ce(&[&arguments[..], &["--error-format", "json"]].concat());
    let last = ran.errors().pop().unwrap();
    assert_eq!((&last["kind"], &last["moved"]), (&"summary".into(), &1.into()), "{last}");
    assert_eq!(last["unmatched"], left_out, "{last}");
}

#[cfg(feature = "amqp")]
#[test]
fn a_bridge_takes_nothing_from_a_queue_by_a_filter_unless_that_is_meant() {
    let broker = cloudevents_testkit::amqp::Broker::start().unwrap();
    let (from, to) = (broker.url("orders?reject=drop"), broker.url("others"));
    let ran = ce(&["bridge", &from, &to, "--filter", "FALSE"]);
    assert_eq!(ran.status, 2, "{}", ran.err);
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
    let orders = file("orders.jsonl", ORDERS);
    let orders = orders.to_str().unwrap();
    let filters = file("paid.json", r#"{"data": {"order.paid": {"exact": "true"}}}"#);
    let json = r#"[{"data": {"order.id": {"not": {"suffix": "-2"}}}}]"#;
    for filter in [filters.to_str().unwrap(), "data.order.paid=true", "data.order.id=*-1", json] {
        let ran = ce(&["filter", filter, orders]);
        assert_eq!(ran.status, 0, "{filter}: {}", ran.err);
        let ids: Vec<_> = ran.lines().iter().map(|event| event["id"].clone()).collect();
        assert_eq!(ids, ["1"], "{filter}");
        assert!(ran.err.contains("the filter failed for 1 event"), "{}", ran.err);
        assert!(ran.err.contains("the payload is not JSON"), "{}", ran.err);
    }
    let ran = ce(&["filter", "data.order.id=A*1", orders]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("`*` is in the middle") && ran.err.contains("data.order.id=A-*"), "{}", ran.err);
    let ran = ce(&["filter", r#"{"data": {"a": {"like": "x"}}}"#, orders]);
    assert!(ran.err.contains("/data/a/like: there is no test"), "{}", ran.err);
}

#[test]
fn listen_and_bridge_filter_payloads() {
    let orders = file("orders.jsonl", ORDERS);
    let from = format!("file:{}", orders.to_str().unwrap());
    for filter in
        ["data.order.id=A-*", r#"[{"exact": {"type": "order"}}, {"data": {"order.id": {"prefix": "A-"}}}]"#]
    {
        let ran = ce(&["listen", &from, "--filter", filter]);
        let ids: Vec<_> = ran.lines().iter().map(|event| event["id"].clone()).collect();
        assert_eq!((ran.status, ids), (0, vec!["1".into(), "2".into()]), "{}", ran.err);
        let to = file("moved.jsonl", "");
        std::fs::remove_file(&to).unwrap();
        let ran = ce(&["bridge", &from, &format!("file:{}", to.to_str().unwrap()), "--filter", filter]);
        assert_eq!(ran.status, 0, "{}", ran.err);
        let moved = std::fs::read_to_string(&to).unwrap();
        assert_eq!(moved.lines().collect::<Vec<_>>(), ORDERS.lines().take(2).collect::<Vec<_>>());
        assert!(ran.err.contains("the filter failed for 1 event"), "{}", ran.err);
    }
}

#[test]
fn the_filters_of_a_trigger() {
    let events = file("events.jsonl", EVENTS);
    let events = events.to_str().unwrap();
    let trigger = file(
        "trigger.yaml",
        "apiVersion: eventing.knative.dev/v1\nkind: Trigger\nspec:\n  filters:\n  - cesql: priority > 2\n",
    );
    let ran = ce(&["filter", "--trigger", trigger.to_str().unwrap(), events]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.contains("1 of 2 events match"), "{}", ran.err);
    let ran = ce_with(&["filter", "--trigger", trigger.to_str().unwrap()], EVENTS);
    assert_eq!(ran.lines()[0]["id"], "1", "{}", ran.err);
    assert_eq!(ce(&["filter"]).status, 2);
}
