//! What is no mistake, and lets every payload pass, or opens nothing: there is advice about it.

use cloudevents_catalog::{Catalog, Level, LoadOptions};

/// The findings of a catalog without mistakes: their rules and places.
fn advice(document: &str) -> Vec<(&'static str, String, String)> {
    let report = Catalog::read(document, &LoadOptions::strict()).unwrap();
    assert!(report.findings.iter().all(|finding| finding.level == Level::Advice), "{:?}", report.findings);
    let of = |finding: &cloudevents_catalog::Finding| {
        (finding.rule.code(), finding.place.clone(), finding.message.clone())
    };
    report.findings.iter().map(of).collect()
}

const SCHEMAS: &str = r#""schemagroups": {"g": {"schemas": {
    "json": {"format": "JsonSchema/draft-07", "schema": {"type": "object"}},
    "avro": {"format": "Avro/1.12.0", "schema": {"type": "record", "name": "R", "fields": []}},
    "nested": {"format": "Avro/1.12.0", "schema": {"type": "record", "name": "R", "fields": [
        {"name": "a", "type": {"type": "record", "name": "Inner", "fields": []}}]}},
    "away": {"format": "JsonSchema/draft-07", "schemaurl": "http://example.com/order.json"},
    "xsd": {"format": "XSD/1.1", "schema": "<a/>"}}}}"#;

#[test]
fn schemas_that_judge_nothing() {
    for (members, rule, place, words) in [
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "schemagroups/g/schemas/json""#,
            "reference",
            "/dataschemauri",
            "there is a schema `/schemagroups/g/schemas/json`: is a slash missing?",
        ),
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "schemas/json""#,
            "reference",
            "/dataschemauri",
            "neither an XID, a JSON Pointer nor an absolute URI",
        ),
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "http://example.com/a.json""#,
            "not-judged",
            "/dataschemauri",
            "the schema is not in the catalog: http://example.com/a.json",
        ),
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "/schemagroups/g/schemas/away""#,
            "not-judged",
            "/dataschemauri",
            "the schema is not in the catalog: http://example.com/order.json",
        ),
        (
            r#""dataschemaformat": "Avro/1.12.0", "dataschemauri": "/schemagroups/g/schemas/nested:Inner""#,
            "not-judged",
            "/dataschemauri",
            "payloads are not judged: `Inner` is within another type",
        ),
        // A name that is not known is a member of its own.
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "datashemauri": "/schemagroups/g/schemas/json""#,
            "not-judged",
            "/dataschemaformat",
            "there is a format, and no `dataschema` or `dataschemauri`",
        ),
        (
            r#""dataschemaformat": "JSON/1", "dataschema": {}"#,
            "not-judged",
            "/dataschemaformat",
            "`JSON/1` is not a format of the specification",
        ),
        (
            r#""dataschemaformat": "XSD/1.1", "dataschemauri": "/schemagroups/g/schemas/xsd""#,
            "not-judged",
            "/dataschemaformat",
            "payloads are not judged by schemas of the format `XSD/1.1`",
        ),
        (
            r#""dataschemaformat": "Avro/1.12.0", "dataschemauri": "/schemagroups/g/schemas/avro", "datacontenttype": "application/json""#,
            "not-judged",
            "/datacontenttype",
            "payloads of the content type `application/json` are not judged by this schema",
        ),
        (
            r#""dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "/schemagroups/g/schemas/json",
                "envelopemetadata": {"datacontenttype": {"value": "avro/binary"}}"#,
            "not-judged",
            "/envelopemetadata/datacontenttype",
            "payloads of the content type `avro/binary`",
        ),
    ] {
        let message = format!(r#"{{"envelope": "CloudEvents/1.0", {members}}}"#);
        let document =
            format!(r#"{{{SCHEMAS}, "messagegroups": {{"m": {{"messages": {{"t": {message}}}}}}}}}"#);
        let found = advice(&document);
        assert!(
            matches!(&*found, [(code, at, message)] if *code == rule
                && *at == format!("/messagegroups/m/messages/t{place}") && message.contains(words)),
            "{members}: {found:?}"
        );
    }
}

/// What is judged has no advice, and neither has a base that leaves its schema to others.
#[test]
fn schemas_that_judge() {
    for messages in [
        r#""t": {"envelope": "CloudEvents/1.0", "dataschemaformat": "Avro/1.12", "dataschemauri": "/schemagroups/g/schemas/avro",
            "datacontenttype": "avro/binary"}"#,
        r##""t": {"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschemauri": "#/schemagroups/g/schemas/json",
            "datacontenttype": "application/vnd.x+json; charset=utf-8"}"##,
        r#""b": {"envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07"},
            "t": {"basemessage": "/messagegroups/m/messages/b", "dataschemauri": "/schemagroups/g/schemas/json"}"#,
        r#""t": {"envelope": "CloudEvents/1.0"}"#,
    ] {
        let document = format!(r#"{{{SCHEMAS}, "messagegroups": {{"m": {{"messages": {{{messages}}}}}}}}}"#);
        assert_eq!(advice(&document), [], "{messages}");
    }
}

/// A format that is not judged is named once.
#[test]
fn a_format_is_named_once() {
    let message = r#"{"envelope": "CloudEvents/1.0", "dataschemaformat": "XSD/1.1", "dataschemauri": "/schemagroups/g/schemas/xsd"}"#;
    let document = format!(
        r#"{{{SCHEMAS}, "messagegroups": {{"m": {{"messages": {{"t": {message}, "u": {message}}}}}}}}}"#
    );
    assert_eq!(advice(&document).len(), 1);
}

