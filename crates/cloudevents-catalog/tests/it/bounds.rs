//! Documents and payloads that would take all memory, all of the stack, or all time. Each of them ends here.

use cloudevents_catalog::{Catalog, Judge, Leniency, LoadOptions, NotJudged, Outcome, Report, Verdict};
use cloudevents_core::{Event, Payload};
use serde_json::{Map, Value, json};

fn read(format: &str, schema: &Value) -> Report {
    let document = json!({"messagegroups": {"g": {"messages": {"t": {
        "envelope": "CloudEvents/1.0", "dataschemaformat": format, "dataschema": schema}}}}});
    Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap()
}

fn judge(report: &Report, payload: &Value) -> Verdict {
    let payload = Payload::body(payload.to_string());
    let event = Event::builder().id("1").source("/s").ty("t").payload("application/json", payload).build();
    report.catalog.judge(&event.unwrap())
}

fn is_unusable(verdict: &Verdict) -> bool {
    matches!(verdict.not_judged(), Some(NotJudged::Unusable(_)))
}

/// A schema with an advice, and without a verdict.
#[track_caller]
fn assert_refused(format: &str, schema: &Value) {
    let report = read(format, schema);
    assert_eq!((report.findings.len(), report.mistakes().count()), (1, 0), "{:?}", report.findings);
    let verdict = judge(&report, &json!({}));
    assert!(is_unusable(&verdict), "{verdict}");
}

const JSON: &str = "JsonSchema/draft/2020-12";
const STRUCTURE: &str = "JsonStructure/draft-04";

/// Definitions A0, A1, ..., each of which refers to the next one, and the last one is a text.
fn definitions(count: usize, refer: impl Fn(Value) -> Value) -> Map<String, Value> {
    let next = |at: usize| json!({"$ref": format!("#/definitions/A{}", at + 1)});
    let mut all: Map<String, Value> = (0..count).map(|at| (format!("A{at}"), refer(next(at)))).collect();
    all.insert(format!("A{count}"), json!({"type": "string"}));
    all
}

fn structure(root: &str, definitions: impl Into<Value>) -> Value {
    json!({"$schema": "https://json-structure.org/meta/core/v0/#", "$id": "https://example.com/s",
        "$root": format!("#/definitions/{root}"), "definitions": definitions.into()})
}

/// Validators descend along them.
#[test]
fn chains_of_references() {
    assert_refused(STRUCTURE, &structure("A0", definitions(20_000, |next| json!({"type": next}))));
    let schema = |refer: fn(Value) -> Value| json!({"$ref": "#/definitions/A0", "definitions": definitions(20_000, refer)});
    assert_refused(JSON, &schema(|next| next));
    assert_refused(JSON, &schema(|next| json!({"allOf": [next]})));
    assert_refused(
        JSON,
        &json!({"$ref": "#/definitions/a", "definitions": {"a": {"anyOf": [{"$ref": "#/definitions/a"}]}}}),
    );
}

/// Each alternative is tried, and each of its own.
#[test]
fn alternatives_of_alternatives() {
    assert_refused(STRUCTURE, &structure("A0", definitions(40, |next| json!({"type": [next, next]}))));
    let twice = definitions(40, |next| json!({"anyOf": [next, next]}));
    assert_refused(JSON, &json!({"$ref": "#/definitions/A0", "definitions": twice}));
}

