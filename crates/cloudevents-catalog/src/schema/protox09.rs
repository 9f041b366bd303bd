//! Protobuf schemas by `protox` 0.9 and `prost-reflect` 0.16.

use super::{Payload, Schema, SchemaFault, fault};
use crate::verdict::{Breach, Fault, NotJudged};
use cloudevents_core::{Data, MediaType};
use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, Value as FieldValue};
use protox::file::{File, FileResolver, GoogleFileResolver};
use serde_json::Value;

/// The name that a document has for the compiler.
const NAME: &str = "schema.proto";

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
