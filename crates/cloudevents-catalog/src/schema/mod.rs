//! Schemas of payloads.

// Some items here are for one of these formats only, or for several.
#![cfg_attr(
    not(all(feature = "apacheavro022", feature = "jsonschema060", feature = "protox09")),
    allow(clippy::ptr_arg, dead_code, unused_variables)
)]

#[cfg(feature = "apacheavro022")]
mod apacheavro022;
#[cfg(feature = "apacheavro022")]
mod avro_types;
#[cfg(feature = "jsonschema060")]
mod bounds;
mod format;
#[cfg(feature = "jsonschema060")]
mod invalid;
#[cfg(feature = "jsonschema060")]
mod jsonschema060;
#[cfg(feature = "jsonschema060")]
mod patterns;
#[cfg(feature = "protox09")]
mod protox09;
#[cfg(feature = "jsonschema060")]
mod sample;
#[cfg(feature = "jsonschema060")]
mod schemas;

pub(crate) use format::{Family, Format};

use crate::finding::{Budget, short};
use crate::matching::Steps;
use crate::size::values_in;
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::{Data, Event, MediaType};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};

/// The most schemas that may be applied to the values of one payload by all definitions but the first, by an estimate.
const TOGETHER: usize = 200_000_000;

/// The most JSON values of a schema in a text. Each takes some hundred bytes of memory, however few it has in the text.
const VALUES: usize = 250_000;

/// The fault of a schema that exceeds the budget of all schemas.
const TOGETHER_TOO_MUCH: &str = "what is kept of all schemas takes too much together";

/// The longest message about a schema or a payload, in bytes: a schema may have long names, and many messages may have the schema.
pub(crate) const MESSAGE: usize = 400;

/// How many schemas take as long as one byte of another format.
const PER_BYTE: usize = 8;

/// A schema that is ready to judge payloads, or the reason why it cannot.
#[derive(Debug)]
pub(crate) enum Schema {
    #[cfg(feature = "jsonschema060")]
    Json(jsonschema060::JsonSchema),
    #[cfg(feature = "apacheavro022")]
    Avro(cloudevents_avro::apacheavro022::CheckedSchema),
    #[cfg(feature = "protox09")]
    Protobuf(protox09::Message),
    Not(NotJudged),
}

/// The fault of a schema.
#[derive(Clone, Debug)]
pub(crate) enum SchemaFault {
    /// It is not a schema of its format.
    Invalid(String),
    /// It is not one at this JSON Pointer into it.
    InvalidAt(String, String),
    /// It is beyond a limit, or uses features that its validator does not know.
    Beyond(String),
    /// It refers to documents that are not there.
    Elsewhere(String),
    /// No type of it is selected, or the selected type cannot be used.
    Unselected(String),
}

impl SchemaFault {
    /// Shortens the fault: many messages may have a copy of it.
    pub(crate) fn cut(self) -> Self {
        let cut = |message: String| short(&message, MESSAGE).into_owned();
        match self {
            Self::Invalid(message) => Self::Invalid(cut(message)),
            // A part of a pointer is another place.
            Self::InvalidAt(pointer, message) if pointer.len() > MESSAGE => Self::Invalid(cut(message)),
            Self::InvalidAt(pointer, message) => Self::InvalidAt(pointer, cut(message)),
            Self::Beyond(message) => Self::Beyond(cut(message)),
            Self::Elsewhere(message) => Self::Elsewhere(cut(message)),
            Self::Unselected(message) => Self::Unselected(cut(message)),
        }
    }

    /// The fault, and its place.
    pub(crate) fn words(&self) -> Cow<'_, str> {
        match self {
            Self::InvalidAt(pointer, message) => format!("{message}, at `{pointer}`").into(),
            Self::Invalid(message)
            | Self::Beyond(message)
            | Self::Elsewhere(message)
            | Self::Unselected(message) => message.into(),
        }
    }

    fn not_followed(reference: &str) -> Self {
        Self::Beyond(format!(
            "the reference `{reference}` leads to nothing, or is in a form that is not followed"
        ))
    }
}

impl Schema {
    /// Compiles all of the document as a schema of this format. The budget is charged for it.
    pub(crate) fn compile(
        format: &Format,
        document: &Value,
        budget: &mut Budget,
    ) -> Result<Self, SchemaFault> {
        let document = &*json(format, document)?;
        match format.family {
            #[cfg(feature = "jsonschema060")]
            Family::JsonSchema => {
                jsonschema060::JsonSchema::compile(format, document, budget).map(Self::Json)
            }
            #[cfg(feature = "apacheavro022")]
            Family::Avro => apacheavro022::compile(document, budget),
            #[cfg(feature = "protox09")]
            Family::Protobuf => protox09::Parts::compile(document, budget)?.only(),
            _ => Ok(Self::Not(NotJudged::Format(format.text.clone()))),
        }
    }

