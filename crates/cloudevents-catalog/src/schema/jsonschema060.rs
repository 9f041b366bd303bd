//! JSON Schemas by `jsonschema` 0.60.

use super::bounds::{Bounds, Extent};
use super::{Format, Payload, SchemaFault, fault};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, ValidationOptions, Validator, ValidatorMap};
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

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct JsonSchema {
    compiled: Compiled,
    bounds: Bounds,
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
}

impl Parts {
    pub(super) fn compile(format: &Format, document: &Value) -> Result<Self, SchemaFault> {
        let (compiled, bounds) = compile(format, document, |options| options.build_map(document))?;
        Ok(Self { compiled: Arc::new(compiled), bounds })
    }

    /// The schema at a JSON Pointer.
    pub(super) fn select(&self, pointer: &str) -> Result<JsonSchema, SchemaFault> {
        let pointer = format!("#/{}", pointer.trim_start_matches('/'));
        match self.compiled.contains_key(&pointer) {
            true => Ok(JsonSchema {
                compiled: Compiled::Selected(self.compiled.clone(), pointer),
                bounds: self.bounds.clone(),
            }),
            false => Err(SchemaFault::Invalid(format!("the document has no schema at `{pointer}`"))),
        }
    }
}

impl JsonSchema {
    pub(super) fn compile(format: &Format, document: &Value) -> Result<Self, SchemaFault> {
        let (schema, bounds) = compile(format, document, |options| options.build(document))?;
        Ok(Self { compiled: Compiled::Root(Box::new(schema)), bounds })
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
                let message = "the payload breaks its schema; it is too large to say where".to_owned();
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

/// Compiles a document whose schemas do not go on without end.
fn compile<'d, T>(
    format: &Format,
    document: &'d Value,
    build: impl FnOnce(&ValidationOptions<'d>) -> Result<T, ValidationError<'static>>,
) -> Result<(T, Bounds), SchemaFault> {
    // Each required name that is missing is an error.
    let required = |schema: &serde_json::Map<String, Value>| {
        schema.get("required").and_then(Value::as_array).map_or(0, Vec::len)
    };
    let bounds = Bounds::of(document, &required).map_err(SchemaFault::Beyond)?;
    let mut options = jsonschema::options()
        .offline()
        .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(STEPS_BACK));
    if document.get("$schema").is_none()
        && let Some(draft) = draft(format)
    {
        options = options.with_draft(draft);
    }
    let built = build(&options).map_err(invalid)?;
    match &bounds.unknown {
        None => Ok((built, bounds)),
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
        _ => SchemaFault::Invalid(message),
    }
}

fn short(mut message: String) -> String {
    if message.len() > MESSAGE {
        message.truncate((0..=MESSAGE).rev().find(|at| message.is_char_boundary(*at)).unwrap_or_default());
        message.push('…');
    }
    message
}
