//! `ce send`, `ce listen` and `ce bridge` with Redis Streams. `.ci/brokers/redis` starts a server.

use crate::program::{GOOD, ce, ce_with, file};
use serde_json::{Value, json};
use std::{collections::BTreeMap, env, fs};

#[test]
fn from_one_to_the_other() {
    let Ok(server) = env::var("CE_TEST_REDIS_URL") else {
        println!("skipped: CE_TEST_REDIS_URL is not set");
        return;
    };
    let url = format!("{server}?stream=ce-{}", std::process::id());
    let sent = |arguments: &[&str]| {
        let ran = ce_with(&[&["send", &url], arguments].concat(), GOOD);
        assert_eq!(ran.status, 0, "{}", ran.err);
    };
    // As Dapr has them unless the mode says otherwise.
    sent(&[]);
    sent(&["--mode", "binary"]);
    sent(&["--mode", "structured"]);
    let listened = ce(&["listen", &url, "--count", "3", "--idle", "30"]);
    assert_eq!(listened.status, 0, "{}", listened.err);
    assert_eq!(listened.out.lines().collect::<Vec<_>>(), [GOOD, GOOD, GOOD]);
    assert!(listened.err.contains("as with `reject=drop` in the URL [reject-drop]"), "{}", listened.err);
    let out = file("moved.jsonl", "");
    let to = format!("file:{}", out.display());
    let bridged = ce(&["bridge", &format!("{url}&group=another&reject=drop"), &to, "--idle", "3"]);
    assert_eq!(bridged.status, 0, "{}", bridged.err);
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 3);
}

/// As Dapr writes them: a field with the document; in binary mode, a field for each attribute.
#[test]
fn what_would_be_sent_is_shown() {
    let fields = |arguments: &[&str]| -> BTreeMap<String, String> {
        let shown = ce_with(&[&["send", "--dry-run"], arguments].concat(), GOOD);
        assert_eq!(shown.status, 0, "{}", shown.err);
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        assert_eq!((&shown["via"], &shown["to"]), (&json!("redis"), &json!({"stream": "orders"})));
        let text = |value: &Value| value["text"].as_str().unwrap().to_owned();
        let pairs = shown["message"]["fields"].as_array().unwrap().iter();
        pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    };
    let event: Value = serde_json::from_str(GOOD).unwrap();
    let structured = fields(&["redis://localhost/?stream=orders"]);
    assert_eq!(structured["content-type"], "application/cloudevents+json");
    assert_eq!(serde_json::from_str::<Value>(&structured["data"]).unwrap(), event);
    assert_eq!(structured.len(), 2);
    let binary = fields(&["--mode", "binary", "redis://localhost/?stream=orders"]);
    assert_eq!(binary["ce-id"], event["id"]);
    assert_eq!(binary["ce-source"], event["source"]);
    let refused = ce_with(&["send", "--dry-run", "redis://localhost/?stream=orders&mode=binary"], GOOD);
    assert_eq!(refused.status, 2, "{}", refused.out);
    assert!(refused.err.contains("use --mode"), "{}", refused.err);
}