/// Alternatives multiply with each level of a payload.
#[test]
fn alternatives_that_have_children() {
    let types = ["And", "Or", "Not", "Call"];
    let alternatives: Vec<Value> =
        types.iter().map(|name| json!({"$ref": format!("#/definitions/{name}")})).collect();
    let mut all: Map<String, Value> = types
        .iter()
        .map(|name| {
            let child = json!({"type": {"$ref": "#/definitions/Expr"}});
            ((*name).to_owned(), json!({"name": name, "type": "object", "properties": {"child": child}}))
        })
        .collect();
    all.insert("Expr".to_owned(), json!({"name": "Expr", "type": alternatives}));
    let report = read(STRUCTURE, &structure("Expr", all));
    assert_eq!(report.findings, []);
    let tree = |levels: usize, leaf: Value| (0..levels).fold(leaf, |inner, _| json!({"child": inner}));
    assert!(is_unusable(&judge(&report, &tree(15, json!(1)))));
    assert_eq!(judge(&report, &tree(2, json!(1))).outcome(), Outcome::Invalid);
    let verdict = judge(&report, &tree(2, json!({})));
    assert_eq!((verdict.outcome(), verdict.not_judged()), (Outcome::Valid, None));
}

/// The validator of JSON Structure looks at 64 schemas on the way to a value: others would pass.
#[test]
fn what_is_too_deep_does_not_pass() {
    let hops = json!({
        "A": {"type": {"$ref": "#/definitions/B"}}, "B": {"type": {"$ref": "#/definitions/C"}}, "C": {"type": {"$ref": "#/definitions/D"}},
        "D": {"name": "D", "type": "object", "properties": {"child": {"type": {"$ref": "#/definitions/A"}}, "leaf": {"type": "int32"}}}
    });
    let report = read(STRUCTURE, &structure("A", hops));
    for levels in 0..30 {
        let tree = (0..levels).fold(json!({"leaf": "text"}), |inner, _| json!({"child": inner}));
        let verdict = judge(&report, &tree);
        assert!(verdict.outcome() == Outcome::Invalid || is_unusable(&verdict), "{levels}: {verdict}");
        assert!(levels > 5 || !is_unusable(&verdict), "{levels}: {verdict}");
    }
}

