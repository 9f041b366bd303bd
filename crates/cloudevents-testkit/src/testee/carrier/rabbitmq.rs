//! Messages of AMQP 0.9.1 as the protocol writes them.

use super::{Codec, To, Written, body, pairs};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, TextBuffer, codec::decode_base64};
use cloudevents_rabbitmq::{Field, FieldValue, RabbitMessage};
use serde_json::{Map, Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "rabbitmq",
    options: &[],
    decode: |message, with| cloudevents_rabbitmq::decode_message(&read(message)?, with),
    encode: write,
};

fn read(message: &Json) -> Result<RabbitMessage, Error> {
    let mut read = RabbitMessage::new(body(message, "body")?);
    let property =
        |name| message.get("properties").and_then(|properties| properties.get(name)).and_then(Json::as_str);
    read.content_type = property("content-type").map(TextBuffer::from);
    read.content_encoding = property("content-encoding").map(TextBuffer::from);
    for pair in pairs(message, "headers") {
        let (name, typed) = pair?;
        read = read.with_header(name, value(typed)?);
    }
    Ok(read)
}

fn write(to: &To<'_>) -> Written {
    to.written(
        |event, mode| {
            let (message, losses) = cloudevents_rabbitmq::encode(event, mode)?;
            Ok((written(&message), losses))
        },
        |batch| Ok(written(&cloudevents_rabbitmq::encode_message(batch)?)),
    )
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

/// Every written value is text: the binding names no other type.
fn typed(value: &FieldValue) -> Json {
    match value.as_field() {
        Field::Bytes(bytes) => json!({"type": "longstr", "value": String::from_utf8_lossy(bytes)}),
        other => json!({"type": "unexpected", "value": format!("{other:?}")}),
    }
}
