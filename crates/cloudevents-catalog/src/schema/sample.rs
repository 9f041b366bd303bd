//! Values that JSON Schemas describe, for examples.

use serde_json::{Map, Value, json};
use std::cell::Cell;

/// The most levels of a value.
const DEPTH: usize = 12;

/// The most items of an array, and the longest text.
const ITEMS: u64 = 16;
const LENGTH: u64 = 1000;

/// The levels at which objects have properties that are not required.
const FULL: usize = 6;

/// The most values that are looked at.
const VALUES: usize = 10_000;

/// A value for a schema, as far as one is found without a search: it has to be judged. `None` if there is none at all.
pub(crate) fn sample(document: &Value, pointer: &str) -> Option<Value> {
    let source = Source { root: document, left: Cell::new(VALUES) };
    value(&source, document.pointer(pointer)?, 0)
}

struct Source<'a> {
    root: &'a Value,
    left: Cell<usize>,
}

fn value(source: &Source<'_>, schema: &Value, depth: usize) -> Option<Value> {
    if depth > DEPTH {
        return None;
    }
    source.left.set(source.left.get().checked_sub(1)?);
    let schema = match schema {
        Value::Bool(true) => return Some(json!("example")),
        Value::Object(members) => members,
        _ => return None,
    };
    let deeper = depth.saturating_add(1);
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return value(source, source.root.pointer(reference.strip_prefix('#')?)?, deeper);
    }
    if let Some(stated) = stated(schema) {
        return Some(stated.clone());
    }
    if let Some(Value::Array(all)) = schema.get("allOf") {
        return value(source, &Value::Object(united(source, schema, all)), deeper);
    }
    let branches = ["oneOf", "anyOf"].into_iter().filter_map(|name| schema.get(name)?.as_array());
    if !schema.contains_key("properties") {
        for branch in branches.flatten() {
            if let found @ Some(_) = value(source, branch, deeper) {
                return found;
            }
        }
    }
    match kind(schema) {
        "object" => object(source, schema, deeper),
        "array" => array(source, schema, deeper),
        "string" => Some(text(schema).into()),
        "integer" | "number" => Some(number(schema)),
        "boolean" => Some(true.into()),
        "null" => Some(Value::Null),
        _ => Some(json!("example")),
    }
}

/// A value that the schema itself has.
fn stated(schema: &Map<String, Value>) -> Option<&Value> {
    let first = |name: &str| schema.get(name)?.as_array()?.first();
    first("examples")
        .or_else(|| schema.get("const"))
        .or_else(|| schema.get("default"))
        .or_else(|| first("enum"))
}

/// The members of a schema and of all schemas that it has to fulfil, too.
fn united(source: &Source<'_>, schema: &Map<String, Value>, all: &[Value]) -> Map<String, Value> {
    let mut united = schema.clone();
    united.remove("allOf");
    for part in all {
        let target = part.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
        let part = target.and_then(|pointer| source.root.pointer(pointer)).unwrap_or(part);
        for (name, value) in part.as_object().into_iter().flatten() {
            match (united.get_mut(name), value) {
                (Some(Value::Object(known)), Value::Object(more)) => {
                    known.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
                }
                (Some(Value::Array(known)), Value::Array(more)) => known.extend(more.iter().cloned()),
                (Some(_), _) => {}
                (None, value) => {
                    united.insert(name.clone(), value.clone());
                }
            }
        }
    }
    united
}

fn kind(schema: &Map<String, Value>) -> &str {
    let has = |names: &[&str]| names.iter().any(|name| schema.contains_key(*name));
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if has(&["properties", "required", "additionalProperties"]) => "object",
        _ if has(&["items", "prefixItems", "minItems"]) => "array",
        _ if has(&["minimum", "maximum", "multipleOf"]) => "number",
        _ => "string",
    }
}

/// An object with all properties that have a value, and others that are required.
fn object(source: &Source<'_>, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut members = Map::new();
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let is_required = required.contains(&name.as_str());
        if !is_required && depth > FULL {
            continue;
        }
        match value(source, property, depth) {
            Some(value) => {
                members.insert(name.clone(), value);
            }
            None if is_required => return None,
            None => {}
        }
    }
    let other = schema.get("additionalProperties").unwrap_or(&Value::Bool(true));
    for name in required {
        if !members.contains_key(name) {
            members.insert(name.to_owned(), value(source, other, depth)?);
        }
    }
    Some(members.into())
}

