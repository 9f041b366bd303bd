//! Events as type-tagged JSON: the form of the test vectors and of the testee protocol.
//!
//! Every attribute states its type, and the payload its kind, so that nothing is ambiguous.

use cloudevents_core::{
    AttributeType, Data, DecodeOptions, Error, ErrorKind, Event, Payload, Value,
    codec::{Assembler, Given, decode_base64},
};
use serde_json::{Map, Value as Json, json};

/// The event as type-tagged JSON.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_testkit::tagged;
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("n", 3).build()?;
/// let tagged = tagged::from_event(&event);
/// assert_eq!(tagged["attributes"]["n"], serde_json::json!({"type": "Integer", "value": 3}));
/// assert_eq!(tagged::to_event(&tagged)?, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn from_event(event: &Event) -> Json {
    let attributes: Map<String, Json> =
        event.attributes().map(|(name, value)| (name.as_str().to_owned(), from_value(value))).collect();
    let mut tagged = json!({"specversion": event.specversion().as_str(), "attributes": attributes});
    if let (Some(data), Some(members)) = (event.data(), tagged.as_object_mut()) {
        members.insert("data".into(), from_data(data));
    }
    tagged
}

/// Returns the event that type-tagged JSON describes, by the rules of strict decoding. The stated kind of payload is trusted.
///
/// An error of kind [`InvalidDocument`](ErrorKind::InvalidDocument) means that the JSON is not a type-tagged event. Other kinds mean that
/// the event violates the specification.
pub fn to_event(tagged: &Json) -> Result<Event, Error> {
    let members = tagged.as_object().ok_or_else(|| malformed("an event is an object"))?;
    let decoding = DecodeOptions::strict();
    let mut assembler = Assembler::new(&decoding);
    if let Some(version) = members.get("specversion") {
        let version = assembler.push(version.as_str().ok_or_else(|| malformed("specversion is text"))?)?;
        assembler.named("specversion", Given::Text(version))?;
    }
    let no_attributes = Map::new();
    let attributes = match members.get("attributes") {
        Some(attributes) => attributes.as_object().ok_or_else(|| malformed("attributes is an object"))?,
        None => &no_attributes,
    };
    for (name, typed) in attributes {
        attribute(&mut assembler, name, typed)?;
    }
    let payload = members.get("data").map(to_payload).transpose()?;
    assembler.complete()?;
    Ok(assembler.finish(payload)?.value)
}

/// An attribute value with its type.
pub fn from_value(value: Value<'_>) -> Json {
    json!({"type": value.attribute_type().name(), "value": bare(value)})
}

/// An attribute value as bare JSON: booleans and numbers as they are, bytes as base64, everything else as text.
pub fn bare(value: Value<'_>) -> Json {
    match value {
        Value::Boolean(boolean) => boolean.into(),
        Value::Integer(number) => number.into(),
        Value::Binary(bytes) => base64(bytes).into(),
        _ => value.as_str().unwrap_or_default().into(),
    }
}

/// Bytes as the protocol writes them: as text if they are text without control characters, else as base64.
pub fn from_bytes(bytes: &[u8]) -> Json {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n')) => {
            json!({"text": text})
        }
        _ => json!({"base64": base64(bytes)}),
    }
}

/// The bytes of `{"text": ...}` or `{"base64": ...}`.
pub fn to_bytes(tagged: &Json) -> Result<Vec<u8>, Error> {
    match (tagged.get("text").and_then(Json::as_str), tagged.get("base64").and_then(Json::as_str)) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(base64)) => decode_base64(base64).map_err(|_| malformed("base64 is not base64")),
        _ => Err(malformed("bytes are an object with `text` or `base64`")),
    }
}

/// The error for a request that does not follow the protocol.
#[cold]
pub(crate) fn malformed(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(detail)
}

