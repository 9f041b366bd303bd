//! The fault of a JSON Schema, and its place.

use super::patterns::PATTERN_BYTES;
use super::schemas::{decoded, is_of_values, references};
use super::{MESSAGE, SchemaFault};
use crate::finding::short;
use cloudevents_json::codec::token;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{ReferencingError, ValidationError};
use serde_json::Value;

/// The fault of a document that is not compiled.
pub(super) fn invalid(error: &ValidationError<'static>, document: &Value) -> SchemaFault {
    let message = short(&error.to_string(), MESSAGE).into_owned();
    match error.kind() {
        // It leads into a known document: this document, a part of it with an `$id`, or a metaschema.
        ValidationErrorKind::Referencing(
            ReferencingError::PointerToNowhere { pointer: fragment }
            | ReferencingError::InvalidArrayIndex { pointer: fragment, .. }
            | ReferencingError::NoSuchAnchor { anchor: fragment }
            | ReferencingError::InvalidAnchor { anchor: fragment },
        ) => match broken(document, fragment) {
            Some((place, reference)) => {
                let reference = short(reference, MESSAGE / 2);
                SchemaFault::InvalidAt(place, format!("the reference `{reference}` leads to nothing"))
            }
            None => SchemaFault::Beyond(message),
        },
        ValidationErrorKind::Referencing(ReferencingError::InvalidUri(_)) => SchemaFault::Beyond(message),
        ValidationErrorKind::Referencing(ReferencingError::Unretrievable { uri, .. }) => {
            SchemaFault::Elsewhere(short(uri, MESSAGE).into_owned())
        }
        ValidationErrorKind::Referencing(_) => SchemaFault::Elsewhere(message),
        // A pattern is none, or is too large.
        ValidationErrorKind::Format { .. } if is_of_ecma(error.instance()) => SchemaFault::Beyond(format!(
            "a pattern takes more than {PATTERN_BYTES} bytes, or is in a form that is not known: {message}"
        )),
        _ => {
            let cause = cause(error);
            let place = cause.instance_path().as_str();
            // Errors of other checks than that by the metaschema may have another path.
            match document.pointer(place) {
                Some(value) if !place.is_empty() && value == &**cause.instance() => {
                    SchemaFault::InvalidAt(place.to_owned(), words(cause))
                }
                _ => SchemaFault::Invalid(message),
            }
        }
    }
}

/// The first reference with this fragment in a document, and its place. Examples and similar values may be any JSON.
fn broken<'d>(document: &'d Value, fragment: &str) -> Option<(String, &'d str)> {
    // Places are made on the way back: names may be long.
    match document {
        Value::Object(members) => {
            let is_it = |reference: &&str| {
                let own = reference.split_once('#').map(|(_, own)| own);
                own.is_some_and(|own| own == fragment || decoded(own).is_some_and(|own| own == fragment))
            };
            if let Some(reference) = references(members).find(is_it) {
                let name = members.iter().find(|(_, value)| value.as_str() == Some(reference));
                return name.map(|(name, _)| (token(name), reference));
            }
            let mut parts = members.iter().filter(|(name, _)| !is_of_values(name));
            parts.find_map(|(name, value)| {
                broken(value, fragment).map(|(rest, reference)| (format!("{}{rest}", token(name)), reference))
            })
        }
        Value::Array(items) => items.iter().enumerate().find_map(|(at, item)| {
            broken(item, fragment).map(|(rest, reference)| (format!("/{at}{rest}"), reference))
        }),
        _ => None,
    }
}

/// The innermost error. Of the alternatives of a metaschema, the intended alternative fails further down.
fn cause<'e>(error: &'e ValidationError<'static>) -> &'e ValidationError<'static> {
    let length = |error: &ValidationError<'static>| error.instance_path().as_str().len();
    let inner = match error.kind() {
        ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } => {
            let deeper = context.iter().flatten().filter(|inner| length(inner) > length(error));
            deeper.max_by_key(|inner| length(inner))
        }
        _ => None,
    };
    inner.map_or(error, cause)
}

/// The fault of the value of a keyword, without the alternatives that the metaschema has for it.
fn words(error: &ValidationError<'static>) -> String {
    let keyword = error.instance_path().as_str().rsplit('/').next().unwrap_or_default();
    let has_alternatives =
        matches!(error.kind(), ValidationErrorKind::AnyOf { .. } | ValidationErrorKind::OneOfNotValid { .. });
    let value = error.instance().to_string();
    let value = short(&value, MESSAGE / 2);
    match has_alternatives {
        true if keyword == "type" => format!("{value} is not a type of JSON Schema"),
        true => format!("{value} is no value of `{}`", short(keyword, MESSAGE / 4)),
        false => short(&error.to_string(), MESSAGE).into_owned(),
    }
}

/// Whether a text is a regular expression of ECMA-262, which is found without compiling it.
fn is_of_ecma(text: &Value) -> bool {
    let schema = serde_json::json!({"type": "string", "format": "regex"});
    let known = jsonschema::options().offline().should_validate_formats(true).build(&schema);
    known.is_ok_and(|known| known.is_valid(text))
}
