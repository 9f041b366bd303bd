//! Events against definitions.

use cloudevents_catalog::{Breach, Catalog, Judge, Leniency, LoadOptions, NotJudged, Outcome};
use cloudevents_core::{Event, EventBuilder, Payload};
use cloudevents_testkit::size;

fn catalog(message: &str) -> Catalog {
    Catalog::parse(format!(r#"{{"messagegroups": {{"g": {{"messages": {{"t": {message}}}}}}}}}"#)).unwrap()
}

fn event() -> EventBuilder {
    Event::builder().id("1").source("/s/7").ty("t")
}

/// The breach and the place of each fault.
fn faults(catalog: &Catalog, event: EventBuilder) -> Vec<(Breach, String)> {
    let verdict = catalog.judge(&event.build().unwrap());
    verdict.faults().iter().map(|fault| (fault.breach, fault.place.clone())).collect()
}

#[test]
fn attributes() {
    let catalog = catalog(
        r#"{"envelope": "CloudEvents/1.0", "envelopemetadata": {
            "source": {"value": "/s/{shop}"}, "subject": {"type": "uritemplate", "value": "{shop}-{n}"},
            "time": {"required": true}, "priority": {"type": "integer"}, "region": {"value": "eu"}}}"#,
    );
    let full = || event().subject("7-1").time("2026-01-01T00:00:00Z");
    assert_eq!(faults(&catalog, full()), []);
    assert_eq!(faults(&catalog, event()), [(Breach::Missing, "time".to_owned())]);
    assert_eq!(faults(&catalog, full().subject("8-1")), [(Breach::Template, "subject".to_owned())]);
    assert_eq!(faults(&catalog, full().extension("region", "us")), [(Breach::Value, "region".to_owned())]);
    assert_eq!(faults(&catalog, full().extension("region", 1)), [(Breach::Type, "region".to_owned())]);
    // HTTP delivers a String.
    assert_eq!(faults(&catalog, full().extension("priority", "3")), []);
    assert_eq!(faults(&catalog, full().extension("priority", "x")), [(Breach::Type, "priority".to_owned())]);
    assert_eq!(catalog.judge(&event().ty("other").build().unwrap()).outcome(), Outcome::Undefined);
}

/// However they are written.
#[test]
fn numbers_are_compared_as_numbers() {
    let of = |value: &str| {
        catalog(&format!(
            r#"{{"envelope": "CloudEvents/1.0", "envelopemetadata": {{"n": {{"type": "number", "value": {value}}}}}}}"#
        ))
    };
    for (value, text, is_valid) in [
        ("1000.0", "1000", true),
        ("1e3", "1000", true),
        ("1.5", "1.50", true),
        ("1.5", "1.51", false),
        ("9007199254740993", "9007199254740992", false),
    ] {
        let found = faults(&of(value), event().extension("n", text));
        assert_eq!(found.is_empty(), is_valid, "{value} {text}: {found:?}");
    }
    assert_eq!(faults(&of("1000.0"), event().extension("n", 1000)), []);
}

