//! Rules for attributes: `--set`, `--rename` and `--remove` of `ce bridge`, `ce convert` and `ce send`.

use crate::program::{GOOD, Listener, ce, ce_with, file, url_of};
use serde_json::{Value, json};

const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"t","tenant":"t7","internalid":"x","data":{ "order": {"id":4.20} }}"#;
const RULES: [&str; 6] =
    ["--set", "subject={data.order.id}", "--rename", "tenant=customer", "--remove", "internalid"];

fn run(command: &[&str], input: impl AsRef<[u8]>) -> crate::program::Ran {
    ce_with(&[command, &RULES].concat(), input)
}

/// The payload keeps its digits and its spaces.
#[test]
fn an_event_of_a_file_changes() {
    let wanted = r#"{"specversion":"1.0","id":"1","source":"/shop","type":"t","subject":"4.20","customer":"t7","data":{ "order": {"id":4.20} }}"#;
    for command in [&["convert"][..], &["send", "-"]] {
        let ran = run(command, EVENT);
        assert_eq!((ran.status, ran.out.trim_end()), (0, wanted), "{command:?} {}", ran.err);
    }
    let ran = run(&["send", "http://localhost:1/", "--dry-run"], EVENT);
    assert!(ran.out.to_ascii_lowercase().contains("\nce-customer: t7"), "{}", ran.out);
    let ran = ce_with(&["convert", "--rename", "tenant=customer"], GOOD);
    assert_eq!((ran.status, ran.out.trim_end()), (0, GOOD));
}

#[test]
fn an_event_that_cannot_change_is_an_error_with_its_place() {
    let input = format!("{EVENT}\n{GOOD}\n{EVENT}\n");
    let why = "attribute `subject` was refused";
    for command in [&["convert"][..], &["send", "-"]] {
        run(command, &input)
            .ended(1)
            .prints_lines(1)
            .says(why)
            .says("standard input:2")
            .says("a rule sets it, and `data.order.id` is not there");
        run(&[command, &["--keep-going"]].concat(), &input).ended(1).prints_lines(2);
    }
}

/// What has come is printed by the rules. With them, the message has its places.
#[test]
fn an_event_that_arrives_changes() {
    let rules =
        [&RULES[..], &["--set", "origin={message.topic}", "--count", "2", "--filter", "tenant=*"]].concat();
    let listener = Listener::start(&rules);
    let bad = EVENT.replace("order", "offer");
    ce_with(&["send", &listener.url], GOOD).ended(0);
    let sent = ce_with(&["send", &listener.url, "--mode", "structured"], &bad);
    // It is printed as it came, and told.
    assert_eq!(sent.status, 0, "{}", sent.err);
    ce_with(&["send", &listener.url, "--mode", "structured"], EVENT).ended(0);
    let ran = listener.end().ended(1).prints_lines(2).says("id 1, source /shop").says("1 left out");
    assert_eq!(ran.lines()[0]["tenant"], "t7");
    let event = &ran.lines()[1];
    let found = ["subject", "customer", "tenant", "origin"].map(|name| &event[name]);
    assert_eq!(found, [&json!("4.20"), &json!("t7"), &Value::Null, &json!("/events")], "{}", ran.out);
}

/// Before any end is opened.
#[test]
fn a_rule_that_cannot_work_is_found_by_a_check() {
    let ends = ["bridge", "http://127.0.0.1:0/", "http://localhost:1/", "--check"];
    for (rules, words) in [
        (&["--set", "x-tenant={tenant}"][..], "headers are no attributes"),
        (&["--set", "subject={data.a"], "brace without its end"),
        (&["--set", "subject={subject|id}"], "`{a, b}`"),
        (&["--set", "subject={message.attempt}"], "the parts of a message are"),
        (&["--set", "subject"], "NAME="),
        (&["--rename", "Tenant=customer"], "`Tenant`"),
        (&["--rename", "time=subject"], "`time` is of another type"),
        (&["--rename", "tenant=id"], "cannot be renamed"),
        (&["--remove", "source"], "cannot be removed"),
        (&["--set", "tenant=1", "--remove", "tenant"], "two rules"),
    ] {
        for command in [&ends[..], &["convert", "-"], &["send", "-"]] {
            ce_with(&[command, rules].concat(), GOOD).ended(2).prints("").says(words);
        }
    }
    let both =
        file("both.yaml", "from: http://127.0.0.1:0/\nto: http://x/\nsubject: \"{id}\"\nset: {subject: a}\n");
    ce(&["bridge", "--check", "--config", both.to_str().unwrap()]).ended(2).says("exclude each other");
    ce(&["send", "-", "--source", "/s", "--type", "t", "--set", "subject=a"]).ended(2).says("-e NAME=VALUE");
}

