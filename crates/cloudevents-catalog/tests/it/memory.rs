//! What small documents and payloads would keep in memory, or report. Each of them ends here.

use cloudevents_catalog::{Catalog, Judge, LoadOptions, NotJudged, Outcome, Report, Severity, Verdict};
use cloudevents_core::{Event, Payload};
use cloudevents_testkit::size;
use serde_json::{Map, Value, json};
use std::collections::HashSet;

const JSON: &str = "JsonSchema/draft/2020-12";
const PROTOBUF: &str = "Protobuf/3";

fn message(format: &str, schema: impl Into<Value>) -> Value {
    json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format, "dataschema": schema.into()})
}

fn read(document: &Value) -> Report {
    Catalog::read(document.to_string(), &LoadOptions::lenient()).unwrap()
}

fn of_messages(messages: impl Into<Value>) -> Report {
    read(&json!({"messagegroups": {"g": {"messages": messages.into()}}}))
}

fn judge(report: &Report, payload: &Value) -> Verdict {
    let payload = Payload::body(payload.to_string());
    let event = Event::builder().id("1").source("/s").ty("t").payload("application/json", payload);
    report.catalog.judge(&event.build().unwrap())
}

fn places(verdict: &Verdict) -> Vec<&str> {
    verdict.faults().iter().map(|fault| fault.place.as_str()).collect()
}

/// How many schemas are not used because of what all of them take together.
fn beyond_all(report: &Report) -> usize {
    report.findings.iter().filter(|finding| finding.message.contains("too much together")).count()
}

/// What comes behind others is still judged.
#[track_caller]
fn assert_judges(report: &Report) {
    assert_eq!(beyond_all(report), 0, "{:?}", report.findings);
    let verdict = judge(report, &json!(1));
    assert_eq!((verdict.not_judged(), places(&verdict)), (None, vec!["data"]), "{:?}", report.findings);
}

