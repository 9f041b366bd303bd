//! Upper bounds of what a validator does with a document. Validators descend along references and try alternatives one after the other, so
//! a small document, or a small payload of an ordinary one, can take all of the stack, or all time.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// The most schemas in a row that apply to the same value, each by a reference, an alternative or a condition of the one before.
const HOPS: usize = 64;

/// The most schemas that apply to the same value.
const VISITS: usize = 10_000;

/// The most schemas that one reference may mean, where several have the same name.
const TARGETS: usize = 16;

/// The schemas that jsonschema knows by itself.
const KNOWN: [&str; 5] = [
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
];

type Members = Map<String, Value>;

/// The size of a value.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Extent {
    pub(super) values: usize,
    /// 1 for a scalar.
    pub(super) levels: usize,
    /// The bytes of the JSON Pointers to all of its values, at most.
    pub(super) paths: usize,
}

impl Extent {
    /// Readers of JSON limit the levels of a value.
    pub(super) fn of(value: &Value) -> Self {
        let mut extent = Self::default();
        extent.add(value, 0, 1);
        extent
    }

    fn add(&mut self, value: &Value, path: usize, level: usize) {
        self.values = self.values.saturating_add(1);
        self.levels = self.levels.max(level);
        self.paths = self.paths.saturating_add(path);
        let below = level.saturating_add(1);
        match value {
            // An index of a small array has 4 digits at most.
            Value::Array(items) => {
                items.iter().for_each(|item| self.add(item, path.saturating_add(5), below))
            }
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                // Escaping can double a name.
                let name = name.len().saturating_mul(2).saturating_add(1);
                self.add(value, path.saturating_add(name), below);
            }),
            _ => {}
        }
    }
}

/// What the schemas of a document do at most. Schemas of JSON Schema and of JSON Structure have the same keywords for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    /// The schemas that apply to one value.
    visits: usize,
    /// The times that one of them is applied to the same member or item.
    paths: usize,
    /// The schemas in a row that apply to one value, without the first.
    pub(super) hops: usize,
    /// A reference whose target is not known here.
    pub(super) unknown: Option<String>,
}

impl Bounds {
    /// Errors: the document is beyond a limit.
    pub(super) fn of(document: &Value, cost: &dyn Fn(&Members) -> usize) -> Result<Self, String> {
        let schemas = Schemas::read(document);
        let mut bounds = Self::default();
        let mut known = HashMap::new();
        for members in &schemas.objects {
            let found = schemas.reach(members, 0, cost, &mut known, &mut bounds.unknown)?;
            bounds.visits = bounds.visits.max(found.visits);
            bounds.paths = bounds.paths.max(found.paths);
            bounds.hops = bounds.hops.max(found.hops);
        }
        Ok(bounds)
    }

    /// How often schemas are applied to the values of a payload at most: alternatives multiply with each level.
    pub(super) fn work(&self, payload: &Extent) -> usize {
        let levels = u32::try_from(payload.levels).unwrap_or(u32::MAX).saturating_sub(1);
        let each = self.paths.max(1).saturating_pow(levels).saturating_mul(self.visits.max(1));
        each.saturating_mul(payload.values)
    }
}

/// The objects of a document, any of which may be a schema.
pub(super) struct Schemas<'d> {
    document: &'d Value,
    objects: Vec<&'d Members>,
    /// By the last segment of their `$id`, and by `#` and the name of their anchor.
    named: HashMap<String, Vec<&'d Value>>,
    /// What the pointers of an object start at besides the document. `None` if it is not known.
    resources: HashMap<*const Members, Option<&'d Value>>,
}

/// What one schema does at most.
#[derive(Clone, Copy)]
struct Reach {
    visits: usize,
    paths: usize,
    hops: usize,
}

impl<'d> Schemas<'d> {
    pub(super) fn read(document: &'d Value) -> Self {
        let mut schemas =
            Self { document, objects: Vec::new(), named: HashMap::new(), resources: HashMap::new() };
        schemas.add(document, &mut Vec::new());
        schemas
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = &'d Members> {
        self.objects.iter().copied()
    }