/// A flag replaces the rule of the file for its name.
#[test]
fn flags_take_precedence_over_the_file() {
    let path = file(
        "rules.yaml",
        "set: {subject: \"{id}\", note: a, rank: {sql: \"LENGTH(tenant) + 1\"}}\nremove: [internalid]\nrename: {tenant: customer}\n",
    );
    let from = url_of("events.jsonl", EVENT);
    let flags = ["--set", "subject={tenant}", "--set-sql", "internalid=TRUE"];
    let ran =
        ce(&[&["bridge", &from, "-", "--config", path.to_str().unwrap()], &flags[..]].concat()).ended(0);
    let event: Value = serde_json::from_str(ran.out.trim_end()).unwrap();
    let found = ["subject", "note", "rank", "customer", "internalid"].map(|name| &event[name]);
    assert_eq!(found, [&json!("t7"), &json!("a"), &json!(3), &json!("t7"), &json!(true)], "{}", ran.out);
}

mod over_kafka {
    use super::*;
    use crate::program::Bridge;
    use cloudevents_testkit::kafka::{Broker, Kept};

    fn attribute<'a>(record: &'a Kept, name: &str) -> Option<&'a str> {
        record.header(&format!("ce_{name}")).map(|value| std::str::from_utf8(value).unwrap())
    }

    /// The example of the page. Its rules do not reach a payload, and the event that they cannot change is a dead letter as it came.
    #[test]
    fn the_example_of_the_page() {
        let broker = Broker::start().unwrap();
        for topic in ["orders", "sales", "rejected"] {
            broker.create_topic(topic, 1).unwrap();
        }
        let url = broker.url("orders");
        let bad = EVENT.replace("\"order\"", "\"offer\"").replace(r#""id":"1""#, r#""id":"2""#);
        let structured = EVENT.replace(r#""id":"1""#, r#""id":"3""#);
        ce_with(&["send", &url], format!("{EVENT}\n{bad}\n")).ended(0);
        ce_with(&["send", &url, "--mode", "structured"], &structured).ended(0);

        let page = include_str!("../../../../docs/bridge-messages.md");
        let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let address = url.strip_prefix("kafka://").unwrap().split('/').next().unwrap();
        let path = file("page.yaml", example.replace("localhost:9092", address));
        let bridge = Bridge::start(&["--config", path.to_str().unwrap()]);
        bridge.until(&["cloudevents_bridge_confirmed_total", "cloudevents_bridge_refused_total"], 3);
        let text = bridge.stop();
        assert!(text.ends_with("2 messages moved, 1 refused\n"), "{text}");
        assert!(text.contains("`data.order.id` is not there"), "{text}");

        let records = broker.messages("sales").unwrap();
        let [binary, document] = records.as_slice() else { panic!("{records:?}") };
        let found = ["id", "subject", "partitionkey", "origin", "customer", "tenant", "internalid"];
        let found = found.map(|name| attribute(binary, name));
        let wanted = [Some("1"), Some("4.20"), Some("/shop"), Some("orders/0"), Some("t7"), None, None];
        assert_eq!(found, wanted);
        assert_eq!(binary.value.as_deref().unwrap(), br#"{ "order": {"id":4.20} }"#);
        let text = std::str::from_utf8(document.value.as_deref().unwrap()).unwrap();
        assert!(text.contains(r#""data":{ "order": {"id":4.20} }"#), "{text}");
        let event: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            event,
            json!({"specversion": "1.0", "id": "3", "source": "/shop", "type": "t", "subject": "4.20",
                "partitionkey": "/shop", "origin": "orders/0", "customer": "t7", "data": {"order": {"id": 4.20}}})
        );

        let letters = broker.messages("rejected").unwrap();
        assert_eq!((letters.len(), attribute(&letters[0], "tenant")), (1, Some("t7")));
        let reason = String::from_utf8_lossy(letters[0].header("dead-letter-reason").unwrap());
        assert!(reason.contains("`subject`") && reason.contains("`data.order.id`"), "{reason}");
        assert_eq!(broker.committed("bridge", "orders").unwrap(), [Some(3)]);
    }
}