/// Each fault has its place, with all names on the way, and what it is about. All are found before the first is reported.
#[test]
fn faults_of_one_payload() {
    let lists =
        json!({"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}});
    let report = of_messages(json!({"t": message(JSON, lists)}));
    let many = json!({"a".repeat(10_000): vec![1; 99_900]});
    let verdict = judge(&report, &many);
    assert_eq!(places(&verdict), ["data"]);
    assert!(verdict.to_string().contains("could take too long"), "{verdict}");
    assert_eq!(places(&judge(&report, &json!({"a": ["b", 1]}))), ["data/a/1"]);

    // A name that is missing, or a pattern, is in each of them.
    let long = "a".repeat(8000);
    for schema in [
        json!({"items": {"required": [long]}}),
        json!({"items": {"pattern": long}}),
        json!({"items": {"not": {"title": long}}}),
    ] {
        let report = of_messages(json!({"t": message(JSON, schema.clone())}));
        let values = |count: usize| match report.findings.is_empty() {
            _ if schema["items"].get("pattern").is_some() => json!(vec!["b"; count]),
            _ => json!(vec![json!({}); count]),
        };
        assert_eq!(places(&judge(&report, &values(49_000))), ["data"], "{:?}", report.findings);
        assert_eq!(places(&judge(&report, &values(2))), ["data/0", "data/1"]);
    }

    // Those of alternatives have copies of the values.
    let report =
        of_messages(json!({"t": message(JSON, json!({"anyOf": vec![json!({"type": "object"}); 1000]}))}));
    assert_eq!(places(&judge(&report, &json!("a".repeat(1_000_000)))), ["data"]);
    assert!(judge(&report, &json!("a".repeat(1_000_000))).to_string().contains("could take too long"));
    assert!(!judge(&report, &json!("a")).to_string().contains("could take too long"));
}

/// Each `true` and `false` is a schema, which is compiled with each object that leads to it.
#[test]
fn booleans_of_json_schemas() {
    for (value, is_small) in
        [(json!(true), false), (json!(false), false), (json!({}), false), (json!(true), true)]
    {
        let schemas = vec![value; if is_small { 40 } else { 3940 }];
        let schema = json!({"p": {"allOf": schemas}, "a": vec![json!({"$ref": "#/p"}); 1000]});
        let uri = "/schemagroups/g/schemas/s/p";
        let report = read(&json!({
            "messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschemauri": uri}}}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": JSON, "schema": schema}}}}}}}));
        let verdict = judge(&report, &json!({}));
        let is_unusable = matches!(verdict.not_judged(), Some(NotJudged::Unusable(_)));
        assert_eq!(is_unusable, !is_small, "{:?}", report.findings);
    }
}

/// Each of them is applied to each value, and found to fail by itself.
#[test]
fn booleans_that_are_applied() {
    let load = |count: usize, last: bool| {
        let mut all = vec![json!(false); count];
        all.push(json!(last));
        of_messages(json!({"t": message(JSON, json!({"items": {"anyOf": all}}))}))
    };
    for last in [true, false] {
        let report = load(400_000, last);
        assert_eq!((report.findings.len(), report.mistakes().count()), (1, 0), "{:?}", report.findings);
        assert!(matches!(judge(&report, &json!([])).not_judged(), Some(NotJudged::Unusable(_))));
    }
    assert_eq!(places(&judge(&load(9000, false), &json!(vec![1; 1000]))), ["data"]);
    assert_eq!(places(&judge(&load(10, false), &json!([1, 1]))), ["data/0", "data/1"]);
}

/// One pattern that many parts of a document refer to is compiled for each. A document for which this is too much takes nothing from
/// others.
#[test]
fn patterns_of_one_document() {
    let load = |pattern: &str| {
        let name = json!({"type": "string", "pattern": pattern});
        let properties: Map<String, Value> =
            (0..10).map(|at| (format!("p{at}"), json!({"$ref": "#/definitions/Name"}))).collect();
        let mut all: Map<String, Value> =
            (0..110).map(|at| (format!("T{at}"), json!({"properties": properties}))).collect();
        all.insert("Name".to_owned(), name);
        read(&json!({
            "messagegroups": {"g": {"messages": {
                "m": {"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschemauri": "/schemagroups/g/schemas/s/definitions/T1"},
                "t": message(JSON, json!({"type": "string"}))}}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": JSON, "schema": {"definitions": all}}}}}}}}))
    };
    let refused = |report: &Report| {
        report.findings.iter().filter(|finding| finding.message.contains("takes too much")).count()
    };
    let report = load("^.{1,40}$");
    assert_eq!(refused(&report), 0, "{:?}", report.findings);
    assert_judges(&report);
    let report = load("^.{1,100}$");
    assert_eq!(refused(&report), 1, "{:?}", report.findings);
    assert_judges(&report);
}

/// A schema in a text is JSON of many values, too.
#[test]
fn values_in_texts() {
    let schema = |count: usize| format!(r#"{{"x-a": [{}0], "type": "string"}}"#, r#"{"":0},"#.repeat(count));
    let load = |count: usize| of_messages(json!({"t": message(JSON, schema(count))}));
    let verdict = judge(&load(500_000), &json!(1));
    assert!(verdict.to_string().contains("JSON values"), "{verdict}");
    assert_judges(&load(10_000));
}

/// What is in a name is not counted.
#[test]
fn values_of_a_document() {
    let document = |value: &str, count: usize| {
        let values = format!("[{}0]", value.repeat(count));
        format!(r#"{{"messagegroups": {{"g": {{"messages": {{"m": {{"x": {values}}}}}}}}}}}"#)
    };
    let read = |text: &str| Catalog::read(text, &LoadOptions::strict());
    let error = read(&document(r#"{"":0},"#, 2_390_000)).unwrap_err();
    assert!(error.to_string().contains("Limits::values"), "{error}");
    assert!(
        Catalog::read_all([document("0,", 600_000), document("1,", 600_000)], &LoadOptions::strict())
            .is_err()
    );
    assert!(read(&document(r#"",,,,,,,,,\",,,,,,,,,,","#, 400_000)).is_ok());
    let mut options = LoadOptions::strict();
    options.limits.values = 20;
    assert!(Catalog::read(document("0,", 10), &options).is_ok());
    assert!(Catalog::read(document("0,", 20), &options).is_err());
}

/// Each of many messages that have one schema would have its format.
#[test]
fn names_of_formats() {
    let report = of_messages(json!({"t": message(&format!("X/{}", "a".repeat(10_000)), json!({}))}));
    assert_eq!(report.mistakes().count(), 1, "{:?}", report.findings);
}

fn protobuf(head: &str) -> String {
    format!("syntax = \"proto3\"; {head} message M {{ string a = 1; }}")
}

/// A short part of a document of Protobuf is a descriptor, with places in the text if these are kept.
#[cfg(feature = "protox09")]
#[test]
fn parts_of_protobuf() {
    let enumeration = |count: usize| {
        let values: String = (0..count).map(|at| format!("a{at}=0;")).collect();
        protobuf(&format!("enum E {{ option allow_alias = true; {values} }}"))
    };
    let load = |values: usize, count: usize| {
        let mut messages: Map<String, Value> =
            (0..count).map(|at| (format!("m{at}"), message(PROTOBUF, enumeration(values)))).collect();
        messages.insert("t".to_owned(), message(JSON, json!({"type": "string"})));
        of_messages(messages)
    };
    // One that is too large by itself takes nothing from others.
    let report = load(150_000, 1);
    assert!(
        report.findings.iter().any(|finding| finding.message.contains("takes too much")),
        "{:?}",
        report.findings
    );
    assert_judges(&report);
    assert!(beyond_all(&load(10_000, 40)) > 1);
    assert_judges(&load(20, 500));
}

/// What is in comments is not kept by its parts.
#[cfg(feature = "protox09")]
#[test]
fn comments_of_protobuf() {
    let comment = format!("// {}\n", "one, two; see a.b.c {x}, ".repeat(4000));
    let all = (0..20).map(|at| (format!("m{at}"), message(PROTOBUF, protobuf(&comment))));
    let last = ("t".to_owned(), message(JSON, json!({"type": "string"})));
    assert_judges(&of_messages(all.chain([last]).collect::<Map<_, _>>()));
}

/// Files of Protobuf that belong to it are small, but for one; others are not there.
#[cfg(feature = "protox09")]
#[test]
fn imports_of_protobuf() {
    let imports = |names: &[&str]| {
        let imports: Vec<String> = names.iter().map(|name| format!("import \"{name}\"; ")).collect();
        protobuf(&imports.concat())
    };
    let google =
        ["timestamp", "duration", "struct", "wrappers"].map(|name| format!("google/protobuf/{name}.proto"));
    let google: Vec<&str> = google.iter().map(String::as_str).collect();
    let last = || ("t".to_owned(), message(JSON, json!({"type": "string"})));
    for (names, count) in [(google, 300), (vec!["common/a.proto", "common/b.proto", "common/c.proto"], 350)] {
        let all = (0..count).map(|at| (format!("m{at}"), message(PROTOBUF, imports(&names))));
        assert_judges(&of_messages(all.chain([last()]).collect::<Map<_, _>>()));
    }
    let many: Vec<String> = (0..1100).map(|at| format!("a{at}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let all = [("a".to_owned(), message(PROTOBUF, imports(&many))), last()];
    assert_judges(&of_messages(all.into_iter().collect::<Map<_, _>>()));
    // The large one counts.
    let descriptor = imports(&["google/protobuf/descriptor.proto"]);
    let all = (0..1200).map(|at| (format!("m{at}"), message(PROTOBUF, descriptor.clone())));
    assert!((1..1200).contains(&beyond_all(&of_messages(all.collect::<Map<_, _>>()))));
}

/// Each name of Avro is kept with its namespace.
#[cfg(feature = "apacheavro022")]
#[test]
fn names_of_avro() {
    let load = |namespace: usize, fields: usize| {
        let field =
            |at: usize| json!({"name": format!("f{at}"), "type": if at == 0 { "string" } else { "a" }});
        let record = json!({"type": "record", "name": "r", "namespace": "n".repeat(namespace), "fields": [
            {"name": "x", "type": {"type": "fixed", "name": "a", "size": 1}},
            {"name": "y", "type": {"type": "record", "name": "s", "fields": (0..fields).map(field).collect::<Vec<_>>()}}]});
        of_messages(json!({"t": message("Avro/1.12.0", record)}))
    };
    assert!(!load(1000, 40_000).findings.is_empty());
    assert_eq!(load(40, 2000).findings, []);
}

/// Many records of one list, each of which is selected, and uses none of the others.
#[cfg(feature = "apacheavro022")]
#[test]
fn lists_of_avro() {
    let format = "Avro/1.12.0";
    let fields: Vec<Value> = (0..60).map(|at| json!({"name": format!("f{at}"), "type": "string"})).collect();
    let records: Vec<Value> =
        (0..130).map(|at| json!({"type": "record", "name": format!("R{at}"), "fields": fields})).collect();
    let mut messages: Map<String, Value> = (0..130)
        .map(|at| {
            let uri = format!("/schemagroups/g/schemas/s:R{at}");
            (
                format!("m{at}"),
                json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format, "dataschemauri": uri}),
            )
        })
        .collect();
    messages.insert("t".to_owned(), message(JSON, json!({"type": "string"})));
    assert_judges(&read(&json!({"messagegroups": {"g": {"messages": messages}},
        "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": format, "schema": records}}}}}}})));
}

/// Avro writes a type where it is used first: many types of a list use what is within the first.
#[cfg(feature = "apacheavro022")]
#[test]
fn types_that_lists_of_avro_share() {
    let format = "Avro/1.12.0";
    let load = |records: Vec<Value>| {
        let mut messages: Map<String, Value> = (1..records.len())
            .map(|at| {
                let uri = format!("/schemagroups/g/schemas/s:com.example.R{at}");
                let message =
                    json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format, "dataschemauri": uri});
                (format!("m{at}"), message)
            })
            .collect();
        messages.insert("t".to_owned(), message(JSON, json!({"type": "string"})));
        read(&json!({"messagegroups": {"g": {"messages": messages}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": format, "schema": records}}}}}}}))
    };
    let record = |at: usize, fields: Vec<Value>| json!({"type": "record", "name": format!("R{at}"), "namespace": "com.example", "fields": fields});
    let status = json!({"type": "enum", "name": "Status", "symbols": ["A", "B"]});
    let of = |at: usize| if at == 0 { status.clone() } else { json!("Status") };
    let records = || (0..20).map(|at| record(at, vec![json!({"name": "status", "type": of(at)})])).collect();
    for _ in 0..10 {
        let report = load(records());
        assert_eq!(report.findings, []);
        for at in 1..20 {
            let judge = |payload: &'static [u8]| {
                let event = Event::builder().id("1").source("/s").ty(format!("m{at}"));
                let event = event.payload("application/avro", Payload::binary(payload)).build().unwrap();
                report.catalog.judge(&event).outcome()
            };
            assert_eq!((judge(&[2]), judge(&[4])), (Outcome::Valid, Outcome::Invalid));
        }
    }
    // Each has what it uses, and not all before it.
    let field = |n: usize| json!({"name": format!("f{n}"), "type": ["null", "string"], "default": null, "doc": "a".repeat(75)});
    let header = json!({"name": "header", "type": "R0"});
    let large = |at: usize| {
        let fields = (0..20).map(field);
        record(at, if at == 0 { fields.collect() } else { fields.chain([header.clone()]).collect() })
    };
    let report = load((0..150).map(large).collect());
    assert_eq!(report.findings, []);
    assert_judges(&report);
}

/// A message about a schema is kept with each message that has the schema.
#[cfg(all(feature = "apacheavro022", feature = "protox09"))]
#[test]
fn faults_of_schemas() {
    let long = "a".repeat(100_000);
    let record = json!({"type": "record", "name": "A", "fields": [{"name": "a", "type": long}]});
    let protobuf = json!(format!("syntax = \"proto3\"; message A {{ {long} a = 1; }}"));
    for (format, schema) in [("Avro/1.12.0", record), (PROTOBUF, protobuf)] {
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format,
            "dataschemauri": "/schemagroups/g/schemas/s:A"});
        let messages: Map<String, Value> = (0..100).map(|at| (format!("m{at}"), message.clone())).collect();
        let report = read(&json!({"messagegroups": {"g": {"messages": messages}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": format, "schema": schema}}}}}}}));
        let bytes: usize = report.findings.iter().map(|finding| finding.message.len()).sum();
        assert!(bytes < 100_000 && report.findings.len() > 100, "{bytes}");
    }
}

/// What is not judged takes nothing from what is.
#[test]
fn types_that_are_not_judged() {
    let format = "JsonStructure/draft-04";
    let schema = json!({"definitions": {"T": {"description": "a".repeat(100), "x": vec![0; 250_000]}}});
    let schemas: Map<String, Value> = (0..20)
        .map(|at| (format!("s{at}"), json!({"versions": {"1": {"format": format, "schema": schema}}})))
        .collect();
    let mut messages: Map<String, Value> = (0..20)
        .map(|at| {
            let uri = format!("/schemagroups/g/schemas/s{at}/definitions/T");
            (
                format!("m{at}"),
                json!({"envelope": "CloudEvents/1.0", "dataschemaformat": format, "dataschemauri": uri}),
            )
        })
        .collect();
    messages.insert("t".to_owned(), message(JSON, json!({"type": "string"})));
    let document =
        json!({"messagegroups": {"g": {"messages": messages}}, "schemagroups": {"g": {"schemas": schemas}}});
    let mut options = LoadOptions::lenient();
    options.limits.values = 10_000_000;
    assert_judges(&Catalog::read(document.to_string(), &options).unwrap());
}

/// What changes are reported with, all of them together.
#[test]
fn reports_of_changes() {
    let catalog = |schema: &Value, count: usize| {
        let all: Map<String, Value> = (0..count)
            .map(|at| (format!("m{at}"), json!({"basemessage": "/messagegroups/g/messages/b"})))
            .collect();
        let mut all = Value::from(all);
        all["b"] = message("JsonSchema/draft-07", schema.clone());
        let document = json!({"messagegroups": {"g": {"messages": all}}}).to_string();
        Catalog::read(document, &LoadOptions::lenient()).unwrap().catalog
    };
    let properties = |count: usize, value: &Value| -> Value {
        (0..count).map(|at| (format!("a{at}"), value.clone())).collect::<Map<_, _>>().into()
    };
    let report = |old: &Value, new: &Value, messages: usize| {
        let changes = catalog(new, messages).changes_since(&catalog(old, messages));
        let bytes: usize = changes
            .iter()
            .map(|change| change.place.len() + change.message.len() + change.definition.len())
            .sum();
        assert!(bytes < 30_000_000 && !changes.is_empty(), "{bytes}");
        changes
    };
    let long = "a".repeat(100_000);
    let target = json!({"properties": properties(980, &json!({"$ref": "#/definitions/x"})), "definitions": {"x": {"pattern": long}}});
    report(&json!({"properties": properties(980, &json!({}))}), &target, 0);
    let within =
        |ty: &str| json!({"properties": {&*long: {"properties": properties(980, &json!({"type": ty}))}}});
    report(&within("string"), &within("integer"), 0);
    let values = |name: &str| json!({"properties": properties(100, &json!({"pattern": format!("{name}{}", "b".repeat(2000))}))});
    let changes = report(&values("a"), &values("c"), 3000);
    let breaking = changes.iter().filter(|change| change.severity == Severity::Breaking);
    let breaking: HashSet<&str> = breaking.map(|change| change.definition.as_str()).collect();
    assert_eq!(breaking.len(), 3001);
    let required =
        |count: usize| json!({"required": (0..count).map(|at| format!("r{at}")).collect::<Vec<_>>()});
    report(&required(0), &required(60_000), 0);
    // An ordinary one has them all.
    assert_eq!(report(&required(0), &required(300), 10).len(), 11 * 300);
}

/// Large catalogs of ordinary schemas are read, and all of their schemas are used.
#[test]
fn ordinary_large_catalogs() {
    let described =
        |at: usize| format!("The property with the number {at}, which says something, and something else.");
    let properties: Map<String, Value> = (0..25)
        .map(|at| {
            let schema = match at % 3 {
                0 => json!({"$ref": format!("#/definitions/com.example.api.v1.Type{}", at + 1), "description": described(at)}),
                1 => json!({"type": "string", "description": described(at)}),
                _ => json!({"type": "array", "items": {"type": "string"}, "description": described(at)}),
            };
            (format!("property{at}"), schema)
        })
        .collect();
    let kind = json!({"type": "object", "description": described(0), "properties": properties, "required": ["property0"]});
    let definitions: Map<String, Value> =
        (0..size(1000)).map(|at| (format!("com.example.api.v1.Type{at}"), kind.clone())).collect();
    let kubernetes = json!({"$ref": "#/definitions/com.example.api.v1.Type1", "definitions": definitions});
    let text = kubernetes.to_string();
    let report = of_messages(
        json!({"a": message("JsonSchema/draft-07", kubernetes), "b": message("JsonSchema/draft-07", text)}),
    );
    assert_eq!(report.findings, []);

    let fields: Vec<Value> = (0..20)
        .map(|at| json!({"name": format!("field{at}"), "type": "string", "doc": described(at)}))
        .collect();
    let avro =
        json!({"type": "record", "name": "Order", "namespace": "com.example.orders.v1", "fields": fields});
    let properties: Map<String, Value> = (0..20)
        .map(|at| (format!("property{at}"), json!({"type": "string", "description": described(at)})))
        .collect();
    let json_schema = json!({"type": "object", "properties": properties, "required": ["property0"]});
    let lines: String =
        (1..=20).map(|at| format!("  // {}\n  string field{at} = {at};\n", described(at))).collect();
    let import = "import \"google/protobuf/timestamp.proto\";";
    let protobuf = format!(
        "syntax = \"proto3\";\npackage com.example.orders.v1;\n{import}\nmessage Order {{\n{lines}}}\n"
    );
    let count = size(1000);
    for (format, schema) in [("Avro/1.12.0", avro), (JSON, json_schema), (PROTOBUF, json!(protobuf))] {
        let all = (0..count).map(|at| (format!("m{at}"), message(format, schema.clone())));
        let report = of_messages(all.collect::<Map<_, _>>());
        assert_eq!(report.findings.first(), None, "{format}");
    }
}
