//! Whether a JSON Schema accepts everything that an earlier one accepted.

use super::Severity;
use crate::finding::short;
use crate::size::values;
use serde_json::{Map, Value};
use std::cmp::Ordering;
use std::collections::HashSet;

/// The most pairs of schemas that are compared of two documents. The other pairs are reported as not compared.
const STEPS: usize = 20_000;

/// How many items of lists take as long as a pair of schemas.
const PER_STEP: usize = 64;

/// The most levels of schemas.
const DEPTH: usize = 64;

/// The most changes of two documents that are reported.
const FOUND: usize = 1000;

/// How much of a value, and of a name in a place, is reported, in bytes.
const SHOWN: usize = 200;

/// The schema that accepts everything.
static ANY: Value = Value::Bool(true);

/// A value that the later schema may not accept: the severity, the place in the payload, and the change.
pub(super) type Narrower = (Severity, String, String);

/// Returns the values that the later schema may not accept. It is empty only if the later schema accepts every value of the earlier one.
///
/// `versions` are the versions of the formats. `work` is the number of steps that remain for all documents.
pub(super) fn narrower(
    old: &Value,
    new: &Value,
    versions: &[Option<String>; 2],
    work: &mut usize,
) -> Vec<Narrower> {
    *work = work.saturating_sub(values(old).saturating_add(values(new)));
    let steps = STEPS.min(*work);
    if old == new && steps > 0 {
        return Vec::new();
    }
    // Keywords mean other things, or nothing, in another draft.
    let [before, now] = versions.each_ref().map(Option::as_deref);
    let are_definitions_alike = || {
        let of = |root: &Value, name| root.get(name).is_none_or(|all| every_reference(all, &is_definition));
        let names = ["definitions", "$defs"];
        names.iter().all(|name| old.get(name) == new.get(name) && of(old, name) && of(new, name))
    };
    let mut comparison = Comparison {
        roots: (old, new),
        has_same_definitions: steps > 0 && are_definitions_alike(),
        has_const: draft(old, before) != Some("draft-04"),
        is_const_known: draft(new, now) != Some("draft-04"),
        seen: HashSet::new(),
        trail: Vec::new(),
        found: Vec::new(),
        left: steps,
    };
    if old.get("$schema") != new.get("$schema") && draft(old, before) != draft(new, now) {
        comparison.possible("data", "the schemas differ in `$schema`");
    }
    // References are relative to these bases, or depend on where they come from.
    if [old, new].iter().any(|root| has_own_base(root, true)) {
        comparison.possible("data", "the schemas differ, and have names of their own for parts of them");
    } else {
        comparison.compare(old, new, "data", 0);
    }
    *work = work.saturating_sub(steps.saturating_sub(comparison.left));
    comparison.found
}

/// The draft of a schema, as versions of formats name it, or its `$schema` if it is another one.
fn draft<'d>(schema: &'d Value, version: Option<&'d str>) -> Option<&'d str> {
    let Some(uri) = schema.get("$schema").and_then(Value::as_str) else { return version };
    let name = uri.trim_end_matches('#').strip_suffix("/schema").and_then(|uri| {
        uri.strip_prefix("http://json-schema.org/").or_else(|| uri.strip_prefix("https://json-schema.org/"))
    });
    name.or(Some(uri))
}

struct Comparison<'a> {
    roots: (&'a Value, &'a Value),
    /// Both have the same definitions, which refer to each other only.
    has_same_definitions: bool,
    /// The draft of the earlier one knows `const`.
    has_const: bool,
    /// The draft of the later one does.
    is_const_known: bool,
    /// Pairs that were compared, or are being compared further up: their addresses.
    seen: HashSet<(usize, usize)>,
    /// The same, in their order.
    trail: Vec<(usize, usize)>,
    found: Vec<Narrower>,
    left: usize,
}

