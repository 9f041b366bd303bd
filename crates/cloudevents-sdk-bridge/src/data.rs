//! Payloads, both ways.

use crate::{json, lost::Lost};
use bytes::Bytes;
use cloudevents_core::{Data, Error, ErrorKind, Event, JsonText, LossClass, MediaType, Payload};
use std::borrow::Cow;

type Theirs = cloudevents::Data;

/// Converts a payload of the SDK under its content type. `content_type` is `None` also if it is invalid, which is reported elsewhere.
///
/// The SDK reads every body of a message as bytes, so the content type decides their kind.
pub(crate) fn from_sdk(data: Cow<'_, Theirs>, content_type: Option<MediaType<'_>>) -> Result<Payload, Error> {
    match data {
        Cow::Borrowed(Theirs::Binary(bytes)) => Ok(Payload::body(Bytes::copy_from_slice(bytes))),
        Cow::Owned(Theirs::Binary(bytes)) => Ok(Payload::body(bytes)),
        Cow::Borrowed(Theirs::String(text)) => text_from_sdk(text.clone(), content_type),
        Cow::Owned(Theirs::String(text)) => text_from_sdk(text, content_type),
        Cow::Borrowed(Theirs::Json(value)) => json_from_sdk(value, content_type),
        Cow::Owned(Theirs::Json(value)) => json_from_sdk(&value, content_type),
    }
}

fn json_from_sdk(value: &serde_json::Value, content_type: Option<MediaType<'_>>) -> Result<Payload, Error> {
    if content_type.is_some_and(|content_type| !content_type.is_json()) {
        return Err(Error::new(ErrorKind::InvalidData)
            .with_attribute("data")
            .with_detail("it is a JSON value under a content type that is not JSON")
            .with_help("give a JSON content type, or the payload as text or bytes"));
    }
    let text = serde_json::to_vec(value)
        .map_err(|error| Error::new(ErrorKind::InvalidData).with_attribute("data").with_source(error))?;
    Payload::json(text).map_err(|error| error.with_attribute("data"))
}

fn text_from_sdk(text: String, content_type: Option<MediaType<'_>>) -> Result<Payload, Error> {
    if content_type.is_some_and(is_ambiguous) {
        return Err(Error::new(ErrorKind::InvalidData)
            .with_attribute("data")
            .with_detail(
                "it may be JSON text or a JSON string: the SDK does not see that the content type is JSON",
            )
            .with_help("give the payload as a JSON value or as bytes"));
    }
    Ok(Payload::text(text))
}

/// Whether this is a JSON content type that the SDK does not recognise. Under it, the SDK reads a JSON string as text without
/// quotation marks, and keeps the JSON text of an object from a program as text.
fn is_ambiguous(content_type: MediaType<'_>) -> bool {
    let text = content_type.as_str();
    let seen =
        text.starts_with("application/json") || text.starts_with("text/json") || text.ends_with("+json");
    content_type.is_json() && !seen
}

/// Returns the payload of an event for the SDK and its content type. Adds the losses to `lost`.
pub(crate) fn to_sdk<'a>(event: &'a Event, lost: &mut Vec<Lost>) -> (Option<Theirs>, Option<MediaType<'a>>) {
    let Some(data) = event.data() else { return (None, event.datacontenttype()) };
    let stated = event.datacontenttype();
    let mut lose = |kind, detail| lost.push(Lost::new(class_of(kind), "data", kind, detail));
    let bytes = || Theirs::Binary(data.as_bytes().into());
    match data {
        Data::Json(text) => match json::exact(text.as_str()) {
            Some(value) => {
                let spelled = value.to_string();
                if spelled != text.as_str() {
                    lose("json-spelling", "the JSON value is spelled differently, with the same meaning");
                }
                (Some(Theirs::Json(value)), stated)
            }
            None => {
                lose("json-as-bytes", "a JSON value of the SDK would not say the same; it becomes bytes");
                (Some(bytes()), event.content_type())
            }
        },
        Data::Text(text) => {
            let reads_as_json = || stated.is_some_and(MediaType::is_json) && JsonText::parse(text).is_ok();
            if stated.is_some_and(is_ambiguous) || reads_as_json() {
                lose(
                    "text-as-bytes",
                    "under this content type, text of the SDK could be JSON; it becomes bytes",
                );
                return (Some(bytes()), stated);
            }
            (Some(Theirs::String(text.into())), stated)
        }
        Data::Xml(_) if stated.is_some_and(MediaType::is_json) => {
            lose("xml-as-bytes", "an XML element under a JSON content type becomes bytes");
            (Some(bytes()), stated)
        }
        Data::Xml(text) => {
            lose("xml-as-text", "an XML element becomes text");
            (Some(Theirs::String(text.into())), event.content_type())
        }
        Data::Binary(binary) => {
            if stated.is_some_and(MediaType::is_json) && is_json_text(binary) {
                lose("bytes-as-json", "bytes under a JSON content type that are JSON read back as JSON");
            } else if stated.is_some_and(MediaType::is_cbor) && cloudevents_core::codec::is_cbor_item(binary)
            {
                lose("bytes-as-cbor", "bytes under a CBOR content type that are CBOR read back as CBOR");
            }
            (Some(bytes()), stated)
        }
        Data::Cbor(_) => (Some(bytes()), event.content_type()),
        Data::Proto { type_url, .. } => {
            match type_url.is_empty() {
                true => lose("any-as-bytes", "a protobuf message becomes bytes"),
                false => lose("type-url", "the type URL of a protobuf message is not carried; its bytes are"),
            }
            (Some(bytes()), event.content_type())
        }
        _ => {
            lose("payload-kind", "it becomes bytes");
            (Some(bytes()), event.content_type())
        }
    }
}

/// All others keep the bytes.
fn class_of(kind: &str) -> LossClass {
    match kind {
        "type-url" => LossClass::Meaning,
        "json-spelling" => LossClass::Spelling,
        _ => LossClass::PayloadForm,
    }
}

fn is_json_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| JsonText::parse(text).is_ok())
}
