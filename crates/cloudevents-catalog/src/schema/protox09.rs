//! Protobuf schemas by `protox` 0.9 and `prost-reflect` 0.16.

use super::{MESSAGE, Payload, Schema, SchemaFault, fault, framing, is_within, keep_within, too_large};
use crate::finding::{Budget, short};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::{Data, MediaType};
use prost_reflect::{
    DynamicMessage, FieldDescriptor, FileDescriptor, MessageDescriptor, ReflectMessage as _,
    Value as FieldValue, prost_types::FileDescriptorProto,
};
use protox::file::{File, FileResolver, GoogleFileResolver};
use serde_json::Value;
use std::{collections::HashMap, fmt, sync::Arc};

/// The name that a document has for the compiler.
const NAME: &str = "schema.proto";

/// The most braces, and `<` and `>`, within each other in a document: the compiler descends into messages, and into values of options.
const DEPTH: usize = 64;

/// The most bytes of the full names of all parts of a document. The name of each part includes the names of the parts around it.
const NAMES: usize = 64 << 20;

/// The longest package, in bytes: the compiler keeps a name for each of its parts, with the parts before it.
const PACKAGE: usize = 1024;

/// The bytes that are kept of a field, a value and the like, and of each byte of a document besides, about.
const PART: usize = 1200;
const PER_BYTE: usize = 8;

/// The longest payload, in bytes. An empty message within it takes two bytes, and some hundred when it is decoded.
const PAYLOAD: usize = 1 << 20;

/// The most required fields of one payload that are reported as missing.
const FAULTS: usize = 16;

/// A compiled document.
#[derive(Debug)]
pub(crate) struct Parts {
    file: FileDescriptor,
    required: Arc<Required>,
}

/// The required fields of proto2, of the messages that have any, by their full names.
type Required = HashMap<String, Vec<FieldDescriptor>>;

/// A message of a document.
#[derive(Debug)]
pub(crate) struct Message {
    descriptor: MessageDescriptor,
    required: Arc<Required>,
}

/// Counts of a document outside of texts and comments.
#[derive(Default)]
struct Extent {
    /// The most braces and angle brackets within each other.
    depth: usize,
    /// Bytes that parts end with, or begin with.
    parts: usize,
    /// Likewise of all that has a name, at most.
    named: usize,
    /// The longest name, with dots.
    longest: usize,
}

impl Extent {
    /// The bytes of all full names, at most.
    fn names(&self, package: usize) -> usize {
        let within = self.longest.saturating_mul(self.depth.saturating_add(1));
        self.named.saturating_mul(within.saturating_add(package))
    }
}

impl Parts {
    pub(super) fn compile(document: &Value, budget: &mut Budget) -> Result<Self, SchemaFault> {
        let Value::String(text) = document else {
            return Err(SchemaFault::Invalid("a schema of Protobuf is a text".to_owned()));
        };
        let extent = match extent(text) {
            None => {
                return Err(SchemaFault::Invalid("a comment or a text is not one of Protobuf".to_owned()));
            }
            Some(extent) if extent.depth > DEPTH => {
                return Err(SchemaFault::Invalid(format!("there are more than {DEPTH} levels")));
            }
            Some(extent) => extent,
        };
        let invalid = |error: protox::Error| SchemaFault::Invalid(error.to_string());
        let parts = extent.parts.saturating_mul(PART);
        let own = text.len().saturating_mul(PER_BYTE).saturating_add(parts);
        is_within(own)?;
        let mut parsed = FileDescriptorProto::from(File::from_source(NAME, text).map_err(invalid)?);
        // The places of all parts take more than the parts.
        parsed.source_code_info = None;
        // As it is without blanks and comments.
        let package = parsed.package().len();
        if package > PACKAGE {
            return Err(SchemaFault::Beyond(format!("its package has more than {PACKAGE} bytes")));
        }
        let names = extent.names(package);
        if names > NAMES {
            return Err(SchemaFault::Beyond(format!("its full names may have more than {NAMES} bytes")));
        }
        // Each part of the package is a name, with the parts before it.
        let packages = package.saturating_mul(package);
        let kept = [own, names, packages].into_iter().fold(0, usize::saturating_add);
        is_within(kept)?;
        let only = Only(File::from_file_descriptor_proto(parsed));
        let mut compiler = protox::Compiler::with_file_resolver(only);
        if let Err(error) = compiler.include_imports(true).open_file(NAME) {
            return Err(match error.is_file_not_found() {
                true => SchemaFault::Elsewhere(error.to_string()),
                false => invalid(error),
            });
        }
        let file = compiler.descriptor_pool().get_file_by_name(NAME);
        let file = file.ok_or_else(|| SchemaFault::Invalid("there is no file".to_owned()))?;
        keep_within(budget, imported(&file).saturating_mul(PART).saturating_add(kept))?;
        let mut required = Required::new();
        for message in file.parent_pool().all_messages() {
            let fields: Vec<_> = message.fields().filter(FieldDescriptor::is_required).collect();
            if !fields.is_empty() {
                required.insert(message.full_name().to_owned(), fields);
            }
        }
        Ok(Self { file, required: Arc::new(required) })
    }

