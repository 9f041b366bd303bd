//! Every document is valid by the published schema.

use serde_json::{Value, json};

use super::assert_none;

#[test]
fn documents_are_valid() {
    let validator = validator();
    let mut complaints = Vec::new();
    for (path, text) in crate::documents() {
        let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
        complaints.extend(validator.iter_errors(&document).map(|error| {
            let place = error.instance_path().to_string();
            format!("{path}{place} ({}): {error}", case_of(&document, &place))
        }));
    }
    assert_none(&complaints, "documents that break the schema");
}

#[test]
fn requests_are_valid_by_the_schema_of_the_protocol() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/request.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut complaints = Vec::new();
    for case in super::all_cases() {
        let mut request = Value::Object(case.request.clone());
        request["cmd"] = json!("run");
        request["seq"] = json!(1);
        complaints.extend(validator.iter_errors(&request).map(|error| format!("{}: {error}", case.id)));
    }
    assert_none(&complaints, "requests that break the contract");
    assert!(validator.is_valid(&json!({"cmd": "start", "version": 1})));
    // A record without its value is not a record: null is written.
    let record = json!({"cmd": "run", "seq": 1, "op": "decode", "via": "kafka", "message": {"key": null, "headers": []}});
    assert!(!validator.is_valid(&record));
    for text in
        [include_str!("../../schema/answer.schema.json"), include_str!("../../schema/start.schema.json")]
    {
        assert!(jsonschema::meta::is_valid(&serde_json::from_str(text).unwrap()));
    }
}

#[test]
fn the_schema_is_a_schema() {
    let schema: Value = serde_json::from_str(crate::SCHEMA).unwrap();
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn the_schema_refuses() {
    let validator = validator();
    let with = |change: fn(&mut Value)| {
        let mut document = example();
        change(&mut document["cases"][0]);
        validator.is_valid(&document)
    };
    assert!(with(|_| ()));
    assert!(!with(|case| case["id"] = json!("json/decode")));
    assert!(!with(|case| case["extra"] = json!(1)));
    assert!(!with(|case| case["level"] = json!("MUST NOT")));
    assert!(!with(|case| case["clauses"] = json!([])));
    assert!(!with(|case| case["draft"] = json!(false)));
    assert!(!with(|case| case["request"]["op"] = json!("destroy")));
    assert!(!with(|case| case["request"]["extra"] = json!(1)));
    assert!(!with(|case| case["request"]["message"] = json!({"body": "text"})));
    assert!(!with(|case| case["request"]["message"] = json!({"payload": {"text": ""}})));
    assert!(with(|case| case["compare"] = json!({"json": "text", "timestamp": "text"})));
    assert!(with(|case| case["compare"] = json!({"json": "double"})));
    assert!(!with(|case| case["compare"] = json!({"timestamp": "double"})));
    assert!(!with(|case| case["compare"] = json!({})));
    assert!(!with(|case| case["expect"] = json!([])));
    assert!(!with(|case| case["expect"][0] = json!({})));
    assert!(!with(|case| case["expect"][0]["error"] = json!({})));
    assert!(!with(|case| case["expect"][0] = json!({"error": {"message": "free text"}})));
    assert!(!with(|case| case["expect"][0]["result"]["extra"] = json!(1)));
    assert!(with(|case| *case.pointer_mut(ATTRIBUTE).unwrap() = json!({"type": "Integer", "value": 1})));
    assert!(!with(|case| *case.pointer_mut(ATTRIBUTE).unwrap() = json!({"type": "Integer", "value": "1"})));
    assert!(!with(
        |case| *case.pointer_mut(ATTRIBUTE).unwrap() = json!({"type": "Integer", "value": 1u64 << 40})
    ));
}

const ATTRIBUTE: &str = "/expect/0/result/events/0/attributes/id";

fn validator() -> jsonschema::Validator {
    jsonschema::validator_for(&serde_json::from_str(crate::SCHEMA).unwrap()).unwrap()
}

fn example() -> Value {
    json!({"area": "json", "topic": "decode", "title": "Reading JSON", "cases": [{
        "id": "json/decode/minimal", "title": "A minimal event", "clauses": ["JSON-3-a"], "level": "MUST",
        "revisions": ["1.0.2", "main"],
        "request": {"op": "decode", "via": "json", "message": {"body": {"text": "{}"}}},
        "expect": [{"result": {"mode": "structured", "events": [
            {"specversion": "1.0", "attributes": {"id": {"type": "String", "value": "1"}}}
        ]}}]
    }]})
}

/// The id of the case that a place is in, so that a complaint names it.
fn case_of(document: &Value, place: &str) -> String {
    let index = place.strip_prefix("/cases/").and_then(|rest| rest.split('/').next());
    let id = index.and_then(|index| document.pointer(&format!("/cases/{index}/id")));
    id.and_then(Value::as_str).unwrap_or("the document").to_owned()
}