    /// Why no payload of this content type is judged, independent of its contents.
    pub(crate) fn never_judges(&self, content_type: &str) -> Option<NotJudged> {
        let media_type = MediaType::parse(content_type).ok()?;
        let is_judged = match self {
            Self::Not(_) => true,
            #[cfg(feature = "jsonschema060")]
            Self::Json(_) => media_type.is_json(),
            #[cfg(feature = "apacheavro022")]
            Self::Avro(_) => apacheavro022::is_avro(media_type),
            #[cfg(feature = "protox09")]
            Self::Protobuf(_) => protox09::is_protobuf(media_type),
        };
        (!is_judged).then(|| NotJudged::ContentType(content_type.to_owned()))
    }

    /// Judges a payload, and adds its faults, with this reference to the schema. Returns why it was not judged.
    pub(crate) fn judge(
        &self,
        payload: &Payload<'_>,
        reference: &str,
        faults: &mut Vec<Fault>,
    ) -> Option<NotJudged> {
        match self {
            Self::Not(reason) => Some(reason.clone()),
            #[cfg(feature = "jsonschema060")]
            Self::Json(schema) => schema.judge(payload, payload.data(reference, faults)?, reference, faults),
            #[cfg(feature = "apacheavro022")]
            Self::Avro(schema) => {
                apacheavro022::judge(schema, payload, payload.data(reference, faults)?, reference, faults)
            }
            #[cfg(feature = "protox09")]
            Self::Protobuf(schema) => {
                protox09::judge(schema, payload, payload.data(reference, faults)?, reference, faults)
            }
        }
    }
}

/// The most bytes that are kept of one document, about.
const KEPT: usize = 128 << 20;

/// Whether no more is kept of a document than of any may be.
fn is_within(bytes: usize) -> Result<(), SchemaFault> {
    match bytes <= KEPT {
        true => Ok(()),
        false => Err(SchemaFault::Beyond(format!(
            "what is kept of the document takes too much: more than {KEPT} bytes"
        ))),
    }
}

/// Charges the memory of a document to the budget of all schemas. A document that is too large by itself takes nothing from others.
fn keep_within(budget: &mut Budget, bytes: usize) -> Result<(), SchemaFault> {
    is_within(bytes)?;
    match budget.spend(bytes) {
        true => Ok(()),
        false => Err(SchemaFault::Beyond(TOGETHER_TOO_MUCH.to_owned())),
    }
}

/// A document that types are selected from.
#[derive(Debug)]
pub(crate) enum Parts {
    #[cfg(feature = "jsonschema060")]
    Json(jsonschema060::Parts),
    #[cfg(feature = "protox09")]
    Protobuf(protox09::Parts),
    #[cfg(feature = "apacheavro022")]
    Avro(apacheavro022::Parts),
    /// A document by which nothing is judged.
    Not(String),
}

impl Parts {
    pub(crate) fn read(format: &Format, document: &Value, budget: &mut Budget) -> Result<Self, SchemaFault> {
        let document = json(format, document)?;
        match format.family {
            #[cfg(feature = "jsonschema060")]
            Family::JsonSchema => jsonschema060::Parts::compile(format, &document, budget).map(Self::Json),
            #[cfg(feature = "protox09")]
            Family::Protobuf => protox09::Parts::compile(&document, budget).map(Self::Protobuf),
            #[cfg(feature = "apacheavro022")]
            Family::Avro => apacheavro022::Parts::read(&document, budget).map(Self::Avro),
            _ => Ok(Self::Not(format.text.clone())),
        }
    }

    /// The schema that all of the document is, if it is known by now.
    pub(crate) fn whole(&self) -> Option<Result<Schema, SchemaFault>> {
        match self {
            #[cfg(feature = "protox09")]
            Self::Protobuf(parts) => Some(parts.only()),
            _ => None,
        }
    }

    pub(crate) fn select(&self, name: &str, budget: &mut Budget) -> Result<Schema, SchemaFault> {
        match self {
            #[cfg(feature = "jsonschema060")]
            Self::Json(parts) => parts.select(name).map(Schema::Json),
            #[cfg(feature = "protox09")]
            Self::Protobuf(parts) => parts.select(name).map(Schema::Protobuf),
            #[cfg(feature = "apacheavro022")]
            Self::Avro(parts) => parts.select(name, budget),
            Self::Not(format) => Ok(Schema::Not(NotJudged::Format(format.clone()))),
        }
    }
}

/// The document of a schema. A JSON document may be in a text.
fn json<'d>(format: &Format, document: &'d Value) -> Result<Cow<'d, Value>, SchemaFault> {
    match document {
        Value::String(text) if matches!(format.family, Family::JsonSchema | Family::Avro) => {
            parse(text).map(Cow::Owned)
        }
        document => Ok(Cow::Borrowed(document)),
    }
}

/// A schema in a text.
pub(crate) fn parse(text: &str) -> Result<Value, SchemaFault> {
    if values_in(text.as_bytes()) > VALUES {
        return Err(SchemaFault::Beyond(format!("there are more than {VALUES} JSON values in its text")));
    }
    let parsed = cloudevents_json::codec::parse(text.as_bytes());
    parsed.map_err(|error| SchemaFault::Invalid(error.detail().to_owned()))
}

