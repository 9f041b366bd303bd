//! HTTP messages in binary mode.

use super::Became;
use cloudevents_core::{Data, Payload, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::String(_) => Became::Kept,
        _ => Became::String(value.to_canonical().into_owned()),
    }
}

pub(super) fn payload(data: Data<'_>) -> Option<Payload> {
    let bytes = data.as_bytes();
    (!bytes.is_empty()).then(|| Payload::body(bytes.to_vec()))
}