/// Keywords that say nothing about values, or are looked at with another one.
const SILENT: [&str; 18] = [
    "$schema",
    "$id",
    "id",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "definitions",
    "$defs",
    "contentSchema",
    "$vocabulary",
    "then",
    "else",
    "$ref",
];

/// Keywords that are fine if they are the same, and are not compared otherwise.
const OTHER: [&str; 18] = [
    "oneOf",
    "not",
    "if",
    "contains",
    "minContains",
    "maxContains",
    "dependentRequired",
    "dependentSchemas",
    "dependencies",
    "patternProperties",
    "propertyNames",
    "prefixItems",
    "additionalItems",
    "unevaluatedProperties",
    "unevaluatedItems",
    "format",
    // Drafts 6 and 7 assert them.
    "contentMediaType",
    "contentEncoding",
];

const LEAST: [&str; 5] = ["minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"];
const MOST: [&str; 5] = ["maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"];

/// Keywords for which 0 is no bound.
const LENGTHS: [&str; 3] = ["minLength", "minItems", "minProperties"];

impl<'a> Comparison<'a> {
    fn breaking(&mut self, place: &str, message: impl Into<String>) {
        self.report(Severity::Breaking, place, message.into());
    }

    fn possible(&mut self, place: &str, message: impl Into<String>) {
        self.report(Severity::Possible, place, message.into());
    }

    fn report(&mut self, severity: Severity, place: &str, message: String) {
        if self.found.len() < FOUND {
            return self.found.push((severity, place.to_owned(), message));
        }
        match self.found.get_mut(FOUND) {
            // The most serious of the others.
            Some((known, ..)) => *known = severity.min(*known),
            None => {
                let words = format!("there are more than {FOUND} changes, and the others are not reported");
                self.found.push((severity, "data".to_owned(), words));
            }
        }
    }

    fn compare(&mut self, old: &'a Value, new: &'a Value, place: &str, depth: usize) {
        let lists = listed_in(old).saturating_add(listed_in(new)).checked_div(PER_STEP);
        self.left = self.left.saturating_sub(lists.unwrap_or_default().saturating_add(1));
        if self.left == 0 || depth > DEPTH {
            return self.possible(place, "the schemas are too large or too deep to be compared");
        }
        let depth = depth.saturating_add(1);
        let Some(old) = self.resolved(old, self.roots.0) else {
            return self.possible(place, "the earlier schema refers to another document");
        };
        let address = |value: &Value| std::ptr::from_ref(value).addr();
        let pair = (address(old), address(new));
        if old == &Value::Bool(false) || !self.seen.insert(pair) {
            return;
        }
        self.trail.push(pair);
        if self.is_same(old, new) {
            return;
        }
        let new_members = match new {
            Value::Bool(true) => return,
            Value::Object(members) => members,
            _ => return self.breaking(place, "nothing is allowed here"),
        };
        if let Some(reference) = new_members.get("$ref") {
            match reference.as_str().and_then(|reference| local(reference, self.roots.1)) {
                Some(target) => self.compare(old, target, place, depth),
                None => self.possible(place, "the schema refers to another document"),
            }
        }
        let empty = Map::new();
        let old_members = old.as_object().unwrap_or(&empty);
        for (keyword, value) in new_members {
            match keyword.as_str() {
                name if SILENT.contains(&name) => {}
                name if LEAST.contains(&name) || MOST.contains(&name) => {
                    self.bound(name, old_members, value, place)
                }
                "type" => self.types(old_members, value, place),
                "enum" => self.values(old_members, value.as_array().map_or(&[][..], Vec::as_slice), place),
                "const" if !self.is_const_known => {}
                "const" => self.values(old_members, std::slice::from_ref(value), place),
                "required" => self.required(old_members, value, place),
                "properties" => self.properties(old, value, place, depth),
                "additionalProperties" => self.additional(old, new, value, place, depth),
                "items" => self.items(old, new, value, place, depth),
                "allOf" => self.all_of(old, value, place, depth),
                "anyOf" => self.any_of(old, value, place, depth),
                "pattern" | "multipleOf" | "uniqueItems"
                    if old.get(keyword) != Some(value) && value != &Value::Bool(false) =>
                {
                    self.breaking(place, format!("`{keyword}` is {}{}", shown(value), was(old.get(keyword))));
                }
                "$dynamicRef" | "$recursiveRef" => {
                    self.possible(place, format!("`{keyword}` is not compared"))
                }
                name if OTHER.contains(&name) => self.other(old_members, new_members, keyword, place),
                _ => {}
            }
        }
    }

