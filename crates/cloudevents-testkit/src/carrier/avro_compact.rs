//! The Avro compact format.

use super::{Became, http::body};
use cloudevents_core::{Data, Event, Payload, Timestamp, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    let as_string = || Became::String(value.to_canonical().into_owned());
    match value {
        Value::Timestamp(time) => timestamp(time).map_or_else(as_string, Became::Timestamp),
        Value::Uri(_) | Value::UriReference(_) => as_string(),
        _ => Became::Kept,
    }
}

/// In UTC with 0, 3 or 6 digits. Further digits are cut off.
pub(super) fn timestamp(time: Timestamp<'_>) -> Option<String> {
    let instant = time.instant();
    Timestamp::format_utc(instant.seconds, instant.nanosecond() / 1000 * 1000)
}

pub(super) fn payload(event: &Event, data: Data<'_>) -> Payload {
    Payload::body(body(event, data))
}
