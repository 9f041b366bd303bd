//! The Avro format.

use super::{Became, json};
use cloudevents_core::{Data, Error, Event, Payload, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::Uri(_) | Value::UriReference(_) | Value::Timestamp(_) => {
            Became::String(value.to_canonical().into_owned())
        }
        _ => Became::Kept,
    }
}

pub(super) fn payload(event: &Event, data: Data<'_>) -> Result<Payload, Error> {
    match data {
        // The branch `string`.
        Data::Text(text) | Data::Xml(text) => json::characters(event, data, text),
        _ => Ok(Payload::body(data.as_bytes().to_vec())),
    }
}
