//! The JSON format.

use super::Became;
use cloudevents_core::{Data, Error, Event, Payload, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::Boolean(_) | Value::Integer(_) | Value::String(_) => Became::Kept,
        _ => Became::String(value.to_canonical().into_owned()),
    }
}

pub(super) fn payload(event: &Event, data: Data<'_>) -> Result<Payload, Error> {
    match data {
        // White space around the value belongs to the document.
        Data::Json(json) => Payload::json(json.as_str().trim_matches([' ', '\t', '\r', '\n']).to_owned()),
        Data::Text(text) | Data::Xml(text) => characters(event, data, text),
        _ => Ok(Payload::binary(data.as_bytes().to_vec())),
    }
}

/// Character data in a carrier where it is JSON under a JSON content type, or none.
pub(super) fn characters(event: &Event, data: Data<'_>, text: &str) -> Result<Payload, Error> {
    let is_json = match event.datacontenttype() {
        Some(content_type) => content_type.is_json(),
        // The content type that an XML element implies is stated.
        None => matches!(data, Data::Text(_)),
    };
    if is_json { Payload::json(serde_json::Value::from(text).to_string()) } else { Ok(Payload::text(text)) }
}
