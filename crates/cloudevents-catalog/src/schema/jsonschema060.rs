//! JSON Schemas by `jsonschema` 0.60.

use super::invalid::invalid;
use super::patterns::{PATTERN_BYTES, charge, looks_once, patterns};
use super::{Format, MESSAGE, Payload, SchemaFault, fault, keep_within, too_large};
use super::{
    bounds::{Bounds, Extent, LEVELS, asserts_patterns},
    schemas::{Schemas, references},
};
use crate::finding::{Budget, short};
use crate::size::memory;
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use jsonschema::{
    Draft, FancyRegex, PatternOptions, ValidationError, ValidationOptions, Validator, ValidatorMap,
};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;

/// The most faults of one payload that are reported.
const FAULTS: usize = 16;

/// The most steps back of one regular expression on one text.
const STEPS_BACK: usize = 100_000;

/// The most bytes of errors that may be collected for the faults of one payload, by an estimate.
const ERRORS: usize = 64 << 20;

/// How many bytes that an error has of its schema count as a schema.
const PER_SCHEMA: usize = 512;

/// How often schemas may be applied to one value of any payload, by an estimate.
///
/// `WORK` is the bound for all values of a payload in which it may be more often. The validator remembers results only along references
/// that come back.
const TIMES: usize = 256;
const WORK: usize = 50_000_000;

/// The most schemas within each other on the way to a value, which take stack: the schemas in a row, times the levels of the payload.
const ROWS: usize = 1500;

/// The most objects of a document within each other when it is compiled, which takes stack. In a debug build, some 400 fill the 2 MiB of a
/// thread.
///
/// `NESTED_REFERENCES` is the number of references that are followed there at once. Schemas behind more references wait.
const WITHIN: usize = 300;
const NESTED_REFERENCES: usize = 8;

/// The most schemas of a document that types are selected from. Each of its objects is compiled, with all that it refers to.
const PARTS: usize = 500_000;

/// The most bytes that patterns may look at in one payload, by an estimate.
///
/// A pattern that looks around may look at all of a text from each of its characters.
const LOOKED_AT: usize = 4_000_000_000;

/// How many of these bytes take as long as a schema.
const LOOKED_AT_PER_SCHEMA: usize = 64;

/// How many values of an `enum` are compared while one schema is applied.
const COMPARED: usize = 8;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct JsonSchema {
    compiled: Compiled,
    limits: Arc<Limits>,
}

/// The most work of a schema.
#[derive(Debug)]
struct Limits {
    bounds: Bounds,
    /// How often patterns that look around are applied, and the schemas that look through patterns, if there are any.
    looking: Option<Bounds>,
}

/// A schema, or all of a document, of which one is selected.
#[derive(Debug)]
enum Compiled {
    Root(Box<Validator>),
    Selected(Arc<ValidatorMap>, String),
}

/// All schemas of a document.
#[derive(Debug)]
pub(crate) struct Parts {
    compiled: Arc<ValidatorMap>,
    limits: Arc<Limits>,
}

impl Parts {
    pub(super) fn compile(
        format: &Format,
        document: &Value,
        budget: &mut Budget,
    ) -> Result<Self, SchemaFault> {
        // Each object becomes a schema then.
        let schemas = Schemas::read(document).with_values();
        if schemas.reach(PARTS) > PARTS {
            return Err(SchemaFault::Beyond(format!(
                "its parts have more than {PARTS} schemas, each by itself"
            )));
        }
        // For each object, everything that it reaches is compiled again.
        let times = schemas.times();
        let times =
            |schema: &Map<String, Value>| times.get(&std::ptr::from_ref(schema)).copied().unwrap_or(1);
        let patterns = charge(&schemas, times, usize::MAX, budget, is_pattern)?;
        keep_within(budget, kept(document, 0, 1, &times).saturating_add(patterns))?;
        let (compiled, limits) = compile(format, document, &schemas, |options| options.build_map(document))?;
        Ok(Self { compiled: Arc::new(compiled), limits })
    }

    /// The schema at a JSON Pointer.
    pub(super) fn select(&self, pointer: &str) -> Result<JsonSchema, SchemaFault> {
        let pointer = format!("#/{}", pointer.trim_start_matches('/'));
        match self.compiled.contains_key(&pointer) {
            true => Ok(JsonSchema {
                compiled: Compiled::Selected(self.compiled.clone(), pointer),
                limits: self.limits.clone(),
            }),
            false => Err(SchemaFault::Invalid(format!("the document has no schema at `{pointer}`"))),
        }
    }
}

