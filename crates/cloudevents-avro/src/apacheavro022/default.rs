//! Defaults of fields, which schemas write as JSON.

use super::shape::{Node, Shape};
use crate::datum::{write_bytes, write_long};
use serde_json::Value as Json;

/// The maximum nesting of defaults: a default of a record may contain records with defaults, and so on.
const DEEPEST: u32 = 32;

/// Returns a default as a datum of this node; `None` if it does not match the node.
pub(super) fn default_bytes(shape: &Shape, node: usize, default: &Json) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    put(shape, node, default, &mut bytes, 0)?;
    Some(bytes)
}

fn put(shape: &Shape, at: usize, json: &Json, out: &mut Vec<u8>, depth: u32) -> Option<()> {
    let deeper = depth.checked_add(1).filter(|depth| *depth <= DEEPEST)?;
    match (shape.node(at)?, json) {
        (Node::Null, Json::Null) => {}
        (Node::Boolean, Json::Bool(value)) => out.push(u8::from(*value)),
        (Node::Int, Json::Number(number)) => write_long(i32::try_from(number.as_i64()?).ok()?.into(), out),
        (Node::Long, Json::Number(number)) => write_long(number.as_i64()?, out),
        (Node::Float, Json::Number(number)) => out.extend((number.as_f64()? as f32).to_le_bytes()),
        (Node::Double, Json::Number(number)) => out.extend(number.as_f64()?.to_le_bytes()),
        (Node::String, Json::String(text)) => write_bytes(text.as_bytes(), out),
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
                put(shape, *item, json, out, deeper)?;
            }
            out.push(0);
        }
        (Node::Map(value), Json::Object(members)) => {
            if !members.is_empty() {
                write_long(members.len() as i64, out);
            }
            for (key, json) in members {
                write_bytes(key.as_bytes(), out);
                put(shape, *value, json, out, deeper)?;
            }
            out.push(0);
        }
        (Node::Record { fields, .. }, Json::Object(members)) => {
            for field in fields {
                let json = members.get(&field.name).or(field.default.as_ref())?;
                put(shape, field.node, json, out, deeper)?;
            }
        }
        // The first variant that matches. Before Avro 1.12, only the first variant was allowed.
        (Node::Union(variants), json) => {
            let length = out.len();
            let fits = variants.iter().enumerate().any(|(index, variant)| {
                write_long(index as i64, out);
                let fits = put(shape, *variant, json, out, deeper).is_some();
                if !fits {
                    out.truncate(length);
                }
                fits
            });
            return fits.then_some(());
        }
        _ => return None,
    }
    Some(())
}

/// Avro writes bytes in JSON as the code points up to 255.
fn latin(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect()
}