/// A payload that a JSON Schema describes.
#[cfg(feature = "jsonschema060")]
pub(crate) fn sample(document: &Value, selection: Option<&str>) -> Option<Value> {
    let parsed;
    let document = match document {
        Value::String(text) => {
            parsed = parse(text).ok()?;
            &parsed
        }
        document => document,
    };
    let pointer = selection.map_or_else(String::new, |path| format!("/{}", path.trim_start_matches('/')));
    sample::sample(document, &pointer)
}

/// The payload of an event, which is parsed once for several schemas.
pub(crate) struct Payload<'e> {
    event: &'e Event,
    json: OnceCell<Result<Value, String>>,
    #[cfg(feature = "jsonschema060")]
    extent: OnceCell<bounds::Extent>,
    is_judged: Cell<bool>,
    /// The work that remains for schemas after the first.
    left: Cell<usize>,
    /// The steps that remain for the templates of all definitions.
    pub(crate) steps: Steps,
}

impl<'e> Payload<'e> {
    pub(crate) fn new(event: &'e Event) -> Self {
        Self {
            event,
            json: OnceCell::new(),
            #[cfg(feature = "jsonschema060")]
            extent: OnceCell::new(),
            is_judged: Cell::new(false),
            left: Cell::new(TOGETHER),
            steps: Steps::default(),
        }
    }

    /// Whether another schema may judge it, which takes so much. The first one always may: it has limits of its own.
    fn admits(&self, work: impl FnOnce() -> usize) -> bool {
        if !self.is_judged.replace(true) {
            return true;
        }
        let left = self.left.get().checked_sub(work());
        left.is_some_and(|left| {
            self.left.set(left);
            true
        })
    }

    /// The same for a schema that reads each byte.
    fn admits_bytes(&self, data: Data<'_>) -> bool {
        self.admits(|| data.as_bytes().len().saturating_mul(PER_BYTE))
    }

    /// The extent of the payload, which is this value.
    #[cfg(feature = "jsonschema060")]
    fn extent(&self, value: &Value) -> &bounds::Extent {
        self.extent.get_or_init(|| bounds::Extent::of(value))
    }

    /// The payload, or a fault.
    fn data(&self, reference: &str, faults: &mut Vec<Fault>) -> Option<Data<'e>> {
        let data = self.event.data();
        if data.is_none() {
            let message = "the payload is missing, and there is a schema for it";
            faults.push(fault(Breach::Missing, "", reference, message));
        }
        data
    }

    /// A payload that has to be JSON. Errors: why it is not judged, unless there is a fault.
    fn json(&self, data: Data<'_>, rule: &str, faults: &mut Vec<Fault>) -> Result<&Value, Option<NotJudged>> {
        if let Some(other) = self.other_than(|media_type| media_type.is_json()) {
            return Err(Some(other));
        }
        let parse = || {
            let parsed = match data {
                // Its characters are known to be text.
                Data::Json(text) => serde_json::from_str(text.as_str()),
                other => serde_json::from_slice(other.as_bytes()),
            };
            parsed.map_err(|error| error.to_string())
        };
        self.json.get_or_init(parse).as_ref().map_err(|error| {
            let message = format!("the payload is not JSON: {error}");
            faults.push(fault(Breach::Unreadable, "", rule, message));
            None
        })
    }

    /// The content type, unless this one is expected.
    fn other_than(&self, is_expected: impl FnOnce(MediaType<'_>) -> bool) -> Option<NotJudged> {
        let media_type = self.event.content_type()?;
        (!is_expected(media_type)).then(|| NotJudged::ContentType(media_type.as_str().to_owned()))
    }
}

/// A fault at this place of the payload.
fn fault(breach: Breach, pointer: &str, rule: &str, message: impl Into<String>) -> Fault {
    Fault { breach, place: format!("data{pointer}"), rule: rule.to_owned(), message: message.into() }
}

/// A hint for a payload that does not match its schema: serializers for a schema registry write a 0 and an id of four bytes before it.
fn framing(bytes: &[u8]) -> &'static str {
    match bytes {
        [0, _, _, _, _, ..] => "; it may be framed with the id of a schema in a registry",
        _ => "",
    }
}

/// Returns the fault of a payload that is beyond the limits of its schema.
fn too_large(rule: &str) -> Fault {
    fault(Breach::TooLarge, "", rule, "the payload is too large, or too deep, to be judged by its schema")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_schemas_but_the_first_have_one_bound() {
        let event = Event::builder().id("1").source("/s").ty("t").build().unwrap();
        let payload = Payload::new(&event);
        assert!(payload.admits(|| usize::MAX));
        assert!(payload.admits(|| TOGETHER - 1));
        assert!(!payload.admits(|| 2) && payload.admits(|| 1) && !payload.admits(|| 1));
    }
}
