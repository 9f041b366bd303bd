//! Changes by which events that were valid are not valid any more.

use cloudevents_catalog::{Catalog, Judge, Outcome, Severity};
use cloudevents_core::{Event, EventBuilder};
use proptest::prelude::*;
use serde_json::{Value, json};

fn catalog(message: &str) -> Catalog {
    Catalog::parse(format!(r#"{{"messagegroups": {{"g": {{"messages": {{"t": {message}}}}}}}}}"#)).unwrap()
}

/// The severity and the place of each change.
fn changes(old: &str, new: &str) -> Vec<(Severity, String)> {
    let changes = catalog(new).changes_since(&catalog(old));
    changes.into_iter().map(|change| (change.severity, change.place)).collect()
}

fn attributes(rules: &str) -> String {
    format!(r#"{{"envelope": "CloudEvents/1.0", "envelopemetadata": {{{rules}}}}}"#)
}

fn schema(format: &str, schema: &str) -> String {
    format!(r#"{{"envelope": "CloudEvents/1.0", "dataschemaformat": "{format}", "dataschema": {schema}}}"#)
}

/// What the earlier one could not be judged by was valid whatever it was.
#[test]
fn of_a_schema_that_was_not_judged_by() {
    let schema_of = |definitions: &str| {
        schema(
            "JsonSchema/draft-07",
            &format!(r#"{{"type": "object", "properties": {{"n": {{"type": "integer"}}}}{definitions}}}"#),
        )
    };
    let old = schema_of(r#", "definitions": {"u": {"$ref": "common.json"}}"#);
    assert_eq!(changes(&old, &schema_of("")), [(Severity::Possible, "data".to_owned())]);
    assert_eq!(changes(&schema_of(""), &old), []);
}

/// Two documents on which comparing each with each would take hours.
#[test]
fn of_schemas_with_many_alternatives() {
    let many = |of: &str| {
        let all = vec![r#"{"minimum": 0}"#; 20_000].join(",");
        schema("JsonSchema/draft-07", &of.replace("ALL", &all))
    };
    for (old, new) in [
        (r#"{"allOf": [ALL]}"#, r#"{"allOf": [ALL, {"minimum": 1}]}"#),
        (r#"{"anyOf": [ALL, {"minimum": -1}]}"#, r#"{"anyOf": [ALL]}"#),
    ] {
        assert_ne!(changes(&many(old), &many(new)), []);
    }
}

/// What is looked up for each of many references, and again for each level around them.
#[test]
fn of_schemas_with_many_references() {
    let levels = |bottom: Value| (0..60).fold(bottom, |inner, _| json!({"items": inner}));
    let references = vec![json!({"$ref": "#/definitions/x"}); 2000];
    let document = |least: u32| {
        json!({"minimum": least, "properties": {"a": levels(json!({"allOf": references}))},
            "definitions": {"x": {"enum": vec![0; 20_000]}}})
    };
    let all = |least: u32| {
        let schema = document(least);
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07",
            "dataschemauri": "#/schemagroups/g/schemas/s"});
        let messages: serde_json::Map<String, Value> =
            (0..1000).map(|at| (format!("m{at}"), message.clone())).collect();
        let document = json!({"messagegroups": {"g": {"messages": messages}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": {"1": {"format": "JsonSchema/draft-07", "schema": schema}}}}}}});
        Catalog::parse(document.to_string()).unwrap()
    };
    let changes = all(1).changes_since(&all(0));
    assert!(changes.len() >= 1000, "{}", changes.len());
}

/// Lists of values, and definitions for one type, are not compared each with each.
#[test]
fn of_many_lists_and_many_definitions() {
    let listed = |last: usize| {
        let all = (0..100).map(|at| json!({"enum": (0..1000).chain([last + at]).collect::<Vec<_>>()}));
        schema("JsonSchema/draft-07", &json!({"allOf": all.collect::<Vec<_>>()}).to_string())
    };
    assert_ne!(changes(&listed(10_000), &listed(20_000)), []);
    let of_one_type = |n: &str| {
        let message = |at: usize| {
            let rules = json!({"type": {"value": "t"}, "n": {"value": format!("{n}{at}")}});
            (format!("m{at}"), json!({"envelope": "CloudEvents/1.0", "envelopemetadata": rules}))
        };
        let messages: serde_json::Map<String, Value> = (0..5_000).map(message).collect();
        Catalog::parse(json!({"messagegroups": {"g": {"messages": messages}}}).to_string()).unwrap()
    };
    let changes = of_one_type("a").changes_since(&of_one_type("b"));
    assert_eq!(changes.len(), 5_000);
    assert_eq!(changes.last().unwrap().severity, Severity::Possible);
}

/// Many messages may have one schema, which is compared once.
#[test]
fn of_one_schema_of_many_messages() {
    let all = |count: usize| {
        let schema = json!({"enum": (0..count).collect::<Vec<_>>()});
        let message = json!({"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07",
            "dataschemauri": "#/schemagroups/g/schemas/s"});
        let messages: serde_json::Map<String, Value> =
            (0..1000).map(|at| (format!("m{at}"), message.clone())).collect();
        let versions = json!({"1": {"format": "JsonSchema/draft-07", "schema": schema}});
        let document = json!({"messagegroups": {"g": {"messages": messages}},
            "schemagroups": {"g": {"schemas": {"s": {"versions": versions}}}}});
        Catalog::read(document.to_string(), &cloudevents_catalog::LoadOptions::lenient()).unwrap().catalog
    };
    let changes = all(50_000).changes_since(&all(50_001));
    assert_eq!(changes.len(), 1000);
    assert!(changes.iter().all(|change| change.severity == Severity::Breaking), "{}", changes[999]);
}

/// Two large schemas that are the same but for their ends, each compared with each.
#[test]
fn of_references_to_large_schemas() {
    let of = |name: &str, least: u32| {
        let references = vec![json!({"$ref": format!("#/definitions/{name}")}); 98];
        let large = json!({"a": {"k": vec![0; 100_000]}, "minimum": least});
        schema("JsonSchema/draft-07", &json!({"allOf": references, "definitions": {name: large}}).to_string())
    };
    assert_ne!(changes(&of("x", 0), &of("y", 1)), []);
}

/// What is reported of some is nothing that others are compared with less.
#[test]
fn of_many_messages_with_many_changes() {
    let catalog = |properties: &Value, count: usize, is_required: bool| {
        let mut all: serde_json::Map<String, Value> = (0..count)
            .map(|at| (format!("m{at}"), json!({"basemessage": "/messagegroups/g/messages/b"})))
            .collect();
        all.insert("b".to_owned(), json!({"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschema": properties}));
        all.insert("z".to_owned(), json!({"envelope": "CloudEvents/1.0", "envelopemetadata": {"subject": {"required": is_required}}}));
        Catalog::parse(json!({"messagegroups": {"g": {"messages": all}}}).to_string()).unwrap()
    };
    let all = |count: usize, more: Value| {
        let properties: serde_json::Map<String, Value> =
            (0..count).map(|at| (format!("a{at}"), json!({"type": "string"}))).collect();
        let mut schema = json!({"properties": properties});
        schema.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        schema
    };
    let breaking = |old: &Catalog, new: &Catalog| {
        let changes = new.changes_since(old);
        let breaking = changes.iter().filter(|change| change.severity == Severity::Breaking);
        breaking.map(|change| change.definition.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    let (old, new) = (catalog(&json!({}), 1300, false), catalog(&all(100, json!({})), 1300, true));
    assert_eq!(Vec::from_iter(breaking(&old, &new)), ["/messagegroups/g/messages/z"]);
    let new = catalog(&all(300, json!({"required": ["a0"]})), 3000, false);
    assert_eq!(breaking(&catalog(&json!({}), 3000, false), &new).len(), 3001);
    // Of one, too.
    let new = catalog(&all(1200, json!({"required": ["a0"]})), 0, false);
    assert_eq!(breaking(&catalog(&json!({}), 0, false), &new).len(), 1);
}

/// In draft 4, `const` is no keyword.
#[test]
fn of_a_constant_that_was_none() {
    let of = |draft: &str, rule: &str| {
        schema(&format!("JsonSchema/{draft}"), &format!(r#"{{"properties": {{"kind": {rule}}}}}"#))
    };
    for (draft, wanted) in [("draft-04", 1), ("draft-07", 0)] {
        let found = changes(&of(draft, r#"{"const": "order"}"#), &of(draft, r#"{"enum": ["order"]}"#));
        assert_eq!(found.len(), wanted, "{draft}: {found:?}");
        let found = changes(
            &of(draft, r#"{"const": "a", "title": "A"}"#),
            &of(draft, r#"{"const": "a", "title": "B"}"#),
        );
        assert_eq!(found, [], "{draft}");
    }
}

#[test]
fn of_attributes() {
    use Severity::{Breaking, Possible};
    for (old, new, wanted) in [
        ("", r#""subject": {"required": true}"#, Some((Breaking, "subject"))),
        (r#""subject": {"required": true}"#, "", None),
        (r#""subject": {"required": true}"#, r#""subject": {}"#, None),
        (r#""n": {"type": "integer"}"#, r#""n": {"type": "string"}"#, Some((Breaking, "n"))),
        (r#""n": {"type": "integer"}"#, r#""n": {"type": "any"}"#, None),
        (r#""n": {"type": "integer"}"#, r#""n": {"type": "number"}"#, None),
        (r#""n": {"type": "duration"}"#, r#""n": {"type": "string"}"#, None),
        (r#""n": {"type": "timestamp"}"#, r#""n": {"type": "string"}"#, Some((Breaking, "n"))),
        // Events could have another one under this name.
        ("", r#""n": {"type": "integer"}"#, Some((Possible, "n"))),
        ("", r#""subject": {}, "time": {}, "source": {}"#, None),
        // Each event has one.
        ("", r#""specversion": {"required": true}"#, None),
        // Each source is such a text, and each time a timestamp.
        (r#""source": {"value": "/a"}"#, r#""source": {"type": "uri", "value": "/a"}"#, None),
        (r#""time": {"type": "any"}"#, r#""time": {"type": "timestamp"}"#, None),
        ("", r#""region": {"value": "eu"}"#, Some((Breaking, "region"))),
        (r#""region": {"value": "eu"}"#, r#""region": {"value": "us"}"#, Some((Breaking, "region"))),
        (r#""source": {"value": "/a"}"#, r#""source": {"value": "/{x}"}"#, None),
        (r#""source": {"value": "/{x}"}"#, r#""source": {"value": "/a"}"#, Some((Breaking, "source"))),
        (r#""source": {"value": "/{x}"}"#, r#""source": {"value": "/a/{x}"}"#, Some((Breaking, "source"))),
        // It could have parameters, and this time another spelling.
        (
            r#""datacontenttype": {"value": "application/json"}"#,
            r#""datacontenttype": {"value": "application/{kind}"}"#,
            Some((Breaking, "datacontenttype")),
        ),
        (
            r#""n": {"type": "timestamp", "value": "2018-04-05T17:31:00Z"}"#,
            r#""n": {"type": "any", "value": "2018-04-05T17:31:00Z"}"#,
            Some((Breaking, "n")),
        ),
        // A placeholder has another name, and two need not be the same any more.
        (r#""source": {"value": "/{x}-{y}"}"#, r#""source": {"value": "/{z}-{x}"}"#, None),
        (r#""source": {"value": "/{x}-{x}"}"#, r#""source": {"value": "/{y}-{z}"}"#, None),
        (
            r#""source": {"value": "/{y}-{z}"}"#,
            r#""source": {"value": "/{x}-{x}"}"#,
            Some((Breaking, "source")),
        ),
        (r#""type": {"value": "t.{x}"}"#, r#""type": {"value": "t.{kind}"}"#, None),
        (
            r#""type": {"value": "t.{x}"}, "source": {"value": "{kind}"}"#,
            r#""type": {"value": "t.{kind}"}, "source": {"value": "{kind}"}"#,
            Some((Breaking, "type")),
        ),
        // Its type has the same value now, which only others had.
        (
            r#""source": {"value": "{x}"}, "subject": {"value": "{x}"}"#,
            r#""source": {"value": "{x}"}, "subject": {"value": "{x}"}, "type": {"value": "{x}"}"#,
            Some((Breaking, "type")),
        ),
        (r#""source": {"value": "{x}"}"#, r#""source": {"value": "{x}"}, "type": {"value": "{y}"}"#, None),
        // Both have the same value now.
        (
            r#""source": {"value": "/{x}"}, "subject": {}"#,
            r#""source": {"value": "/{x}"}, "subject": {"value": "{x}"}"#,
            Some((Breaking, "source")),
        ),
    ] {
        let found = changes(&attributes(old), &attributes(new));
        assert_eq!(
            found.first().map(|(severity, place)| (*severity, place.as_str())),
            wanted,
            "{old} -> {new}: {found:?}"
        );
    }
}

#[test]
fn of_definitions_and_formats() {
    use Severity::{Breaking, Possible};
    let other =
        Catalog::parse(r#"{"messagegroups": {"g": {"messages": {"u": {"envelope": "CloudEvents/1.0"}}}}}"#)
            .unwrap();
    let gone = other.changes_since(&catalog(&attributes("")));
    assert_eq!(
        gone[0].to_string(),
        "type: no definition is for events of the type `t` any more [breaking] /messagegroups/g/messages/t"
    );
    // Another definition for the same type is enough, also one whose type is a template.
    let template = attributes(r#""type": {"value": "{any}"}"#);
    let template =
        Catalog::parse(format!(r#"{{"messagegroups": {{"h": {{"messages": {{"v": {template}}}}}}}}}"#))
            .unwrap();
    assert_eq!(template.changes_since(&catalog(&attributes(""))), []);
    let (json, avro) = (r#"{"type": "object"}"#, r#"{"type": "record", "name": "R", "fields": []}"#);
    for (old, new, wanted) in [
        (attributes(""), schema("JsonSchema/draft-07", json), Some(Breaking)),
        (schema("JsonSchema/draft-07", json), attributes(""), None),
        // A schema elsewhere is not judged by.
        (
            attributes(""),
            r#"{"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07",
                "dataschemauri": "https://example.com/order.json"}"#
                .to_owned(),
            Some(Possible),
        ),
        // Events could have a charset.
        (
            r#"{"envelope": "CloudEvents/1.0", "datacontenttype": "application/json"}"#.to_owned(),
            r#"{"envelope": "CloudEvents/1.0", "datacontenttype": "application/json",
                "envelopemetadata": {"datacontenttype": {"value": "application/json"}}}"#
                .to_owned(),
            Some(Breaking),
        ),
        (schema("JsonSchema/draft-07", json), schema("Avro/1.12.0", avro), Some(Breaking)),
        (schema("Avro/1.12.0", avro), schema("Avro/1.12.0", avro), None),
        (schema("Avro/1.12.0", avro), schema("Avro/1.12.0", &avro.replace('R', "S")), Some(Possible)),
        (schema("JsonSchema/draft-07", json), schema("JsonSchema/draft/2020-12", json), Some(Possible)),
    ] {
        assert_eq!(changes(&old, &new).first().map(|(severity, _)| *severity), wanted, "{old} -> {new}");
    }
}

/// What was not judged is judged now.
#[test]
fn of_schemas_that_were_not_used() {
    let load = |document: Value| {
        Catalog::read(document.to_string(), &cloudevents_catalog::LoadOptions::strict()).unwrap().catalog
    };
    let message = |members: Value| json!({"messagegroups": {"g": {"messages": {"t": members}}}});
    let first = |old: Value, new: Value| {
        let changes = load(new).changes_since(&load(old));
        changes.first().map(|change| (change.severity, change.place.clone()))
    };
    let schema = json!({"type": "object"});
    let plain = json!({"envelope": "CloudEvents/1.0", "dataschema": schema});
    for (format, severity) in [("JsonSchema/draft-07", Severity::Breaking), ("Other/1", Severity::Possible)] {
        let mut with_format = plain.clone();
        with_format["dataschemaformat"] = json!(format);
        let found = first(message(plain.clone()), message(with_format));
        assert_eq!(found, Some((severity, "data".to_owned())), "{format}");
    }
    let named = message(json!({"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07",
        "dataschemauri": "/schemagroups/g/schemas/s"}));
    let mut with_schema = named.clone();
    with_schema["schemagroups"] = json!({"g": {"schemas": {"s": {"versions": {"1": {
        "format": "JsonSchema/draft-07", "schema": schema}}}}}});
    assert_eq!(first(named, with_schema), Some((Severity::Possible, "data".to_owned())));
}

#[test]
fn of_json_schemas() {
    use Severity::{Breaking, Possible};
    for (old, new, wanted) in [
        (r#"{"required": ["a"]}"#, r#"{"required": ["a", "b"]}"#, Some((Breaking, "data/b"))),
        (r#"{"type": "integer"}"#, r#"{"type": ["number", "null"]}"#, None),
        (r#"{"type": "number"}"#, r#"{"type": "integer"}"#, Some((Breaking, "data"))),
        (r#"{"enum": [1, 2]}"#, r#"{"enum": [1, 2, 3]}"#, None),
        (r#"{"enum": [1, 2]}"#, r#"{"enum": [1]}"#, Some((Breaking, "data"))),
        (r#"{"enum": [1, 2]}"#, r#"{"type": "integer"}"#, None),
        (r#"{"maximum": 5}"#, r#"{"maximum": 6}"#, None),
        (r#"{"maximum": 5}"#, r#"{"maximum": 4}"#, Some((Breaking, "data"))),
        (r#"{}"#, r#"{"maximum": 4}"#, Some((Breaking, "data"))),
        (r#"{"maximum": 4}"#, r#"{"maximum": 4.0}"#, None),
        // What generators write.
        (r#"{}"#, r#"{"minLength": 0, "minItems": 0, "minProperties": 0.0}"#, None),
        (r#"{}"#, r#"{"minLength": 1}"#, Some((Breaking, "data"))),
        (r#"{}"#, r#"{"minimum": 0}"#, Some((Breaking, "data"))),
        // As doubles, these are the same.
        (
            r#"{"maximum": 9223372036854775807}"#,
            r#"{"maximum": 9223372036854775806}"#,
            Some((Breaking, "data")),
        ),
        (r#"{"minimum": 9007199254740992}"#, r#"{"minimum": 9007199254740993}"#, Some((Breaking, "data"))),
        (r#"{"minimum": 9007199254740993}"#, r#"{"minimum": 9007199254740992}"#, None),
        // A property that is described for the first time.
        (r#"{"properties": {}}"#, r#"{"properties": {"a": {"type": "string"}}}"#, Some((Possible, "data/a"))),
        (
            r#"{"properties": {}, "additionalProperties": false}"#,
            r#"{"properties": {"a": {"type": "string"}}, "additionalProperties": false}"#,
            None,
        ),
        (
            r#"{"properties": {"a": {}}, "additionalProperties": false}"#,
            r#"{"properties": {}, "additionalProperties": false}"#,
            Some((Breaking, "data/a")),
        ),
        (
            r#"{"properties": {"a": {}}}"#,
            r#"{"properties": {"a": {}}, "additionalProperties": false}"#,
            Some((Breaking, "data")),
        ),
        (r#"{"items": {"minimum": 2}}"#, r#"{"items": {"minimum": 3}}"#, Some((Breaking, "data/*"))),
        (
            r##"{"$ref": "#/definitions/a", "definitions": {"a": {"properties": {"next": {"$ref": "#/definitions/a"}}}}}"##,
            r##"{"$ref": "#/definitions/b", "definitions": {"b": {"properties": {"next": {"$ref": "#/definitions/b"}}}}}"##,
            None,
        ),
        (
            r##"{"items": {"$ref": "#/definitions/a"}, "definitions": {"a": {"type": ["string", "null"]}}}"##,
            r##"{"items": {"$ref": "#/definitions/a"}, "definitions": {"a": {"type": "string"}}}"##,
            Some((Breaking, "data/*")),
        ),
        (r#"{"anyOf": [{"type": "string"}]}"#, r#"{"anyOf": [{"type": "string"}, {"type": "null"}]}"#, None),
        (r#"{"type": "string"}"#, r#"{"anyOf": [{"type": "string"}, {"type": "null"}]}"#, None),
        (
            r#"{"oneOf": [{"type": "string"}]}"#,
            r#"{"oneOf": [{"type": "string"}, {"type": "null"}]}"#,
            Some((Possible, "data")),
        ),
        (r#"{"title": "a", "type": "string"}"#, r#"{"description": "b", "type": "string"}"#, None),
        // This draft asserts it.
        (
            r#"{"type": "string"}"#,
            r#"{"type": "string", "contentEncoding": "base64"}"#,
            Some((Possible, "data")),
        ),
        (
            r#"{"type": "string"}"#,
            r#"{"type": "string", "contentMediaType": "application/json"}"#,
            Some((Possible, "data")),
        ),
        // `format` is asserted by one of these drafts.
        (
            r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "format": "email"}"#,
            r#"{"$schema": "http://json-schema.org/draft-07/schema#", "format": "email"}"#,
            Some((Possible, "data")),
        ),
        (
            r#"{"type": "string"}"#,
            r#"{"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}"#,
            None,
        ),
    ] {
        let found = changes(&schema("JsonSchema/draft-07", old), &schema("JsonSchema/draft-07", new));
        assert_eq!(
            found.first().map(|(severity, place)| (*severity, place.as_str())),
            wanted,
            "{old} -> {new}: {found:?}"
        );
    }
}

/// Schemas of a few keywords that mean something together.
fn schemas() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(true)),
        Just(json!({})),
        Just(json!({"$ref": "#/definitions/d"})),
        prop::sample::select(vec!["string", "integer", "number", "null", "object", "array"])
            .prop_map(|ty| json!({"type": ty})),
        prop::collection::vec(prop::sample::select(vec![json!(1), json!("a"), json!(null), json!({})]), 1..3)
            .prop_map(|all| json!({"enum": all})),
        (0..3, 0..4).prop_map(|(least, most)| json!({"minimum": least, "maxLength": most})),
        (0..3).prop_map(|least| json!({"exclusiveMaximum": least, "minItems": 1})),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            (
                prop::collection::btree_map("[ab]", inner.clone(), 0..3),
                prop::collection::btree_set("[ab]", 0..3)
            )
                .prop_map(|(properties, required)| json!({"properties": properties, "required": required})),
            (prop::collection::btree_map("[ab]", inner.clone(), 0..2), inner.clone()).prop_map(
                |(properties, rest)| json!({"properties": properties, "additionalProperties": rest})
            ),
            (prop::collection::btree_map("[ab]", inner.clone(), 0..2), any::<bool>()).prop_map(
                |(properties, rest)| json!({"properties": properties, "additionalProperties": rest})
            ),
            (inner.clone(), inner.clone())
                .prop_map(|(items, other)| json!({"items": items, "allOf": [other]})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"anyOf": all})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({"oneOf": all})),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
            (inner.clone(), inner)
                .prop_map(|(not, other)| json!({"not": not, "patternProperties": {"a": other}})),
        ]
    })
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop::sample::select(vec![
        json!(null),
        json!(0),
        json!(1),
        json!(1.5),
        json!("a"),
        json!("aaaa"),
        json!({}),
        json!([]),
    ]);
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::btree_map("[abc]", inner.clone(), 0..3).prop_map(|members| json!(members)),
            prop::collection::vec(inner, 0..3).prop_map(|items| json!(items)),
        ]
    })
}

fn with_definition(schema: Value, definition: Value) -> Value {
    match schema {
        Value::Object(mut members) => {
            members.insert("definitions".to_owned(), json!({"d": definition}));
            members.into()
        }
        other => other,
    }
}

proptest! {
    /// A value that was valid and is not any more is never overlooked: `jsonschema` decides what is valid.
    #[test]
    fn nothing_is_overlooked(
        (old, new) in (schemas(), schemas()).prop_flat_map(|(a, b)| (Just(a.clone()), prop_oneof![Just(a), Just(b)])),
        (first, second) in (schemas(), schemas()),
        values in prop::collection::vec(values(), 1..12),
    ) {
        let definition = |schema: Value| if schema.to_string().contains("$ref") { json!({"type": "string"}) } else { schema };
        let (old, new) = (with_definition(old, definition(first)), with_definition(new, definition(second)));
        let changes = changes(&schema("JsonSchema/draft-07", &old.to_string()), &schema("JsonSchema/draft-07", &new.to_string()));
        if changes.is_empty() {
            let validator = |schema: &Value| jsonschema::options().with_draft(jsonschema::Draft::Draft7).build(schema).unwrap();
            let (before, now) = (validator(&old), validator(&new));
            for value in values {
                prop_assert!(!before.is_valid(&value) || now.is_valid(&value), "{old} -> {new}: {value}");
            }
        }
    }
}

/// Rules for the type, `source`, `subject` and an extension, in this order: a text, a template, or anything.
fn rules() -> impl Strategy<Value = [&'static str; 4]> {
    let rule = || {
        prop::sample::select(vec![
            "", "x", "x-x", "{a}", "{b}", "{a}-{b}", "{b}-{a}", "{a}{b}", "x{a}", "{a}{a}",
        ])
    };
    let ty = prop::sample::select(vec!["t", "{a}", "{b}", "{c}", "{a}{b}"]);
    (ty, rule(), rule(), rule()).prop_map(|(ty, source, subject, n)| [ty, source, subject, n])
}

fn with_rules(rules: [&str; 4]) -> Catalog {
    let names = ["type", "source", "subject", "n"];
    let stated = names.iter().zip(rules).filter(|(_, rule)| !rule.is_empty());
    let stated: Vec<String> =
        stated.map(|(name, rule)| format!(r#""{name}": {{"value": "{rule}"}}"#)).collect();
    catalog(&attributes(&stated.join(",")))
}

proptest! {
    /// An event that was valid and is not any more is never overlooked, whatever placeholders its templates share.
    #[test]
    fn no_event_is_overlooked(
        (old, new) in (rules(), rules(), prop::array::uniform4(0..3))
            .prop_map(|(old, other, kept)| (old, std::array::from_fn(|at| if kept[at] > 0 { old[at] } else { other[at] }))),
    ) {
        let (before, now) = (with_rules(old), with_rules(new));
        if now.changes_since(&before).is_empty() {
            let texts = || [None, Some("t"), Some("x"), Some("xx"), Some("x-x")].into_iter();
            for (source, subject, n) in texts().flat_map(|source| texts().flat_map(move |subject| texts().map(move |n| (source, subject, n)))) {
                let event = Event::builder().id("1").ty("t").source(source.unwrap_or("s"));
                let event = subject.into_iter().fold(event, EventBuilder::subject);
                let event = n.into_iter().fold(event, |event, n| event.extension("n", n)).build().unwrap();
                let [before, now] = [&before, &now].map(|catalog| catalog.judge(&event).outcome());
                prop_assert!(before != Outcome::Valid || now == Outcome::Valid, "{old:?} -> {new:?}: {event:?}");
            }
        }
    }
}