    /// Whether a comparison finds nothing. Its findings are not reported.
    fn accepts(&mut self, old: &'a Value, new: &'a Value, depth: usize) -> bool {
        if self.left == 0 {
            return false;
        }
        let (found, known) = (std::mem::take(&mut self.found), self.trail.len());
        self.compare(old, new, "", depth);
        let is_clean = self.found.is_empty();
        self.found = found;
        if !is_clean {
            for pair in self.trail.drain(known..) {
                self.seen.remove(&pair);
            }
        }
        is_clean
    }

    /// Whether two schemas are the same, and the schemas that they refer to, too.
    fn is_same(&mut self, old: &Value, new: &Value) -> bool {
        self.left = self.left.saturating_sub(values(new).checked_div(PER_STEP).unwrap_or_default());
        old == new && every_reference(new, &|reference| self.has_same_definitions && is_definition(reference))
    }

    /// The schema that references lead to. Keywords beside a reference are left out: they can only allow less.
    fn resolved(&self, schema: &'a Value, root: &'a Value) -> Option<&'a Value> {
        let mut at = schema;
        for _ in 0..DEPTH {
            match at.get("$ref") {
                None => return Some(at),
                Some(reference) => at = local(reference.as_str()?, root)?,
            }
        }
        None
    }

    fn bound(&mut self, name: &str, old: &Map<String, Value>, value: &Value, place: &str) {
        let is_wider = match old.get(name) {
            Some(old) if old.is_number() && value.is_number() => match LEAST.contains(&name) {
                true => compare(value, old).is_some_and(Ordering::is_le),
                false => compare(value, old).is_some_and(Ordering::is_ge),
            },
            old => {
                let is_none = LENGTHS.contains(&name) && value.as_f64() == Some(0.0);
                // Of draft 4.
                is_none || value == &Value::Bool(false) || old == Some(value)
            }
        };
        if !is_wider {
            self.breaking(place, format!("`{name}` is {}{}", shown(value), was(old.get(name))));
        }
    }

    /// The values, if the earlier schema lists them.
    fn finite<'s>(&self, schema: &'s Map<String, Value>) -> Option<&'s [Value]> {
        match schema.get("const").filter(|_| self.has_const) {
            Some(value) => Some(std::slice::from_ref(value)),
            None => schema.get("enum").and_then(Value::as_array).map(Vec::as_slice),
        }
    }

    fn types(&mut self, old: &Map<String, Value>, value: &Value, place: &str) {
        let now = listed(value);
        let has = |ty: &str| now.contains(&ty) || ty == "integer" && now.contains(&"number");
        let lost: Vec<&str> = match (self.finite(old), old.get("type")) {
            (Some(values), _) => values.iter().map(|value| type_of(value)).filter(|ty| !has(ty)).collect(),
            (None, Some(types)) => listed(types).into_iter().filter(|ty| !has(ty)).collect(),
            (None, None) => vec!["any other type"],
        };
        if let Some(ty) = lost.first() {
            self.breaking(
                place,
                format!("the type is {}, and {} was allowed", shown(value), short(ty, SHOWN)),
            );
        }
    }

    fn values(&mut self, old: &Map<String, Value>, now: &[Value], place: &str) {
        match self.finite(old) {
            Some(values) => {
                let now: HashSet<&Value> = now.iter().collect();
                if let Some(lost) = values.iter().find(|value| !now.contains(value)) {
                    self.breaking(place, format!("the value {} was allowed", shown(lost)));
                }
            }
            None => self.breaking(place, "only some values are allowed now"),
        }
    }

    fn required(&mut self, old: &Map<String, Value>, value: &Value, place: &str) {
        let before: HashSet<_> = old.get("required").map(listed).unwrap_or_default().into_iter().collect();
        // In draft 4 and later, it is a list.
        for name in listed(value).into_iter().filter(|name| !before.contains(name)) {
            self.breaking(&below(place, name), "it is required now");
        }
    }

    fn properties(&mut self, old: &'a Value, value: &'a Value, place: &str, depth: usize) {
        for (name, schema) in value.as_object().into_iter().flatten() {
            let place = below(place, name);
            let before = old.get("properties").and_then(|all| all.get(name));
            match (before, old.get("patternProperties"), old.get("additionalProperties")) {
                (Some(before), ..) => self.compare(before, schema, &place, depth),
                (None, Some(_), _) => {
                    self.possible(&place, "it is described now, and a pattern may have been before")
                }
                (None, None, Some(before)) => self.compare(before, schema, &place, depth),
                (None, None, None) if self.accepts(&ANY, schema, depth) => {}
                (None, None, None) => {
                    self.possible(&place, "it is described now, and could have any value before");
                }
            }
        }
    }

    fn additional(&mut self, old: &'a Value, new: &'a Value, value: &'a Value, place: &str, depth: usize) {
        if value == &Value::Bool(true) {
            return;
        }
        if old.get("patternProperties") != new.get("patternProperties") {
            return self.possible(place, "`patternProperties` differ");
        }
        let described = new.get("properties").and_then(Value::as_object);
        for (name, before) in old.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if described.is_none_or(|all| !all.contains_key(name)) {
                self.compare(before, value, &below(place, name), depth);
            }
        }
        match old.get("additionalProperties") {
            Some(before) => self.compare(before, value, &below(place, "*"), depth),
            None if self.accepts(&ANY, value, depth) => {}
            None => self.breaking(place, "properties that are not described were allowed"),
        }
    }

    fn items(&mut self, old: &'a Value, new: &'a Value, value: &'a Value, place: &str, depth: usize) {
        let is_list = |items: Option<&Value>| items.is_some_and(Value::is_array);
        if is_list(Some(value))
            || is_list(old.get("items"))
            || old.get("prefixItems") != new.get("prefixItems")
        {
            if old.get("items") != Some(value)
                || !self.is_same(value, value)
                || old.get("prefixItems") != new.get("prefixItems")
            {
                self.possible(place, "lists of items are not compared");
            }
            return;
        }
        self.compare(old.get("items").unwrap_or(&ANY), value, &below(place, "*"), depth);
    }

    fn all_of(&mut self, old: &'a Value, value: &'a Value, place: &str, depth: usize) {
        let before = old.get("allOf").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for branch in value.as_array().into_iter().flatten() {
            if self.left == 0 {
                return self.compare(old, branch, place, depth); // it says that the rest is not compared
            }
            if !before.iter().any(|before| self.accepts(before, branch, depth)) {
                self.compare(old, branch, place, depth);
            }
        }
    }

    fn any_of(&mut self, old: &'a Value, value: &'a Value, place: &str, depth: usize) {
        let now = value.as_array().map_or(&[][..], Vec::as_slice);
        let before = match old.get("anyOf").and_then(Value::as_array) {
            Some(before) => before.as_slice(),
            None => std::slice::from_ref(old),
        };
        let mut is_accepted = |before: &'a Value| now.iter().any(|now| self.accepts(before, now, depth));
        if !before.iter().all(&mut is_accepted) {
            self.possible(place, "`anyOf` has other alternatives");
        }
    }

    fn other(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, keyword: &str, place: &str) {
        // These apply to members or items that other keywords leave over, or depend on each other.
        let together: &[&str] = match keyword {
            "unevaluatedProperties" | "unevaluatedItems" => {
                return self.possible(place, format!("`{keyword}` is not compared"));
            }
            "if" => &["if", "then", "else"],
            "contains" | "minContains" | "maxContains" => &["contains", "minContains", "maxContains"],
            "additionalItems" => &["items", "additionalItems"],
            one => &[one],
        };
        let is_same = together.iter().all(|name| match (old.get(*name), new.get(*name)) {
            (None, None) => true,
            (Some(old), Some(new)) => self.is_same(old, new),
            _ => false,
        });
        if !is_same {
            self.possible(place, format!("`{keyword}` differs, and is not compared"));
        }
    }
}

