//! JSON Structure schemas by `json-structure` 0.6.

use super::patterns::{PATTERN_BYTES, charge, patterns};
use super::{Payload, Schema, SchemaFault, fault, keep_within, too_large};
use super::{
    bounds::{Bounds, Extent},
    schemas::{Schemas, definition},
};
use crate::finding::Budget;
use crate::size::memory;
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use json_structure::{InstanceValidator, SchemaValidator};
use regex::RegexBuilder;
use serde_json::{Map, Value};
use std::collections::HashSet;

/// The validator looks no further: what is below would pass.
const DEPTH: usize = 64;

/// The most levels and values of a payload: the validator compares the items of a set with each other.
const LEVELS: usize = 16;
const VALUES: usize = 4096;

/// The most bytes of the paths of all values of a payload, and of a schema: the validator makes each of them.
const PATHS: usize = 1 << 20;
const SCHEMA_PATHS: usize = 16 << 20;

/// The most values of a schema.
const SCHEMA_VALUES: usize = 1 << 16;

/// The most schemas that may be applied to the values of a payload, by an estimate.
const WORK: usize = 500_000;

/// Each of them takes as long as so many of JSON Schema.
const OF_JSON_SCHEMA: usize = 100;

/// What a pattern may take when a document is checked that is not extended.
const CHECKED_BYTES: usize = 10 << 20;

/// The validator compiles a regular expression for each text. It counts as this many schemas, and one of more than so many bytes as more.
const PATTERN: usize = 64;
const LARGE_BYTES: usize = 64 << 10;
const LARGE: usize = 512;

/// The most faults of one payload that are reported.
const FAULTS: usize = 16;

/// A schema with its options.
pub(crate) struct JsonStructure {
    schema: Value,
    validator: InstanceValidator,
    bounds: Bounds,
}

impl std::fmt::Debug for JsonStructure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonStructure").finish_non_exhaustive()
    }
}

impl JsonStructure {
    pub(super) fn compile(
        document: &Value,
        selection: Option<&str>,
        budget: &mut Budget,
    ) -> Result<Schema, SchemaFault> {
        let mut schema = document.clone();
        if let (Some(selection), Value::Object(members)) = (selection, &mut schema) {
            let pointer = format!("#/{}", selection.trim_start_matches('/'));
            members.insert("$root".to_owned(), pointer.into());
        }
        let bounds = bounds(&schema, budget).map_err(SchemaFault::Beyond)?;
        // Each type that is selected has all of the document.
        keep_within(budget, memory(&schema))?;
        let found = SchemaValidator::new().validate(&document.to_string());
        if let Some(error) = found.errors().next() {
            return Err(SchemaFault::Invalid(format!("{} at {}", error.message(), error.path())));
        }
        if let Some(reference) = &bounds.unknown {
            return Err(SchemaFault::not_followed(reference));
        }
        // The validator takes any value where there is no such type, or no type at all.
        let named = ["$ref", "enum", "const", "allOf", "anyOf", "oneOf", "not", "if"];
        match (schema.get("$root").and_then(Value::as_str), schema.get("type")) {
            (Some(root), _)
                if root.strip_prefix('#').and_then(|root| definition(&schema, root)).is_none() =>
            {
                return Err(SchemaFault::Invalid(format!("the document has no schema at `{root}`")));
            }
            (None, None) if !named.iter().any(|name| schema.get(*name).is_some()) => {
                return Ok(Schema::Not(NotJudged::Unusable("none of its types is selected".to_owned())));
            }
            _ => {}
        }
        let mut validator = InstanceValidator::new();
        validator.set_extended(is_extended(document));
        Ok(Schema::JsonStructure(Box::new(Self { schema, validator, bounds })))
    }

