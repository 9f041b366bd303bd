//! JSON Schemas by `jsonschema` 0.60.

use super::bounds::{Bounds, Extent, Schemas};
use super::patterns::{PATTERN_BYTES, SMALL_PATTERN, pattern_bytes};
use super::{Format, Payload, SchemaFault, fault, too_large};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{
    Draft, FancyRegex, PatternOptions, ValidationError, ValidationOptions, Validator, ValidatorMap,
};
use serde_json::Value;
use std::sync::Arc;

/// The most faults of one payload that are reported.
const FAULTS: usize = 16;

/// The most steps back of one regular expression on one text.
const STEPS_BACK: usize = 100_000;

/// The longest message of a fault, in bytes.
const MESSAGE: usize = 400;

/// The most errors that may be collected for the faults of one payload, by an estimate.
const ERRORS: usize = 100_000;

/// How often schemas may be applied to one value of any payload, by an estimate, and to all values of one in which it may be more often.
/// The validator remembers results only along references that come back.
const TIMES: usize = 256;
const WORK: usize = 50_000_000;

/// What a pattern may take at most to be one that is too large, and not a mistake.
const LARGE_PATTERN: usize = 64 << 20;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct JsonSchema {
    compiled: Compiled,
    bounds: Bounds,
    pattern_bytes: usize,
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
    bounds: Bounds,
    pattern_bytes: usize,
}

impl Parts {
    pub(super) fn compile(format: &Format, document: &Value) -> Result<Self, SchemaFault> {
        let (compiled, bounds, pattern_bytes) =
            compile(format, document, |options| options.build_map(document))?;
        Ok(Self { compiled: Arc::new(compiled), bounds, pattern_bytes })
    }

    pub(super) fn pattern_bytes(&self) -> usize {
        self.pattern_bytes
    }

    /// The schema at a JSON Pointer.
    pub(super) fn select(&self, pointer: &str) -> Result<JsonSchema, SchemaFault> {
        let pointer = format!("#/{}", pointer.trim_start_matches('/'));
        match self.compiled.contains_key(&pointer) {
            true => Ok(JsonSchema {
                compiled: Compiled::Selected(self.compiled.clone(), pointer),
                bounds: self.bounds.clone(),
                // They are those of all parts.
                pattern_bytes: 0,
            }),
            false => Err(SchemaFault::Invalid(format!("the document has no schema at `{pointer}`"))),
        }
    }
}

impl JsonSchema {
    pub(super) fn compile(format: &Format, document: &Value) -> Result<Self, SchemaFault> {
        let (schema, bounds, pattern_bytes) = compile(format, document, |options| options.build(document))?;
        Ok(Self { compiled: Compiled::Root(Box::new(schema)), bounds, pattern_bytes })
    }

    pub(super) fn pattern_bytes(&self) -> usize {
        self.pattern_bytes
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
        if self.is_too_large(value) {
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
                    short(error.masked().to_string()),
                )
            };
            // It collects every error before it returns the first, and those of all alternatives.
            if self.bounds.work(&Extent::of(value)) <= ERRORS {
                faults.extend(schema.iter_errors(value).take(FAULTS).map(of));
            } else {
                let message = "the payload breaks its schema; finding all faults could take too long";
                faults.push(fault(Breach::Schema, "", reference, message));
            }
        }
        None
    }

    fn is_too_large(&self, value: &Value) -> bool {
        self.bounds.times_of_any() > TIMES && {
            let extent = Extent::of(value);
            self.bounds.times(&extent) > TIMES && self.bounds.work(&extent) > WORK
        }
    }

    fn validator(&self) -> Option<&Validator> {
        match &self.compiled {
            Compiled::Root(schema) => Some(schema),
            Compiled::Selected(map, pointer) => map.get(pointer),
        }
    }
}

/// Compiles a document whose schemas do not go on without end.
fn compile<'d, T>(
    format: &Format,
    document: &'d Value,
    build: impl FnOnce(&ValidationOptions<'d>) -> Result<T, ValidationError<'static>>,
) -> Result<(T, Bounds, usize), SchemaFault> {
    // Each required name that is missing is an error.
    let required = |schema: &serde_json::Map<String, Value>| {
        schema.get("required").and_then(Value::as_array).map_or(0, Vec::len)
    };
    let bounds = Bounds::of(document, &required).map_err(SchemaFault::Beyond)?;
    let pattern_bytes = pattern_bytes(&Schemas::read(document), |pattern| is_pattern(pattern, SMALL_PATTERN));
    let pattern_bytes = pattern_bytes.map_err(SchemaFault::Beyond)?;
    let mut options = jsonschema::options().offline().with_pattern_options(patterns(PATTERN_BYTES));
    if document.get("$schema").is_none()
        && let Some(draft) = draft(format)
    {
        options = options.with_draft(draft);
    }
    let built = build(&options).map_err(invalid)?;
    match &bounds.unknown {
        None => Ok((built, bounds, pattern_bytes)),
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

fn invalid(error: ValidationError<'_>) -> SchemaFault {
    let message = short(error.to_string());
    match error.kind() {
        ValidationErrorKind::Referencing(_) => SchemaFault::Elsewhere(message),
        // A pattern is none, or is too large.
        ValidationErrorKind::Format { .. }
            if error.instance().as_str().is_some_and(|text| is_pattern(text, LARGE_PATTERN)) =>
        {
            SchemaFault::Beyond(format!("a pattern takes more than {PATTERN_BYTES} bytes: {message}"))
        }
        _ => SchemaFault::Invalid(message),
    }
}

/// Patterns that take so many bytes at most.
fn patterns(bytes: usize) -> PatternOptions<FancyRegex> {
    PatternOptions::fancy_regex().backtrack_limit(STEPS_BACK).size_limit(bytes).dfa_size_limit(bytes)
}

fn is_pattern(text: &str, bytes: usize) -> bool {
    let schema = serde_json::json!({"pattern": text});
    jsonschema::options().offline().with_pattern_options(patterns(bytes)).build(&schema).is_ok()
}

fn short(mut message: String) -> String {
    if message.len() > MESSAGE {
        message.truncate((0..=MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default());
        message.push('…');
    }
    message
}
