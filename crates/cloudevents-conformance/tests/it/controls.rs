//! Testees that must not pass: they answer without any CloudEvents implementation.

use std::collections::HashMap;

use cloudevents_conformance::vectors::Expected;
use cloudevents_conformance::{InProcess, KnownFailing, Problem, Selection, Suite, Summary, Verdict, run};
use serde_json::{Value, json};

#[test]
fn a_testee_that_refuses_everything_fails_and_shows() {
    let summary = judge(&suite(), |request| json!({"seq": request["seq"], "error": {"kind": "no"}}));
    assert!(!summary.is_success());
    let total = summary.total();
    // Every refusal is right, and none of what has to be accepted.
    assert_eq!((total.invalid.wrong, total.valid.right), (0, 0));
    assert!(total.valid.wrong > 500 && total.invalid.right > 500);
    assert!(summary.causes.contains_key("refused, but must be accepted (no)"));
}

#[test]
fn an_echo_fails() {
    let summary = judge(&suite(), |request| json!({"seq": request["seq"], "result": request}));
    assert!(!summary.is_success());
    assert_eq!(summary.total().invalid.right, 0);
    // An echo writes what it was given: a few names and expressions are their own result.
    assert!(summary.total().valid.right < summary.total().valid.wrong / 10, "{:?}", summary.total());
}

#[test]
fn a_testee_that_declines_what_it_claims_fails() {
    let summary = judge(&suite(), |request| json!({"seq": request["seq"], "unsupported": "not today"}));
    assert!(!summary.is_success());
    assert_eq!(summary.number(Verdict::Skipped) + summary.number(Verdict::Declined), suite().cases().len());
    assert_eq!(summary.problems, [Problem::NothingJudged]);
    assert_eq!(summary.declined.keys().collect::<Vec<_>>(), ["not today"]);
}

#[test]
fn a_testee_that_claims_nothing_is_no_success() {
    let mut testee = InProcess::new(|request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        match request["cmd"].as_str() {
            Some("start") => start(json!({"ops": [], "formats": [], "bindings": []})).to_string(),
            _ => json!({"seq": request["seq"], "unsupported": "nothing"}).to_string(),
        }
    });
    let summary = run(&suite(), &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap();
    assert_eq!(summary.problems, [Problem::NothingJudged]);
    assert!(!summary.is_success());
}

#[test]
fn a_testee_that_looks_cases_up_fails_when_their_ids_vary() {
    let suite = suite();
    let answers: HashMap<String, Value> = suite
        .cases()
        .iter()
        .map(|case| {
            let answer = match &case.expect[0].expected {
                Expected::Result(result) => json!({"result": result}),
                Expected::Error(error) => json!({"error": error}),
            };
            (serde_json::to_string(&case.request).unwrap(), answer)
        })
        .collect();
    let look_up = |request: &Value| {
        let mut members = request.as_object().unwrap().clone();
        let seq = members.remove("seq").unwrap();
        members.remove("cmd");
        let found = answers.get(&serde_json::to_string(&members).unwrap()).cloned();
        let mut answer = found.unwrap_or_else(|| json!({"error": {"kind": "not-found"}}));
        answer["seq"] = seq;
        answer
    };
    assert_eq!(judge(&suite, look_up).number(Verdict::Failed), 0);
    let summary = judge(&suite.varied(7), look_up);
    assert!(summary.total().valid.wrong > 500, "{:?}", summary.total());
}

fn judge(suite: &Suite, answer: impl Fn(&Value) -> Value) -> Summary {
    let mut testee = InProcess::new(|request: &str| {
        let request: Value = serde_json::from_str(request).unwrap();
        match request["cmd"].as_str() {
            Some("start") => start(json!({
                "spec": ["1.0.2", "main"], "specversions": ["1.0", "0.3"],
                "ops": ["decode", "encode", "transcode", "upgrade", "parse", "name", "sql", "filter", "handshake"],
                "formats": ["json", "json-batch", "protobuf", "protobuf-batch", "avro", "avro-compact", "xml", "xml-batch", "cbor"],
                "bindings": ["http", "kafka", "amqp", "rabbitmq", "mqtt3", "mqtt5", "nats", "websockets"],
                "strictness": ["strict", "lenient"], "reports": ["losses", "repairs", "notes"],
                "payloads": ["json", "text", "binary", "xml", "cbor", "proto"],
                "options": ["key", "separator", "subprotocol", "topic", "subject"],
            }))
            .to_string(),
            _ => answer(&request).to_string(),
        }
    });
    run(suite, &all(), &KnownFailing::default(), &mut testee, &mut ()).unwrap()
}

fn start(capabilities: Value) -> Value {
    json!({
        "version": 1, "implementation": {"name": "Control", "version": "1", "language": "Rust"},
        "capabilities": capabilities,
    })
}

fn all() -> Selection {
    Selection::default().drafts(true)
}

fn suite() -> Suite {
    Suite::published().unwrap()
}
