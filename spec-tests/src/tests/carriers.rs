//! What `carriers.json` says is what the vectors and the schemas have.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{Carrier, carriers, specification_documents};

use super::{all_cases, assert_none};

#[test]
fn carriers_are_those_of_the_vectors() {
    let known: BTreeSet<&str> = carriers().iter().map(|carrier| &*carrier.name).collect();
    assert_eq!(known.len(), carriers().len(), "a name is there twice");
    let mut named = BTreeSet::new();
    for case in all_cases() {
        let sides = [case.request.get("via"), case.request.get("from"), case.request.get("to")];
        named.extend(
            sides
                .into_iter()
                .flatten()
                .filter_map(|side| side.as_str().or_else(|| side.get("via")?.as_str()).map(str::to_owned)),
        );
    }
    assert_eq!(named.iter().map(String::as_str).collect::<BTreeSet<_>>(), known);
}

#[test]
fn documents_of_carriers_have_requirements() {
    let known: BTreeSet<String> =
        crate::load_requirements().unwrap().into_iter().map(|requirement| requirement.document).collect();
    let stated = carriers().iter().flat_map(|carrier| specification_documents(carrier.area()));
    let unknown: Vec<_> = stated.filter(|document| !known.contains(*document)).map(str::to_owned).collect();
    assert_none(&unknown, "documents of carriers without requirements");
    // One that others publish is none of the specification's, and any other carrier has one.
    for carrier in carriers() {
        let is_of_others = specification_documents(carrier.area()).is_empty();
        assert_eq!(is_of_others, carrier.publisher.is_some(), "{}", carrier.name);
    }
}

#[test]
fn names_of_headers_are_those_of_attributes() {
    for (via, header, attribute) in [
        ("http", "CE-Subject", Some("subject")),
        ("kafka", "ce_subject", Some("subject")),
        ("kafka", "CE_subject", None),
        ("kafka", "ce-subject", None),
        ("amqp", "cloudEvents:subject", Some("subject")),
        ("amqp", "cloudEvents_subject", Some("subject")),
        ("mqtt5", "subject", Some("subject")),
        ("nats", "Ce-Subject", Some("subject")),
        ("http", "Content-Type", None),
        ("kafka", "content-type", None),
        ("http", "cé", None),
        ("rocketmq", "CE_subject", Some("subject")),
        ("rocketmq", "CE_contenttype", None),
    ] {
        let carrier = Carrier::of(via).unwrap();
        let found = carrier.is_of_attribute(header).then(|| carrier.attribute(header));
        assert_eq!(found.as_deref(), attribute, "{via} {header}");
    }
    assert!(Carrier::of("kafka").unwrap().is_of_event("Content-Type"));
    assert!(!Carrier::of("amqp").unwrap().is_of_event("content-type"));
}

#[test]
fn the_schema_of_requests_knows_each_carrier_and_what_its_messages_always_have() {
    let schema: Value = serde_json::from_str(include_str!("../../schema/request.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let is_valid = |via: &str, message: &Value| {
        let one = json!({"cmd": "run", "seq": 1, "op": "decode", "via": via, "message": message});
        let side = json!({"via": via, "message": message});
        let other = json!({"cmd": "run", "seq": 1, "op": "transcode", "from": side, "to": {"via": "json"}});
        assert_eq!(validator.is_valid(&one), validator.is_valid(&other), "{one}");
        validator.is_valid(&one)
    };
    for carrier in carriers() {
        let via = &carrier.name;
        let whole = if carrier.is_format() {
            json!({"body": {"text": ""}})
        } else {
            carrier.message(&[("id", "1")]).unwrap_or_else(|| carrier.empty.clone().into())
        };
        assert!(is_valid(via, &whole), "{via}: {whole}");
        for name in carrier.empty.keys() {
            let mut without = whole.clone();
            without.as_object_mut().unwrap().remove(name);
            assert!(!is_valid(via, &without), "{via}: {without}");
        }
        let mut more = whole.clone();
        more["no-such-member"] = json!(1);
        assert!(!is_valid(via, &more), "{via}: {more}");
    }
    assert!(!is_valid("no-such-carrier", &json!({"body": {"text": ""}})));
}
