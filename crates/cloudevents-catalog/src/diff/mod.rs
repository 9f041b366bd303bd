//! Which events that were valid by an earlier version of a catalog are not valid any more.

mod json_schema;

use crate::finding::short;
use crate::read::Attribute;
use crate::schema::{Family, Format, Schema, parse};
use crate::size::values;
use crate::{Catalog, Message, Template};
use json_schema::Narrower;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// A change by which an event that was valid may not be any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Whether events as the earlier definition describes them are concerned.
    pub severity: Severity,
    /// The xid of the earlier definition.
    pub definition: String,
    /// The part that has changed: the name of an attribute, or `data` and a JSON Pointer into the payload.
    ///
    /// `*` in the pointer stands for any item or name. It is `type` if the whole definition is gone.
    pub place: String,
    /// The change, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} [{}] {}", self.place, self.message, self.severity.code(), self.definition)
    }
}

/// How serious a [`Change`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Events that are as the earlier definition describes them are not valid any more.
    Breaking,
    /// Events with values that the earlier definition did not describe may not be valid any more.
    ///
    /// Or it is not known, because the definitions cannot be compared.
    Possible,
}

impl Severity {
    /// The kebab-case code that programs may rely on.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Breaking => "breaking",
            Self::Possible => "possible",
        }
    }
}

impl Catalog {
    /// The changes since an earlier version by which events that were valid may not be any more: of definitions, attributes and payload
    /// schemas. Without changes, every event that was valid by the earlier version is valid by this one. Exceptions are texts that match
    /// templates in so many ways that finding one takes too long.
    ///
    /// JSON Schemas are compared keyword by keyword. Schemas of other formats that differ are a [possible](Severity::Possible) change.
    ///
    /// ```
    /// use cloudevents_catalog::Catalog;
    ///
    /// let version = |schema: &str| Catalog::parse(format!(r#"{{"messagegroups": {{"shop": {{"messages": {{"com.example.order": {{
    ///     "envelope": "CloudEvents/1.0", "dataschemaformat": "JsonSchema/draft-07", "dataschema": {schema}
    /// }}}}}}}}}}"#));
    /// let old = version(r#"{"type": "object", "properties": {"number": {"type": "integer"}}}"#)?;
    /// let new = version(r#"{"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}"#)?;
    /// assert_eq!(
    ///     new.changes_since(&old)[0].to_string(),
    ///     "data/number: it is required now [breaking] /messagegroups/shop/messages/com.example.order"
    /// );
    /// assert_eq!(old.changes_since(&new), []);
    /// # Ok::<(), cloudevents_catalog::LoadError>(())
    /// ```
    pub fn changes_since(&self, earlier: &Self) -> Vec<Change> {
        let mut work = Work::new();
        earlier
            .messages()
            .filter(|old| old.is_event())
            .flat_map(|old| self.changes_of(old, &mut work))
            .collect()
    }

    /// Returns the changes to the new definition that changes least: an event is valid if one of the definitions for its type allows it.
    fn changes_of(&self, old: &Message, work: &mut Work) -> Vec<Change> {
        let has_template = |new: &Message| match (new.type_template(), old.type_template()) {
            (Some(now), Some(before)) => now == before || now.covers(before) && is_free(new, "type", now),
            _ => false,
        };
        let weight = |changes: &[Change]| {
            let breaking = changes.iter().filter(|change| change.severity == Severity::Breaking).count();
            (breaking, changes.len())
        };
        let mut least: Option<Vec<Change>> = None;
        for new in self.of_type(old.ty()) {
            if least.as_ref().is_some_and(Vec::is_empty) {
                break;
            }
            // Each of many definitions may be for the type of each of many.
            let steps = new
                .attributes
                .len()
                .saturating_mul(PER_ATTRIBUTE)
                .saturating_add(old.ty().len())
                .saturating_add(PER_DEFINITION);
            if !work.spend(steps) {
                let words = "the catalogs are too large to be compared";
                return vec![change(old, Severity::Possible, "type", words)];
            }
            if has_template(new) || old.type_template().is_none() && new.is_for(old.ty()) {
                let found = changes(old, new, work);
                if least.as_ref().is_none_or(|least| weight(&found) < weight(least)) {
                    least = Some(found);
                }
            }
        }
        least.unwrap_or_else(|| {
            let words =
                format!("no definition is for events of the type `{}` any more", short(old.ty(), SHOWN));
            vec![change(old, Severity::Breaking, "type", words)]
        })
    }
}

impl Message {
    /// The type of its events, as it is written.
    fn ty(&self) -> &str {
        let rule = self.attributes.iter().find(|attribute| attribute.name == "type");
        rule.and_then(Attribute::constant).unwrap_or(&self.id)
    }