fn array(source: &Source<'_>, schema: &Map<String, Value>, depth: usize) -> Option<Value> {
    let number = |name: &str| schema.get(name).and_then(Value::as_u64);
    let fixed = ["prefixItems", "items"].into_iter().find_map(|name| schema.get(name)?.as_array());
    let mut items: Vec<Value> = match fixed {
        Some(fixed) => fixed.iter().map(|item| value(source, item, depth)).collect::<Option<_>>()?,
        None => Vec::new(),
    };
    let least = number("minItems").unwrap_or(1).min(ITEMS);
    let count = usize::try_from(number("maxItems").map_or(least, |most| most.min(least))).unwrap_or_default();
    let item = schema.get("items").filter(|items| !items.is_array());
    let item = item.and_then(|item| value(source, item, depth));
    match item {
        Some(item) => {
            while items.len() < count {
                items.push(item.clone());
            }
        }
        None if items.len() < count && number("minItems").is_some() => return None,
        None => {}
    }
    Some(items.into())
}

fn text(schema: &Map<String, Value>) -> String {
    let text = match schema.get("format").and_then(Value::as_str).unwrap_or_default() {
        "date-time" => "2026-01-01T00:00:00Z",
        "date" => "2026-01-01",
        "time" => "00:00:00Z",
        "duration" => "PT1S",
        "uri" | "iri" | "uri-reference" | "iri-reference" => "https://example.com/",
        "email" | "idn-email" => "name@example.com",
        "hostname" | "idn-hostname" => "example.com",
        "ipv4" => "192.0.2.1",
        "ipv6" => "2001:db8::1",
        "uuid" => "00000000-0000-4000-8000-000000000001",
        _ => "example",
    };
    let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
    let least = usize::try_from(bound("minLength").unwrap_or_default().min(LENGTH)).unwrap_or_default();
    let most = usize::try_from(bound("maxLength").unwrap_or(LENGTH)).unwrap_or(usize::MAX);
    text.chars().chain(std::iter::repeat_n('x', least.saturating_sub(text.len()))).take(most).collect()
}

/// A number within the bounds: 1 if they allow it.
fn number(schema: &Map<String, Value>) -> Value {
    let of = |name: &str| schema.get(name).and_then(Value::as_f64);
    let is = |name: &str| schema.get(name) == Some(&Value::Bool(true));
    let step = of("multipleOf").filter(|step| *step > 0.0);
    let width = step.unwrap_or(1.0);
    let mut number = step.unwrap_or(1.0);
    let ceiling = |bound: f64| (bound / width).ceil() * width;
    let floor = |bound: f64| (bound / width).floor() * width;
    if let Some(most) = of("maximum").filter(|most| number > *most) {
        number = floor(most);
    }
    if let Some(least) = of("minimum").filter(|least| number < *least) {
        number = ceiling(least);
    }
    // In draft 4, these are booleans beside the bound.
    let above = of("exclusiveMinimum").or_else(|| of("minimum").filter(|_| is("exclusiveMinimum")));
    let below = of("exclusiveMaximum").or_else(|| of("maximum").filter(|_| is("exclusiveMaximum")));
    if let Some(most) = below.filter(|most| number >= *most) {
        number = ceiling(most) - width;
    }
    if let Some(least) = above.filter(|least| number <= *least) {
        number = floor(least) + width;
    }
    let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
    let whole = format!("{number:.0}").parse::<i64>().ok().filter(|_| is_whole);
    whole.map_or_else(|| json!(number), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fulfil_their_schemas() {
        for schema in [
            json!({"type": "object", "required": ["a", "z"], "properties": {"a": {"type": "integer", "minimum": 5}, "b": {"type": "string", "maxLength": 3}}}),
            json!({"type": "array", "minItems": 2, "items": {"enum": ["x"]}}),
            json!({"type": "array", "maxItems": 0, "items": {"type": "string"}}),
            json!({"allOf": [{"$ref": "#/definitions/a"}, {"required": ["c"]}], "definitions": {"a": {"type": "object", "properties": {"c": {"type": "boolean"}}}}}),
            json!({"oneOf": [{"type": "integer", "exclusiveMinimum": 7, "multipleOf": 5}, {"type": "string"}]}),
            json!({"type": "number", "maximum": -2.5}),
            json!({"type": "number", "exclusiveMaximum": 1}),
            json!({"type": ["null", "string"], "minLength": 20}),
            json!({"type": "object", "additionalProperties": {"type": "integer"}, "required": ["n"]}),
            json!({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": false, "minItems": 2}),
            json!({"const": {"a": 1}}),
            json!(true),
        ] {
            let value = sample(&schema, "").unwrap();
            assert!(jsonschema::is_valid(&schema, &value), "{schema}: {value}");
        }
    }

    #[test]
    fn what_has_no_end_has_no_value() {
        let endless = json!({"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}});
        assert_eq!(sample(&endless, ""), None);
        let may_end = json!({"type": "object", "properties": {"a": {"$ref": "#"}}});
        assert!(sample(&may_end, "").is_some());
        let wide: Map<String, Value> = (0..40).map(|n| (format!("a{n}"), json!({"$ref": "#"}))).collect();
        let _ = sample(&json!({"type": "object", "properties": wide}), "");
    }
}