#[test]
fn json_schema() {
    let catalog = catalog(
        r#"{"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07",
            "dataschema": {"properties": {"n": {"type": "integer"}}}}"#,
    );
    let json = |text: &'static str| event().payload("application/json", Payload::body(text));
    assert_eq!(faults(&catalog, json(r#"{"n": 1}"#)), []);
    assert_eq!(faults(&catalog, json(r#"{"n": "1"}"#)), [(Breach::Schema, "data/n".to_owned())]);
    assert_eq!(faults(&catalog, json("{")), [(Breach::Unreadable, "data".to_owned())]);
    assert_eq!(faults(&catalog, event()), [(Breach::Missing, "data".to_owned())]);
    let verdict = catalog.judge(&event().payload("text/plain", Payload::text("1")).build().unwrap());
    assert_eq!(verdict.not_judged(), Some(&NotJudged::ContentType("text/plain".to_owned())));
}

/// A payload in another content type than the definition states would not be judged.
#[test]
fn the_content_type_is_that_of_the_definition() {
    let with = |members: &str| {
        catalog(&format!(
            r#"{{"envelope": "CloudEvents/1.0", {members}, "dataschemaformat": "JsonSchema/draft-07", "dataschema": {{"required": ["n"]}}}}"#
        ))
    };
    let other = [(Breach::Value, "datacontenttype".to_owned())];
    for members in [
        r#""datacontenttype": "application/json""#,
        r#""datacontenttype": "application/json", "envelopemetadata": {"datacontenttype": {"required": true}}"#,
    ] {
        let catalog = with(members);
        let json = |name: &str| event().payload(name, Payload::body(r#"{"n": 1}"#));
        assert_eq!(faults(&catalog, json("application/json")), []);
        assert_eq!(faults(&catalog, json("Application/JSON")), []);
        // What the definition states has to be there, and there may be more.
        assert_eq!(faults(&catalog, json("application/json; charset=utf-8")), []);
        assert_eq!(faults(&catalog, json("application/problem+json")), other);
        assert_eq!(faults(&catalog, json("text/plain")), other, "{members}");
        assert_eq!(faults(&catalog, event().payload("application/xml", Payload::text("<n/>"))), other);
    }
    let with_parameter = with(r#""datacontenttype": "application/json; a=b""#);
    let json = |name: &str| event().payload(name, Payload::body(r#"{"n": 1}"#));
    assert_eq!(faults(&with_parameter, json("application/json;c=d;A=b")), []);
    for name in ["application/json", "application/json; a=c"] {
        assert_eq!(faults(&with_parameter, json(name)), other, "{name}");
    }
    // What the rule for the attribute states is all of it.
    let exact = with(r#""envelopemetadata": {"datacontenttype": {"value": "application/json"}}"#);
    assert_eq!(faults(&exact, json("application/json")), []);
    assert_eq!(faults(&exact, json("application/json; charset=utf-8")), other);
    // Of a structured message, it is the content type of the envelope.
    let envelope = with(r#""datacontenttype": "application/cloudevents+json""#);
    assert_eq!(faults(&envelope, event().payload("application/json", Payload::body(r#"{"n": 1}"#))), []);
    // No content type is none of another kind.
    let stated = with(r#""datacontenttype": "application/json""#);
    assert_eq!(faults(&stated, event().payload_only(Payload::body(r#"{"n": 1}"#))), []);
}

/// A version that a schema names beside its versions, in `meta`, or as the default itself; else the one with the greatest id.
#[test]
fn the_default_version_of_a_schema() {
    for (members, marks, wanted) in [
        ("", "", "3"),
        (r#""defaultversionid": "1","#, "", "1"),
        (r#""meta": {"defaultversionid": "2"}, "defaultversionid": "1","#, "", "2"),
        ("", r#""isdefault": true,"#, "2"),
    ] {
        let version = |id: &str, marks: &str| {
            format!(
                r#""{id}": {{{marks} "format": "JsonSchema/draft-07", "schema": {{"required": ["{id}"]}}}}"#
            )
        };
        let document = format!(
            r#"{{"schemagroups": {{"g": {{"schemas": {{"s": {{{members} "versions": {{{}, {}, {}}}}}}}}}}},
                "messagegroups": {{"g": {{"messages": {{"t": {{"envelope": "CloudEvents/1.0",
                    "dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "/schemagroups/g/schemas/s"}}}}}}}}}}"#,
            version("1", ""),
            version("2", marks),
            version("3", "")
        );
        let catalog = Catalog::parse(document).unwrap();
        for id in ["1", "2", "3"] {
            let event = event().payload("application/json", Payload::body(format!(r#"{{"{id}": 0}}"#)));
            assert_eq!(faults(&catalog, event).is_empty(), id == wanted, "{members} {marks} {id}");
        }
    }
}

/// Ids are not escaped in XIDs, and are in JSON Pointers.
#[test]
fn ids_may_have_a_tilde() {
    for base in ["/messagegroups/g/messages/a~b", "#/messagegroups/g/messages/a~0b"] {
        let document = format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{
                "a~b": {{"xid": "/messagegroups/g/messages/a~b", "envelope": "CloudEvents/1.0", "envelopemetadata": {{"subject": {{"required": true}}}}}},
                "t": {{"basemessage": "{base}"}}}}}}}}}}"#
        );
        let report = Catalog::read(document, &LoadOptions::lenient()).unwrap();
        assert_eq!((report.mistakes().count(), faults(&report.catalog, event()).len()), (0, 1), "{base}");
        assert!(report.catalog.message("/messagegroups/g/messages/a~b").is_some());
    }
}

/// Alternatives multiply with each level, and long lists have many errors: then the fault has no place.
#[test]
fn faults_of_large_payloads_are_bounded() {
    let catalog = catalog(
        r##"{"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschema": {"$ref": "#/$defs/node", "$defs": {
            "node": {"anyOf": [{"$ref": "#/$defs/and"}, {"$ref": "#/$defs/or"}, {"items": {"type": "string"}, "type": "array"}]},
            "and": {"type": "object", "properties": {"kind": {"const": "and"}, "child": {"$ref": "#/$defs/node"}}},
            "or": {"type": "object", "properties": {"kind": {"const": "or"}, "child": {"$ref": "#/$defs/node"}}}}}}"##,
    );
    let tree = |levels| {
        format!(
            "{}{{\"kind\": \"x\"}}{}",
            "{\"kind\": \"and\", \"child\": ".repeat(levels),
            "}".repeat(levels)
        )
    };
    let list = |items| format!("[{}1]", "1,".repeat(items));
    // jsonschema may try all of them again on each level.
    for (payload, breach) in
        [(tree(12), Breach::Schema), (list(100_000), Breach::Schema), (tree(64), Breach::TooLarge)]
    {
        let event = event().payload("application/json", Payload::body(payload));
        assert_eq!(faults(&catalog, event), [(breach, "data".to_owned())]);
    }
    for payload in [tree(1), list(1)] {
        let event = event().payload("application/json", Payload::body(payload));
        assert!(!faults(&catalog, event).is_empty());
    }
}

#[test]
fn avro() {
    let catalog = catalog(
        r#"{"envelope": "CloudEvents/1.0", "dataschemaformat": "Avro/1.12.0",
            "dataschema": {"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}}"#,
    );
    let avro = |bytes: &'static [u8]| event().payload("application/avro", Payload::binary(bytes));
    assert_eq!(faults(&catalog, avro(&[84])), []);
    assert_eq!(faults(&catalog, avro(&[84, 0])), [(Breach::Schema, "data".to_owned())]);
    // As the codecs of `cloudevents-kafka` for registries write it.
    let verdict = catalog.judge(&avro(&[0, 0, 0, 0, 7, 84]).build().unwrap());
    assert!(verdict.to_string().contains("the id of a schema in a registry"), "{verdict}");
}

/// Readers refuse them.
#[test]
fn texts_of_avro_that_are_not_utf_8() {
    for (schema, valid, invalid) in [
        (r#"{"type": "string"}"#, &[2, b'a'][..], &[2, 0xFF][..]),
        (r#"{"type": "map", "values": "int"}"#, &[2, 2, b'a', 2, 0], &[2, 2, 0xFF, 2, 0]),
    ] {
        let catalog = catalog(&format!(
            r#"{{"envelope": "CloudEvents/1.0", "dataschemaformat": "Avro/1.12.0", "dataschema": {schema}}}"#
        ));
        let avro = |bytes: &[u8]| event().payload("application/avro", Payload::binary(bytes.to_vec()));
        assert_eq!(faults(&catalog, avro(valid)), []);
        assert_eq!(faults(&catalog, avro(invalid)), [(Breach::Schema, "data".to_owned())]);
    }
}

/// A definition that was not tried is not said to differ.
#[test]
fn templates_that_take_too_long() {
    let message = r#"{"envelope": "CloudEvents/1.0", "envelopemetadata": {"type": {"value": "t"},
        "subject": {"value": "{a}{b}{c}{d}{e}{f}!"}}}"#;
    let all: Vec<String> = (0..size(100)).map(|at| format!(r#""m{at}": {message}"#)).collect();
    let document = format!(r#"{{"messagegroups": {{"g": {{"messages": {{{}}}}}}}}}"#, all.join(","));
    let catalog = Catalog::read(document, &LoadOptions::strict()).unwrap().catalog;
    let event = event().subject("x".repeat(4096)).build().unwrap();
    let verdict = catalog.judge(&event);
    assert_eq!(verdict.faults()[0].breach, Breach::Template);
    assert!(verdict.faults()[0].message.starts_with("it takes too long"), "{verdict}");
}

#[test]
fn bases_are_merged() {
    let document = r#"{"messagegroups": {"g": {"messages": {
        "base": {"envelope": "CloudEvents/1.0", "envelopemetadata": {"subject": {"value": "a", "required": true}}},
        "t": {"basemessage": "/messagegroups/g/messages/base", "envelopemetadata": {"subject": {"value": "b"}}}}}}}"#;
    let catalog = Catalog::parse(document).unwrap();
    assert_eq!(faults(&catalog, event().subject("b")), []);
    assert_eq!(faults(&catalog, event().subject("a")), [(Breach::Value, "subject".to_owned())]);
    assert_eq!(faults(&catalog, event()), [(Breach::Missing, "subject".to_owned())]);
}

/// A value with a reserved character, which only a leniency allows, is reported.
#[test]
fn what_a_leniency_allows_is_reported() {
    let document = r#"{"messagegroups": {"g": {"messages": {"t": {"envelope": "CloudEvents/1.0", "envelopemetadata": {
        "source": {"value": "/s/{shop}"}}}}}}}"#;
    let judged = |options: &LoadOptions, source: &str| {
        let event = Event::builder().id("1").source(source).ty("t").build().unwrap();
        Catalog::read(document, options).unwrap().catalog.judge(&event)
    };
    let (strict, wide) = (LoadOptions::strict(), LoadOptions::strict().allow(Leniency::WidePlaceholder));
    assert_eq!(judged(&strict, "/s/7/a").outcome(), Outcome::Invalid);
    let verdict = judged(&wide, "/s/7/a");
    assert_eq!((verdict.outcome(), verdict.repairs()), (Outcome::Valid, &[Leniency::WidePlaceholder][..]));
    assert_eq!(
        verdict.to_string(),
        "valid; the payload was not judged: there is no schema; repaired [wide-placeholder]"
    );
    for options in [&strict, &wide] {
        assert_eq!(judged(options, "/s/7").repairs(), []);
    }
}

/// Payloads of schemas in these formats are not judged, and the verdict gives the format as the reason.
#[test]
fn schemas_of_other_formats() {
    for (format, schema) in [
        ("XSD/1.1", r#""<schema/>""#),
        (
            "JsonStructure/draft-04",
            r#"{"$schema": "https://json-structure.org/meta/core/v0/#", "type": "int32"}"#,
        ),
        ("JsonStructure/draft-04", r#""{}""#),
    ] {
        let members = format!(r#""envelope": "CloudEvents/1.0", "dataschemaformat": "{format}""#);
        let own = format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{{members}, "dataschema": {schema}}}}}}}}}}}"#
        );
        // A type that is selected.
        let selected = format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{{members}, "dataschemauri": "/schemagroups/g/schemas/s:a"}}}}}}}},
                "schemagroups": {{"g": {{"schemas": {{"s": {{"versions": {{"1": {{"format": "{format}", "schema": {schema}}}}}}}}}}}}}}}"#
        );
        for document in [own, selected] {
            let report = Catalog::read(document, &LoadOptions::lenient()).unwrap();
            assert_eq!(report.mistakes().count(), 0, "{:?}", report.findings);
            let event = event().payload("application/json", Payload::body(r#""text""#)).build().unwrap();
            let verdict = report.catalog.judge(&event);
            assert_eq!(verdict.outcome(), Outcome::Valid);
            assert_eq!(verdict.not_judged(), Some(&NotJudged::Format(format.to_owned())));
            let words = format!("schemas of the format `{format}` are not judged");
            assert!(verdict.to_string().contains(&words), "{verdict}");
        }
    }
}

/// A symbol of AMQP has other characters than one of xRegistry: what a definition states, its events may have.
#[test]
fn a_symbol_that_is_allowed_is_valid() {
    let document = r#"{"messagegroups": {"g": {"messages": {"t": {
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"n": {"type": "symbol", "value": "a/b"}}}}}}}"#;
    let catalog = Catalog::read(document, &LoadOptions::lenient()).unwrap().catalog;
    let event = |n: &str| Event::builder().id("1").source("/s").ty("t").extension("n", n).build().unwrap();
    assert_eq!(catalog.judge(&event("a/b")).outcome(), Outcome::Valid);
    assert_eq!(catalog.judge(&event("a/c")).outcome(), Outcome::Invalid);
}

