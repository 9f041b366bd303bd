//! AMQP messages as the protocol writes them.

use super::{Codec, To, Written, pairs};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_amqp::{AmqpMessage, AmqpValue, Body, Encoding, Separator, Strings};
use cloudevents_core::{Error, TextBuffer, codec::decode_base64};
use serde_json::{Map, Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "amqp",
    options: &["peer", "separator", "strings"],
    decode: |message, with| cloudevents_amqp::decode_message(&read(message)?, with),
    encode: write,
};

/// The AMQP message that the message of a request describes.
pub fn read(message: &Json) -> Result<AmqpMessage, Error> {
    let mut read = AmqpMessage::new(body(message.get("body"))?);
    let property = |name| message.get("properties").and_then(|properties| properties.get(name));
    read.properties.content_type = property("content-type").map(text).transpose()?;
    read.properties.content_encoding = property("content-encoding").map(text).transpose()?;
    for pair in pairs(message, "application-properties") {
        let (name, typed) = pair?;
        read = read.with_property(name, value(typed)?);
    }
    Ok(read)
}

fn write(to: &To<'_>) -> Written {
    let mut with = Encoding::default();
    with = to.peer()?.map_or(with, |peer| with.for_peer(peer));
    with.strings = match to.option("strings") {
        None => with.strings,
        Some(Json::Bool(true)) => Strings::All,
        Some(Json::Bool(false)) => Strings::None,
        Some(Json::String(text)) if text == "times" => Strings::Times,
        Some(other) => return Ok(Err(format!("strings are not {other}"))),
    };
    with.separator = match to.option("separator") {
        // The release has no other.
        None if is_judged_by_the_release(to) => Separator::Colon,
        None => with.separator,
        Some(Json::String(text)) if text == "_" => Separator::Underscore,
        Some(Json::String(text)) if text == ":" => Separator::Colon,
        Some(other) => return Ok(Err(format!("there is no separator {other}"))),
    };
    to.written(
        |event, mode| {
            let mut with = with;
            with.mode = mode;
            let (message, losses) = cloudevents_amqp::encode(event, with)?;
            Ok((written(&message), losses))
        },
        |batch| Ok(written(&cloudevents_amqp::encode_message(batch, with)?)),
    )
}

/// Whether the request is judged by release 1.0.2 alone.
fn is_judged_by_the_release(to: &To<'_>) -> bool {
    let named = to.member("spec").and_then(Json::as_array);
    named.is_some_and(|named| named.iter().all(|revision| revision == "1.0.2"))
}

fn body(body: Option<&Json>) -> Result<Body, Error> {
    let Some(body) = body.filter(|body| !body.is_null()) else { return Ok(Body::Absent) };
    if body.get("sequence").is_some() {
        return Ok(Body::Sequence);
    }
    if let Some(typed) = body.get("value") {
        return Ok(Body::Value(value(typed)?));
    }
    let Some(sections) = body.get("data").and_then(Json::as_array) else {
        return Err(malformed("a body is null, or an object with `data`, `value` or `sequence`"));
    };
    let mut sections: Vec<Bytes> = sections
        .iter()
        .map(|section| tagged::to_bytes(section).map(Bytes::from))
        .collect::<Result<_, _>>()?;
    Ok(match (sections.pop(), sections.is_empty()) {
        (Some(section), true) => Body::Data(section),
        (last, _) => {
            sections.extend(last);
            Body::DataSections(sections)
        }
    })
}

fn value(typed: &Json) -> Result<AmqpValue, Error> {
    let ty = typed.get("type").and_then(Json::as_str).unwrap_or_default();
    let value = typed.get("value").unwrap_or(&Json::Null);
    let wrong = || malformed(format!("{value} is no AMQP value of type `{ty}`"));
    Ok(match ty {
        "null" => AmqpValue::Null,
        "boolean" => AmqpValue::Boolean(value.as_bool().ok_or_else(wrong)?),
        "ubyte" => AmqpValue::Ubyte(integer(value).ok_or_else(wrong)?),
        "ushort" => AmqpValue::Ushort(integer(value).ok_or_else(wrong)?),
        "uint" => AmqpValue::Uint(integer(value).ok_or_else(wrong)?),
        "ulong" => AmqpValue::Ulong(integer(value).ok_or_else(wrong)?),
        "byte" => AmqpValue::Byte(integer(value).ok_or_else(wrong)?),
        "short" => AmqpValue::Short(integer(value).ok_or_else(wrong)?),
        "int" => AmqpValue::Int(integer(value).ok_or_else(wrong)?),
        "long" => AmqpValue::Long(integer(value).ok_or_else(wrong)?),
        "timestamp" => AmqpValue::Timestamp(integer(value).ok_or_else(wrong)?),
        #[allow(clippy::cast_possible_truncation)] // The next float is what is meant.
        "float" => AmqpValue::Float(value.as_f64().ok_or_else(wrong)? as f32),
        "double" => AmqpValue::Double(value.as_f64().ok_or_else(wrong)?),
        "binary" => {
            AmqpValue::Binary(decode_base64(value.as_str().ok_or_else(wrong)?).map_err(|_| wrong())?.into())
        }
        "string" => AmqpValue::String(text(value)?),
        "symbol" => AmqpValue::Symbol(text(value)?),
        // `char`, `uuid`, lists and maps have no place in the protocol, and none in an event.
        _ => AmqpValue::Other,
    })
}

fn written(message: &AmqpMessage) -> Json {
    let mut properties = Map::new();
    properties.extend(
        message.properties.content_type.iter().map(|text| ("content-type".to_owned(), text.as_str().into())),
    );
    let application: Vec<Json> = message
        .application_properties
        .iter()
        .map(|(name, value)| json!([name.as_str(), {"type": value.type_name(), "value": bare(value)}]))
        .collect();
    let body = match &message.body {
        Body::Data(bytes) => json!({"data": [tagged::from_bytes(bytes)]}),
        _ => Json::Null, // no encoder writes another
    };
    json!({"properties": properties, "application-properties": application, "body": body})
}

fn bare(value: &AmqpValue) -> Json {
    match value {
        AmqpValue::Boolean(boolean) => (*boolean).into(),
        AmqpValue::Long(number) | AmqpValue::Timestamp(number) => (*number).into(),
        AmqpValue::Binary(bytes) => base64_simd::STANDARD.encode_to_string(bytes).into(),
        AmqpValue::String(text) => text.as_str().into(),
        _ => Json::Null, // no encoder writes another
    }
}

fn integer<T: TryFrom<i64> + TryFrom<u64>>(value: &Json) -> Option<T> {
    match value.as_i64() {
        Some(number) => T::try_from(number).ok(),
        None => T::try_from(value.as_u64()?).ok(),
    }
}

fn text(value: &Json) -> Result<TextBuffer, Error> {
    value.as_str().map(TextBuffer::from).ok_or_else(|| malformed(format!("{value} is no text")))
}
