//! Planted mistakes: each is named, with its place.

use cloudevents_catalog::{Catalog, Finding, Judge, Leniency, Level, LoadOptions};
use cloudevents_core::Event;

/// Members of a message, the rule and the place below the message.
const MESSAGES: &[(&str, &str, &str)] = &[
    (r#""messageid": "u""#, "id-mismatch", "/messageid"),
    (r#""xid": "/messagegroups/g/messages/u""#, "xid-mismatch", "/xid"),
    (r#""envelope": "CloudEvents""#, "envelope-name", "/envelope"),
    (r#""envelope": 1"#, "member-type", "/envelope"),
    (r#""envelopemetadata": {}"#, "envelope-missing", ""),
    (r#""envelope": "CloudEvents/1.0", "envelopemetadata": []"#, "member-type", "/envelopemetadata"),
    (r#""protocol": "HTTP/""#, "protocol-name", "/protocol"),
    (r#""protocol": "None""#, "protocol-none", "/protocol"),
    (r#""protocol": "MQTT 5""#, "protocol-name", "/protocol"),
    (
        r#""protocol": "HTTP", "protocoloptions": {"method": "POST", "status": "200"}"#,
        "protocol-option",
        "/protocoloptions",
    ),
    (
        r#""protocol": "KAFKA", "protocoloptions": {"key": "a", "key_base64": "YQ=="}"#,
        "protocol-option",
        "/protocoloptions",
    ),
    (r#""protocol": "MQTT/5.0", "protocoloptions": {"qos": 3}"#, "protocol-option", "/protocoloptions/qos"),
    (r#""dataschemaformat": "JsonSchema""#, "format-syntax", "/dataschemaformat"),
    (r#""dataschemaformat": "XMLSchema/1.1""#, "format-name", "/dataschemaformat"),
    (
        r#""dataschemaformat": "Avro/1.12.0", "dataschema": {"type": "recrod"}"#,
        "schema-invalid",
        "/dataschema",
    ),
    (
        r#""dataschemaformat": "JsonSchema/draft-07", "dataschema": {"type": 1}"#,
        "schema-invalid",
        "/dataschema/type",
    ),
    // References into the document itself that lead to nothing.
    (
        r##""dataschemaformat": "JsonSchema/draft-07", "dataschema": {"items": {"$ref": "#/definitions/itm"}, "definitions": {"item": {}}}"##,
        "schema-invalid",
        "/dataschema/items/$ref",
    ),
    (
        r##""dataschemaformat": "JsonSchema/draft/2020-12", "dataschema": {"items": {"$ref": "#itm"}, "$defs": {"i": {"$anchor": "item"}}}"##,
        "schema-invalid",
        "/dataschema/items/$ref",
    ),
    (
        r##""dataschemaformat": "JsonSchema/draft-07", "dataschema": {"items": {"$ref": "#definitions/item"}, "definitions": {"item": {}}}"##,
        "schema-invalid",
        "/dataschema/items/$ref",
    ),
    (
        r##""dataschemaformat": "JsonSchema/draft-07", "dataschema": {"$id": "http://x/a.json", "items": {"$ref": "a.json#/definitions/itm"}}"##,
        "schema-invalid",
        "/dataschema/items/$ref",
    ),
    (
        r#""dataschemaformat": "XSD/1.1", "dataschema": "", "dataschemauri": "http://x""#,
        "schema-conflict",
        "/dataschema",
    ),
    (r#""dataschemauri": "http://x""#, "format-missing", ""),
    (
        r#""dataschemaformat": "XSD/1.1", "dataschemauri": "/schemagroups/g/schemas/x""#,
        "dangling",
        "/dataschemauri",
    ),
    (r#""dataschemaxid": "x""#, "reference", "/dataschemaxid"),
    (r#""schemaurl": "http://x", "dataschemaformat": "XSD/1.1""#, "earlier-name", "/schemaurl"),
    (r#""basemessage": "/messagegroups/g/messages/t""#, "base-cycle", "/basemessage"),
    (r##""basemessage": "#/messagegroups/g/messages/u""##, "pointer-reference", "/basemessage"),
    (r#""datacontenttype": "json""#, "content-type", "/datacontenttype"),
];

/// The name of an attribute, its rule, the broken rule and the place below the attribute.
const ATTRIBUTES: &[(&str, &str, &str, &str)] = &[
    ("Subject", r#"{}"#, "attribute-name", ""),
    ("data", r#"{}"#, "attribute-name", ""),
    ("subject", r#"1"#, "member-type", ""),
    ("subject", r#"{"type": "text"}"#, "attribute-type", "/type"),
    ("time", r#"{"type": "datetime"}"#, "earlier-type", "/type"),
    ("time", r#"{"type": "boolean"}"#, "attribute-type", "/type"),
    ("id", r#"{"required": false}"#, "attribute-required", "/required"),
    ("type", r#"{"required": false}"#, "attribute-required", "/required"),
    ("subject", r#"{"required": "yes"}"#, "member-type", "/required"),
    ("specversion", r#"{"value": "0.3"}"#, "attribute-value", "/value"),
    ("source", r#"{"value": ""}"#, "attribute-value", "/value"),
    ("source", r#"{"value": "/{a"}"#, "template", "/value"),
    ("source", r#"{"value": "/{+a}"}"#, "template", "/value"),
    ("n", r#"{"type": "integer", "value": "x"}"#, "attribute-value", "/value"),
    ("n", r#"{"type": "integer", "value": 3000000000}"#, "attribute-value", "/value"),
    ("n", r#"{"type": "duration", "value": "1h"}"#, "attribute-value", "/value"),
    ("n", r#"{"type": "symbol", "value": "a/b"}"#, "amqp-symbol", "/value"),
    ("time", r#"{"value": "0001-01-01T00:00:00Z"}"#, "earliest-time", "/value"),
    ("attributes", r#"{"subject": {"required": true}}"#, "nested-attributes", ""),
];

/// A collection and an entity, the broken rule and the place in the document.
const OTHERS: &[(&str, &str, &str)] = &[
    (r#""messagegroups": []"#, "member-type", "/messagegroups"),
    (r#""endpoints": {"e": {}}"#, "usage", "/endpoints/e/usage"),
    (r#""endpoints": {"e": {"usage": ["sender"]}}"#, "usage", "/endpoints/e/usage/0"),
    (r#""endpoints": {"e": {"usage": "producer"}}"#, "single-usage", "/endpoints/e/usage"),
    (
        r#""endpoints": {"e": {"usage": ["producer"], "messagegroups": ["/messagegroups/x"]}}"#,
        "dangling",
        "/endpoints/e/messagegroups/0",
    ),
    (
        r#""endpoints": {"e": {"usage": ["producer"], "envelopeoptions": {"mode": "batch"}}}"#,
        "envelope-mode",
        "/endpoints/e/envelopeoptions/mode",
    ),
    (
        r#""endpoints": {"e": {"usage": ["producer"], "envelopeoptions": {"mode": "binary", "format": "application/cloudevents+json"}}}"#,
        "envelope-mode",
        "/endpoints/e/envelopeoptions/format",
    ),
    (
        r#""endpoints": {"e": {"usage": ["producer", "subscriber"], "protocol": "HTTP"}}"#,
        "usage",
        "/endpoints/e/usage",
    ),
    (
        r#""endpoints": {"e": {"usage": ["producer"], "protocol": "MQTT/5.0", "protocoloptions": {"topic": "a/+"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/topic",
    ),
    (
        r#""endpoints": {"e": {"usage": ["subscriber"], "protocol": "MQTT", "protocoloptions": {"topic": "a", "topicfilter": "a"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/topicfilter",
    ),
    (
        r#""endpoints": {"e": {"usage": ["subscriber"], "protocol": "MQTT", "protocoloptions": {"sharedsubscriptiongroup": "g"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/sharedsubscriptiongroup",
    ),
    (
        r#""endpoints": {"e": {"usage": ["producer"], "protocol": "NATS", "protocoloptions": {"subject": "a.*"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/subject",
    ),
    (
        r#""endpoints": {"e": {"usage": ["subscriber"], "protocol": "NATS", "protocoloptions": {"queuegroup": "g"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/queuegroup",
    ),
    (
        r#""endpoints": {"e": {"usage": ["subscriber", "consumer"], "protocol": "KAFKA"}}"#,
        "usage",
        "/endpoints/e/usage",
    ),
    (
        r#""endpoints": {"e": {"usage": ["subscriber"], "protocol": "KAFKA", "protocoloptions": {"consumergroup": "g"}}}"#,
        "protocol-option",
        "/endpoints/e/protocoloptions/consumergroup",
    ),
    (
        r#""schemagroups": {"g": {"schemas": {"s": {"defaultversionid": "2", "versions": {"1": {"schemaurl": "http://x"}}}}}}"#,
        "schema-version",
        "/schemagroups/g/schemas/s/defaultversionid",
    ),
];

/// Options and addresses of an endpoint with this usage and protocol, the broken rule and the place below the options.
const ENDPOINTS: &[(&str, &str, &str, &str, &str)] = &[
    ("producer", "MQTT/5.0", r#""qos": 3"#, "protocol-option", "/qos"),
    ("producer", "MQTT/5.0", r#""qos": "high""#, "protocol-option", "/qos"),
    ("producer", "MQTT", r#""topic": 1"#, "protocol-option", "/topic"),
    ("producer", "MQTT", r#""topic": "shops/{shop/orders""#, "template", "/topic"),
    (
        "subscriber",
        "MQTT",
        r#""topicfilter": "a", "retainhandling": 3"#,
        "protocol-option",
        "/retainhandling",
    ),
    ("producer", "MQTT", r#""endpoints": [{"url": "mqtt://h"}]"#, "protocol-option", "/endpoints/0"),
    ("producer", "MQTT", r#""endpoints": [{"uri": "h:1883"}]"#, "protocol-option", "/endpoints/0/uri"),
    ("producer", "MQTT", r#""endpoints": [{"uri": "mqtt://{host"}]"#, "template", "/endpoints/0/uri"),
    ("producer", "MQTT", r#""endpoints": ["mqtt://h"]"#, "member-type", "/endpoints/0"),
    ("producer", "KAFKA", r#""endpoints": "kafka:9092""#, "member-type", "/endpoints"),
    ("producer", "KAFKA", r#""endpoints": [{}]"#, "protocol-option", "/endpoints/0"),
    (
        "producer",
        "KAFKA",
        r#""endpoints": [{"bootstrap.servers": "h:9092"}]"#,
        "protocol-option",
        "/endpoints/0/bootstrap.servers",
    ),
    ("producer", "KAFKA", r#""acks": "all""#, "protocol-option", "/acks"),
    ("producer", "KAFKA", r#""acks": 2"#, "protocol-option", "/acks"),
    ("producer", "KAFKA", r#""autooffsetreset": "latest""#, "protocol-option", "/autooffsetreset"),
    (
        "consumer",
        "KAFKA",
        r#""consumergroup": "g", "autooffsetreset": "newest""#,
        "protocol-option",
        "/autooffsetreset",
    ),
    (
        "consumer",
        "KAFKA",
        r#""endpoints": [{"bootstrap.servers": ["h:9092"]}], "topic": "t""#,
        "protocol-option",
        "",
    ),
    ("consumer", "AMQP/1.0", r#""distribution-mode": "share""#, "protocol-option", "/distribution-mode"),
    ("producer", "NATS", r#""subject": """#, "protocol-option", "/subject"),
    ("producer", "HTTP", r#""query": "a=1""#, "protocol-option", "/query"),
];

#[test]
fn each_is_named() {
    let mut cases = Vec::new();
    let message = "/messagegroups/g/messages/t";
    for (members, rule, place) in MESSAGES {
        let document = format!(r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{{members}}}}}}}}}}}"#);
        cases.push((document, *rule, format!("{message}{place}")));
    }
    for (name, attribute, rule, place) in ATTRIBUTES {
        let members =
            format!(r#""envelope": "CloudEvents/1.0", "envelopemetadata": {{"{name}": {attribute}}}"#);
        let document = format!(r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{{members}}}}}}}}}}}"#);
        cases.push((document, *rule, format!("{message}/envelopemetadata/{name}{place}")));
    }
    for (members, rule, place) in OTHERS {
        cases.push((format!("{{{members}}}"), *rule, (*place).to_owned()));
    }
    for (usage, protocol, options, rule, place) in ENDPOINTS {
        let document = format!(
            r#"{{"endpoints": {{"e": {{"usage": ["{usage}"], "protocol": "{protocol}", "protocoloptions": {{{options}}}}}}}}}"#
        );
        cases.push((document, *rule, format!("/endpoints/e/protocoloptions{place}")));
    }
    assert!(cases.len() >= 40);
    let mut wrong = Vec::new();
    for (document, rule, place) in cases {
        let report = Catalog::read(&document, &LoadOptions::strict()).unwrap();
        let mistakes: Vec<_> =
            report.mistakes().map(|finding| (finding.rule.code(), &*finding.place)).collect();
        if mistakes != [(rule, &*place)] {
            wrong.push(format!("{rule} at {place}: {:?}", report.findings));
        }
        // What is repaired is no mistake, too.
        if Leniency::ALL.iter().any(|leniency| leniency.code() == rule) {
            let report = Catalog::read(&document, &LoadOptions::lenient()).unwrap();
            let repaired = |finding: &Finding| {
                (finding.level, finding.rule.code(), &*finding.place) == (Level::Repaired, rule, &*place)
            };
            if report.mistakes().next().is_some()
                || report.findings.iter().filter(|finding| repaired(finding)).count() != 1
            {
                wrong.push(format!("{rule} at {place}, repaired: {:?}", report.findings));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A mistake in a schema has its place there, and words that need no metaschema.
#[test]
fn mistakes_of_schemas_have_their_place() {
    let (message, json) = ("/messagegroups/g/messages/t/dataschema", "JsonSchema/draft-07");
    for (schema, place, words) in [
        (
            r#"{"properties": {"number": {"type": "int"}}}"#,
            "/properties/number/type",
            r#""int" is not a type of JSON Schema"#,
        ),
        // Of the alternatives of `items`, a schema is the one that is meant.
        (r#"{"items": {"type": "int"}}"#, "/items/type", r#""int" is not a type of JSON Schema"#),
        (r#"{"items": {"minItems": -1}}"#, "/items/minItems", "-1 is less than the minimum of 0"),
        (r#"{"items": 5}"#, "/items", "5 is no value of `items`"),
        (
            r##"{"properties": {"a/b": {"$ref": "#/definitions/itm"}}}"##,
            "/properties/a~1b/$ref",
            "the reference `#/definitions/itm` leads to nothing",
        ),
        // A schema in a text has no places in the document.
        (
            r#""{\"items\": {\"type\": \"int\"}}""#,
            "",
            r#""int" is not a type of JSON Schema, at `/items/type`"#,
        ),
    ] {
        let document = format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{"dataschemaformat": "{json}", "dataschema": {schema}}}}}}}}}}}"#
        );
        let report = Catalog::read(&document, &LoadOptions::strict()).unwrap();
        let found: Vec<_> = report.findings.iter().map(Finding::to_string).collect();
        assert_eq!(found, [format!("{message}{place}: {words} [schema-invalid]")], "{schema}");
    }
    // What several messages state together is in none of them as such.
    let document = r#"{"messagegroups": {"g": {"messages": {
        "t": {"dataschemaformat": "JsonSchema/draft-07", "dataschema": {"properties": {"b": {"type": "int"}}}},
        "u": {"basemessage": "/messagegroups/g/messages/t", "dataschema": {"properties": {"a": {"minLength": 1}}}}
    }}}}"#;
    let report = Catalog::read(document, &LoadOptions::strict()).unwrap();
    let found: Vec<&str> = report.mistakes().map(|finding| &*finding.place).collect();
    let below = ["t/dataschema/properties/b/type", "u/dataschema"];
    assert_eq!(found, below.map(|place| format!("/messagegroups/g/messages/{place}")));
}

/// What is in another document is not known to be wrong, and neither are references in examples.
#[test]
fn references_to_other_documents_are_advice() {
    for schema in [
        r#"{"items": {"$ref": "http://example.com/item.json#/definitions/itm"}}"#,
        r#"{"$id": "http://example.com/a.json", "items": {"$ref": "item.json"}}"#,
    ] {
        let document = format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{"dataschemaformat": "JsonSchema/draft-07", "dataschema": {schema}}}}}}}}}}}"#
        );
        let report = Catalog::read(&document, &LoadOptions::strict()).unwrap();
        let found: Vec<_> = report.findings.iter().map(|at| (at.level, at.rule.code())).collect();
        assert_eq!(found, [(Level::Advice, "schema-invalid")], "{schema}");
        let words =
            "payloads are not judged: the schema refers to another document: http://example.com/item.json";
        assert!(report.findings[0].message.starts_with(words), "{:?}", report.findings);
    }
    let schema = r##"{"type": "object", "examples": [{"$ref": "#/definitions/itm"}]}"##;
    let document = format!(
        r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{"dataschemaformat": "JsonSchema/draft-07", "dataschema": {schema}}}}}}}}}}}"#
    );
    assert_eq!(Catalog::read(&document, &LoadOptions::strict()).unwrap().findings, []);
}

/// A cycle is one mistake: what the messages in it, and those that have it as a base, seem to have besides follows from it.
#[test]
fn a_cycle_of_base_messages_is_one_mistake() {
    let document = r#"{"messagegroups": {"g": {"messages": {
        "s": {"basemessage": "/messagegroups/g/messages/t", "envelopemetadata": {}},
        "t": {"basemessage": "/messagegroups/g/messages/u", "dataschemaformat": "Avro/1.12.0", "dataschema": {"type": "object"}},
        "u": {"basemessage": "/messagegroups/g/messages/t", "dataschemauri": "/schemagroups/g/schemas/x"}
    }}}}"#;
    let report = Catalog::read(document, &LoadOptions::strict()).unwrap();
    let found: Vec<_> = report.findings.iter().map(|at| (at.rule.code(), &*at.place)).collect();
    assert_eq!(found, [("base-cycle", "/messagegroups/g/messages/u/basemessage")]);
}

/// A deviation has one finding: a repair if it can be read, else the mistake that remains.
#[test]
fn each_deviation_has_one_finding() {
    let schema = r#""schemagroups": {"g": {"schemas": {"s": {"format": "JsonSchema/draft-07", "schema": {"definitions": {"a": {}}}}}}}"#;
    let selecting = |selection: &str| {
        format!(
            r#"{{{schema}, "messagegroups": {{"g": {{"messages": {{"t": {{"dataschemaformat": "JsonSchema/draft-07",
                "dataschemauri": "/schemagroups/g/schemas/s{selection}"}}}}}}}}}}"#
        )
    };
    // The same schema, in each of its forms.
    let titled = |member: &str, schema: &str| {
        format!(
            r#"{{"schemagroups": {{"g": {{"schemas": {{"s": {{"format": "JsonSchema/draft-07", "{member}": {schema}}}}}}}}},
                "messagegroups": {{"g": {{"messages": {{"t": {{"dataschemaformat": "JsonSchema/draft-07",
                "dataschemauri": "/schemagroups/g/schemas/s:Order"}}}}}}}}}}"#
        )
    };
    let endpoint = |group: &str| {
        format!(
            r##"{{"endpoints": {{"e": {{"usage": ["producer"], "messagegroups": ["#/messagegroups/{group}"]}}}}, "messagegroups": {{"g": {{}}}}}}"##
        )
    };
    let group = r#"{"messagegroups": {"g": {"protocol": "HTTP", "messages": {"t": {"protocol": "None"}}}}}"#;
    for (document, level, rule) in [
        (group.to_owned(), Level::Repaired, "protocol-none"),
        (selecting(":definitions/a"), Level::Repaired, "sub-selection"),
        (selecting(":definitions/b"), Level::Mistake, "schema-invalid"),
        (titled("schema", r#"{"title": "Order"}"#), Level::Repaired, "sub-selection"),
        (titled("schema", r#""{\"title\": \"Order\"}""#), Level::Repaired, "sub-selection"),
        (titled("schemabase64", r#""eyJ0aXRsZSI6ICJPcmRlciJ9""#), Level::Repaired, "sub-selection"),
        (endpoint("g"), Level::Repaired, "pointer-reference"),
        (endpoint("x"), Level::Mistake, "dangling"),
    ] {
        let report = Catalog::read(&document, &LoadOptions::lenient()).unwrap();
        let found: Vec<_> =
            report.findings.iter().map(|finding| (finding.level, finding.rule.code())).collect();
        assert_eq!(found, [(level, rule)], "{document}: {:?}", report.findings);
    }
}

/// Places are those that are written: with names of earlier drafts, and in the base message that has the mistake.
#[test]
fn places_are_those_of_the_document() {
    let message = |members: &str| {
        format!(
            r#"{{"messagegroups": {{"g": {{"messages": {{"t": {{"envelope": "CloudEvents/1.0", {members}}}}}}}}}}}"#
        )
    };
    let schema =
        |members: &str| format!(r#"{{"schemagroups": {{"g": {{"schemas": {{"s": {{{members}}}}}}}}}}}"#);
    let (of_message, of_schema) = ("/messagegroups/g/messages/t", "/schemagroups/g/schemas/s");
    let base = r#"{"messagegroups": {"g": {"messages": {"u": {"basemessageurl": "/messagegroups/g/messages/t"},
        "t": {"dataschemaformat": "JsonSchema", "schemaurl": "/schemagroups/g/schemas/x"}}}}}"#;
    // What refines a rule has no mistake of it.
    let refined = r#"{"messagegroups": {"g": {"messages": {
        "t": {"envelope": "CloudEvents/1.0", "envelopemetadata": {"time": {"type": "x"}, "n": {"type": "integer", "value": "x"}}},
        "u": {"basemessage": "/messagegroups/g/messages/t", "envelopemetadata": {"time": {"required": true}, "n": {"required": true}}},
        "v": {"basemessage": "/messagegroups/g/messages/t", "envelopemetadata": {"time": {"required": true}}}}}}}"#;
    let version = |members: &str| {
        message(&format!(
            r#"{members} "versions": {{"1": {{"metadata": {{"time": {{"type": "x"}}}}, "dataschemaformat": "JsonSchema",
                "dataschemauri": "/schemagroups/g/schemas/x"}}}}"#
        ))
    };
    for (document, below, places) in [
        (message(r#""metadata": {"time": {"type": "x"}}"#), of_message, &["/metadata/time/type"][..]),
        (
            message(r#""metadata": {"attributes": {"time": {"type": "x"}}}"#),
            of_message,
            &["/metadata/attributes/time/type"],
        ),
        (message(r#""metadata": 1"#), of_message, &["/metadata"]),
        (message(r#""basemessageurl": "/messagegroups/g/messages/t""#), of_message, &["/basemessageurl"]),
        (
            message(r#""protocol": "MQTT", "protocolmetadata": {"qos": 3}"#),
            of_message,
            &["/protocolmetadata/qos"],
        ),
        (
            message(r#""dataschemaformat": "JsonSchema/draft-07", "schema": {"type": 1}"#),
            of_message,
            &["/schema/type"],
        ),
        (
            schema(r#""format": "JsonSchema/draft-07", "schemabase64": "eyJ0eXBlIjoxfQ==""#),
            of_schema,
            &["/schemabase64"],
        ),
        (schema(r#""schemaformat": "JsonSchema", "schema": {}"#), of_schema, &["/schemaformat"]),
        (
            r#"{"endpoints": {"e": {"usage": ["consumer"], "format": "x"}}}"#.to_owned(),
            "/endpoints/e",
            &["/format"],
        ),
        (base.to_owned(), of_message, &["/dataschemaformat", "/schemaurl"]),
        (refined.to_owned(), of_message, &["/envelopemetadata/n/value", "/envelopemetadata/time/type"]),
        (
            version(r#""description": "d", "defaultversionid": "1","#),
            of_message,
            &["/versions/1/metadata/time/type", "/versions/1/dataschemaformat", "/versions/1/dataschemauri"],
        ),
        (
            version(r#""metadata": {"subject": {"type": "x"}, "time": {"required": true}},"#),
            of_message,
            &[
                "/metadata/subject/type",
                "/versions/1/metadata/time/type",
                "/versions/1/dataschemaformat",
                "/versions/1/dataschemauri",
            ],
        ),
    ] {
        let report = Catalog::read(&document, &LoadOptions::lenient()).unwrap();
        let found: Vec<&str> = report.mistakes().map(|finding| &*finding.place).collect();
        let expected: Vec<String> = places.iter().map(|place| format!("{below}{place}")).collect();
        assert_eq!(found, expected, "{document}");
        let document = report.catalog.document();
        for finding in &report.findings {
            assert!(document.pointer(&finding.place).is_some(), "{finding}");
        }
    }
    let document = message(r#""metadata": {"attributes": {"subject": {"required": true}}}"#);
    let report = Catalog::read(document, &LoadOptions::lenient()).unwrap();
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    assert_eq!(
        report.catalog.judge(&event).faults()[0].rule,
        format!("{of_message}/metadata/attributes/subject")
    );
}

/// A fault names the rule of the version that states it.
#[test]
fn rules_of_versions_are_named() {
    let document = r#"{"messagegroups": {"g": {"messages": {"t": {"description": "d", "versions": {"1": {
        "envelope": "CloudEvents/1.0", "envelopemetadata": {"subject": {"required": true}}}}}}}}}"#;
    let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
    let verdict = Catalog::parse(document).unwrap().judge(&event);
    assert_eq!(verdict.faults()[0].rule, "/messagegroups/g/messages/t/versions/1/envelopemetadata/subject");
}

#[test]
fn a_duplicate_member_is_an_error() {
    assert!(
        Catalog::parse(r#"{"endpoints": {}, "endpoints": {}}"#)
            .unwrap_err()
            .to_string()
            .contains("there twice")
    );
}

/// Which version counts is then a guess.
#[test]
fn a_default_version_that_nothing_names() {
    for (versions, is_guess) in [(&["v9", "v10-beta1"][..], true), (&["9", "10"], false), (&["v1"], false)] {
        let all: Vec<String> = versions
            .iter()
            .map(|id| format!(r#""{id}": {{"format": "XSD/1.1", "schema": "<a/>"}}"#))
            .collect();
        let document = format!(
            r#"{{"schemagroups": {{"g": {{"schemas": {{"s": {{"versions": {{{}}}}}}}}}}}}}"#,
            all.join(",")
        );
        let report = Catalog::read(document, &LoadOptions::strict()).unwrap();
        let found: Vec<_> =
            report.findings.iter().filter(|finding| finding.rule.code() == "schema-version").collect();
        assert_eq!((found.len(), report.mistakes().count()), (usize::from(is_guess), 0), "{found:?}");
    }
}
