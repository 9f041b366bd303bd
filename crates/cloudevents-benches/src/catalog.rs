//! Rows of catalogs: an event against its definition and its JSON Schema, and finding definitions.

use crate::row::{Failure, Row, run};
use cloudevents_catalog::{Catalog, Judge, Outcome};
use cloudevents_core::{Event, Payload};
use serde_json::{Value, json};
use std::{collections::HashMap, hint::black_box, rc::Rc};

/// The number of definitions of the largest catalogs that are known.
const DEFINITIONS: usize = 1_540;

/// The row of this name, if it is one of these.
pub(crate) fn row(input: &str, direction: &str) -> Option<Result<Row, Failure>> {
    Some(match (input, direction) {
        ("catalog-1k", "judge") => judge(),
        ("catalog-1540", "match") => find(),
        _ => return None,
    })
}

/// The peer is `jsonschema` alone: parsing the payload, and validating it.
fn judge() -> Result<Row, Failure> {
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "required": ["number", "items"],
        "properties": {
            "number": {"type": "integer", "minimum": 1},
            "customer": {"type": "object", "properties": {"name": {"type": "string", "maxLength": 100}}},
            "items": {"type": "array", "minItems": 1, "items": {
                "type": "object",
                "required": ["sku", "count"],
                "properties": {
                    "sku": {"type": "string", "minLength": 3}, "count": {"type": "integer", "exclusiveMinimum": 0},
                    "price": {"type": "number"}, "unit": {"enum": ["piece", "box"]}
                }
            }}
        }
    });
    let document = json!({"messagegroups": {"shop": {"messages": {"com.example.order": {
        "envelope": "CloudEvents/1.0",
        "envelopemetadata": {
            "type": {"value": "com.example.order"}, "source": {"type": "uritemplate", "value": "/shops/{shop}"},
            "subject": {"required": true}
        },
        "dataschemaformat": "JsonSchema/draft-07",
        "dataschema": schema,
    }}}}});
    let items: Vec<Value> = (0..17)
        .map(|n| json!({"sku": format!("sku-{n}"), "count": n + 1, "price": 1.5, "unit": "box"}))
        .collect();
    let payload = json!({"number": 42, "customer": {"name": "A. Name"}, "items": items}).to_string();
    let event = Event::builder().id("1").source("/shops/7").ty("com.example.order").subject("42");
    let event = event.payload("application/json", Payload::json(payload.clone())?).build()?;
    let catalog = Catalog::parse(document.to_string())?;
    let verdict = catalog.judge(&event);
    let promise = match (verdict.outcome(), verdict.not_judged(), payload.len()) {
        (Outcome::Valid, None, 900..1100) => Ok("the payload is judged"),
        (.., bytes) => Err(format!("{verdict}, {bytes} bytes")),
    };
    let validator = jsonschema::validator_for(&schema)?;
    Ok(Row {
        per: 1,
        ours: run(move || catalog.judge(black_box(&event)).faults().is_empty()),
        peer: run(move || {
            serde_json::from_str::<Value>(black_box(&payload)).is_ok_and(|value| validator.is_valid(&value))
        }),
        peer_extra: None,
        floors: Vec::new(),
        promise,
    })
}

/// The peer is code that a program would write by hand: a map by type.
fn find() -> Result<Row, Failure> {
    let ty = |number: usize| format!("com.example.department{}.thing{number}.changed", number % 40);
    let messages: serde_json::Map<String, Value> =
        (0..DEFINITIONS).map(|number| (ty(number), json!({"envelope": "CloudEvents/1.0"}))).collect();
    let catalog = Catalog::parse(json!({"messagegroups": {"all": {"messages": messages}}}).to_string())?;
    let by_type: HashMap<String, usize> = (0..DEFINITIONS).map(|number| (ty(number), number)).collect();
    let event = Rc::new(Event::builder().id("1").source("/s").ty(ty(777)).build()?);
    let found: Vec<_> = catalog.candidates(&event).map(|message| message.id().to_owned()).collect();
    let promise = match found == [ty(777)] {
        true => Ok("finds the definition"),
        false => Err(format!("finds {found:?}")),
    };
    let peer = event.clone();
    Ok(Row {
        per: 1,
        ours: run(move || catalog.candidates(black_box(&event)).count()),
        peer: run(move || by_type.get(black_box(&peer).ty()).copied()),
        peer_extra: None,
        floors: Vec::new(),
        promise,
    })
}
