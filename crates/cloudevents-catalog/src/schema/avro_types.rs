//! The types of a document of Avro, in a form that the library parses without filling in defaults, which has no limit there.

use super::SchemaFault;
use crate::finding::short;
use serde_json::{Map, Value};
use std::collections::{HashMap, HashSet};

const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];
const COMPLEX: [&str; 5] = ["record", "enum", "fixed", "array", "map"];

/// How much of a name is reported, in bytes.
const SHOWN: usize = 100;

/// What types define and use.
#[derive(Default)]
pub(super) struct Types<'d> {
    /// The definitions by their full names.
    definitions: HashMap<String, &'d Map<String, Value>>,
    /// The full names that are defined, with those of aliases, and the full names that are used: since they were taken last.
    pub(super) defined: HashSet<String>,
    pub(super) used: HashSet<String>,
}

impl<'d> Types<'d> {
    /// A type of the document, in a namespace. Payloads are checked without defaults: only those are left that the library compares with a
    /// type at once, to find mistakes.
    ///
    /// Errors: it has a type that Avro does not allow, which the library would take for another one, or copy.
    pub(super) fn read(&mut self, ty: &'d Value, space: &str) -> Result<Value, SchemaFault> {
        Ok(match ty {
            Value::String(name) => {
                if !PRIMITIVE.contains(&name.as_str()) {
                    self.used.insert(full(name, space));
                }
                ty.clone()
            }
            Value::Array(variants) => {
                let variants = variants.iter().map(|variant| self.read(variant, space));
                Value::Array(variants.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => self.object(members, space)?.into(),
            _ => ty.clone(),
        })
    }

    fn object(
        &mut self,
        members: &'d Map<String, Value>,
        space: &str,
    ) -> Result<Map<String, Value>, SchemaFault> {
        let within = match members.get("type").and_then(Value::as_str) {
            Some("record") => return self.record(members, space),
            Some(kind @ "enum") => {
                return self.named(members, kind, "symbols", space).map(|_| members.clone());
            }
            Some(kind @ "fixed") => return self.named(members, kind, "size", space).map(|_| members.clone()),
            Some("array") => "items",
            Some("map") => "values",
            _ => "type",
        };
        self.with(members, within, space)
    }

    /// An object with a type in this member.
    fn with(
        &mut self,
        members: &'d Map<String, Value>,
        within: &str,
        space: &str,
    ) -> Result<Map<String, Value>, SchemaFault> {
        let mut read = Map::new();
        for (name, value) in members {
            let value = if name == within { self.read(value, space)? } else { value.clone() };
            read.insert(name.clone(), value);
        }
        Ok(read)
    }

    fn record(
        &mut self,
        members: &'d Map<String, Value>,
        space: &str,
    ) -> Result<Map<String, Value>, SchemaFault> {
        let space = self.named(members, "record", "fields", space)?;
        let mut read = Map::new();
        for (name, value) in members {
            let value = match value {
                Value::Array(fields) if name == "fields" => {
                    let fields = fields.iter().map(|field| self.field(field, &space));
                    Value::Array(fields.collect::<Result<_, _>>()?)
                }
                value => value.clone(),
            };
            read.insert(name.clone(), value);
        }
        Ok(read)
    }

    fn field(&mut self, field: &'d Value, space: &str) -> Result<Value, SchemaFault> {
        let Value::Object(members) = field else { return Ok(field.clone()) };
        let mut read = self.with(members, "type", space)?;
        let is_compared = match (members.get("type"), members.get("default")) {
            (Some(ty), Some(default)) => is_compared(ty, default),
            _ => true,
        };
        if !is_compared {
            read.remove("default");
        }
        Ok(read.into())
    }

    /// Adds a type with a name, which has this member. Returns the namespace of what is within it.
    fn named(
        &mut self,
        members: &'d Map<String, Value>,
        kind: &str,
        needed: &str,
        space: &str,
    ) -> Result<String, SchemaFault> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let own = text("name").unwrap_or_default();
        let name = full(own, text("namespace").unwrap_or(space));
        let shown = short(&name, SHOWN);
        if !members.contains_key(needed) {
            return Err(SchemaFault::Invalid(format!("the {kind} `{shown}` has no `{needed}`")));
        }
        let (within, last) = name.rsplit_once('.').unwrap_or(("", &name));
        if PRIMITIVE.contains(&last) {
            return Err(SchemaFault::Invalid(format!(
                "the {kind} `{shown}` has the name of a primitive type"
            )));
        }
        if COMPLEX.contains(&last) {
            return Err(SchemaFault::Beyond(format!("the {kind} `{shown}` has the name of a kind of types")));
        }
        // Generators repeat what is the same.
        if self.definitions.get(&name).is_some_and(|known| *known != members) {
            return Err(SchemaFault::Invalid(format!("the type `{shown}` is defined more than once")));
        }
        let aliases = members.get("aliases").and_then(Value::as_array).into_iter().flatten();
        self.defined.extend(aliases.filter_map(Value::as_str).map(|alias| full(alias, within)));
        self.defined.insert(name.clone());
        let space = within.to_owned();
        self.definitions.insert(name, members);
        Ok(space)
    }
}

/// The full name of a type that has this name in this namespace. A dot before it stands for no namespace.
fn full(name: &str, space: &str) -> String {
    match name.strip_prefix('.') {
        Some(name) => name.to_owned(),
        None if name.contains('.') || space.is_empty() => name.to_owned(),
        None => format!("{space}.{name}"),
    }
}

/// Whether the library compares a default with a type at once. It fills in what objects leave out, and what this leaves out in turn, and
/// looks through unions.
fn is_compared(ty: &Value, default: &Value) -> bool {
    let is_primitive = |ty: &Value| ty.as_str().is_some_and(|name| PRIMITIVE.contains(&name));
    match ty {
        _ if default.is_object() || default.is_array() => false,
        Value::String(_) => true,
        Value::Object(members) => members.get("type").is_some_and(Value::is_string),
        Value::Array(variants) => {
            variants.iter().all(is_primitive)
                || default.is_null() && variants.first().is_some_and(|first| first == "null")
        }
        _ => false,
    }
}
