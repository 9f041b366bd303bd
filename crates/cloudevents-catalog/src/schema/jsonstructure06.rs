//! JSON Structure schemas by `json-structure` 0.6.

use super::{Payload, SchemaFault, fault};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::Data;
use json_structure::{InstanceValidator, SchemaValidator};
use serde_json::Value;

/// The validator looks no deeper than 64 schemas, some of which are at the same level: what is below would pass.
const LEVELS: usize = 16;

/// The most values of a payload: the validator compares the items of a set with each other.
const VALUES: usize = 4096;

/// The most bytes of the paths of all values: the validator makes each of them.
const PATHS: usize = 1 << 20;

/// The most faults of one payload that are reported.
const FAULTS: usize = 16;

/// A schema with its options.
pub(crate) struct JsonStructure {
    schema: Value,
    validator: InstanceValidator,
}

impl std::fmt::Debug for JsonStructure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonStructure").finish_non_exhaustive()
    }
}

impl JsonStructure {
    pub(super) fn compile(document: &Value, selection: Option<&str>) -> Result<Self, SchemaFault> {
        let found = SchemaValidator::new().validate(&document.to_string());
        if let Some(error) = found.errors().next() {
            return Err(SchemaFault::Invalid(format!("{} at {}", error.message(), error.path())));
        }
        let mut schema = document.clone();
        if let (Some(selection), Value::Object(members)) = (selection, &mut schema) {
            let pointer = format!("/{}", selection.trim_start_matches('/'));
            if document.pointer(&pointer).is_none() {
                return Err(SchemaFault::Invalid(format!("the document has no schema at `#{pointer}`")));
            }
            members.insert("$root".to_owned(), format!("#{pointer}").into());
        }
        let mut validator = InstanceValidator::new();
        validator.set_extended(is_extended(document));
        Ok(Self { schema, validator })
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
        let mut left = (VALUES, PATHS);
        if !fits(value, 0, 0, &mut left) {
            return Some(NotJudged::Unusable(
                "the payload is too large or too deep for this format".to_owned(),
            ));
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

/// Whether a value is small enough; `path` is the length of its path.
fn fits(value: &Value, path: usize, level: usize, left: &mut (usize, usize)) -> bool {
    let (Some(values), Some(paths)) = (left.0.checked_sub(1), left.1.checked_sub(path)) else { return false };
    *left = (values, paths);
    let deeper = level.saturating_add(1);
    level <= LEVELS
        && match value {
            // An index has 4 digits at most.
            Value::Array(items) => items.iter().all(|item| fits(item, path.saturating_add(5), deeper, left)),
            Value::Object(members) => members.iter().all(|(name, value)| {
                // Escaping can double a name.
                let name = name.len().saturating_mul(2).saturating_add(1);
                fits(value, path.saturating_add(name), deeper, left)
            }),
            _ => true,
        }
}