    /// What a reference in a schema may mean: nothing if it is not known, or too much.
    pub(super) fn targets(&self, members: &Members, reference: &str) -> Vec<&'d Value> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return self.named(&format!("#{fragment}"));
        }
        let resources = match base {
            "" => match self.resources.get(&std::ptr::from_ref(members)) {
                Some(None) => return Vec::new(),
                Some(Some(resource)) => vec![self.document, *resource],
                None => vec![self.document],
            },
            base => self.named(last_segment(base)),
        };
        let mut targets = Vec::new();
        for resource in resources {
            targets.extend(resource.pointer(fragment));
            if fragment.contains('%') {
                targets.extend(decoded(fragment).and_then(|fragment| resource.pointer(&fragment)));
            }
            targets.extend(definition(resource, fragment));
        }
        targets.dedup_by(|first, second| std::ptr::eq(*first, *second));
        targets
    }

    fn named(&self, name: &str) -> Vec<&'d Value> {
        let known = self.named.get(name).filter(|known| known.len() <= TARGETS);
        known.cloned().unwrap_or_default()
    }

    /// Adds the objects in a value, which is in these resources.
    fn add(&mut self, value: &'d Value, within: &mut Vec<&'d Value>) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.add(item, within)),
            Value::Object(members) => {
                let text = |name: &str| members.get(name).and_then(Value::as_str);
                let known = within.len();
                for id in ["$id", "id"].into_iter().filter_map(text) {
                    match id.strip_prefix('#') {
                        Some(_) => self.named.entry(id.to_owned()).or_default().push(value),
                        None => {
                            let id = id.split('#').next().unwrap_or_default();
                            self.named.entry(last_segment(id).to_owned()).or_default().push(value);
                            within.push(value);
                        }
                    }
                }
                for anchor in ["$anchor", "$dynamicAnchor"].into_iter().filter_map(text) {
                    self.named.entry(format!("#{anchor}")).or_default().push(value);
                }
                if references(members).next().is_some() {
                    // The document itself is always one.
                    let mut outer = within.iter().copied().filter(|at| !std::ptr::eq(*at, self.document));
                    if let Some(resource) = outer.next() {
                        let only = Some(resource).filter(|_| outer.next().is_none());
                        self.resources.insert(std::ptr::from_ref(members), only);
                    }
                }
                self.objects.push(members);
                members.values().for_each(|value| self.add(value, within));
                within.truncate(known);
            }
            _ => {}
        }
    }

    fn reach(
        &self,
        members: &'d Members,
        depth: usize,
        cost: &dyn Fn(&Members) -> usize,
        known: &mut HashMap<*const Members, Reach>,
        unknown: &mut Option<String>,
    ) -> Result<Reach, String> {
        let key = std::ptr::from_ref(members);
        if let Some(found) = known.get(&key) {
            return Ok(*found);
        }
        if depth > HOPS {
            return Err(format!(
                "more than {HOPS} schemas refer to each other in a row, or come back to the first"
            ));
        }
        let below = depth.saturating_add(1);
        let mut all = Reach { visits: cost(members).saturating_add(1), paths: children(members), hops: 0 };
        let add = |found: Reach, all: &mut Reach| {
            all.visits = all.visits.saturating_add(found.visits);
            all.paths = all.paths.saturating_add(found.paths);
            all.hops = all.hops.max(found.hops.saturating_add(1));
        };
        for reference in references(members) {
            let targets = self.targets(members, reference);
            if targets.is_empty() && !KNOWN.contains(&reference.trim_end_matches('#')) {
                unknown.get_or_insert_with(|| reference.to_owned());
            }
            for target in targets.into_iter().filter_map(Value::as_object) {
                add(self.reach(target, below, cost, known, unknown)?, &mut all);
            }
        }
        for schema in applied(members) {
            add(self.reach(schema, below, cost, known, unknown)?, &mut all);
        }
        if all.visits > VISITS {
            return Err(format!("more than {VISITS} schemas apply to one value"));
        }
        if all.hops > HOPS {
            return Err(format!("more than {HOPS} schemas refer to each other in a row"));
        }
        known.insert(key, all);
        Ok(all)
    }
}

/// A type of JSON Structure at a JSON Pointer, as its validator finds it: without escapes, and with or without the name of a collection
/// that a namespace has.
pub(super) fn definition<'d>(document: &'d Value, pointer: &str) -> Option<&'d Value> {
    let mut names = pointer.strip_prefix("/definitions/")?.split('/');
    names.try_fold(document.get("definitions")?, |at, name| {
        at.get(name).or_else(|| at.get("definitions")?.get(name))
    })
}

/// The references of a schema: what they name applies to the same value.
fn references(members: &Members) -> impl Iterator<Item = &str> {
    let texts = ["$ref", "$dynamicRef", "$recursiveRef", "$extends"];
    let several = members.get("$extends").and_then(Value::as_array).into_iter().flatten();
    texts.into_iter().filter_map(|name| members.get(name)).chain(several).filter_map(Value::as_str)
}

/// The schemas within a schema that apply to the same value.
fn applied(members: &Members) -> impl Iterator<Item = &Members> {
    let arrays =
        ["allOf", "anyOf", "oneOf", "type"].into_iter().filter_map(|name| members.get(name)?.as_array());
    let single = ["not", "if", "then", "else", "type"].into_iter().filter_map(|name| members.get(name));
    let maps = ["dependentSchemas", "dependencies", "choices"]
        .into_iter()
        .filter_map(|name| Some(members.get(name)?.as_object()?.values()));
    arrays.flatten().chain(single).chain(maps.flatten()).filter_map(Value::as_object)
}

