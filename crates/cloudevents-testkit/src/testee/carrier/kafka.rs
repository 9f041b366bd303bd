//! Kafka records as the protocol writes them.

use super::{Codec, To, Written, pairs};
use crate::tagged;
use bytes::Bytes;
use cloudevents_core::Error;
use cloudevents_kafka::{Encoding, Key, Record};
use serde_json::{Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "kafka",
    options: &["key"],
    decode: |message, with| cloudevents_kafka::decode_message(&read(message)?, with),
    encode: write,
};

/// The record that the message of a request describes.
pub fn read(message: &Json) -> Result<Record, Error> {
    let mut record = Record::new(bytes(message.get("value"))?).with_key(bytes(message.get("key"))?);
    for pair in pairs(message, "headers") {
        let (name, value) = pair?;
        record = record.with_header(name.to_owned(), bytes(Some(value))?);
    }
    Ok(record)
}

fn write(to: &To<'_>) -> Written {
    let key = match to.option("key") {
        None => Key::None,
        Some(Json::String(name)) if name == "partitionkey" => Key::partition_key(),
        Some(literal @ Json::Object(_)) => Key::literal(tagged::to_bytes(literal)?),
        Some(other) => return Ok(Err(format!("there is no key mapping {other}"))),
    };
    to.written(
        |event, mode| {
            let (record, losses) = cloudevents_kafka::encode(event, Encoding::new(mode).with_key(key))?;
            Ok((written(&record), losses))
        },
        |batch| Ok(written(&cloudevents_kafka::encode_message(batch)?)),
    )
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