impl JsonSchema {
    pub(super) fn compile(
        format: &Format,
        document: &Value,
        budget: &mut Budget,
    ) -> Result<Self, SchemaFault> {
        let schemas = Schemas::read(document);
        // It compiles each of them once.
        let patterns = charge(&schemas, |_| 1, 1, budget, is_pattern)?;
        keep_within(budget, kept(document, 0, 1, &|_| 1).saturating_add(patterns))?;
        let (schema, limits) = compile(format, document, &schemas, |options| options.build(document))?;
        Ok(Self { compiled: Compiled::Root(Box::new(schema)), limits })
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
        let Some(schema) = self.validator() else {
            return Some(NotJudged::Unusable("nothing is selected".to_owned()));
        };
        let extent = || payload.extent(value);
        if self.limits.are_exceeded(extent) || !payload.admits(|| self.limits.work(extent())) {
            faults.push(too_large(reference));
            return None;
        }
        if !schema.is_valid(value) {
            let of = |error: ValidationError<'_>| {
                let rule = format!("{reference}#{}", error.schema_path());
                fault(
                    Breach::Schema,
                    error.instance_path().as_str(),
                    &rule,
                    short(&error.masked().to_string(), MESSAGE),
                )
            };
            // It collects every error before it returns the first, and the errors of all alternatives.
            if self.limits.bounds.times(extent()).saturating_mul(extent().errors) <= ERRORS {
                faults.extend(schema.iter_errors(value).take(FAULTS).map(of));
            } else {
                let message = "the payload breaks its schema; finding all faults could take too long";
                faults.push(fault(Breach::Schema, "", reference, message));
            }
        }
        None
    }

    fn validator(&self) -> Option<&Validator> {
        match &self.compiled {
            Compiled::Root(schema) => Some(schema),
            Compiled::Selected(map, pointer) => map.get(pointer),
        }
    }
}

impl Limits {
    fn of(schemas: &Schemas<'_>) -> Result<Self, SchemaFault> {
        let bounds = Bounds::of(schemas, 1, &cost).map_err(SchemaFault::Beyond)?;
        let all: HashSet<&str> = schemas.objects().flat_map(patterns).collect();
        let looking: HashSet<&str> =
            all.into_iter().filter(|pattern| !looks_once(pattern, is_plain)).collect();
        // A text that has to be a pattern is looked through once more for each of its groups.
        let is_of_patterns = |schema: &Map<String, Value>| {
            schema.get("format").is_some_and(|format| format == "regex")
                || references(schema).any(asserts_patterns)
        };
        let count = |schema: &Map<String, Value>| {
            let own = patterns(schema).filter(|pattern| looking.contains(pattern)).count();
            own.saturating_add(usize::from(is_of_patterns(schema)))
        };
        let is_any = !looking.is_empty() || schemas.objects().any(is_of_patterns);
        let looking = is_any.then(|| Bounds::of(schemas, 0, &count));
        Ok(Self { bounds, looking: looking.transpose().map_err(SchemaFault::Beyond)? })
    }

    /// Whether a payload of this extent takes too much. Most schemas do not take much of any payload.
    fn are_exceeded<'p>(&self, extent: impl Fn() -> &'p Extent) -> bool {
        let Self { bounds, looking } = self;
        let rows = bounds.hops.saturating_add(1);
        (rows.saturating_mul(LEVELS) > ROWS && rows.saturating_mul(extent().levels) > ROWS)
            || (bounds.times_of_any() > TIMES
                && bounds.times(extent()) > TIMES
                && bounds.work(extent()) > WORK)
            || (looking.is_some() && self.looked_at(extent()) > LOOKED_AT)
    }

    /// The schemas that are applied to values at most, or as much.
    fn work(&self, extent: &Extent) -> usize {
        let looked_at = self.looked_at(extent).checked_div(LOOKED_AT_PER_SCHEMA);
        self.bounds.work(extent).saturating_add(looked_at.unwrap_or_default())
    }

    fn looked_at(&self, extent: &Extent) -> usize {
        let times = self.looking.as_ref().map_or(0, |looking| looking.times(extent));
        times.saturating_mul(extent.squares)
    }
}

/// The work of a schema besides the schemas that it applies.
///
/// Each required name that is missing is an error, lists are looked through, and errors have copies of parts of the schema.
fn cost(schema: &Map<String, Value>) -> usize {
    let copied = ["required", "dependentRequired", "dependencies", "pattern", "not"]
        .into_iter()
        .filter_map(|name| schema.get(name))
        .map(memory)
        .fold(0, usize::saturating_add);
    let copied = copied.checked_div(PER_SCHEMA).unwrap_or_default();
    let length = |list: &Value| list.as_array().map_or(0, Vec::len);
    let required = schema.get("required").map_or(0, length);
    let dependent = ["dependentRequired", "dependentSchemas", "dependencies"]
        .into_iter()
        .filter_map(|name| schema.get(name)?.as_object())
        .flat_map(Map::values)
        .map(|entry| length(entry).saturating_add(1))
        .fold(0, usize::saturating_add);
    // Lists that have only texts are looked up.
    let is_searched = |list: &&Value| {
        list.as_array().into_iter().flatten().any(|value| !value.is_string() && !value.is_null())
    };
    let listed = schema.get("enum").filter(is_searched).map_or(0, |list| Extent::of(list).values);
    let listed = listed.checked_div(COMPARED).unwrap_or_default();
    [required, dependent, listed, copied].into_iter().fold(0, usize::saturating_add)
}

