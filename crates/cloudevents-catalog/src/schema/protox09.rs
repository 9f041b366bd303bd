//! Protobuf schemas by `protox` 0.9 and `prost-reflect` 0.16.

use super::{Payload, Schema, SchemaFault, fault};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::{Data, MediaType};
use prost_reflect::{
    DynamicMessage, FileDescriptor, MessageDescriptor, ReflectMessage as _, Value as FieldValue,
};
use protox::file::{File, FileResolver, GoogleFileResolver};
use serde_json::Value;

/// The name that a document has for the compiler.
const NAME: &str = "schema.proto";

/// The most braces within each other in a document: the compiler descends into them.
const DEPTH: usize = 64;

/// The longest payload, in bytes. An empty message within it takes two bytes, and some hundred when it is decoded.
const PAYLOAD: usize = 1 << 20;

/// A compiled document.
#[derive(Debug)]
pub(crate) struct Parts(FileDescriptor);

impl Parts {
    pub(super) fn compile(document: &Value) -> Result<Self, SchemaFault> {
        let Value::String(text) = document else {
            return Err(SchemaFault::Invalid("a schema of Protobuf is a text".to_owned()));
        };
        if depth(text) > DEPTH {
            return Err(SchemaFault::Invalid(format!("there are more than {DEPTH} levels")));
        }
        let mut compiler = protox::Compiler::with_file_resolver(Only(text.clone()));
        if let Err(error) = compiler.include_imports(true).open_file(NAME) {
            return Err(match error.is_file_not_found() {
                true => SchemaFault::Elsewhere(error.to_string()),
                false => SchemaFault::Invalid(error.to_string()),
            });
        }
        let file = compiler.descriptor_pool().get_file_by_name(NAME);
        file.map(Self).ok_or_else(|| SchemaFault::Invalid("there is no file".to_owned()))
    }

    /// The message of a document that has one.
    pub(super) fn only(&self) -> Result<Schema, SchemaFault> {
        let mut messages = self.0.messages();
        match (messages.len(), messages.next()) {
            (1, Some(only)) => Ok(Schema::Protobuf(only)),
            (count, _) => {
                let words = format!("it has {count} messages, and none is selected");
                Ok(Schema::Not(NotJudged::Unusable(words)))
            }
        }
    }

    /// A message by its full name, or by its name in the package.
    pub(super) fn select(&self, name: &str) -> Result<MessageDescriptor, SchemaFault> {
        let pool = self.0.parent_pool();
        let within = format!("{}.{name}", self.0.package_name());
        pool.get_message_by_name(name)
            .or_else(|| pool.get_message_by_name(&within))
            .ok_or_else(|| SchemaFault::Invalid(format!("the document has no message `{name}`")))
    }
}

pub(super) fn judge(
    schema: &MessageDescriptor,
    payload: &Payload<'_>,
    data: Data<'_>,
    reference: &str,
    faults: &mut Vec<Fault>,
) -> Option<NotJudged> {
    let mut add =
        |place: &str, message: String| faults.push(fault(Breach::Schema, place, reference, message));
    match data {
        // The type of the payload is with it.
        Data::Proto { type_url, .. } => {
            let name = type_url.rsplit_once('/').map_or(type_url, |(_, name)| name);
            if name != schema.full_name() {
                add("", format!("the payload is the message `{name}`, not `{}`", schema.full_name()));
                return None;
            }
        }
        _ => {
            if let Some(other) = payload.other_than(is_protobuf) {
                return Some(other);
            }
        }
    }
    if data.as_bytes().len() > PAYLOAD {
        let words = format!("payloads of more than {PAYLOAD} bytes are not judged by this format");
        return Some(NotJudged::Unusable(words));
    }
    match DynamicMessage::decode(schema.clone(), data.as_bytes()) {
        Err(error) => add("", format!("the payload is not a message `{}`: {error}", schema.full_name())),
        Ok(message) => {
            let mut missing = Vec::new();
            required(&message, "", &mut missing);
            missing.iter().for_each(|place| add(place, "the field is required and missing".to_owned()));
        }
    }
    None
}

fn is_protobuf(media_type: MediaType<'_>) -> bool {
    let names = [
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.google.protobuf",
        "application/octet-stream",
    ];
    names.iter().any(|name| media_type.is(name))
        || media_type.subtype().to_ascii_lowercase().ends_with("+protobuf")
}

/// The first required fields that are missing, of proto2: their JSON Pointers.
fn required(message: &DynamicMessage, place: &str, missing: &mut Vec<String>) {
    for field in message.descriptor().fields() {
        let place = format!("{place}/{}", field.name());
        if field.is_required() && !message.has_field(&field) && missing.len() < 16 {
            missing.push(place.clone());
        }
    }
    for (field, value) in message.fields() {
        each(value, &format!("{place}/{}", field.name()), missing);
    }
}

/// Looks at the messages in a value.
fn each(value: &FieldValue, place: &str, missing: &mut Vec<String>) {
    match value {
        FieldValue::Message(message) => required(message, place, missing),
        FieldValue::List(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| each(item, &format!("{place}/{index}"), missing));
        }
        FieldValue::Map(items) => {
            items.values().for_each(|item| each(item, &format!("{place}/*"), missing));
        }
        _ => {}
    }
}

/// The most braces within each other, at most: those that open in texts and comments count, and those that close there do not.
fn depth(text: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0_usize);
    let mut bytes = text.bytes().peekable();
    // What ends the text or comment that is being read, if it is one.
    let mut within = None;
    while let Some(byte) = bytes.next() {
        let next = bytes.peek().copied();
        match (byte, within) {
            (b'{', _) => depth = depth.saturating_add(1),
            (b'}', None) => depth = depth.saturating_sub(1),
            (b'\\', Some(b'"' | b'\'')) => drop(bytes.next()),
            (b'*', Some(b'*')) if next == Some(b'/') => {
                bytes.next();
                within = None;
            }
            (end, Some(open)) if open != b'*' && end == open => within = None,
            (b'"' | b'\'', None) => within = Some(byte),
            (b'#', None) => within = Some(b'\n'),
            (b'/', None) if next == Some(b'/') => within = Some(b'\n'),
            (b'/', None) if next == Some(b'*') => {
                bytes.next();
                within = Some(b'*');
            }
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

/// The document itself, and the files that belong to Protobuf.
struct Only(String);

impl FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            NAME => File::from_source(NAME, &self.0),
            other => GoogleFileResolver::new().open_file(other),
        }
    }
}
