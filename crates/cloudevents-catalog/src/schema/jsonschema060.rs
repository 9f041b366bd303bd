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

/// A compiled schema, or all of a document, of which one is selected.
#[derive(Debug)]
pub(crate) enum JsonSchema {
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
        let Some(selection) = selection else {
            return options.build(document).map(|schema| Self::Root(Box::new(schema))).map_err(invalid);
        };
        let map = options.build_map(document).map_err(invalid)?;
        let pointer = format!("#/{}", selection.trim_start_matches('/'));
        match map.contains_key(&pointer) {
            true => Ok(Self::Selected(Box::new(map), pointer)),
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
            faults.extend(schema.iter_errors(value).take(FAULTS).map(of));
        }
        None
    }

    fn validator(&self) -> Option<&Validator> {
        match self {
            Self::Root(schema) => Some(schema),
            Self::Selected(map, pointer) => map.get(pointer),
        }
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