/// The bytes of each schema when it is compiled, of each of its keywords, and of each value of a list, about.
const OBJECT: usize = 256;
const KEYWORD: usize = 128;
const SCALAR: usize = 64;

/// The bytes that are kept of a value at a path of so many bytes, about: the paths to all that is in it, and its texts. Its objects are
/// compiled so many `times`.
fn kept(value: &Value, path: usize, times: usize, times_of: &impl Fn(&Map<String, Value>) -> usize) -> usize {
    let inner = match value {
        Value::String(text) => times.saturating_mul(text.len().saturating_add(SCALAR)),
        // An index of a small array has 4 digits at most.
        Value::Array(items) => items
            .iter()
            .map(|item| kept(item, path.saturating_add(5), times, times_of))
            .fold(0, usize::saturating_add),
        Value::Object(members) => {
            let times = times_of(members);
            // An object with its own name has this name before all paths within it, and once more as a URI.
            let named = ["$id", "id"].into_iter().filter_map(|name| members.get(name)?.as_str());
            let path = named.map(|id| id.len().saturating_mul(2)).fold(path, usize::saturating_add);
            let of_member = |(name, value): (&String, &Value)| {
                // Escaping can double a name.
                let path = path.saturating_add(name.len().saturating_mul(2)).saturating_add(1);
                kept(value, path, times, times_of)
            };
            let own = times.saturating_mul(members.len().saturating_mul(KEYWORD).saturating_add(OBJECT));
            members.iter().map(of_member).fold(own, usize::saturating_add)
        }
        // It is a schema, perhaps.
        Value::Bool(_) => times.saturating_mul(OBJECT),
        _ => times.saturating_mul(SCALAR),
    };
    inner.saturating_add(times.saturating_mul(path))
}

/// Compiles a document whose schemas do not go on without end, and whose patterns were charged.
fn compile<'d, T>(
    format: &Format,
    document: &'d Value,
    schemas: &Schemas<'_>,
    build: impl FnOnce(&ValidationOptions<'d>) -> Result<T, ValidationError<'static>>,
) -> Result<(T, Arc<Limits>), SchemaFault> {
    if schemas.depth(NESTED_REFERENCES) > WITHIN {
        return Err(SchemaFault::Beyond(format!(
            "more than {WITHIN} levels of schemas are within each other, or refer to each other"
        )));
    }
    let limits = Arc::new(Limits::of(schemas)?);
    let mut options = jsonschema::options().offline().with_pattern_options(looking_around(PATTERN_BYTES));
    if document.get("$schema").is_none()
        && let Some(draft) = draft(format)
    {
        options = options.with_draft(draft);
    }
    let built = build(&options).map_err(|error| invalid(&error, document))?;
    match &limits.bounds.unknown {
        None => Ok((built, limits)),
        Some(reference) => Err(SchemaFault::not_followed(reference)),
    }
}

fn draft(format: &Format) -> Option<Draft> {
    Some(match format.version.as_deref()? {
        "draft-04" => Draft::Draft4,
        "draft-06" => Draft::Draft6,
        "draft-07" => Draft::Draft7,
        "draft/2019-09" => Draft::Draft201909,
        "draft/2020-12" => Draft::Draft202012,
        _ => return None,
    })
}

/// Patterns that take so many bytes at most.
fn looking_around(bytes: usize) -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex().backtrack_limit(STEPS_BACK).size_limit(bytes).dfa_size_limit(bytes)
}

fn is_pattern(text: &str, bytes: usize) -> bool {
    let schema = serde_json::json!({"pattern": text});
    jsonschema::options().offline().with_pattern_options(looking_around(bytes)).build(&schema).is_ok()
}

/// Whether a pattern looks at each character of a text a few times at most: it does not look around.
fn is_plain(text: &str) -> bool {
    let schema = serde_json::json!({"pattern": text});
    let options = PatternOptions::regex().size_limit(PATTERN_BYTES).dfa_size_limit(PATTERN_BYTES);
    jsonschema::options().offline().with_pattern_options(options).build(&schema).is_ok()
}
