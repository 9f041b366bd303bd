//! Messages of AMQP 0.9.1 as the protocol writes them.

use super::encode::{Wanted, one, wanted};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, Event, Formats, Losses, Message, TextBuffer, codec::decode_base64};
use cloudevents_rabbitmq::{Field, FieldValue, RabbitMessage};
use serde_json::{Map, Value as Json, json};

pub(crate) fn read(message: &Json) -> Result<RabbitMessage, Error> {
    let mut read =
        RabbitMessage::new(message.get("body").map(tagged::to_bytes).transpose()?.unwrap_or_default());
    let property =
        |name| message.get("properties").and_then(|properties| properties.get(name)).and_then(Json::as_str);
    read.content_type = property("content-type").map(TextBuffer::from);
    read.content_encoding = property("content-encoding").map(TextBuffer::from);
    for pair in message.get("headers").and_then(Json::as_array).into_iter().flatten() {
        let (Some(name), Some(typed)) = (pair.get(0).and_then(Json::as_str), pair.get(1)) else {
            return Err(malformed("a header is a pair of a text and a typed value"));
        };
        read = read.with_header(name, value(typed)?);
    }
    Ok(read)
}

/// Writes events as `to` specifies. The inner error names what the toolkit does not support.
pub(crate) fn write(
    to: &Json,
    events: &[Event],
    formats: &Formats,
) -> Result<Result<(Json, Losses), String>, Error> {
    let mode = match wanted(to, formats, "binary") {
        Ok(Wanted::One(mode)) => mode,
        Ok(Wanted::Batch(format)) => {
            let (message, losses) = Message::batched(events, format)?;
            return Ok(Ok((written(&cloudevents_rabbitmq::encode_message(&message)?), losses)));
        }
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let (message, losses) = cloudevents_rabbitmq::encode(one(events)?, mode)?;
    Ok(Ok((written(&message), losses)))
}

fn value(typed: &Json) -> Result<FieldValue, Error> {
    let ty = typed.get("type").and_then(Json::as_str).unwrap_or_default();
    let value = typed.get("value").unwrap_or(&Json::Null);
    let wrong = || malformed(format!("{value} is no value of type `{ty}` in AMQP 0.9.1"));
    Ok(match ty {
        // Text, or base64 for octets that are not text.
        "longstr" | "shortstr" => match value {
            Json::String(text) => FieldValue::from(text.as_str()),
            bytes => FieldValue::Bytes(tagged::to_bytes(bytes)?.into()),
        },
        "byte-array" => {
            let text = value.as_str().ok_or_else(wrong)?;
            FieldValue::Bytes(decode_base64(text.as_bytes())?.into())
        }
        "boolean" => FieldValue::Boolean(value.as_bool().ok_or_else(wrong)?),
        "short-short-int" | "short-int" | "long-int" | "long-long-int" => {
            FieldValue::Integer(value.as_i64().map(i128::from).ok_or_else(wrong)?)
        }
        "timestamp" => FieldValue::Timestamp(value.as_u64().ok_or_else(wrong)?),
        "void" => FieldValue::Void,
        "float" => FieldValue::Other("a float"),
        "double" => FieldValue::Other("a double"),
        _ => return Err(wrong()),
    })
}

fn written(message: &RabbitMessage) -> Json {
    let headers: Vec<Json> =
        message.headers.iter().map(|(name, value)| json!([name.as_str(), typed(value)])).collect();
    let mut properties = Map::new();
    properties
        .extend(message.content_type.as_ref().map(|text| ("content-type".into(), text.as_str().into())));
    json!({"properties": properties, "headers": headers, "body": tagged::from_bytes(&message.body)})
}

/// What is written is text: the binding names no other type.
fn typed(value: &FieldValue) -> Json {
    match value.as_field() {
        Field::Bytes(bytes) => json!({"type": "longstr", "value": String::from_utf8_lossy(bytes)}),
        other => json!({"type": "unexpected", "value": format!("{other:?}")}),
    }
}
