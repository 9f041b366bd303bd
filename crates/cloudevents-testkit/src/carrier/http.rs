//! HTTP messages in binary mode.

use super::Became;
use cloudevents_core::{Data, Event, Payload, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::String(_) => Became::Kept,
        _ => Became::String(value.to_canonical().into_owned()),
    }
}

pub(super) fn payload(event: &Event, data: Data<'_>) -> Option<Payload> {
    let bytes = body(event, data);
    (!bytes.is_empty()).then(|| Payload::body(bytes))
}

/// The payload as bytes: text in the charset of its content type, or else in UTF-8.
pub(super) fn body(event: &Event, data: Data<'_>) -> Vec<u8> {
    in_charset(event, data).unwrap_or_else(|| data.as_bytes().to_vec())
}

/// The payload as bytes. `None` for text that its charset lacks.
pub(super) fn in_charset(event: &Event, data: Data<'_>) -> Option<Vec<u8>> {
    let (Data::Text(text) | Data::Xml(text)) = data else { return Some(data.as_bytes().to_vec()) };
    let stated = event.datacontenttype().filter(|content_type| !content_type.is_json());
    let Some(charset) = stated.and_then(|content_type| content_type.parameter("charset")) else {
        return Some(text.into());
    };
    let units = |to_bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to_bytes).collect::<Vec<_>>();
    match charset.to_ascii_lowercase().as_str() {
        "utf-8" => Some(text.into()),
        "utf-16" if text.is_empty() => Some(Vec::new()),
        "utf-16" => Some([vec![0xfe, 0xff], units(u16::to_be_bytes)].concat()),
        "utf-16le" => Some(units(u16::to_le_bytes)),
        "iso-8859-1" => text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect(),
        // Of these, only the characters that all have are known.
        "us-ascii" | "koi8-r" => text.is_ascii().then(|| text.into()),
        _ => text.is_empty().then(Vec::new),
    }
}
