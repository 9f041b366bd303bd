//! The names in a document of Avro.

use serde_json::{Map, Value};
use std::collections::HashSet;

const PRIMITIVE: [&str; 8] = ["null", "boolean", "int", "long", "float", "double", "bytes", "string"];

/// The full names that types define, with the names of aliases, and the full names that types use.
#[derive(Default)]
pub(super) struct Types {
    pub(super) defined: HashSet<String>,
    pub(super) used: HashSet<String>,
}

impl Types {
    /// Adds the names of a type in a namespace. Faults are found when the schema is parsed.
    pub(super) fn read(&mut self, ty: &Value, space: &str) {
        match ty {
            Value::String(name) if !PRIMITIVE.contains(&name.as_str()) => {
                self.used.insert(full(name, space));
            }
            Value::Array(variants) => variants.iter().for_each(|variant| self.read(variant, space)),
            Value::Object(members) => match members.get("type").and_then(Value::as_str) {
                Some("record") => {
                    let space = self.named(members, space);
                    let fields = members.get("fields").and_then(Value::as_array).into_iter().flatten();
                    fields.filter_map(|field| field.get("type")).for_each(|ty| self.read(ty, &space));
                }
                Some("enum" | "fixed") => drop(self.named(members, space)),
                Some("array") => self.part(members, "items", space),
                Some("map") => self.part(members, "values", space),
                _ => self.part(members, "type", space),
            },
            _ => {}
        }
    }

    fn part(&mut self, members: &Map<String, Value>, name: &str, space: &str) {
        members.get(name).into_iter().for_each(|ty| self.read(ty, space));
    }

    /// Adds a type with a name. Returns the namespace of the types within it.
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
