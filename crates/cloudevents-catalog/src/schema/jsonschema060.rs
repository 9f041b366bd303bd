//! JSON Schemas by `jsonschema` 0.60.

use super::{Format, Payload, SchemaFault, fault};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator, ValidatorMap};
use serde_json::Value;

/// The most faults of one payload that are reported.
const FAULTS: usize = 16;

/// The most steps back of one regular expression on one text.
const STEPS_BACK: usize = 100_000;

/// The longest message of a fault, in bytes.
const MESSAGE: usize = 400;

/// The most errors that may be collected for the faults of one payload, by an estimate, and the most values of such a payload.
const ERRORS: usize = 4096;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct JsonSchema {
    compiled: Compiled,
    /// The most schemas that one schema of the document applies to the same value at once.
    width: usize,
}

/// A schema, or all of a document, of which one is selected.
#[derive(Debug)]
enum Compiled {
    Root(Box<Validator>),
    Selected(Box<ValidatorMap>, String),
}

impl JsonSchema {
    pub(super) fn compile(
        format: &Format,
        document: &Value,
        selection: Option<&str>,
    ) -> Result<Self, SchemaFault> {
        let mut options = jsonschema::options()
            .offline()
            .with_pattern_options(PatternOptions::fancy_regex().backtrack_limit(STEPS_BACK));
        if document.get("$schema").is_none()
            && let Some(draft) = draft(format)
        {
            options = options.with_draft(draft);
        }
        let width = width(document);
        let Some(selection) = selection else {
            let schema = options.build(document).map_err(invalid)?;
            return Ok(Self { compiled: Compiled::Root(Box::new(schema)), width });
        };
        let map = options.build_map(document).map_err(invalid)?;
        let pointer = format!("#/{}", selection.trim_start_matches('/'));
        match map.contains_key(&pointer) {
            true => Ok(Self { compiled: Compiled::Selected(Box::new(map), pointer), width }),
            false => Err(SchemaFault::Invalid(format!("the document has no schema at `{pointer}`"))),
        }
    }

    pub(super) fn judge(
        &self,
        payload: &Payload<'_>,
        data: Data<'_>,
        reference: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<NotJudged> {
        if let Some(other) = payload.other_than(|media_type| media_type.is_json()) {
            return Some(other);
        }
        let value = match payload.json(data) {
            Ok(value) => value,
            Err(error) => {
                faults.push(super::not_json(reference, error));
                return None;
            }
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
            if self.has_few_errors(value) {
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

    /// Whether the errors of this payload can be collected: alternatives multiply with each level.
    fn has_few_errors(&self, value: &Value) -> bool {
        let mut values = 0_usize;
        let levels = levels(value, &mut values);
        let most = u32::try_from(levels).ok().and_then(|levels| self.width.checked_pow(levels));
        values <= ERRORS && most.is_some_and(|most| most <= ERRORS)
    }
}

/// The levels of a value, and how many values it has. Readers of JSON bound its levels.
fn levels(value: &Value, values: &mut usize) -> usize {
    *values = values.saturating_add(1);
    let below = match value {
        Value::Array(items) => items.iter().map(|item| levels(item, values)).max(),
        Value::Object(members) => members.values().map(|member| levels(member, values)).max(),
        _ => None,
    };
    below.unwrap_or_default().saturating_add(1)
}

/// The most schemas that one object of the document applies to the same value: its alternatives, conditions and references, and its properties together.
fn width(document: &Value) -> usize {
    let (own, below) = match document {
        Value::Array(items) => (1, items.iter().map(width).max()),
        Value::Object(members) => {
            let of = |(name, value): (&String, &Value)| match name.as_str() {
                "anyOf" | "oneOf" | "allOf" => value.as_array().map_or(1, Vec::len),
                "patternProperties" | "dependentSchemas" | "dependencies" => {
                    value.as_object().map_or(1, serde_json::Map::len)
                }
                "$ref"
                | "$dynamicRef"
                | "if"
                | "then"
                | "else"
                | "not"
                | "properties"
                | "additionalProperties" => 1,
                _ => 0,
            };
            (members.iter().map(of).sum(), members.values().map(width).max())
        }
        _ => (1, None),
    };
    own.max(below.unwrap_or_default()).max(1)
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
