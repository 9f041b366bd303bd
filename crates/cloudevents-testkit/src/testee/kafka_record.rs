//! Kafka records as the protocol writes them.

use super::encode::{Wanted, one, wanted};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{Error, Event, Formats, Losses, Message};
use cloudevents_kafka::{Encoding, Key, Record};
use serde_json::{Value as Json, json};

/// The record that the message of a request describes.
pub fn read(message: &Json) -> Result<Record, Error> {
    let mut record = Record::new(bytes(message.get("value"))?).with_key(bytes(message.get("key"))?);
    for pair in message.get("headers").and_then(Json::as_array).into_iter().flatten() {
        let Some(name) = pair.get(0).and_then(Json::as_str) else {
            return Err(malformed("a header is a pair of a text and bytes or null"));
        };
        record = record.with_header(name.to_owned(), bytes(pair.get(1))?);
    }
    Ok(record)
}

/// Writes events as `to` specifies. The inner error names what the toolkit does not support.
pub(crate) fn write(
    to: &Json,
    events: &[Event],
    formats: &Formats,
) -> Result<Result<(Json, Losses), String>, Error> {
    let key = match to.get("options").and_then(|options| options.get("key")) {
        None => Key::None,
        Some(Json::String(name)) if name == "partitionkey" => Key::partition_key(),
        Some(literal @ Json::Object(_)) => Key::literal(tagged::to_bytes(literal)?),
        Some(other) => return Ok(Err(format!("there is no key mapping {other}"))),
    };
    let mode = match wanted(to, formats, "binary") {
        Ok(Wanted::One(mode)) => mode,
        Ok(Wanted::Batch(format)) => {
            let (message, losses) = Message::batched(events, format)?;
            return Ok(Ok((written(&cloudevents_kafka::encode_message(&message)?), losses)));
        }
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let (record, losses) = cloudevents_kafka::encode(one(events)?, Encoding::new(mode).with_key(key))?;
    Ok(Ok((written(&record), losses)))
}

fn written(record: &Record) -> Json {
    let bytes = |bytes: &Option<Bytes>| bytes.as_deref().map(tagged::from_bytes);
    let headers: Vec<Json> =
        record.headers.iter().map(|header| json!([header.name.as_str(), bytes(&header.value)])).collect();
    json!({"key": bytes(&record.key), "headers": headers, "value": bytes(&record.value)})
}

fn bytes(tagged: Option<&Json>) -> Result<Option<Bytes>, Error> {
    match tagged {
        None | Some(Json::Null) => Ok(None),
        Some(tagged) => Ok(Some(tagged::to_bytes(tagged)?.into())),
    }
}
