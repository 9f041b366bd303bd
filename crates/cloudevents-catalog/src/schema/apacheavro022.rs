//! Avro schemas by `apache-avro` 0.22.

use super::avro_types::Types;
use super::{MESSAGE, Payload, Schema, SchemaFault, fault, framing, keep_within, too_large};
use crate::finding::{Budget, short};
use crate::size::memory;
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_avro::apacheavro022::CheckedSchema;
use cloudevents_core::{Data, ErrorKind, MediaType};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap, HashSet};

/// The longest name or namespace, in bytes: each type within another one has that of the other.
const NAME: usize = 1024;

/// The bytes of a value besides its text, of a field or another object besides, and of an alias, which includes the namespace.
const VALUE: usize = 64;
const OBJECT: usize = 256;
const ALIAS: usize = 2 * NAME;

pub(super) fn compile(document: &Value, budget: &mut Budget) -> Result<Schema, SchemaFault> {
    names_within(document)?;
    keep_within(budget, kept(std::slice::from_ref(document)))?;
    parse(document, &[])
}

/// A type, or the list of types that the document is.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    variants: Vec<Variant>,
    /// The first of them that has a name, as it is written and with its namespace.
    named: HashMap<String, usize>,
    /// The first of them that defines a full name, and these names with the last part of each.
    defined: HashMap<String, usize>,
    within: HashSet<String>,
}

#[derive(Debug)]
struct Variant {
    ty: Value,
    /// The earlier types that it uses.
    used: Vec<usize>,
    kept: usize,
}

impl Parts {
    pub(super) fn read(document: &Value, budget: &mut Budget) -> Result<Self, SchemaFault> {
        names_within(document)?;
        keep_within(budget, memory(document).saturating_add(kept(std::slice::from_ref(document))))?;
        let variants = match document {
            Value::Array(variants) => variants.as_slice(),
            one => std::slice::from_ref(one),
        };
        let mut parts = Self::default();
        for variant in variants {
            let mut types = Types::default();
            types.read(variant, "");
            let used = types.used.iter().filter_map(|name| parts.defined.get(name).copied());
            let used: BTreeSet<usize> = used.collect();
            let at = parts.variants.len();
            for name in types.defined {
                parts.within.extend(name.rsplit('.').next().map(str::to_owned));
                parts.within.insert(name.clone());
                parts.defined.entry(name).or_insert(at);
            }
            let text = |member: &str| variant.get(member).and_then(Value::as_str);
            if let Some(name) = text("name") {
                let whole = text("namespace").map(|space| format!("{space}.{name}"));
                for name in whole.into_iter().chain([name.to_owned()]) {
                    parts.named.entry(name).or_insert(at);
                }
            }
            parts.variants.push(Variant {
                ty: variant.clone(),
                used: used.into_iter().collect(),
                kept: kept(std::slice::from_ref(variant)),
            });
        }
        Ok(parts)
    }

    pub(super) fn select(&self, name: &str, budget: &mut Budget) -> Result<Schema, SchemaFault> {
        let Some(at) = self.named.get(name).copied() else {
            // A type within another type has its names from the types around it.
            return match self.within.contains(name) {
                true => Err(SchemaFault::Unselected(format!("`{name}` is within another type"))),
                false => Err(SchemaFault::Invalid(format!("the document has no type `{name}`"))),
            };
        };
        // Finding the types that it uses takes time, too.
        keep_within(budget, 0)?;
        let (mut used, mut open) = (BTreeSet::new(), vec![at]);
        while let Some(at) = open.pop() {
            if used.insert(at) {
                open.extend(self.variants.get(at).into_iter().flat_map(|variant| &variant.used));
            }
        }
        let used: Vec<&Variant> = used.into_iter().filter_map(|at| self.variants.get(at)).collect();
        keep_within(budget, used.iter().map(|variant| variant.kept).fold(0, usize::saturating_add))?;
        let types: Vec<&Value> = used.iter().map(|variant| &variant.ty).collect();
        match types.split_last() {
            Some((one, before)) => parse(one, before),
            None => parse(&Value::Null, &[]),
        }
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
        let hint = framing(data.as_bytes());
        let message = format!("the payload is not a datum of the schema: {}{hint}", error.detail());
        faults.push(fault(Breach::Schema, "", reference, short(&message, MESSAGE)));
    }
    None
}

fn names_within(document: &Value) -> Result<(), SchemaFault> {
    match longest_name(document) <= NAME {
        true => Ok(()),
        false => Err(SchemaFault::Beyond(format!("a name has more than {NAME} bytes"))),
    }
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

/// The bytes that are kept of these types, about.
fn kept(types: &[Value]) -> usize {
    // Each of many names is kept with its namespace.
    let value = types.iter().map(longest_name).max().unwrap_or_default().saturating_add(VALUE);
    // The library keeps a copy of each type under each of its names.
    let mut copies = 0;
    let own = types.iter().map(|ty| size(ty, value, &mut copies)).fold(0, usize::saturating_add);
    copies.max(own)
}

/// The bytes of a document, about. `value` is the bytes of each value besides its text. Adds the bytes of types to the copies.
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

pub(super) fn is_avro(media_type: MediaType<'_>) -> bool {
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

/// A type, and the earlier types that it uses.
fn parse(ty: &Value, before: &[&Value]) -> Result<Schema, SchemaFault> {
    let before: Vec<String> = before.iter().map(|ty| ty.to_string()).collect();
    CheckedSchema::parse(&ty.to_string(), before.iter().map(String::as_str)).map(Schema::Avro).map_err(
        |error| {
            let detail = error.detail().to_owned();
            match error.kind() {
                ErrorKind::TooLarge => SchemaFault::Beyond(detail),
                _ => SchemaFault::Invalid(detail),
            }
        },
    )
}
