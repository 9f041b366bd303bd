//! The Protobuf format.

use super::Became;
use cloudevents_core::{Data, Error, Payload, Timestamp, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::Timestamp(time) => timestamp(time).map_or(Became::Absent, Became::Timestamp),
        _ => Became::Kept,
    }
}

/// In UTC with 0, 3, 6 or 9 digits. `timestamp.proto` has no year 0.
pub(super) fn timestamp(time: Timestamp<'_>) -> Option<String> {
    let instant = time.instant();
    Timestamp::format_utc(instant.seconds, instant.nanosecond()).filter(|text| !text.starts_with("0000"))
}

pub(super) fn payload(data: Data<'_>) -> Result<Payload, Error> {
    match data {
        Data::Json(json) => Payload::json(json.as_str().to_owned()),
        Data::Text(text) | Data::Xml(text) => Ok(Payload::text(text)),
        Data::Proto { type_url, value } => Ok(Payload::proto(type_url, value.to_vec())),
        _ => Ok(Payload::binary(data.as_bytes().to_vec())),
    }
}
