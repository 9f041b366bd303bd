//! Defaults of fields, which schemas write as JSON.

use super::shape::{Node, Shape};
use crate::datum::{write_bytes, write_long};
use serde_json::Value as Json;

/// How many bytes defaults may have, where each value has one more, as has each variant and symbol that it may be.
pub(super) const MOST: usize = 1 << 20;

/// The maximum nesting of defaults: a default of a record may contain records with defaults, and so on.
const DEEPEST: u32 = 64;

/// Returns a default as a datum of this node; `None` if it does not match the node, or has too many bytes.
pub(super) fn default_bytes(shape: &Shape, node: usize, default: &Json) -> Option<Vec<u8>> {
    let mut writer = Writer { shape, left: MOST, out: Vec::new(), checks_bytes: true };
    writer.put(node, default, 0)?;
    Some(writer.out)
}

/// Whether a default is of the type of this node. Returns the bytes that are left then: 0 if there were too many, or too many levels.
///
/// A text for bytes is of the type, as in Java. Its characters and its length make no difference.
pub(super) fn check_default(shape: &Shape, node: usize, default: &Json, left: usize) -> (bool, usize) {
    let mut writer = Writer { shape, left, out: Vec::new(), checks_bytes: false };
    let is_of_type = writer.put(node, default, 0).is_some();
    (is_of_type, writer.left)
}

struct Writer<'s> {
    shape: &'s Shape,
    left: usize,
    out: Vec<u8>,
    checks_bytes: bool,
}

impl<'s> Writer<'s> {
    fn put(&mut self, at: usize, json: &Json, depth: u32) -> Option<()> {
        let Some(deeper) = depth.checked_add(1).filter(|depth| *depth <= DEEPEST) else {
            // No other variant of a union is tried: the library would still take the first one.
            self.left = 0;
            return None;
        };
        let node: &'s Node = self.shape.node(at)?;
        self.take(node, json)?;
        let out = &mut self.out;
        match (node, json) {
            (Node::Null, Json::Null) => {}
            (Node::Boolean, Json::Bool(value)) => out.push(u8::from(*value)),
            (Node::Int, Json::Number(number)) => {
                write_long(i32::try_from(number.as_i64()?).ok()?.into(), out);
            }
            (Node::Long, Json::Number(number)) => write_long(number.as_i64()?, out),
            (Node::Float, Json::Number(number)) => out.extend((number.as_f64()? as f32).to_le_bytes()),
            (Node::Double, Json::Number(number)) => out.extend(number.as_f64()?.to_le_bytes()),
            (Node::String, Json::String(text)) => write_bytes(text.as_bytes(), out),
            (Node::Bytes { .. } | Node::Fixed { .. }, Json::String(_)) if !self.checks_bytes => {}
            (Node::Bytes { .. }, Json::String(text)) => write_bytes(&latin(text)?, out),
            (Node::Fixed { size, .. }, Json::String(text)) => {
                out.extend(Some(latin(text)?).filter(|bytes| bytes.len() == *size)?);
            }
            (Node::Enum { symbols, .. }, Json::String(text)) => {
                write_long(symbols.iter().position(|symbol| symbol == text)? as i64, out);
            }
            (Node::Array(item), Json::Array(items)) => {
                if !items.is_empty() {
                    write_long(items.len() as i64, out);
                }
                for json in items {
                    self.put(*item, json, deeper)?;
                }
                self.out.push(0);
            }
            (Node::Map(value), Json::Object(members)) => {
                if !members.is_empty() {
                    write_long(members.len() as i64, out);
                }
                for (key, json) in members {
                    write_bytes(key.as_bytes(), &mut self.out);
                    self.put(*value, json, deeper)?;
                }
                self.out.push(0);
            }
            (Node::Record { fields, .. }, Json::Object(members)) => {
                for field in fields {
                    let json = members.get(&field.name).or(field.default.as_ref())?;
                    self.put(field.node, json, deeper)?;
                }
            }
            // The first variant that matches. Before Avro 1.12, only the first variant was allowed.
            (Node::Union(variants), json) => {
                let length = out.len();
                let fits = variants.iter().enumerate().any(|(index, variant)| {
                    write_long(index as i64, &mut self.out);
                    let fits = self.put(*variant, json, deeper).is_some();
                    if !fits {
                        self.out.truncate(length);
                    }
                    fits
                });
                return fits.then_some(());
            }
            _ => return None,
        }
        Some(())
    }

    fn take(&mut self, node: &Node, json: &Json) -> Option<()> {
        let bytes = match (node, json) {
            (Node::Enum { symbols, .. }, _) => symbols.len(),
            (_, Json::String(text)) => text.len(),
            (_, Json::Object(members)) => members.keys().map(String::len).sum(),
            _ => 1,
        };
        self.left = self.left.saturating_sub(bytes.saturating_add(1));
        (self.left > 0).then_some(())
    }
}

/// Avro writes bytes in JSON as the code points up to 255.
fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
