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

/// The payload was not judged because of its size: then it is not valid.
fn is_too_large(verdict: &Verdict) -> bool {
    verdict.outcome() == Outcome::Invalid
        && verdict.faults().iter().all(|fault| fault.breach.code() == "too-large")
}

/// The places of the faults of a payload that is judged.
#[track_caller]
fn faults(report: &Report, payload: &Value) -> Vec<String> {
    assert_eq!(report.findings, []);
    let verdict = judge(report, payload);
    assert_eq!(verdict.not_judged(), None);
    assert!(!is_too_large(&verdict) || verdict.faults().is_empty(), "{verdict}");
    verdict.faults().iter().map(|fault| fault.place.clone()).collect()
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

/// Definitions A0, A1, ..., each of which refers to the next one, and the last one is a text.
fn definitions(count: usize, refer: impl Fn(Value) -> Value) -> Map<String, Value> {
    let next = |at: usize| json!({"$ref": format!("#/definitions/A{}", at + 1)});
    let mut all: Map<String, Value> = (0..count).map(|at| (format!("A{at}"), refer(next(at)))).collect();
    all.insert(format!("A{count}"), json!({"type": "string"}));
    all
}

/// Validators descend along them.
#[test]
fn chains_of_references() {
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
    let twice = definitions(40, |next| json!({"anyOf": [next, next]}));
    assert_refused(JSON, &json!({"$ref": "#/definitions/A0", "definitions": twice}));
}

/// Alternatives multiply with each level also where they do not come back: jsonschema tries each of them again.
#[test]
fn alternatives_that_do_not_come_back() {
    let deep = |levels: usize, leaf: Value| (0..levels).fold(leaf, |inner, _| json!({"c": inner}));
    for (count, alternatives) in [(40, 2), (8, 16)] {
        let all =
            definitions(count, |next| json!({"properties": {"c": {"anyOf": vec![next; alternatives]}}}));
        let report = read(JSON, &json!({"$ref": "#/definitions/A0", "definitions": all}));
        assert!(is_too_large(&judge(&report, &deep(count, json!(1)))));
        assert_eq!(faults(&report, &deep(1, json!({}))), [""; 0]);
    }
    // What is left over is found by trying the alternatives once more.
    let all = definitions(
        40,
        |next| json!({"anyOf": [{"properties": {"c": next}}], "unevaluatedProperties": false}),
    );
    let report = read(JSON, &json!({"$ref": "#/definitions/A0", "definitions": all}));
    assert!(is_too_large(&judge(&report, &deep(40, json!(1)))));
}

/// An order whose lines have one of several payments is small, however many there are.
#[test]
fn ordinary_alternatives() {
    let payments: Vec<Value> = (0..6)
        .map(|at| {
            json!({"type": "object", "properties": {"type": {"const": format!("p{at}")}, "id": {"type": "string"}},
                "required": ["type", "id", "amount"]})
        })
        .collect();
    let line = json!({"type": "object", "properties": {"payment": {"oneOf": payments}}, "required": ["payment", "sku"]});
    let report =
        read(JSON, &json!({"type": "object", "properties": {"lines": {"type": "array", "items": line}}}));
    let order = |sku: Value| {
        let payment = json!({"type": "p3", "id": "a", "amount": {"value": 1, "currency": "EUR"}});
        let mut line = json!({"payment": payment});
        if !sku.is_null() {
            line["sku"] = sku;
        }
        json!({"lines": [line, {"sku": "s", "payment": payment}]})
    };
    assert_eq!(faults(&report, &order(json!("s"))), [""; 0]);
    assert_eq!(faults(&report, &order(json!(null))), ["data/lines/0"]);
}

/// Patterns are compiled when a schema is.
#[test]
fn patterns_of_json_schemas() {
    let many = |count: usize| {
        let all: Map<String, Value> = (0..count)
            .map(|at| (format!("a{at}"), json!({"pattern": format!("^[a-z]{{9}}{at}$")})))
            .collect();
        json!({"properties": all})
    };
    assert_refused(JSON, &many(1001));
    assert_eq!(faults(&read(JSON, &many(1000)), &json!({"a7": "b"})), ["data/a7"]);
    let names: Map<String, Value> = (0..1001).map(|at| (format!("^x{at}"), json!(true))).collect();
    assert_refused(JSON, &json!({"patternProperties": names}));
    // Each of these takes megabytes.
    assert_refused(JSON, &json!({"pattern": "^\\p{L}{500}$"}));
    assert_refused(JSON, &json!({"patternProperties": {"^\\p{L}{500}$": true}}));
    // Each part of an expression with looking ahead is compiled by itself.
    assert_refused(JSON, &json!({"pattern": "(?=\\p{L}{3})".repeat(10_000)}));
    // This is no expression, which is a mistake.
    assert_eq!(read(JSON, &json!({"pattern": "("})).mistakes().count(), 1);
    assert_eq!(faults(&read(JSON, &json!({"pattern": "^\\w{1,64}$"})), &json!("-")), ["data"]);
}

/// They stay in memory as long as the catalog does.
#[test]
fn patterns_of_all_schemas_together() {
    let many = |count: usize, name: &str| {
        let patterns = (0..count).map(|at| (format!("^[a-z]{{1500}}{name}{at}$"), json!(true)));
        json!({"patternProperties": patterns.collect::<Map<_, _>>(), "required": ["n"]})
    };
    let message = |schema: Value| json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschema": schema});
    let messages = json!({"a": message(many(480, "a")), "b": message(many(100, "b")), "c": message(many(480, "c")),
        "d": {"envelope": "CloudEvents/1.0", "dataschemaformat": "Avro/1.12.0", "dataschema": {"type": "string"}}});
    let document = json!({"messagegroups": {"g": {"messages": messages}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    let places: Vec<&str> = report.findings.iter().map(|finding| finding.place.as_str()).collect();
    // After the first that takes too much, there is nothing left for others.
    let refused = ["c", "d"].map(|id| format!("/messagegroups/g/messages/{id}/dataschema"));
    assert_eq!((report.mistakes().count(), places), (0, refused.iter().map(String::as_str).collect()));
}

/// What fails is compiled first, too.
#[test]
fn patterns_of_schemas_that_fail() {
    let message = |at: usize| {
        let patterns = (0..400).map(|n| (format!("^[a-z]{{1500}}{at}x{n}$"), json!(true)));
        let schema = json!({"$ref": "nowhere", "patternProperties": patterns.collect::<Map<_, _>>()});
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschema": schema});
        (format!("m{at}"), message)
    };
    let messages: Map<String, Value> = (0..20).map(message).collect();
    let document = json!({"messagegroups": {"g": {"messages": messages}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    let count =
        report.findings.iter().filter(|finding| finding.message.contains("too much together")).count();
    assert_eq!((report.findings.len(), count), (20, 18), "{:?}", report.findings);
}

/// Each object of a document from which types are selected is compiled with all that it refers to.
#[test]
fn patterns_that_many_parts_refer_to() {
    let document = |references: usize, patterns: usize| {
        let patterns: Map<String, Value> =
            (0..patterns).map(|at| (format!("[a-z]{{9}}{at}"), json!(true))).collect();
        let references = vec![json!({"$ref": "#/$defs/p"}); references];
        let schema = json!({"$defs": {"p": {"patternProperties": patterns}, "a": {"allOf": references}}});
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON,
            "dataschemauri": "#/schemagroups/g/schemas/s:$defs/p"});
        json!({"messagegroups": {"g": {"messages": {"t": message}}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": JSON, "schema": schema}}}}}}})
    };
    let read = |document: Value| Catalog::read(document.to_string(), &LoadOptions::lenient()).unwrap();
    let report = read(document(1000, 1000));
    assert!(
        report.findings.iter().any(|finding| finding.message.contains("takes too much")),
        "{:?}",
        report.findings
    );
    let report = read(document(10, 10));
    assert!(
        report.findings.iter().all(|finding| !finding.message.contains("takes too much")),
        "{:?}",
        report.findings
    );
    assert_eq!(judge(&report, &json!({})).not_judged(), None, "{:?}", report.findings);
}

/// What is in an entity, or in a part of a schema, has the names of all that it is in.
#[test]
fn names_that_are_part_of_many_paths() {
    let long = "a".repeat(100_000);
    let messages: Map<String, Value> = (0..2000).map(|at| (at.to_string(), json!({}))).collect();
    let document = json!({"messagegroups": {&*long: {"messages": messages}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    assert_eq!((report.findings.len(), report.mistakes().count()), (1, 1));

    let metadata: Map<String, Value> = (0..2000).map(|at| (format!("a{at}"), json!({}))).collect();
    let message = json!({"envelope": "CloudEvents/1.0", "envelopemetadata": metadata});
    let document = json!({"messagegroups": {"g": {"messages": {&*long: message}}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    assert_eq!((report.findings.len(), report.mistakes().count()), (1, 1));

    let properties: Map<String, Value> =
        (0..2000).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
    assert_refused(JSON, &json!({"properties": {&*long: {"properties": properties}}}));
    let fields: Vec<Value> = (0..2000)
        .map(|at| json!({"name": format!("f{at}"), "type": {"type": "fixed", "name": format!("t{at}"), "size": 1}}))
        .collect();
    let record = json!({"type": "record", "name": "r", "namespace": &*long, "fields": fields});
    assert_refused("Avro/1.12.0", &record);
    let fields: String = (1..=2000).map(|at| format!("optional int32 a{at} = {at};")).collect();
    let message = format!("syntax = \"proto2\"; message {long} {{ {fields} }}");
    assert_refused("Protobuf/3", &json!(message));
    let package = format!("syntax = \"proto3\"; package {}a; message A {{}}", "a.".repeat(50_000));
    assert_refused("Protobuf/3", &json!(package));
}

/// A translator reads all of a pattern again after each of these.
#[test]
fn patterns_with_many_escapes() {
    for escape in [r"\cA", r"\d", r"\s"] {
        assert_refused(JSON, &json!({"pattern": escape.repeat(20_000)}));
    }
    let time = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$";
    assert_eq!(faults(&read(JSON, &json!({"pattern": time})), &json!("x")), ["data"]);
}

/// Each of many references could name each of many schemas.
#[test]
fn many_schemas_with_one_id() {
    let named = vec![json!({"$id": "x"}); 40_000];
    let references = vec![json!({"$ref": "x"}); 40_000];
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let report = read(JSON, &json!({"a": [named, references]}));
        sender.send(is_unusable(&judge(&report, &json!({}))))
    });
    // It takes seconds, and took many minutes.
    assert_eq!(receiver.recv_timeout(std::time::Duration::from_secs(60)), Ok(true));
}

/// References to schemas of a bundle are compared by the whole URI, as names such as a version are there many times.
#[test]
fn ids_with_the_same_end() {
    let bundle = |base: &str| {
        json!({"$id": "https://example.com/order/1.0.0", "allOf": [{"$ref": "https://example.com/base/1.0.0"}],
            "$defs": {"base": {"$id": base, "required": ["id"]}}})
    };
    let report = read(JSON, &bundle("https://example.com/base/1.0.0"));
    assert_eq!(faults(&report, &json!({})), ["data"]);
    // What may be the same URI in another spelling is taken for it.
    assert_refused(
        JSON,
        &json!({"$id": "https://example.com/order/1.0.0", "allOf": [{"$ref": "https://example.com/a/../order/1.0.0"}]}),
    );
    // Parts of the schemas that jsonschema has.
    let part = "http://json-schema.org/draft-07/schema#/definitions/nonNegativeInteger";
    assert_eq!(faults(&read("JsonSchema/draft-07", &json!({"$ref": part})), &json!(-1)), ["data"]);
    // `id` means nothing here, at whatever level.
    let inner = json!({"id": "b", "properties": {"n": {"$ref": "#/$defs/n"}}});
    let schema = json!({"properties": {"a": {"id": "a", "properties": {"b": inner}}}, "$defs": {"n": {"type": "integer"}}});
    assert_eq!(faults(&read(JSON, &schema), &json!({"a": {"b": {"n": "x"}}})), ["data/a/b/n"]);
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

/// A large catalog whose messages have a base of some KiB is an ordinary one.
#[test]
fn many_messages_inherit() {
    let mut messages = json!({"b": {"envelope": "CloudEvents/1.0", "description": "text ".repeat(350)}});
    for at in 0..10_000 {
        messages[format!("m{at}")] = json!({"basemessage": "/messagegroups/g/messages/b"});
    }
    let document = json!({"messagegroups": {"g": {"messages": messages}}}).to_string();
    let report = Catalog::read(document, &LoadOptions::strict()).unwrap();
    assert_eq!(report.catalog.messages().count(), 10_001);
}

/// One schema that many messages inherit is there once. What several of them state together is there for each.
#[test]
fn many_messages_inherit_a_schema() {
    let properties: Map<String, Value> =
        (0..250).map(|at| (format!("p{at}"), json!({"type": "integer"}))).collect();
    let base = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschema": {"properties": properties}});
    let read = |own: &dyn Fn(usize) -> Value| {
        let mut messages = json!({"b": base});
        for at in 0..900 {
            messages[format!("m{at}")] = own(at);
        }
        let document = json!({"messagegroups": {"g": {"messages": messages}}}).to_string();
        Catalog::read(document, &LoadOptions::strict())
    };
    let base = "/messagegroups/g/messages/b";
    let report = read(&|_| json!({"basemessage": base})).unwrap();
    assert_eq!(report.findings, []);
    let [of_base, inherited] = [base, "m899"].map(|name| report.catalog.message(name).unwrap());
    let schema = |message: &cloudevents_catalog::Message| std::ptr::from_ref(message.dataschema().unwrap());
    assert_eq!(inherited.dataschema().unwrap()["properties"]["p249"], json!({"type": "integer"}));
    assert!(std::ptr::eq(schema(of_base), schema(inherited)));
    let event = |payload: &'static str| {
        let event = Event::builder().id("1").source("/s").ty("m899");
        report.catalog.judge(&event.payload("application/json", Payload::body(payload)).build().unwrap())
    };
    assert_eq!(event(r#"{"p249": 1}"#).outcome(), Outcome::Valid);
    assert_eq!(
        event(r#"{"p249": "x"}"#).faults()[0].rule,
        format!("{base}/dataschema#/properties/p249/type")
    );
    for own in [
        &|_| json!({"basemessage": base, "dataschema": {"title": "own"}}),
        // It is read again for each format.
        &|at| json!({"basemessage": base, "dataschemaformat": format!("Avro/1.{at}")}),
    ] as [&dyn Fn(usize) -> Value; 2]
    {
        let error = read(own).unwrap_err();
        assert!(error.to_string().contains("Limits::bytes"), "{error}");
    }
    // What is no object replaces it.
    assert!(read(&|_| json!({"basemessage": base, "dataschema": "{}"})).is_ok());
}

/// Types of one document are selected by many messages. It is read once.
#[test]
fn many_types_of_one_document() {
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
    let report = load("Avro/1.12.0", json!(records), &|at| format!(":A{at}")).unwrap();
    assert_eq!((report.findings.len(), report.catalog.messages().count()), (0, 200));
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

/// Runs this with the stack of a thread, as workers of runtimes have it.
fn with_a_small_stack(run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(2 << 20);
        thread.spawn_scoped(scope, run).unwrap().join().unwrap();
    });
}

/// They take stack at each level of a payload. Without a bound, the whole process ends here.
#[test]
fn schemas_in_a_row_at_each_level() {
    let deep = |levels: usize| (1..levels).fold(json!(1), |inner, _| json!({"c": inner}));
    for keyword in ["allOf", "anyOf", "oneOf"] {
        // Each applies the next one to the same value, and the last one begins again a level below.
        let chain = |hops: usize| {
            let last = json!({"type": "object", "properties": {"c": {"$ref": "#"}}});
            (0..hops).fold(last, |inner, _| json!({keyword: [inner]}))
        };
        with_a_small_stack(|| {
            let report = read(JSON, &chain(58));
            assert_eq!(report.findings, []);
            assert!(is_too_large(&judge(&report, &deep(120))), "{keyword}");
            // Just within the bound.
            for (hops, levels) in [(58, 25), (10, 125)] {
                let report = read(JSON, &chain(hops));
                let verdict = judge(&report, &deep(levels));
                assert_eq!(verdict.outcome(), Outcome::Invalid, "{keyword}");
                assert!(!is_too_large(&verdict), "{keyword}: {verdict}");
                assert!(is_too_large(&judge(&report, &deep(levels + 1))), "{keyword}");
            }
        });
    }
}

/// Schemas within each other take stack when they are compiled, and those that they refer to, too.
#[test]
fn schemas_within_each_other() {
    let schema = |levels: usize, count: usize| {
        let deep = |next: Value| (0..levels).fold(next, |inner, _| json!({"properties": {"a": inner}}));
        json!({"$ref": "#/definitions/A0", "definitions": definitions(count, deep)})
    };
    with_a_small_stack(|| {
        for (levels, count) in [(50, 40), (50, 8), (25, 40)] {
            assert_refused(JSON, &schema(levels, count));
        }
        // Just within the bound, along eight references, and one of an ordinary depth.
        for (levels, count) in [(16, 8), (16, 40), (50, 1), (4, 1000)] {
            assert_eq!(faults(&read(JSON, &schema(levels, count)), &json!([])), [""; 0], "{levels} {count}");
        }
        // It comes back to what is being compiled.
        let items = (0..100).fold(json!({"$ref": "#"}), |inner, _| json!({"items": inner}));
        assert_eq!(faults(&read(JSON, &items), &json!([])), [""; 0]);
    });
}

/// A metaschema that refers to what extends it does so at each level of a payload.
#[test]
fn metaschemas_that_come_back() {
    let (new, older) =
        ("https://json-schema.org/draft/2020-12/schema", "https://json-schema.org/draft/2019-09/schema");
    let twice = |reference: &str| json!([{"$ref": reference}, {"$ref": reference}]);
    assert_refused(
        JSON,
        &json!({"$schema": new, "$id": "https://example.com/s", "$dynamicAnchor": "meta", "allOf": twice(new)}),
    );
    assert_refused(
        "JsonSchema/draft/2019-09",
        &json!({"$schema": older, "$id": "https://example.com/s", "$recursiveAnchor": true, "allOf": twice(older)}),
    );
    let report = read(JSON, &json!({"$schema": new, "properties": {"schema": {"$ref": new}}}));
    assert_eq!(faults(&report, &json!({"schema": {"type": "strin"}})), ["data/schema/type"]);
    let nested = (0..60).fold(json!(1), |inner, _| json!({"not": inner}));
    assert_eq!(judge(&report, &json!({"schema": nested})).outcome(), Outcome::Invalid);
}

/// Each value is compared with each of them.
#[test]
fn lists_that_are_looked_through() {
    let mixed = |count: usize| (0..count).map(|n| json!(n)).chain([json!("a")]).collect::<Vec<_>>();
    assert_refused(JSON, &json!({"items": {"enum": mixed(100_000)}}));
    let report = read(JSON, &json!({"items": {"enum": mixed(40_000)}}));
    assert!(is_too_large(&judge(&report, &json!(vec![1; 20_000]))));
    assert_eq!(faults(&report, &json!(["a", 1, "b"])), ["data/2"]);
    let names: Vec<Value> = (0..100_000).map(|n| json!(n.to_string())).collect();
    assert_eq!(faults(&read(JSON, &json!({"enum": names})), &json!("a")), ["data"]);
    let dependent: Map<String, Value> = (0..10_001).map(|n| (n.to_string(), json!([]))).collect();
    assert_refused(JSON, &json!({"items": {"dependentRequired": dependent}}));
    assert_refused("JsonSchema/draft-07", &json!({"items": {"dependencies": dependent}}));
}

/// One may look at all of a text from each of its characters.
#[test]
fn patterns_that_look_around() {
    let schema = |pattern: &str| json!({"items": {"pattern": pattern}});
    let report = read(JSON, &schema("(?=[^b]*b)[ac]"));
    assert_eq!(faults(&report, &json!(["cb", "c"])), ["data/1"]);
    assert!(is_too_large(&judge(&report, &json!(["a".repeat(100_000)]))));
    assert!(is_too_large(&judge(&report, &json!(vec!["a".repeat(20_000); 20]))));
    // At the beginning only.
    let report = read(JSON, &schema("^(?=.*b)[abc]*$"));
    assert_eq!(faults(&report, &json!(["a".repeat(90_000), "ab"])), ["data/0"]);
}

/// What many definitions of one type take together is bounded, too.
#[test]
fn definitions_of_one_type() {
    let numbers = json!({"items": {"allOf": vec![json!({"type": "integer"}); 4000]}});
    let any = json!({"anyOf": [{"type": "array"}, numbers]});
    let load = |count: usize| {
        let message = |schema: &Value| {
            json!({"envelope": "CloudEvents/1.0", "envelopemetadata": {"type": {"value": "t"}},
                "dataschemaformat": JSON, "dataschema": schema})
        };
        let mut messages: Map<String, Value> =
            (0..count).map(|n| (format!("m{n}"), message(&numbers))).collect();
        messages.insert("z".to_owned(), message(&any));
        let document = json!({"messagegroups": {"g": {"messages": messages}}});
        Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap()
    };
    let mut payload = vec![json!(1); 12_000];
    payload[0] = json!("x");
    let payload = json!(payload);
    // The last one allows it, whose estimate is as high as that of the others.
    assert_eq!(judge(&load(1), &payload).outcome(), Outcome::Valid);
    assert_eq!(judge(&load(5), &payload).outcome(), Outcome::Invalid);
    assert_eq!(judge(&load(5), &json!(["x"])).outcome(), Outcome::Valid);
}

/// They are no schemas, whatever they look like.
#[test]
fn examples_in_schemas() {
    let schema = json!({"type": "object", "examples": [{"$ref": "x.json"}], "default": {"$ref": "#/nowhere"},
        "x-form": {"allOf": [{"$ref": "x.json"}]}});
    assert_eq!(faults(&read(JSON, &schema), &json!(1)), ["data"]);
}

/// Each part of a document that types are selected from is compiled by itself, with all that it leads to.
#[test]
fn parts_that_lead_to_each_other() {
    let load = |count: usize| {
        let all = definitions(count, |next| json!({"properties": {"n": next}}));
        let document = json!({
            "messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0", "dataschemaformat": JSON,
                "dataschemauri": "/schemagroups/g/schemas/s/versions/1/definitions/A0"}}}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": JSON, "schema": {"definitions": all}}}}}}}
        });
        let options = LoadOptions::strict().allow(Leniency::SubSelection);
        Catalog::read(document.to_string(), &options).unwrap()
    };
    let report = load(50);
    assert_eq!(report.mistakes().count(), 0);
    assert_eq!(judge(&report, &json!({"n": {"n": 1}})).not_judged(), None);
    let report = load(20_000);
    assert!(is_unusable(&judge(&report, &json!({}))), "{:?}", report.findings);
}

/// A short package between blanks is a long one without them, and the compiler keeps a name for each of its parts.
#[cfg(feature = "protox09")]
#[test]
fn packages_of_protobuf() {
    const PROTOBUF: &str = "Protobuf/3";
    for between in [".", " . ", "./**/", "\n.\n"] {
        let package = vec!["a"; 20_000].join(between);
        assert_refused(PROTOBUF, &json!(format!("syntax = \"proto3\"; package {package}; message M {{}}")));
    }
    let report = read(PROTOBUF, &json!("syntax = \"proto3\"; package com.example . orders; message M {}"));
    assert_eq!(report.findings, []);
    // All documents together are bounded, too.
    let many = |schema: String, count: usize| {
        let message =
            json!({"envelope": "CloudEvents/1.0", "dataschemaformat": PROTOBUF, "dataschema": schema});
        let messages: Map<String, Value> = (0..count).map(|at| (format!("m{at}"), message.clone())).collect();
        let document = json!({"messagegroups": {"g": {"messages": messages}}});
        let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
        report.findings.iter().filter(|finding| finding.message.contains("too much together")).count()
    };
    let of = |head: &str| format!("syntax = \"proto3\"; {head} message M {{}}");
    let long = vec!["a"; 512].join(".");
    assert!((1..1000).contains(&many(of(&format!("package {long};")), 1000)));
}

/// The library keeps a copy of a type under each of its names.
#[cfg(feature = "apacheavro022")]
#[test]
fn aliases_of_avro() {
    let schema = |aliases: usize, fields: usize| {
        let aliases: Vec<String> = (0..aliases).map(|at| format!("b{at}")).collect();
        let fields: Vec<Value> =
            (0..fields).map(|at| json!({"name": format!("a{at}"), "type": "int"})).collect();
        json!({"type": "record", "name": "r", "aliases": aliases, "fields": fields})
    };
    assert_refused("Avro/1.11.0", &schema(1000, 1000));
    // Texts, and namespaces, are in each copy.
    let names: Vec<String> = (0..980).map(|at| format!("b{at}")).collect();
    let doc =
        json!({"type": "record", "name": "r", "doc": "x".repeat(100_000), "aliases": names, "fields": []});
    let space =
        json!({"type": "record", "name": "r", "namespace": "n".repeat(1000), "aliases": names, "fields": []});
    assert_refused("Avro/1.11.0", &doc);
    assert_refused("Avro/1.11.0", &space);
    assert_eq!(read("Avro/1.11.0", &schema(3, 300)).findings, []);
}

/// Each object of a document from which types are selected is compiled with the paths and texts of all that it refers to.
#[test]
fn paths_and_texts_that_many_parts_refer_to() {
    let read = |part: Value, references: usize| {
        let references = vec![json!({"$ref": "#/$defs/p"}); references];
        let schema = json!({"$defs": {"p": part}, "a": references});
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON,
            "dataschemauri": "#/schemagroups/g/schemas/s:$defs/p"});
        let document = json!({"messagegroups": {"g": {"messages": {"t": message}}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": JSON, "schema": schema}}}}}}});
        let report = Catalog::read(document.to_string(), &LoadOptions::lenient()).unwrap();
        report.findings.iter().any(|finding| finding.message.contains("takes too much"))
    };
    let long = |name: usize, properties: usize| {
        let inner: Map<String, Value> =
            (0..properties).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
        json!({"properties": {"x".repeat(name): {"properties": inner}}})
    };
    assert!(read(long(20_000, 80), 300));
    assert!(read(json!({"const": "x".repeat(100_000)}), 3000));
    assert!(!read(long(200, 80), 300));
    assert!(!read(json!({"const": "x".repeat(100)}), 3000));
}

/// All paths begin with the name of the document.
#[test]
fn paths_of_a_document_with_a_long_name() {
    let schema = |name: usize, properties: usize| {
        let all: Map<String, Value> =
            (0..properties).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
        json!({"$id": format!("https://example.com/{}", "a".repeat(name)), "properties": all})
    };
    assert_refused(JSON, &schema(100_000, 2000));
    assert_eq!(read(JSON, &schema(60, 2000)).findings, []);
}

/// And the paths of many documents are kept together.
#[test]
fn paths_of_many_documents() {
    let inner: Map<String, Value> =
        (0..800).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
    let schema = json!({"properties": {"x".repeat(20_000): {"properties": inner}}});
    let message = |at: usize| {
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschema": schema});
        (format!("m{at}"), message)
    };
    let messages: Map<String, Value> = (0..40).map(message).collect();
    let document = json!({"messagegroups": {"g": {"messages": messages}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    let count =
        report.findings.iter().filter(|finding| finding.message.contains("too much together")).count();
    assert!((20..40).contains(&count), "{count}");
}

/// Each message that inherits a rule has one of its own.
#[test]
fn rules_that_many_messages_inherit() {
    let read = |rules: usize, messages: usize| {
        let id = "g".repeat(256);
        let rules: Map<String, Value> = (0..rules).map(|at| (format!("a{at}"), json!({}))).collect();
        let base = format!("/messagegroups/{id}/messages/{id}");
        let mut all: Map<String, Value> =
            (0..messages).map(|at| (format!("m{at}"), json!({"basemessage": base}))).collect();
        all.insert(id.clone(), json!({"envelope": "CloudEvents/1.0", "envelopemetadata": rules}));
        let document = json!({"messagegroups": {id: {"messages": all}}}).to_string();
        let mut options = LoadOptions::lenient();
        options.limits.bytes = 1 << 20;
        Catalog::read(document, &options)
    };
    assert!(read(200, 2000).is_err());
    assert_eq!(read(200, 10).unwrap().findings, []);
    let report = read(300, 1).unwrap();
    assert!(report.findings.iter().any(|finding| finding.message.contains("more than 256 attributes")));
}

/// A document that keeps too much by itself takes nothing from others.
#[test]
fn paths_of_one_document() {
    let inner: Map<String, Value> =
        (0..8000).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
    let large = json!({"properties": {"x".repeat(20_000): {"properties": inner}}});
    let message = |schema: &Value| json!({"envelope": "CloudEvents/1.0", "dataschemaformat": JSON, "dataschema": schema});
    let messages = json!({"a": message(&large), "t": message(&json!({"type": "string"}))});
    let document = json!({"messagegroups": {"g": {"messages": messages}}});
    let report = Catalog::read(document.to_string(), &LoadOptions::strict()).unwrap();
    let places: Vec<&str> = report.findings.iter().map(|finding| finding.place.as_str()).collect();
    assert_eq!((report.mistakes().count(), places), (0, vec!["/messagegroups/g/messages/a/dataschema"]));
    assert_eq!(judge(&report, &json!(1)).outcome(), Outcome::Invalid);
}

/// A template with many placeholders in many attributes takes stack for each.
#[test]
fn templates_with_many_placeholders() {
    let template = |at: usize| (0..32).map(|n| format!("{{p{at}x{n}}}-")).collect::<Vec<String>>().concat();
    let document = |attributes: usize| {
        let rules: Map<String, Value> = (0..attributes)
            .map(|at| (format!("a{at}"), json!({"type": "uritemplate", "value": template(at)})))
            .collect();
        let message = json!({"envelope": "CloudEvents/1.0", "envelopemetadata": rules});
        json!({"messagegroups": {"g": {"messages": {"t": message}}}}).to_string()
    };
    let event = (0..250).fold(Event::builder().id("1").source("/s").ty("t"), |event, at| {
        event.extension(format!("a{at}"), "b-".repeat(32))
    });
    let event = event.build().unwrap();
    with_a_small_stack(|| {
        let verdict = Catalog::parse(document(250)).unwrap().judge(&event);
        assert_eq!(verdict.outcome(), Outcome::Invalid);
        assert!(verdict.to_string().contains("too"), "{verdict}");
        assert_eq!(Catalog::parse(document(31)).unwrap().judge(&event).outcome(), Outcome::Valid);
    });
}

/// The library fills in the defaults of records without a limit, and takes types for those that have the name of a kind of types.
#[cfg(feature = "apacheavro022")]
#[test]
fn defaults_and_names_of_avro() {
    const AVRO: &str = "Avro/1.12.0";
    let record = |name: &str, fields: Vec<Value>| json!({"type": "record", "name": name, "fields": fields});
    let field = |name: &str, ty: Value| json!({"name": name, "type": ty});
    let with = |name: &str, ty: Value| json!({"name": name, "type": ty, "default": {}});
    let number = |name: &str| json!({"name": name, "type": "int", "default": 0});
    with_a_small_stack(|| {
        // A type that is defined again leads back to itself.
        let twice = record(
            "R",
            vec![
                field("f0", record("X", vec![number("a")])),
                field("f1", record("Y", vec![with("a", json!("X"))])),
                field("f2", record("X", vec![with("a", json!("Y"))])),
                with("f3", json!("Y")),
            ],
        );
        assert_eq!(read(AVRO, &twice).mistakes().count(), 1);
        // The same by a union: it is the first variant, however deep it is.
        let inner = record("X", vec![with("a", json!(["Y", {"type": "map", "values": "int"}]))]);
        let outer = vec![with("x0", json!([inner, {"type": "map", "values": "int"}]))];
        let back = record("R", vec![field("f0", record("Y", outer)), with("f1", json!("Y"))]);
        assert_refused(AVRO, &back);
        // Each fills in two of those before it.
        let doubled = |at: usize| match at {
            0 => record("R0", vec![number("a")]),
            at => {
                let before = json!(format!("R{}", at - 1));
                record(&format!("R{at}"), vec![with("a", before.clone()), with("b", before)])
            }
        };
        let fields = (0..60).map(|at| field(&format!("f{at}"), doubled(at))).collect();
        assert_refused(AVRO, &record("R", fields));
        // Each has two copies of those before it.
        let copies = |at: usize| match at {
            0 => record("record", vec![]),
            at => {
                let (name, other) = if at % 2 == 0 { ("record", "enum") } else { ("enum", "record") };
                record(name, vec![field("a", json!({"type": other})), field("b", json!({"type": other}))])
            }
        };
        let fields = (0..60).map(|at| field(&format!("f{at}"), copies(at))).collect();
        assert!(!read(AVRO, &record("R", fields)).findings.is_empty());
    });
    for (schema, mistakes) in [
        (json!({"type": "record", "name": "R"}), 1),
        (json!({"type": "enum", "name": "R"}), 1),
        (json!({"type": "fixed", "name": "R"}), 1),
        (record("string", vec![]), 1),
        (record("a.map", vec![]), 0),
    ] {
        let report = read(AVRO, &schema);
        assert_eq!((report.findings.len(), report.mistakes().count()), (mistakes, mistakes), "{schema}");
    }
    // What the library says of a default that does not fit has the whole type, in a form for which attributes have to be right.
    let money = json!({"type": "record", "name": "Money", "fields": [{"name": "amount", "type": "string", "order": 1}]});
    let numbers = json!({"type": "array", "items": "int", "precision": 1.5});
    let wrong =
        |ty: Value, default: Value| record("R", vec![json!({"name": "a", "type": ty, "default": default})]);
    for (ty, default) in [
        (json!("int"), json!("x")),
        (json!(["null", "int"]), json!("x")),
        (money, Value::Null),
        (numbers, json!(1)),
    ] {
        let report = read(AVRO, &wrong(ty, default));
        let messages: Vec<&str> = report.mistakes().map(|finding| finding.message.as_str()).collect();
        assert!(matches!(*messages, [message] if message.contains("default of `a` of `R`")), "{messages:?}");
    }
    let status = json!({"type": "enum", "name": "Status", "symbols": ["A", "B"]});
    let list = record(
        "L",
        vec![
            json!({"name": "next", "type": ["null", "L"], "default": null}),
            with("labels", json!({"type": "map", "values": "string"})),
            with("of", record("O", vec![number("a")])),
            json!({"name": "status", "type": status, "default": "A"}),
            json!({"name": "before", "type": status, "default": "B"}),
            json!({"name": "all", "type": {"type": "array", "items": "L"}, "default": []}),
        ],
    );
    assert_eq!(read(AVRO, &list).findings, []);
}

/// The quadratic check of `format`.
#[test]
fn payloads_that_are_regular_expressions() {
    let report = read("JsonSchema/draft-07", &json!({"type": "string", "format": "regex"}));
    let groups = |count: usize| json!((0..count).map(|at| format!("(?<a{at:05}>)")).collect::<String>());
    assert_eq!(faults(&report, &groups(100)), [""; 0]);
    assert_eq!(faults(&report, &json!("(")), ["data"]);
    assert!(is_too_large(&judge(&report, &groups(20_000))));
    // Payloads that are schemas.
    let report = read("JsonSchema/draft-07", &json!({"$ref": "http://json-schema.org/draft-07/schema#"}));
    let schema = |count: usize| json!({"pattern": groups(count)});
    assert_eq!(faults(&report, &schema(100)), [""; 0]);
    assert!(is_too_large(&judge(&report, &schema(20_000))));
}

/// Each of many schemas reads all of it.
#[test]
fn long_texts() {
    let schema =
        |count: usize| json!({"allOf": vec![json!({"contentMediaType": "application/json"}); count]});
    let text = |bytes: usize| json!(format!("[0{}]", ",0".repeat(bytes / 2)));
    let report = read("JsonSchema/draft-07", &schema(9000));
    assert_eq!(faults(&report, &text(100)), [""; 0]);
    assert!(is_too_large(&judge(&report, &text(1_000_000))));
    assert_eq!(faults(&read("JsonSchema/draft-07", &schema(20)), &text(1_000_000)), [""; 0]);
}