    pub(super) fn judge(
        &self,
        payload: &Payload<'_>,
        data: Data<'_>,
        reference: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<NotJudged> {
        let value = match payload.json(data, reference, faults) {
            Ok(value) => value,
            Err(reason) => return reason,
        };
        let extent = payload.extent(value);
        let work = self.bounds.work(extent);
        let depth = self.bounds.hops.saturating_add(1).saturating_mul(extent.levels);
        if extent.levels > LEVELS
            || extent.values > VALUES
            || extent.paths > PATHS
            || depth > DEPTH
            || work > WORK
            || !payload.admits(|| work.saturating_mul(OF_JSON_SCHEMA))
        {
            faults.push(too_large(reference));
            return None;
        }
        let found = self.validator.validate(&value.to_string(), &self.schema);
        faults.extend(
            found
                .errors()
                .take(FAULTS)
                .map(|error| fault(Breach::Schema, error.path(), reference, error.message())),
        );
        None
    }
}

/// What the validator does at most with this document. Errors: it is beyond a limit, or has what the validator does not judge by.
fn bounds(document: &Value, budget: &mut Budget) -> Result<Bounds, String> {
    let extent = Extent::of(document);
    if extent.values > SCHEMA_VALUES || extent.paths > SCHEMA_PATHS {
        return Err(format!(
            "the document has more than {SCHEMA_VALUES} values, or its paths more than {SCHEMA_PATHS} bytes"
        ));
    }
    let schemas = Schemas::read(document);
    // Each place of a pattern is compiled when the document is checked, whether it applies or not.
    let is_pattern = |pattern: &str, size| RegexBuilder::new(pattern).size_limit(size).build().is_ok();
    let mut large = charge(&schemas, |_| 1, usize::MAX, budget, is_pattern)?;
    let beyond: HashSet<&str> =
        large.iter().copied().filter(|pattern| !is_pattern(pattern, PATTERN_BYTES)).collect();
    // Others are no patterns of the validator where the document is not extended, which are compiled nevertheless when it is checked.
    if is_extended(document)
        && let Some(pattern) = beyond.iter().next()
    {
        return Err(format!("the pattern `{pattern}` is not known, or too large"));
    }
    // What is no pattern of the validator is found at once.
    let is_too_large = |pattern: &str| {
        let built = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build();
        matches!(built, Err(regex::Error::CompiledTooBig(_)))
    };
    let too_large: HashSet<&str> = beyond.iter().copied().filter(|pattern| is_too_large(pattern)).collect();
    let places = schemas.objects().flat_map(patterns).filter(|pattern| too_large.contains(pattern)).count();
    if !budget.spend(places.saturating_mul(CHECKED_BYTES)) {
        return Err("the patterns of the schemas take too much together".to_owned());
    }
    large.retain(|pattern| !is_pattern(pattern, LARGE_BYTES));
    for schema in schemas.objects() {
        // Of a base, the validator takes its own properties only.
        for base in bases(schema).flat_map(|base| schemas.targets(schema, base)) {
            if base.get("$extends").is_some() {
                return Err("a base has a base of its own".to_owned());
            }
        }
    }
    // It copies what a schema extends for each value.
    let copied = extent.values.checked_div(64).unwrap_or_default();
    Bounds::of(&schemas, 1, &|schema| {
        let required = schema.get("required").and_then(Value::as_array).map_or(0, Vec::len);
        let compiled = patterns(schema).map(|pattern| if large.contains(pattern) { LARGE } else { PATTERN });
        // It has a pattern of the validator.
        let durations = if has_type(schema, "duration") { PATTERN } else { 0 };
        let bases = bases(schema).count().min(1).saturating_mul(copied);
        [required, durations, bases].into_iter().chain(compiled).fold(0, usize::saturating_add)
    })
}

/// Whether the type of a schema is this one, or it is among them.
fn has_type(schema: &Map<String, Value>, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(types)) => types.iter().any(|ty| ty == name),
        ty => ty.is_some_and(|ty| ty == name),
    }
}

/// The schemas that a schema extends.
fn bases(schema: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let several = schema.get("$extends").and_then(Value::as_array).into_iter().flatten();
    schema.get("$extends").into_iter().chain(several).filter_map(Value::as_str)
}

/// Whether the document turns on what is beyond the core: rules for values, and composition.
fn is_extended(document: &Value) -> bool {
    let uses = document.get("$uses").and_then(Value::as_array).into_iter().flatten();
    let mut names = uses.filter_map(Value::as_str);
    let has_all = document
        .get("$schema")
        .and_then(Value::as_str)
        .is_some_and(|name| name.contains("/meta/validation/"));
    has_all
        || names
            .any(|name| ["JSONStructureValidation", "JSONStructureConditionalComposition"].contains(&name))
}