/// What the README says of handlers: a refusal is rejected where the handler says that, and not by `?` alone.
#[test]
fn refusals_in_handlers() {
    use cloudevents_core::Error;
    use cloudevents_transport::Failure;
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let refused = || Catalog::default().admit(&event).unwrap_err();
    assert!(Failure::reject(refused()).is_reject());
    let bare = Failure::from(refused());
    assert!(!bare.is_reject() && format!("{bare:?}").starts_with("Retry"), "{bare:?}");
    let data = Failure::from(Error::from(refused()));
    assert!(format!("{data:?}").starts_with("Malformed"), "{data:?}");
}

/// What the README says of texts, of `format`, and of members that are there twice.
#[test]
fn what_counts_as_valid() {
    let of = |format: &str| {
        catalog(&format!(
            r#"{{"envelope": "CloudEvents/1.0", "envelopemetadata": {{"n": {{"type": "integer"}}}}, "dataschemaformat": "{format}",
                "dataschema": {{"properties": {{"when": {{"format": "date-time"}}, "n": {{"minimum": 1}}}}}}}}"#
        ))
    };
    let (earlier, later) = (of("JsonSchema/draft-07"), of("JsonSchema/draft/2020-12"));
    for (n, payload, of_earlier, of_later) in [
        ("3", "{}", true, true),
        ("03", "{}", false, false),
        ("3", r#"{"when": "yesterday"}"#, false, true),
        ("3", r#"{"n": 0, "n": 1}"#, true, true),
        ("3", r#"{"n": 1, "n": 0}"#, false, false),
    ] {
        let event = event().extension("n", n).payload("application/json", Payload::body(payload));
        let event = event.build().unwrap();
        let found = (earlier.admit(&event).is_ok(), later.admit(&event).is_ok());
        assert_eq!(found, (of_earlier, of_later), "{n} {payload}");
    }
}
