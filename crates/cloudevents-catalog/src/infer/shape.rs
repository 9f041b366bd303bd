//! The common properties of JSON values, as a JSON Schema.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most levels that are described.
const DEPTH: usize = 32;

/// The most members of an object that are described. An object with more is a map, whose names are data.
const MEMBERS: usize = 256;

/// The most places of the payloads that are described, of all types together. At others, there may be any value.
const PLACES: usize = 1_000_000;

/// The places that may still be described.
#[derive(Debug)]
pub(super) struct Places(usize);

impl Default for Places {
    fn default() -> Self {
        Self(PLACES)
    }
}

impl Places {
    /// A place that nothing is known of, or that is not described.
    fn shape(&mut self) -> Shape {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or_default();
        Shape { is_any: left.is_none(), ..Shape::default() }
    }
}

/// The common properties of the values at one place.
#[derive(Debug, Default)]
pub(super) struct Shape {
    /// Whether nothing is said about the values.
    is_any: bool,
    has_null: bool,
    has_boolean: bool,
    has_integer: bool,
    has_fraction: bool,
    has_string: bool,
    /// The common properties of the items of all arrays.
    items: Option<Box<Shape>>,
    object: Option<Object>,
}

#[derive(Debug, Default)]
struct Object {
    count: u64,
    /// The members, and how many objects have each.
    members: BTreeMap<String, (u64, Shape)>,
    is_map: bool,
}

impl Shape {
    pub(super) fn add(&mut self, value: &Value, places: &mut Places) {
        self.add_at(value, 0, places);
    }

    fn add_at(&mut self, value: &Value, depth: usize, places: &mut Places) {
        if depth >= DEPTH || self.is_any {
            self.is_any = true;
            return;
        }
        let deeper = depth.saturating_add(1);
        match value {
            Value::Null => self.has_null = true,
            Value::Bool(_) => self.has_boolean = true,
            Value::Number(number) if number.is_i64() || number.is_u64() => self.has_integer = true,
            Value::Number(_) => self.has_fraction = true,
            Value::String(_) => self.has_string = true,
            Value::Array(values) => {
                let items = self.items.get_or_insert_with(|| Box::new(places.shape()));
                values.iter().for_each(|value| items.add_at(value, deeper, places));
            }
            Value::Object(members) => self.object.get_or_insert_default().add(members, deeper, places),
        }
    }

    pub(super) fn schema(&self) -> Value {
        if self.is_any {
            return json!({});
        }
        let mut types: Vec<&str> = Vec::new();
        let mut schema = Map::new();
        if let Some(object) = &self.object {
            types.push("object");
            object.describe(&mut schema);
        }
        if let Some(items) = &self.items {
            types.push("array");
            // Of arrays that are all empty, nothing is known.
            if !items.is_unseen() {
                schema.insert("items".to_owned(), items.schema());
            }
        }
        let number = match (self.has_integer, self.has_fraction) {
            (_, true) => Some("number"),
            (true, false) => Some("integer"),
            (false, false) => None,
        };
        types.extend(self.has_string.then_some("string"));
        types.extend(number);
        types.extend(self.has_boolean.then_some("boolean"));
        types.extend(self.has_null.then_some("null"));
        let types = match types.as_slice() {
            [one] => json!(one),
            all => json!(all),
        };
        schema.insert("type".to_owned(), types);
        schema.into()
    }

    fn is_unseen(&self) -> bool {
        !(self.is_any
            || self.has_null
            || self.has_boolean
            || self.has_integer
            || self.has_fraction
            || self.has_string
            || self.items.is_some()
            || self.object.is_some())
    }
}

impl Object {
    fn add(&mut self, members: &Map<String, Value>, depth: usize, places: &mut Places) {
        self.count = self.count.saturating_add(1);
        for (name, value) in members.iter().filter(|_| !self.is_map) {
            if places.0 == 0 && !self.members.contains_key(name) {
                continue; // nothing would be said about it
            }
            let (count, shape) = self.members.entry(name.clone()).or_insert_with(|| (0, places.shape()));
            *count = count.saturating_add(1);
            shape.add_at(value, depth, places);
        }
        if self.members.len() > MEMBERS {
            *self = Self { count: self.count, members: BTreeMap::new(), is_map: true };
        }
    }

    fn describe(&self, schema: &mut Map<String, Value>) {
        if self.is_map {
            return;
        }
        let properties: Map<String, Value> =
            self.members.iter().map(|(name, (_, shape))| (name.clone(), shape.schema())).collect();
        let required: Vec<&String> = self
            .members
            .iter()
            .filter(|(_, (count, _))| *count == self.count)
            .map(|(name, _)| name)
            .collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema.insert("properties".to_owned(), properties.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(values: &[Value]) -> Value {
        let mut shape = Shape::default();
        values.iter().for_each(|value| shape.add(value, &mut Places::default()));
        shape.schema()
    }

    #[test]
    fn what_values_have_in_common() {
        assert_eq!(schema(&[json!(1), json!(2)]), json!({"type": "integer"}));
        assert_eq!(schema(&[json!(1), json!(2.5), json!(null)]), json!({"type": ["number", "null"]}));
        assert_eq!(
            schema(&[json!({"a": 1, "b": [""]}), json!({"a": true, "b": []})]),
            json!({"type": "object", "required": ["a", "b"], "properties": {
                "a": {"type": ["integer", "boolean"]}, "b": {"type": "array", "items": {"type": "string"}}}})
        );
        assert_eq!(schema(&[json!([])]), json!({"type": "array"}));
    }

    /// Objects whose names are data are not listed, and neither are values without end.
    #[test]
    fn there_are_bounds() {
        let wide: Map<String, Value> = (0..=MEMBERS).map(|n| (format!("k{n}"), json!(n))).collect();
        assert_eq!(schema(&[wide.into(), json!({"k1": "x"})]), json!({"type": "object"}));
        let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
        let text = schema(&[deep]).to_string();
        assert_eq!(text.matches("array").count(), DEPTH, "{text}");
        // Few names at each of several levels are many places.
        let (mut shape, mut places) = (Shape::default(), Places(1000));
        for n in 0..20_u32.pow(3) {
            let of = |n: u32| format!("k{}", n % 20);
            shape.add(&json!({of(n / 400): {of(n / 20): {of(n): 1}}}), &mut places);
        }
        let text = shape.schema().to_string();
        assert!(text.matches("integer").count() <= 1000 && !text.contains(":{}"), "{text}");
        let members = text.matches(":{").count();
        assert!(members <= 3 * 1000, "{members}");
    }
}