    fn type_template(&self) -> Option<&Template> {
        self.attributes.iter().find(|attribute| attribute.name == "type")?.template()
    }

    fn is_for(&self, ty: &str) -> bool {
        match self.type_template() {
            Some(template) => template.extract(ty).is_some(),
            None => self.ty() == ty,
        }
    }
}

/// The most that is compared of two catalogs: values of schemas, pairs of schemas, and attributes.
const WORK: usize = 20_000_000;

/// How many values take as long as an attribute, and as a definition.
const PER_ATTRIBUTE: usize = 8;
const PER_DEFINITION: usize = 32;

/// Bounds in bytes. `REPORTED` bounds the changes to schemas of all definitions, and `KEPT` the changes of all pairs of documents.
///
/// `PER_CHANGE` is the size of a change besides its texts. `SHOWN` bounds a text in a report.
const REPORTED: usize = 20_000_000;
const KEPT: usize = 20_000_000;
const PER_CHANGE: usize = 64;
const SHOWN: usize = 200;

/// Comparing two catalogs.
struct Work {
    /// The rest of [`WORK`].
    left: usize,
    /// The rest of [`REPORTED`].
    reported: usize,
    /// The rest of [`KEPT`].
    kept: usize,
    /// Whether two documents are the same, by their addresses: many messages may have one.
    same: HashMap<[usize; 2], bool>,
    /// The changes between two documents, with these versions of their formats.
    narrower: HashMap<Pair, Vec<Narrower>>,
}

/// The addresses of two documents, and the versions of their formats.
type Pair = ([usize; 2], [Option<String>; 2]);

impl Work {
    fn new() -> Self {
        Self { left: WORK, reported: REPORTED, kept: KEPT, same: HashMap::new(), narrower: HashMap::new() }
    }

    /// Keeps the changes between two documents: all of them, or only their severity.
    fn keep(&mut self, key: Pair, found: Vec<Narrower>) {
        let bytes = found.iter().map(|one| bytes(one, 0)).fold(0, usize::saturating_add);
        let found = match self.kept.checked_sub(bytes) {
            Some(left) => {
                self.kept = left;
                found
            }
            None => {
                let severity = found.iter().map(|(severity, ..)| *severity).min();
                severity
                    .into_iter()
                    .map(|severity| (severity, "data".to_owned(), TOO_MANY.to_owned()))
                    .collect()
            }
        };
        self.narrower.insert(key, found);
    }

    /// Returns whether so much is left, and takes it.
    fn spend(&mut self, steps: usize) -> bool {
        self.left = self.left.saturating_sub(steps);
        self.left > 0
    }
}

/// The bytes of something that was found in two documents, about, for a definition whose xid has so many.
fn bytes((_, place, message): &Narrower, xid: usize) -> usize {
    [place.len(), message.len(), xid].into_iter().fold(PER_CHANGE, usize::saturating_add)
}

const TOO_MANY: &str =
    "the schemas differ, and the changes of all together are too many to report each of them";

fn change(old: &Message, severity: Severity, place: &str, message: impl Into<String>) -> Change {
    Change { severity, definition: old.xid.to_string(), place: place.to_owned(), message: message.into() }
}

fn changes(old: &Message, new: &Message, work: &mut Work) -> Vec<Change> {
    let mut found = Vec::new();
    if old.type_template().is_none() && new.type_template().is_some_and(|now| !is_free(new, "type", now)) {
        let words = "a placeholder of the type is also one of another attribute now";
        found.push(change(old, Severity::Breaking, "type", words));
    }
    for attribute in new.attributes.iter().filter(|attribute| attribute.name != "type") {
        let before = old.attributes.iter().find(|before| before.name == attribute.name);
        attribute_changes(old, before, attribute, new, &mut found);
    }
    schema_changes(old, new, work, &mut found);
    found
}

