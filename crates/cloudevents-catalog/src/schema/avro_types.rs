//! The types of a document of Avro without the defaults that the library would fill in: payloads are checked without them.

use serde_json::{Map, Value};
use std::collections::HashSet;

const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// The full names that types define, with those of aliases, and those that they use: since they were taken last.
#[derive(Default)]
pub(super) struct Types {
    pub(super) defined: HashSet<String>,
    pub(super) used: HashSet<String>,
}

impl Types {
    /// A type of the document, in a namespace. Of the defaults only those are left that the library compares with a type at once, to find
    /// mistakes. What else is wrong, the schema that is parsed of it finds.
    pub(super) fn read(&mut self, ty: &Value, space: &str) -> Value {
        match ty {
            Value::String(name) => {
                if !PRIMITIVE.contains(&name.as_str()) {
                    self.used.insert(full(name, space));
                }
                ty.clone()
            }
            Value::Array(variants) => variants.iter().map(|variant| self.read(variant, space)).collect(),
            Value::Object(members) => match members.get("type").and_then(Value::as_str) {
                Some("record") => {
                    let space = self.named(members, space);
                    let fields = |fields: &Value, types: &mut Self| match fields {
                        Value::Array(fields) => {
                            fields.iter().map(|field| types.field(field, &space)).collect()
                        }
                        other => other.clone(),
                    };
                    self.with(members, "fields", fields)
                }
                Some("enum" | "fixed") => {
                    self.named(members, space);
                    ty.clone()
                }
                Some("array") => self.with(members, "items", |ty, types| types.read(ty, space)),
                Some("map") => self.with(members, "values", |ty, types| types.read(ty, space)),
                _ => self.with(members, "type", |ty, types| types.read(ty, space)),
            },
            _ => ty.clone(),
        }
    }

    /// An object whose member of this name is read.
    fn with(
        &mut self,
        members: &Map<String, Value>,
        within: &str,
        read: impl Fn(&Value, &mut Self) -> Value,
    ) -> Value {
        let mut all = Map::new();
        for (name, value) in members {
            let value = if name == within { read(value, self) } else { value.clone() };
            all.insert(name.clone(), value);
        }
        all.into()
    }

    fn field(&mut self, field: &Value, space: &str) -> Value {
        let Value::Object(members) = field else { return field.clone() };
        let mut read = self.with(members, "type", |ty, types| types.read(ty, space));
        let is_compared = match (members.get("type"), members.get("default")) {
            (Some(ty), Some(default)) => is_compared(ty, default),
            _ => true,
        };
        if !is_compared && let Value::Object(read) = &mut read {
            read.remove("default");
        }
        read
    }

    /// Adds a type with a name. Returns the namespace of what is within it.
    fn named(&mut self, members: &Map<String, Value>, space: &str) -> String {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let name = full(text("name").unwrap_or_default(), text("namespace").unwrap_or(space));
        let within = name.rsplit_once('.').map_or("", |(within, _)| within).to_owned();
        let aliases = members.get("aliases").and_then(Value::as_array).into_iter().flatten();
        self.defined.extend(aliases.filter_map(Value::as_str).map(|alias| full(alias, &within)));
        self.defined.insert(name);
        within
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