/// What the validator of JSON Structure leaves out: bases of bases, patterns that it does not know, and types that are not there.
#[test]
fn what_is_not_looked_at_does_not_pass() {
    let base = |bases: Value| {
        json!({
            "A": {"name": "A", "type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
            "B": {"name": "B", "type": "object", "$extends": "#/definitions/A", "properties": {"b": {"type": "string"}}},
            "C": {"name": "C", "type": "object", "$extends": bases, "properties": {"c": {"type": "string"}}}
        })
    };
    assert_refused(STRUCTURE, &structure("C", base(json!("#/definitions/B"))));
    let report = read(STRUCTURE, &structure("C", base(json!("#/definitions/A"))));
    assert_eq!(judge(&report, &json!({"c": "x"})).outcome(), Outcome::Invalid);
    let pattern = |pattern: &str| {
        json!({"$schema": "https://json-structure.org/meta/validation/v0/#", "$id": "https://example.com/s", "name": "S",
            "type": "string", "pattern": pattern})
    };
    assert_refused(STRUCTURE, &pattern("^(?!b)"));
    assert_refused(STRUCTURE, &pattern("(\\w{9}){99}"));
    assert_eq!(judge(&read(STRUCTURE, &pattern("^a")), &json!("b")).outcome(), Outcome::Invalid);
    // Without a type that is selected, any value would pass.
    let report = read(
        STRUCTURE,
        &json!({"$id": "https://example.com/s", "definitions": {"A": {"name": "A", "type": "string"}}}),
    );
    assert!(is_unusable(&judge(&report, &json!(1))));
}

/// An expression is compiled for each text.
#[test]
fn many_patterns() {
    let schema = json!({"$schema": "https://json-structure.org/meta/validation/v0/#", "$id": "https://example.com/s", "name": "S",
        "type": "array", "items": {"type": "string", "pattern": "^[a-z]{1,9}$"}});
    let report = read(STRUCTURE, &schema);
    let list = |count: usize| json!(vec!["abc"; count]);
    assert_eq!(judge(&report, &list(200)).not_judged(), None);
    assert_eq!(judge(&report, &json!(["ABC"])).outcome(), Outcome::Invalid);
    let many: Vec<Value> = (0..200).map(|n| json!({"pattern": format!("^{n}\\w*")})).collect();
    let report = read(
        STRUCTURE,
        &json!({"$schema": "https://json-structure.org/meta/validation/v0/#", "$id": "https://example.com/s",
        "name": "S", "type": "array", "items": {"type": "object", "patternProperties":
            many.iter().map(|one| (one["pattern"].as_str().unwrap().to_owned(), json!({"type": "string"}))).collect::<Map<_, _>>()}}),
    );
    let members: Map<String, Value> = (0..200).map(|n| (format!("x{n}"), json!("a"))).collect();
    assert!(is_unusable(&judge(&report, &json!([members]))));
}

/// A base is copied into each message that has it.
#[test]
fn what_messages_inherit_is_bounded() {
    let mut messages = json!({"b": {"x": vec!["text"; 10_000]}});
    for at in 0..10_000 {
        messages[format!("m{at}")] = json!({"basemessage": "/messagegroups/g/messages/b"});
    }
    let document = json!({"messagegroups": {"g": {"messages": messages}}}).to_string();
    let error = Catalog::read(document, &LoadOptions::strict()).unwrap_err();
    assert!(error.to_string().contains("Limits::bytes"), "{error}");
}

/// Types of one document are selected by many messages. What has to be read again for each is bounded.
#[test]
fn what_is_selected_is_bounded() {
    let load = |format: &str, schema: Value, selection: &dyn Fn(usize) -> String| {
        let messages: Map<String, Value> = (0..200)
            .map(|at| {
                let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format,
                    "dataschemauri": format!("/schemagroups/g/schemas/s{}", selection(at))});
                (format!("m{at}"), message)
            })
            .collect();
        let document = json!({"messagegroups": {"g": {"messages": messages}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": format, "schema": schema}}}}}}});
        // JSON Schemas have no other way.
        let mut options = LoadOptions::strict().allow(Leniency::SubSelection);
        options.limits.bytes = 256 << 10;
        Catalog::read(document.to_string(), &options)
    };
    let all = |of: &dyn Fn(usize) -> Value| (0..200).map(of).collect::<Vec<_>>();
    let types: Map<String, Value> = (0..200)
        .map(|at| (format!("A{at}"), json!({"type": "object", "properties": {"a": {"type": "string"}}})))
        .collect();
    let report =
        load(JSON, json!({"definitions": types}), &|at| format!("/versions/1/definitions/A{at}")).unwrap();
    assert_eq!((report.mistakes().count(), report.catalog.messages().count()), (0, 200));
    let proto: String = (0..200).map(|at| format!("message A{at} {{ string a = 1; }}\n")).collect();
    let report =
        load("Protobuf/3", json!(format!("syntax = \"proto3\";\n{proto}")), &|at| format!(":A{at}")).unwrap();
    assert_eq!((report.mistakes().count(), report.catalog.messages().count()), (0, 200));
    let records = all(
        &|at| json!({"type": "record", "name": format!("A{at}"), "fields": [{"name": "a", "type": "string"}]}),
    );
    let error = load("Avro/1.12.0", json!(records), &|at| format!(":A{at}")).unwrap_err();
    assert!(error.to_string().contains("Limits::bytes"), "{error}");
    // The same one is compiled once.
    assert!(load("Avro/1.12.0", json!(records), &|_| ":A199".to_owned()).is_ok());
}

/// The ancestor of each version is looked for.
#[test]
fn versions_are_counted_first() {
    let versions: Map<String, Value> =
        (0..=100_000).map(|at| (format!("v{at}"), json!({"ancestorid": "v100000"}))).collect();
    let document = json!({"schemagroups": {"g": {"schemas": {"s": {"versions": versions}}}}}).to_string();
    let error = Catalog::read(document, &LoadOptions::strict()).unwrap_err();
    assert!(error.to_string().contains("Limits::definitions"), "{error}");
}