/// The one that cannot judge admits what the other one refuses.
#[test]
fn definitions_of_one_type_of_which_one_judges() {
    let message = |format: &str, id: &str| {
        format!(
            r#"{{"envelope": "CloudEvents/1.0", "envelopemetadata": {{"type": {{"value": "t"}}}},
                "dataschemaformat": "{format}", "dataschemauri": "/schemagroups/g/schemas/{id}"}}"#
        )
    };
    let both = |first: &str, second: &str| {
        format!(
            r#"{{{SCHEMAS}, "messagegroups": {{"m": {{"messages": {{"t": {first}}}}}, "n": {{"messages": {{"t": {second}}}}}}}}}"#
        )
    };
    let (json, xsd) = (message("JsonSchema/draft-07", "json"), message("XSD/1.1", "xsd"));
    let found = advice(&both(&json, &xsd));
    let places: Vec<&str> = found.iter().map(|(_, place, _)| place.as_str()).collect();
    assert_eq!(places, ["/messagegroups/n/messages/t/dataschemaformat", "/messagegroups/n/messages/t"]);
    assert!(found[1].2.contains("admits each of them"), "{found:?}");
    assert_eq!(advice(&both(&json, &json)), []);
}

#[test]
fn endpoints() {
    let endpoint = |protocol: &str, options: &str| {
        let members =
            format!(r#""usage": ["producer"], "protocol": "{protocol}", "protocoloptions": {options}"#);
        advice(&format!(r#"{{"endpoints": {{"e": {{{members}}}}}}}"#))
    };
    for (protocol, options, rule, place) in [
        ("MQQT/5.0", r#"{"qos": 3}"#, "protocol-name", "/protocol"),
        ("AMQP/0.9.1", r#"{"node": 1}"#, "protocol-name", "/protocol"),
        ("MQTT/5.0", r#"{"endpoints": []}"#, "protocol-option", "/protocoloptions/endpoints"),
        // Existing catalogs have it.
        (
            "KAFKA",
            r#"{"endpoints": [{"uri": "kafka://h:9092"}]}"#,
            "protocol-option",
            "/protocoloptions/endpoints/0/uri",
        ),
    ] {
        let found = endpoint(protocol, options);
        let found: Vec<_> = found.iter().map(|(rule, place, _)| (*rule, place.as_str())).collect();
        assert_eq!(found, [(rule, &*format!("/endpoints/e{place}"))], "{protocol} {options}");
    }
    for (protocol, options) in [
        (
            "mqtt",
            r#"{"topic": "shops/{shop}", "qos": "{qos}", "retain": "true", "endpoints": [{"uri": "{scheme}://h"}]}"#,
        ),
        ("Kafka", r#"{"endpoints": [{"bootstrap.servers": ["{host}:9092"]}], "acks": -1, "deployed": true}"#),
        ("HTTP/1.1", r#"{"method": "POST", "headers": [], "endpoints": [{"uri": "https://h/"}]}"#),
    ] {
        assert_eq!(endpoint(protocol, options), [], "{protocol} {options}");
    }
}

/// Many messages may have one schema, or one type.
#[test]
fn advice_is_short() {
    let long = "a".repeat(100_000);
    let message = |uri: &str, format: &str| {
        format!(
            r#""envelope": "CloudEvents/1.0", "dataschemaformat": "{format}", "dataschemauri": "{uri}",
                "envelopemetadata": {{"type": {{"value": "{long}"}}}}"#
        )
    };
    let messages = [
        message("/schemagroups/g/schemas/json", "JsonSchema/draft-07"),
        message("/schemagroups/g/schemas/away", "JsonSchema/draft-07"),
        message(&format!("http://{long}"), "JsonSchema/draft-07"),
        message(&long, "JsonSchema/draft-07"),
    ];
    let messages: Vec<String> =
        messages.iter().enumerate().map(|(at, members)| format!(r#""m{at}": {{{members}}}"#)).collect();
    let schemas = SCHEMAS.replace("order.json", &long);
    let document =
        format!(r#"{{{schemas}, "messagegroups": {{"m": {{"messages": {{{}}}}}}}}}"#, messages.join(","));
    let found = advice(&document);
    let of_schemas: Vec<_> = found.iter().filter(|(rule, ..)| *rule != "id-is-type").collect();
    assert_eq!(of_schemas.len(), 6, "{of_schemas:?}");
    assert!(of_schemas.iter().all(|(_, _, message)| message.len() < 700));
}

/// Whether a schema judges a content type is known without it: many messages may have a large one.
#[test]
fn advice_on_content_types_takes_no_time() {
    let schema = serde_json::json!({"anyOf": vec![serde_json::json!({"type": "string"}); 9900]});
    let inherited: String = (0..20_000)
        .map(|at| format!(r#", "m{at}": {{"basemessage": "/messagegroups/m/messages/base"}}"#))
        .collect();
    let base = format!(
        r#""base": {{"envelope": "CloudEvents/1.0", "envelopemetadata": {{"datacontenttype": {{"value": "application/json"}}}},
            "dataschemaformat": "JsonSchema/draft-07", "dataschema": {schema}}}"#
    );
    let found = advice(&format!(r#"{{"messagegroups": {{"m": {{"messages": {{{base}{inherited}}}}}}}}}"#));
    assert_eq!(found.iter().filter(|(rule, ..)| *rule == "not-judged").count(), 0);
}