/// How many schemas within a schema apply to the same member, or to the same item.
fn children(members: &Members) -> usize {
    let one = |names: &[&str]| usize::from(names.iter().any(|name| members.contains_key(*name)));
    let patterns =
        ["patternProperties", "patternKeys"].into_iter().filter_map(|name| members.get(name)?.as_object());
    let of_object = one(&["properties", "additionalProperties", "values", "choices"])
        .saturating_add(one(&["propertyNames"]))
        .saturating_add(one(&["unevaluatedProperties"]))
        .saturating_add(patterns.map(Map::len).sum());
    let of_array = one(&["items", "prefixItems", "additionalItems"])
        .saturating_add(one(&["contains"]))
        .saturating_add(one(&["unevaluatedItems"]));
    of_object.max(of_array)
}

fn last_segment(uri: &str) -> &str {
    uri.trim_end_matches('/').rsplit('/').next().unwrap_or(uri)
}

/// The text of percent-encoded UTF-8.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(bytes.next())?, digit(bytes.next())?);
                u8::try_from(high.checked_mul(16)?.checked_add(low)?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn bounds(document: &Value) -> Result<Bounds, String> {
        Bounds::of(document, &|_| 0)
    }

    #[test]
    fn references_are_followed() {
        for (document, hops) in [
            (
                json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"type": "string"}}}),
                1,
            ),
            // A tree: it comes back at another level.
            (
                json!({"$ref": "#/$defs/a", "$defs": {"a": {"properties": {"next": {"$ref": "#/$defs/a"}}}}}),
                1,
            ),
            (json!({"allOf": [{"$ref": "#a"}], "$defs": {"b": {"$anchor": "a", "not": {}}}}), 3),
            (
                json!({"$ref": "other.json#/$defs/c%20d", "$defs": {"b": {"$id": "https://example.com/x/other.json", "$defs": {"c d": {"if": {}}}}}}),
                2,
            ),
            (
                json!({"$id": "https://example.com/a", "items": {"$id": "b", "items": {"$ref": "#/$defs/c"}, "$defs": {"c": {"not": {"not": {}}}}}}),
                3,
            ),
            (
                json!({"type": [{"$ref": "#/definitions/N/A"}], "definitions": {"N": {"definitions": {"A": {"type": "object"}}}}}),
                2,
            ),
        ] {
            let bounds = bounds(&document).unwrap();
            assert_eq!((bounds.hops, bounds.unknown.as_deref()), (hops, None), "{document}");
        }
        assert_eq!(
            bounds(&json!({"$ref": "http://json-schema.org/draft-07/schema#"})).unwrap().unknown,
            None
        );
        for unknown in ["#/$defs/b", "#b", "b.json"] {
            let document = json!({"$ref": unknown});
            assert_eq!(bounds(&document).unwrap().unknown.as_deref(), Some(unknown));
        }
    }

    #[test]
    fn what_has_no_end_is_beyond_a_limit() {
        let chain = |length: usize, next: fn(String) -> Value| -> Value {
            let name = |at: usize| format!("a{at}");
            let all: Map<String, Value> =
                (0..length).map(|at| (name(at), next(format!("#/definitions/{}", name(at + 1))))).collect();
            let mut document = json!({"$ref": "#/definitions/a0", "definitions": all});
            document["definitions"][name(length)] = json!({"type": "string"});
            document
        };
        let one = |next: String| json!({"$ref": next});
        let two = |next: String| json!({"anyOf": [{"$ref": next}, {"$ref": next}]});
        assert_eq!(bounds(&chain(63, one)).unwrap().hops, 64);
        for document in [
            chain(64, one),
            chain(100_000, one),
            chain(20, two),
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"items": {"anyOf": [{"$ref": "#/items"}]}}),
        ] {
            assert!(bounds(&document).is_err());
        }
    }

    #[test]
    fn alternatives_multiply() {
        let document = json!({"type": ["null", {"$ref": "#/definitions/A"}], "definitions": {
            "A": {"type": "object", "properties": {"next": {"type": [{"$ref": "#/definitions/A"}, {"$ref": "#/definitions/B"}]}}},
            "B": {"type": "object", "properties": {"next": {"type": "int32"}}}}});
        let bounds = bounds(&document).unwrap();
        assert_eq!(bounds.paths, 2);
        let deep = (0..9).fold(json!(1), |inner, _| json!({"next": inner}));
        let extent = Extent::of(&deep);
        assert_eq!((extent.values, extent.levels), (10, 10));
        assert_eq!(bounds.work(&extent), 512 * bounds.visits * 10);
    }
}