/// `, and was 5`.
fn was(old: Option<&Value>) -> String {
    old.map_or_else(|| ", and was not stated".to_owned(), |old| format!(", and was {}", shown(old)))
}

/// The beginning of a value, of which no more is written.
fn shown(value: &Value) -> String {
    let mut bytes = [0; SHOWN];
    let mut rest = &mut bytes[..];
    let is_whole = serde_json::to_writer(&mut rest, value).is_ok();
    let length = SHOWN.saturating_sub(rest.len());
    let text = bytes.get(..length).unwrap_or_default().utf8_chunks().next().map_or("", |chunk| chunk.valid());
    format!("{text}{}", if is_whole { "" } else { "…" })
}

/// The items of the lists of a schema.
fn listed_in(schema: &Value) -> usize {
    let members = schema.as_object().into_iter().flat_map(Map::values);
    members.filter_map(Value::as_array).map(Vec::len).fold(0, usize::saturating_add)
}

/// Whether a reference leads to a definition.
fn is_definition(reference: &str) -> bool {
    ["#/definitions/", "#/$defs/"].iter().any(|start| reference.starts_with(start))
}

/// The order of two numbers. `None` if that is not known: doubles are not exact beyond this.
fn compare(first: &Value, second: &Value) -> Option<Ordering> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |value: &Value| value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from));
    let (double, other) = (first.as_f64()?, second.as_f64()?);
    match (whole(first), whole(second)) {
        (Some(first), Some(second)) => Some(first.cmp(&second)),
        // With `arbitrary_precision`, these may be the same as doubles only.
        (None, None) => double.partial_cmp(&other).filter(|order| order.is_ne() || first == second),
        _ => double.partial_cmp(&other).filter(|order| order.is_ne() || double.abs() < EXACT),
    }
}

