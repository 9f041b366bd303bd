//! Planted mistakes: each is named, with its place.

use cloudevents_catalog::{Catalog, Level, LoadOptions};

/// Members of a message, the rule and the place below the message.
const MESSAGES: &[(&str, &str, &str)] = &[
    (r#""messageid": "u""#, "id-mismatch", "/messageid"),
    (r#""xid": "/messagegroups/g/messages/u""#, "xid-mismatch", "/xid"),
    (r#""envelope": "CloudEvents""#, "envelope-name", "/envelope"),
    (r#""envelope": 1"#, "member-type", "/envelope"),
    (r#""envelopemetadata": {}"#, "envelope-missing", ""),
    (r#""envelopemetadata": []"#, "member-type", "/envelopemetadata"),
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
        let is_named = report.findings.iter().any(|finding| {
            finding.level == Level::Mistake && finding.rule.code() == rule && finding.place == place
        });
        if !is_named {
            wrong.push(format!("{rule} at {place}: {:?}", report.findings));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