fn from_data(data: Data<'_>) -> Json {
    match data {
        Data::Json(text) => json!({"json": text.as_str()}),
        Data::Text(text) => json!({"text": text}),
        Data::Xml(element) => json!({"xml": element}),
        Data::Cbor(item) => json!({"cbor": base64(item)}),
        Data::Proto { type_url, value } => json!({"proto": {"typeurl": type_url, "value": base64(value)}}),
        _ => json!({"binary": base64(data.as_bytes())}),
    }
}

fn to_payload(tagged: &Json) -> Result<Payload, Error> {
    let members = tagged.as_object().ok_or_else(|| malformed("data is an object"))?;
    let (Some((kind, value)), 1) = (members.iter().next(), members.len()) else {
        return Err(malformed("data has one member, which names the kind of payload"));
    };
    let text = || value.as_str().map(str::to_owned).ok_or_else(|| malformed(format!("data.{kind} is text")));
    let bytes = || decode_base64(text()?).map_err(|_| malformed(format!("data.{kind} is not base64")));
    match kind.as_str() {
        "json" => Payload::json(text()?),
        "text" => Ok(Payload::text(text()?)),
        "binary" => Ok(Payload::binary(bytes()?)),
        "xml" => Ok(Payload::xml(text()?)),
        "cbor" => Payload::cbor(bytes()?),
        "proto" => {
            let member = |name| {
                value.get(name).and_then(Json::as_str).ok_or_else(|| malformed("proto has typeurl and value"))
            };
            let value =
                decode_base64(member("value")?).map_err(|_| malformed("data.proto.value is not base64"))?;
            Ok(Payload::proto(member("typeurl")?, value))
        }
        _ => Err(malformed(format!("data.{kind} is no kind of payload"))),
    }
}

fn attribute(assembler: &mut Assembler<'_>, name: &str, typed: &Json) -> Result<(), Error> {
    let (Some(ty), Some(value)) = (typed.get("type").and_then(Json::as_str), typed.get("value")) else {
        return Err(malformed(format!("attribute `{name}` has type and value")));
    };
    let ty = AttributeType::from_name(ty).ok_or_else(|| malformed(format!("`{ty}` is no attribute type")))?;
    let wrong = || Error::new(kind_of(ty)).with_attribute(name).with_detail(format!("{value} is no {ty}"));
    let text = || value.as_str().ok_or_else(wrong);
    let refuse = |error: Error| if error.attribute().is_none() { error.with_attribute(name) } else { error };
    let given = match ty {
        AttributeType::Boolean => Given::Boolean(value.as_bool().ok_or_else(wrong)?),
        AttributeType::Integer => {
            Given::Integer(value.as_i64().and_then(|number| i32::try_from(number).ok()).ok_or_else(wrong)?)
        }
        AttributeType::Binary => {
            let bytes = decode_base64(text()?).map_err(refuse)?;
            return assembler.named(name, Given::Binary(&bytes)).map_err(refuse);
        }
        AttributeType::String => Given::Text(assembler.push(text()?)?),
        AttributeType::Uri => Given::Uri(assembler.push(text()?)?),
        AttributeType::UriReference => Given::UriReference(assembler.push(text()?)?),
        AttributeType::Timestamp => Given::Timestamp(assembler.push(text()?)?),
    };
    assembler.named(name, given).map_err(refuse)
}

fn kind_of(ty: AttributeType) -> ErrorKind {
    match ty {
        AttributeType::Boolean => ErrorKind::InvalidBoolean,
        AttributeType::Integer => ErrorKind::InvalidInteger,
        AttributeType::String => ErrorKind::InvalidString,
        AttributeType::Binary => ErrorKind::InvalidBinary,
        AttributeType::Uri => ErrorKind::InvalidUri,
        AttributeType::UriReference => ErrorKind::InvalidUriReference,
        AttributeType::Timestamp => ErrorKind::InvalidTimestamp,
    }
}

fn base64(bytes: &[u8]) -> String {
    base64_simd::STANDARD.encode_to_string(bytes)
}