/// Names in a list, or one name.
fn listed(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn local<'v>(reference: &str, root: &'v Value) -> Option<&'v Value> {
    root.pointer(reference.strip_prefix('#')?)
}

fn below(place: &str, name: &str) -> String {
    cloudevents_json::codec::below(place, &short(name, SHOWN))
}

/// Whether all references in a schema are such.
fn every_reference(schema: &Value, is_such: &dyn Fn(&str) -> bool) -> bool {
    match schema {
        Value::Object(members) => members.iter().all(|(name, value)| match (name.as_str(), value) {
            ("$dynamicRef" | "$recursiveRef", _) => false,
            ("$ref", Value::String(reference)) => is_such(reference),
            (_, value) => every_reference(value, is_such),
        }),
        Value::Array(items) => items.iter().all(|item| every_reference(item, is_such)),
        _ => true,
    }
}

/// Whether parts of a document have names or bases of their own.
fn has_own_base(schema: &Value, is_root: bool) -> bool {
    match schema {
        Value::Object(members) => members.iter().any(|(name, value)| {
            let is_base = ["$anchor", "$dynamicAnchor", "$recursiveAnchor"].contains(&name.as_str())
                || ["$id", "id"].contains(&name.as_str()) && !is_root && value.is_string();
            is_base || has_own_base(value, false)
        }),
        Value::Array(items) => items.iter().any(|item| has_own_base(item, false)),
        _ => false,
    }
}
