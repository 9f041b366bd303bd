//! The payload of an event, from the value at its place.

use crate::texts::is_base64;
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, MediaType, Payload, Repair, RepairKind,
    codec::{Assembler, decode_base64},
};
use serde::Deserialize;

/// The form of a payload at its place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Plain,
    /// A text is base64.
    Base64,
    /// A text is base64 if the content type is neither JSON nor text. With [`Others::Objects`], a content type that has JSON in it is JSON.
    Either,
}

/// Which payloads may stand in base64, and under a content type that is not JSON, although they are no texts.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Others {
    /// Any value. It is a payload in JSON.
    #[default]
    Json,
    /// Objects: a Map has no other form in versions 0.1 and 0.2 of the JSON format. With a content type that has JSON in it, any value.
    Objects,
    None,
}

impl Others {
    fn take(self, raw: &str, media_type: Option<MediaType<'_>>) -> bool {
        match self {
            Self::Json => true,
            Self::Objects => raw.starts_with('{') || self.has_json(media_type),
            Self::None => false,
        }
    }

    /// Whether any value is JSON there, also a text, although the content type is not JSON in version 1.0. Section 3.1 of version 0.2 names
    /// `application/json-seq` and `application/geo+json-seq`.
    fn has_json(self, media_type: Option<MediaType<'_>>) -> bool {
        let has_json = |ty: MediaType<'_>| ty.subtype().to_ascii_lowercase().ends_with("json-seq");
        matches!(self, Self::Objects) && media_type.is_some_and(has_json)
    }
}

/// Reads the value at a place. The event has its content type already.
pub(crate) fn read(
    raw: &str,
    place: &str,
    form: Form,
    others: Others,
    event: &mut Assembler<'_>,
) -> Result<Option<Payload>, Error> {
    let text: Option<String> = serde_json::from_str(raw).ok();
    let media_type = event.content_type();
    let is_json = media_type.is_none_or(MediaType::is_json);
    let is_taken = others.take(raw, media_type);
    let stays = is_json || (form == Form::Either && others.has_json(media_type));
    if text.is_none() && raw.starts_with('"') && (form == Form::Base64 || !stays) {
        return Err(invalid("the payload is not a text of Unicode".to_owned()));
    }
    Ok(match text {
        Some(text) if form == Form::Base64 => {
            let bytes = || decode_base64(&text).map_err(|error| not_base64(error, place, ALWAYS));
            (!text.is_empty()).then(|| Ok::<_, Error>(Payload::body(bytes()?))).transpose()?
        }
        Some(text) if form == Form::Either && !stays => match (decode_base64(text.as_str()), media_type) {
            (bytes, Some(ty)) if !is_base64(ty, bytes.is_ok()) => Some(Payload::text(text)),
            (bytes, _) => Some(Payload::binary(bytes.map_err(|error| not_base64(error, place, UNKNOWN))?)),
        },
        Some(text) if !stays => Some(Payload::text(text)),
        None if form == Form::Base64 && !is_taken => {
            return Err(invalid(format!("`{place}` is bytes in base64, and its value is no text")));
        }
        _ if is_json => Some(Payload::json(Bytes::copy_from_slice(raw.as_bytes()))?),
        _ if raw == "null" || !is_taken => Some(as_text(raw, event)?),
        _ => Some(Payload::text(raw.to_owned())),
    })
}

const ALWAYS: &str = "a text is bytes in base64 there; `data` in a mapping of your own, with `--map` of `ce`, reads the text as it is";

const UNKNOWN: &str = "its content type is not known to be JSON or text, so a text is bytes in base64; a content type with a `charset` is one of text, and `data` in a mapping of your own, with `--map` of `ce`, reads the text as it is";

#[cold]
fn not_base64(error: Error, place: &str, help: &'static str) -> Error {
    error.with_attribute(place.to_owned()).with_help(help)
}

/// A payload that is no text, under a content type that is not JSON.
fn as_text(raw: &str, event: &mut Assembler<'_>) -> Result<Payload, Error> {
    let kind = if raw == "null" { "null" } else { "no text" };
    let error = invalid(format!("the payload is {kind}, and `datacontenttype` is not JSON"));
    let error = error.with_clause("JSON-3.1.1-k");
    if !event.decoding().leniency.allows(RepairKind::DataAsText) {
        return Err(error);
    }
    event.repaired(Repair::new(RepairKind::DataAsText).with_cause(error));
    Ok(Payload::text(raw.to_owned()))
}

#[cold]
fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