    fn message(&self, descriptor: MessageDescriptor) -> Message {
        Message { descriptor, required: Arc::clone(&self.required) }
    }

    /// The message of a document that has one.
    pub(super) fn only(&self) -> Result<Schema, SchemaFault> {
        let mut messages = self.file.messages();
        match (messages.len(), messages.next()) {
            (1, Some(only)) => Ok(Schema::Protobuf(self.message(only))),
            (count, _) => {
                Err(SchemaFault::Unselected(format!("it has {count} messages, and none is selected")))
            }
        }
    }

    /// A message by its full name, or by its name in the package.
    pub(super) fn select(&self, name: &str) -> Result<Message, SchemaFault> {
        let pool = self.file.parent_pool();
        let within = format!("{}.{name}", self.file.package_name());
        pool.get_message_by_name(name)
            .or_else(|| pool.get_message_by_name(&within))
            .map(|descriptor| self.message(descriptor))
            .ok_or_else(|| SchemaFault::Invalid(format!("the document has no message `{name}`")))
    }
}

/// The parts of the files that a file imports.
fn imported(file: &FileDescriptor) -> usize {
    let pool = file.parent_pool();
    let messages = pool.all_messages().filter(|message| message.parent_file() != *file);
    let enums = pool.all_enums().filter(|one| one.parent_file() != *file);
    let parts = messages.map(|message| message.fields().len()).chain(enums.map(|one| one.values().len()));
    parts.map(|parts| parts.saturating_add(1)).fold(0, usize::saturating_add)
}

pub(super) fn judge(
    schema: &Message,
    payload: &Payload<'_>,
    data: Data<'_>,
    reference: &str,
    faults: &mut Vec<Fault>,
) -> Option<NotJudged> {
    // The type of one is with it.
    let of_type = match data {
        Data::Proto { type_url, .. } => Some(type_url.rsplit_once('/').map_or(type_url, |(_, name)| name)),
        _ => None,
    };
    if let (None, Some(other)) = (of_type, payload.other_than(is_protobuf)) {
        return Some(other);
    }
    if data.as_bytes().len() > PAYLOAD || !payload.admits_bytes(data) {
        faults.push(too_large(reference));
        return None;
    }
    let Message { descriptor, required } = schema;
    let mut add = |place: &str, message: String| {
        faults.push(fault(Breach::Schema, place, reference, short(&message, MESSAGE)))
    };
    if let Some(name) = of_type.filter(|name| *name != descriptor.full_name()) {
        add("", format!("the payload is the message `{name}`, not `{}`", descriptor.full_name()));
        return None;
    }
    match DynamicMessage::decode(descriptor.clone(), data.as_bytes()) {
        Err(error) => {
            let (name, hint) = (descriptor.full_name(), framing(data.as_bytes()));
            add("", format!("the payload is not a message `{name}`: {error}{hint}"));
        }
        // Most documents have none.
        Ok(_) if required.is_empty() => {}
        Ok(message) => {
            let mut missing = Missing { required: required.as_ref(), places: Vec::new() };
            missing.find(&message, &Place::Root);
            missing
                .places
                .iter()
                .for_each(|place| add(place, "the field is required and missing".to_owned()));
        }
    }
    None
}

pub(super) fn is_protobuf(media_type: MediaType<'_>) -> bool {
    let names = [
        "application/protobuf",
        "application/x-protobuf",
        "application/vnd.google.protobuf",
        "application/octet-stream",
    ];
    names.iter().any(|name| media_type.is(name))
        || media_type.subtype().to_ascii_lowercase().ends_with("+protobuf")
}

/// Finds the first required fields that are missing.
struct Missing<'r> {
    required: &'r Required,
    /// Their JSON Pointers.
    places: Vec<String>,
}

