//! What the text of a schema must not have, because the library would copy types or fill in defaults without a limit.

use super::invalid;
use cloudevents_core::Error;
use serde_json::{Map, Value};
use std::collections::HashMap;

/// How many values all defaults may have, with those that they leave out, and how deep they may be.
const FILLED: usize = 65_536;
const DEEPEST: usize = 64;

/// How often the library looks at a default of a union within a default, or fewer times.
const UNION: usize = 4;

const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// Checks the texts of schemas that the library will parse together.
///
/// Errors: a complex type lacks what it consists of, for which the library takes another type by its name; a type is defined in two ways,
/// or has the name of a primitive one, which Avro forbids ("Names"); or defaults fill in too much. A text that is not JSON is for the
/// library.
pub(super) fn check<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<(), Error> {
    let texts = texts.into_iter().filter_map(|text| serde_json::from_str(text).ok());
    let documents: Vec<Value> = texts.collect();
    let mut types = Types::default();
    documents.iter().try_for_each(|document| types.read(document, ""))?;
    let mut left = FILLED;
    types.defaults.iter().try_for_each(|(ty, space, default)| {
        types.fill(ty, space, default, 1, DEEPEST, &mut left).ok_or_else(|| {
            invalid(format!("defaults of the schema have more than {FILLED} values or {DEEPEST} levels"))
        })
    })
}

#[derive(Default)]
struct Types<'d> {
    /// The definitions by their full names, and those of their aliases, which the library takes for names.
    named: HashMap<String, &'d Map<String, Value>>,
    /// Types of fields, their namespaces, and their defaults.
    defaults: Vec<(&'d Value, String, &'d Value)>,
}

impl<'d> Types<'d> {
    /// Readers of JSON limit the levels of a value.
    fn read(&mut self, ty: &'d Value, space: &str) -> Result<(), Error> {
        match ty {
            Value::Array(variants) => variants.iter().try_for_each(|variant| self.read(variant, space)),
            Value::Object(members) => {
                let kind = members.get("type").and_then(Value::as_str);
                let within = match kind {
                    Some("record") => "fields",
                    Some("enum") => "symbols",
                    Some("fixed") => "size",
                    Some("array") => "items",
                    Some("map") => "values",
                    _ => "type",
                };
                let Some(part) = members.get(within) else {
                    return match kind {
                        Some(kind) => {
                            Err(invalid(format!("a type `{kind}` of the schema has no `{within}`")))
                        }
                        None => Ok(()), // the library reports it
                    };
                };
                match within {
                    "fields" => {
                        let space = self.named(members, space)?;
                        part.as_array().into_iter().flatten().try_for_each(|field| self.field(field, &space))
                    }
                    "symbols" | "size" => self.named(members, space).map(drop),
                    _ => self.read(part, space),
                }
            }
            _ => Ok(()),
        }
    }

    fn field(&mut self, field: &'d Value, space: &str) -> Result<(), Error> {
        let Some(ty) = field.get("type") else { return Ok(()) };
        if let Some(default) = field.get("default") {
            self.defaults.push((ty, space.to_owned(), default));
        }
        self.read(ty, space)
    }

    /// Adds a type with a name. Returns the namespace of what is within it.
    fn named(&mut self, members: &'d Map<String, Value>, space: &str) -> Result<String, Error> {
        let name = full_name(members, space);
        let (within, last) = name.rsplit_once('.').unwrap_or(("", &name));
        if PRIMITIVE.contains(&last) {
            return Err(invalid(format!("a type of the schema has the name of a primitive one, `{last}`")));
        }
        let within = within.to_owned();
        let aliases = members.get("aliases").and_then(Value::as_array).into_iter().flatten();
        let aliases = aliases.filter_map(Value::as_str).map(|alias| full(alias, &within));
        for name in aliases.chain([name]) {
            // Generators repeat what is the same.
            if self.named.insert(name, members).is_some_and(|other| other != members) {
                return Err(invalid("a type of the schema is defined in two ways"));
            }
        }
        Ok(within)
    }

    /// Counts what a default of this type has, with what it leaves out. Returns `None` if that is too much.
    fn fill(
        &self,
        ty: &Value,
        space: &str,
        default: &Value,
        times: usize,
        levels: usize,
        left: &mut usize,
    ) -> Option<()> {
        let levels = levels.checked_sub(1)?;
        *left = left.checked_sub(times)?;
        let members = match ty {
            Value::Array(variants) => {
                let times = times.saturating_mul(UNION);
                return variants
                    .iter()
                    .try_for_each(|variant| self.fill(variant, space, default, times, levels, left));
            }
            Value::String(name) => match self.named.get(&full(name, space)) {
                Some(members) => members,
                None => return Some(()),
            },
            Value::Object(members) => members,
            _ => return Some(()),
        };
        // A type that is named is where its definition is.
        let is_named = ty.is_string();
        match (members.get("type").and_then(Value::as_str), default) {
            (Some("record"), Value::Object(given)) => {
                let name = match ty {
                    Value::String(name) => full(name, space),
                    _ => full_name(members, space),
                };
                let space = name.rsplit_once('.').map_or("", |(space, _)| space);
                members.get("fields")?.as_array().into_iter().flatten().try_for_each(|field| {
                    let name = field.get("name").and_then(Value::as_str).unwrap_or_default();
                    match (field.get("type"), given.get(name).or_else(|| field.get("default"))) {
                        (Some(ty), Some(default)) => self.fill(ty, space, default, times, levels, left),
                        _ => Some(()),
                    }
                })
            }
            (Some("array"), Value::Array(items)) => {
                let ty = members.get("items")?;
                items.iter().try_for_each(|item| self.fill(ty, space, item, times, levels, left))
            }
            (Some("map"), Value::Object(entries)) => {
                let ty = members.get("values")?;
                entries.values().try_for_each(|value| self.fill(ty, space, value, times, levels, left))
            }
            (Some("record" | "array" | "map" | "enum" | "fixed"), _) => Some(()),
            _ if is_named => Some(()),
            // A type within an object, which may have attributes.
            _ => self.fill(members.get("type")?, space, default, times, levels, left),
        }
    }
}

fn full_name(members: &Map<String, Value>, space: &str) -> String {
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    full(text("name").unwrap_or_default(), text("namespace").unwrap_or(space))
}

/// The full name of a type that has this name in this namespace. A dot before it stands for no namespace.
fn full(name: &str, space: &str) -> String {
    match name.strip_prefix('.') {
        Some(name) => name.to_owned(),
        None if name.contains('.') || space.is_empty() => name.to_owned(),
        None => format!("{space}.{name}"),
    }
}
