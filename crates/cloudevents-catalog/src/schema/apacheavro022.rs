//! Avro schemas by `apache-avro` 0.22.

use super::{Payload, Schema, SchemaFault, fault, keep_within, too_large};
use crate::finding::Budget;
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_avro::apacheavro022::CheckedSchema;
use cloudevents_core::{Data, MediaType};
use serde_json::Value;

/// The longest name or namespace, in bytes: each type within another one has that of the other.
const NAME: usize = 1024;

/// What a value takes besides its text, and a field or another object besides; and what an alias takes, which has the namespace in it.
const VALUE: usize = 64;
const OBJECT: usize = 256;
const ALIAS: usize = 2 * NAME;

pub(super) fn compile(
    document: &Value,
    selection: Option<&str>,
    budget: &mut Budget,
) -> Result<Schema, SchemaFault> {
    if longest_name(document) > NAME {
        return Err(SchemaFault::Beyond(format!("a name has more than {NAME} bytes")));
    }
    let variants = match document {
        Value::Array(variants) if selection.is_some() => variants.as_slice(),
        one => std::slice::from_ref(one),
    };
    let Some(name) = selection else {
        keep_within(budget, kept(variants))?;
        return parse(document, &[]).map(Schema::Avro);
    };
    match variants.iter().position(|variant| is_named(variant, name)) {
        Some(at) => {
            let used = variants.get(..=at).unwrap_or(variants);
            let (one, before) = used.split_last().unwrap_or((document, &[]));
            keep_within(budget, kept(std::slice::from_ref(one)))?;
            if let Ok(schema) = parse(one, &[]) {
                return Ok(Schema::Avro(schema));
            }
            // It may use the names of those before it, and has these then.
            keep_within(budget, kept(before))?;
            parse(one, before).map(Schema::Avro)
        }
        // A type within another one has its names from what is around it.
        None if has_named(document, name, 0) => {
            Ok(Schema::Not(NotJudged::Unusable(format!("`{name}` is within another type"))))
        }
        None => Err(SchemaFault::Invalid(format!("the document has no type `{name}`"))),
    }
}

pub(super) fn judge(
    schema: &CheckedSchema,
    payload: &Payload<'_>,
    data: Data<'_>,
    reference: &str,
    faults: &mut Vec<Fault>,
) -> Option<NotJudged> {
    if let Some(other) = payload.other_than(is_avro) {
        return Some(other);
    }
    if !payload.admits_bytes(data) {
        faults.push(too_large(reference));
        return None;
    }
    if let Err(error) = schema.check(data.as_bytes()) {
        let message = format!("the payload is not a datum of the schema: {error}");
        faults.push(fault(Breach::Schema, "", reference, message));
    }
    None
}

/// Readers of JSON limit the levels of a value.
fn longest_name(document: &Value) -> usize {
    match document {
        Value::Array(items) => items.iter().map(longest_name).max().unwrap_or_default(),
        Value::Object(members) => {
            let of_member = |(key, value): (&String, &Value)| match value {
                Value::String(text) if matches!(key.as_str(), "name" | "namespace") => text.len(),
                value => longest_name(value),
            };
            members.iter().map(of_member).max().unwrap_or_default()
        }
        _ => 0,
    }
}

/// What is kept of these types, in bytes, about.
fn kept(types: &[Value]) -> usize {
    // Each of many names is kept with its namespace.
    let value = types.iter().map(longest_name).max().unwrap_or_default().saturating_add(VALUE);
    // The library keeps a copy of each type under each of its names.
    let mut copies = 0;
    let own = types.iter().map(|ty| size(ty, value, &mut copies)).fold(0, usize::saturating_add);
    copies.max(own)
}

/// The bytes of a document, about, each value of which has so many besides its text. Adds those of types to the copies.
fn size(document: &Value, value: usize, copies: &mut usize) -> usize {
    match document {
        Value::Array(items) => {
            items.iter().map(|item| size(item, value, copies)).fold(value, usize::saturating_add)
        }
        Value::Object(members) => {
            let of_member =
                |(name, member): (&String, &Value)| size(member, value, copies).saturating_add(name.len());
            let within = members.iter().map(of_member).fold(value, usize::saturating_add);
            let within = within.saturating_add(if members.is_empty() { 0 } else { OBJECT });
            if members.contains_key("name") {
                let aliases = members.get("aliases").and_then(Value::as_array).map_or(0, Vec::len);
                let own = within.saturating_add(aliases.saturating_mul(ALIAS));
                *copies = copies.saturating_add(own.saturating_mul(aliases.saturating_add(1)));
            }
            within
        }
        Value::String(text) => text.len().saturating_add(value),
        _ => value,
    }
}

fn is_avro(media_type: MediaType<'_>) -> bool {
    let names = [
        "application/avro",
        "avro/binary",
        "application/x-avro",
        "application/vnd.apache.avro",
        "application/octet-stream",
    ];
    names.iter().any(|name| media_type.is(name))
        || media_type.subtype().to_ascii_lowercase().ends_with("+avro")
}

fn parse(document: &Value, before: &[Value]) -> Result<CheckedSchema, SchemaFault> {
    let before: Vec<String> = before.iter().map(Value::to_string).collect();
    CheckedSchema::parse(&document.to_string(), before.iter().map(String::as_str))
        .map_err(|error| SchemaFault::Invalid(error.detail().to_owned()))
}

/// Whether a type has this name, or this name in its namespace.
fn is_named(document: &Value, name: &str) -> bool {
    let text = |member: &str| document.get(member).and_then(Value::as_str);
    text("name").is_some_and(|own| {
        own == name
            || text("namespace").is_some_and(|space| {
                name.strip_prefix(space).and_then(|rest| rest.strip_prefix('.')) == Some(own)
            })
    })
}

fn has_named(document: &Value, name: &str, depth: u8) -> bool {
    let deeper = depth.saturating_add(1);
    deeper < u8::MAX
        && match document {
            Value::Object(members) => {
                document
                    .get("type")
                    .is_some_and(|kind| ["record", "enum", "fixed"].iter().any(|known| kind == known))
                    && is_named(document, name)
                    || members.values().any(|value| has_named(value, name, deeper))
            }
            Value::Array(items) => items.iter().any(|item| has_named(item, name, deeper)),
            _ => false,
        }
}