/// A place in a message. It becomes a text only if a field is missing: a payload has many places, and a schema may have long names.
enum Place<'p> {
    Root,
    Field(&'p Self, &'p str),
    Item(&'p Self, usize),
    Member(&'p Self),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(within, name) => write!(f, "{within}/{name}"),
            Self::Item(within, index) => write!(f, "{within}/{index}"),
            Self::Member(within) => write!(f, "{within}/*"),
        }
    }
}

impl Missing<'_> {
    fn find(&mut self, message: &DynamicMessage, place: &Place<'_>) {
        let required = self.required.get(message.descriptor().full_name());
        for field in required.into_iter().flatten() {
            if self.places.len() >= FAULTS {
                return;
            }
            if !message.has_field(field) {
                self.places.push(Place::Field(place, field.name()).to_string());
            }
        }
        for (field, value) in message.fields() {
            self.find_in(value, &Place::Field(place, field.name()));
        }
    }

    /// Looks at the messages in a value.
    fn find_in(&mut self, value: &FieldValue, place: &Place<'_>) {
        match value {
            FieldValue::Message(message) => self.find(message, place),
            FieldValue::List(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, item)| self.find_in(item, &Place::Item(place, index)));
            }
            FieldValue::Map(items) => {
                items.values().for_each(|item| self.find_in(item, &Place::Member(place)));
            }
            _ => {}
        }
    }
}

/// Counts the document outside of texts and comments.
///
/// `None` if a text or comment is not as in Protobuf: the compiler would go on behind it in its own way.
fn extent(text: &str) -> Option<Extent> {
    let (mut extent, mut braces, mut angles, mut word) = (Extent::default(), 0_usize, 0_usize, 0_usize);
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = match (byte, after) {
            (b'"' | b'\'', _) => behind_text(after, *byte)?,
            (b'/', [b'*', inner @ ..]) => behind_comment(inner)?,
            (b'/', [b'/', ..]) | (b'#', _) => {
                let end = after.iter().position(|byte| *byte == b'\n');
                after.get(end.unwrap_or(after.len())..)?
            }
            _ => after,
        };
        extent.parts = extent.parts.saturating_add(usize::from(matches!(byte, b';' | b'{' | b',')));
        extent.named = extent.named.saturating_add(usize::from(matches!(byte, b';' | b'{' | b'.')));
        word = match byte {
            b'_' | b'.' => word.saturating_add(1),
            byte if byte.is_ascii_alphanumeric() => word.saturating_add(1),
            _ => 0,
        };
        extent.longest = extent.longest.max(word);
        match byte {
            b'{' => braces = braces.saturating_add(1),
            b'}' => braces = braces.saturating_sub(1),
            b'<' => angles = angles.saturating_add(1),
            b'>' => angles = angles.saturating_sub(1),
            _ => {}
        }
        extent.depth = extent.depth.max(braces.saturating_add(angles));
    }
    Some(extent)
}

/// The bytes behind the end of a text.
fn behind_text(mut rest: &[u8], end: u8) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [byte, after @ ..] if *byte == end => return Some(after),
            [b'\n' | 0, ..] | [] => return None,
            [b'\\', escape, after @ ..] => {
                let digits = match escape {
                    b'x' | b'X' => 1,
                    b'u' => 4,
                    b'U' => 8,
                    b'0'..=b'7' | b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' => 0,
                    b'?' | b'\\' | b'\'' | b'"' => 0,
                    _ => return None,
                };
                let (digits, after) = after.split_at_checked(digits)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(after)?
            }
            [_, after @ ..] => after,
        };
    }
}

/// The bytes behind the end of a block comment. Protobuf has no comment within another.
fn behind_comment(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest {
            [b'*', b'/', after @ ..] => return Some(after),
            [b'/', b'*', ..] | [] => return None,
            [_, after @ ..] => after,
        };
    }
}

/// The document itself, and the files that belong to Protobuf.
struct Only(File);

impl FileResolver for Only {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        match name {
            NAME => Ok(self.0.clone()),
            other => GoogleFileResolver::new().open_file(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LoadOptions;
    use crate::finding::Notes;

    #[test]
    fn places_in_the_text_are_not_kept() {
        let options = LoadOptions::strict();
        let mut notes = Notes::new(&options, &Value::Null);
        let text =
            r#"syntax = "proto3"; import "google/protobuf/timestamp.proto"; message M { string a = 1; }"#;
        let parts = Parts::compile(&text.into(), &mut notes.compiled).unwrap();
        for file in parts.file.parent_pool().files() {
            assert_eq!(file.file_descriptor_proto().source_code_info, None, "{}", file.name());
        }
        assert_eq!(imported(&parts.file), 3);
    }
}
