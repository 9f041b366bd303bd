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
        "/dataschema",
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
            &["/schema"],
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