fn attribute_changes(
    old: &Message,
    before: Option<&Attribute>,
    now: &Attribute,
    new: &Message,
    found: &mut Vec<Change>,
) {
    let mut add = |severity, words: String| found.push(change(old, severity, &now.name, words));
    let is_core = ["id", "source", "specversion"].contains(&now.name.as_str());
    if now.is_required && !is_core && !before.is_some_and(|before| before.is_required) {
        add(Severity::Breaking, "the attribute is required now".to_owned());
    }
    let value = (now.constant(), now.template());
    let Some(before) = before else {
        if value != (None, None) {
            add(
                Severity::Breaking,
                format!("the attribute has {} now, and could have any value", written(now)),
            );
        } else if now.ty() != "any" && !has_any_value(now) {
            add(
                Severity::Possible,
                format!("the attribute has the type `{}` now, and could have any", now.ty()),
            );
        }
        return;
    };
    if !is_wider(now.ty(), before.ty()) && !has_any_value(now) {
        add(
            Severity::Breaking,
            format!("the attribute has the type `{}`, and had `{}`", now.ty(), before.ty()),
        );
    }
    match (value, (before.constant(), before.template())) {
        ((None, None), _) => {}
        (value, earlier) if value == earlier && before.has_parameters() && !now.has_parameters() => add(
            Severity::Breaking,
            format!("the attribute has {}, and could have more parameters", written(now)),
        ),
        (value, earlier) if value == earlier && before.ty() == "timestamp" && now.ty() != "timestamp" => {
            add(
                Severity::Breaking,
                format!(
                    "the attribute has {}, and could have the same time in another spelling",
                    written(now)
                ),
            );
        }
        (value, earlier) if value == earlier => {
            // The same placeholder has the same value everywhere: it may be in other attributes now.
            let is_shared =
                |name: &str| is_elsewhere(new, &now.name, name) && !is_elsewhere(old, &now.name, name);
            if let Some(name) =
                now.template().and_then(|template| template.placeholders().find(|name| is_shared(name)))
            {
                add(
                    Severity::Breaking,
                    format!("the placeholder `{name}` is also one of another attribute now"),
                );
            }
        }
        ((None, Some(template)), (None, Some(earlier)))
            if is_free(new, &now.name, template) && template.covers(earlier) => {}
        ((None, Some(template)), (Some(text), _))
            if is_free(new, &now.name, template)
                && template.extract(text).is_some()
                && now.name != "datacontenttype"
                && before.ty() != "timestamp" => {}
        _ => add(
            Severity::Breaking,
            format!("the attribute has {}, and had {}", written(now), written(before)),
        ),
    }
}

/// Whether a type has every value of an earlier one.
fn is_wider(now: &str, before: &str) -> bool {
    match now {
        "any" => true,
        "number" => ["number", "integer"].contains(&before),
        // All of these are texts.
        "string" | "uritemplate" => ["string", "uritemplate", "uri", "symbol", "duration"].contains(&before),
        _ => now == before,
    }
}

/// Whether every event has a value of the type of this core attribute anyway.
fn has_any_value(attribute: &Attribute) -> bool {
    match attribute.name.as_str() {
        "time" => attribute.ty() == "timestamp",
        "source" | "dataschema" => ["uri", "uritemplate", "string"].contains(&attribute.ty()),
        "id" | "subject" | "datacontenttype" | "specversion" => attribute.ty() == "string",
        _ => false,
    }
}

/// Whether no other attribute has a placeholder of this one, so that it can have any value.
fn is_free(message: &Message, attribute: &str, template: &Template) -> bool {
    !template.placeholders().any(|name| is_elsewhere(message, attribute, name))
}

/// Whether another attribute has this placeholder.
fn is_elsewhere(message: &Message, attribute: &str, placeholder: &str) -> bool {
    let others = message.attributes.iter().filter(|other| other.name != attribute);
    others.filter_map(Attribute::template).flat_map(Template::placeholders).any(|name| name == placeholder)
}

/// `the value /a/{b}`.
fn written(attribute: &Attribute) -> String {
    match (attribute.constant(), attribute.template()) {
        (Some(text), _) => format!("the value `{}`", short(text, SHOWN)),
        (_, Some(template)) => format!("the value `{}`", short(&template.to_string(), SHOWN)),
        (None, None) => "any value".to_owned(),
    }
}

fn schema_changes(old: &Message, new: &Message, work: &mut Work, found: &mut Vec<Change>) {
    let mut add = |severity, place: &str, words: String| found.push(change(old, severity, place, words));
    let reference = |message: &Message| {
        let of = |name: &str| message.members.get(name).and_then(Value::as_str).map(str::to_owned);
        (of("dataschemauri"), of("dataschemaxid"))
    };
    let has_schema =
        |message: &Message| message.schema.document.is_some() || reference(message) != (None, None);
    match (has_schema(old), has_schema(new)) {
        (_, false) => return,
        (false, true) => {
            let words = "the payload has a schema now, and had none".to_owned();
            // A schema in another document is not used for judging.
            let severity = match &new.schema.document {
                Some(_) => severity(new.schema.format.as_ref()),
                None => Severity::Possible,
            };
            return add(severity, "data", words);
        }
        (true, true) => {}
    }
    let (Some((before, selected_before)), Some((now, selected_now))) =
        (&old.schema.document, &new.schema.document)
    else {
        // Payloads were not judged by a schema that was not there.
        if new.schema.document.is_some() {
            let words = "the schema of the payload is in the catalog now, and was not";
            add(Severity::Possible, "data", words.to_owned());
        } else if reference(old) != reference(new) {
            let words = "the payload has another schema, which is not in the catalog";
            add(Severity::Possible, "data", words.to_owned());
        }
        return;
    };
    let is_judged = |message: &Message| !matches!(&*message.schema.schema, Schema::Not(_));
    if is_judged(new) && !is_judged(old) {
        let words = "the payload is judged by its schema now, and could not be before";
        return add(Severity::Possible, "data", words.to_owned());
    }
    let format = |message: &Message| {
        message.schema.format.as_ref().map(|format| (format.family.clone(), format.text.clone()))
    };
    let addresses = [before, now].map(|document| Arc::as_ptr(document).addr());
    let is_same = match work.same.get(&addresses) {
        Some(is_same) => *is_same,
        None => {
            work.spend(values(now));
            let is_same = before == now;
            work.same.insert(addresses, is_same);
            is_same
        }
    };
    if is_same && selected_before == selected_now && format(old) == format(new) {
        return;
    }
    let (family_before, text_before, family, text) = match (format(old), format(new)) {
        (_, None) => return,
        (None, Some((_, text))) => {
            let words = format!("the schema has the format `{text}` now, and was not used without one");
            return add(severity(new.schema.format.as_ref()), "data", words);
        }
        (Some((family_before, text_before)), Some((family, text))) => {
            (family_before, text_before, family, text)
        }
    };
    if family_before != family {
        return add(
            severity(new.schema.format.as_ref()),
            "data",
            format!("the schema has the format `{text}`, and had `{text_before}`"),
        );
    }
    if family != Family::JsonSchema {
        return add(
            Severity::Possible,
            "data",
            format!("the schemas differ, and those of the format `{text}` are not compared"),
        );
    }
    if text_before != text {
        add(
            Severity::Possible,
            "data",
            format!("the schema has the format `{text}`, and had `{text_before}`"),
        );
    }
    if selected_before.is_some() || selected_now.is_some() {
        // References are relative to the whole document.
        return add(
            Severity::Possible,
            "data",
            "the schemas differ, and parts of documents are not compared".to_owned(),
        );
    }
    let parsed = |document: &Value| match document {
        Value::String(text) => parse(text).unwrap_or_default(),
        document => document.clone(),
    };
    let version =
        |message: &Message| message.schema.format.as_ref().and_then(|format| format.version.clone());
    let versions = [version(old), version(new)];
    let key = (addresses, versions);
    if !work.narrower.contains_key(&key) {
        if !work.spend(1) {
            let words = "the schemas differ, and all together are too large to be compared";
            return add(Severity::Possible, "data", words.to_owned());
        }
        let narrower = json_schema::narrower(&parsed(before), &parsed(now), &key.1, &mut work.left);
        work.keep(key.clone(), narrower);
    }
    let narrower = work.narrower.get(&key).map_or(&[][..], Vec::as_slice);
    // Reported changes are kept for each message.
    let bytes = narrower.iter().map(|one| bytes(one, old.xid.len())).fold(0, usize::saturating_add);
    match work.reported.checked_sub(bytes) {
        Some(left) => {
            work.reported = left;
            narrower.iter().for_each(|(severity, place, message)| add(*severity, place, message.clone()));
        }
        None => {
            let severity = narrower.iter().map(|(severity, ..)| *severity).min();
            severity.into_iter().for_each(|severity| add(severity, "data", TOO_MANY.to_owned()));
        }
    }
}

/// How serious it is that payloads are judged by a schema of this format.
fn severity(format: Option<&Format>) -> Severity {
    match format.map(|format| &format.family) {
        Some(Family::JsonStructure | Family::Xsd | Family::Other(_)) => Severity::Possible,
        _ => Severity::Breaking,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of many documents is compared with each of many.
    #[test]
    fn what_is_found_in_all_documents_is_bounded() {
        let mut work = Work::new();
        for at in 0..400 {
            let found = vec![(Severity::Breaking, "a".repeat(10_000), "it is required now".to_owned()); 100];
            work.keep(([at, 0], [None, None]), found);
        }
        let held = |found: &Vec<Narrower>| found.iter().map(|one| bytes(one, 0)).sum::<usize>();
        let held: usize = work.narrower.values().map(held).sum();
        assert!(held < 2 * KEPT, "{held}");
        let is_breaking = |found: &Vec<Narrower>| found.iter().all(|one| one.0 == Severity::Breaking);
        assert!(
            work.narrower.len() == 400
                && work.narrower.values().all(|found| !found.is_empty() && is_breaking(found))
        );
    }
}
