//! `decode`: a message to events.

use super::{
    Answer,
    carrier::{Carrier, decode_row, formats, id},
};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{
    ContentMode, DecodeOptions, Decoded, Error, Event, Message, codec::is_payload_not_json,
};
use serde_json::{Map, Value as Json, json};

/// The decoded events, and the content mode and format of the message.
pub(crate) struct Came {
    pub(crate) events: Decoded<Vec<Event>>,
    pub(crate) mode: ContentMode,
    pub(crate) format: Option<String>,
}

pub(crate) fn decode(request: &Json) -> Result<Answer, Error> {
    let came = match read(request)? {
        Ok(came) => came,
        Err(unsupported) => return Ok(Answer::Unsupported(unsupported)),
    };
    let mut result = Map::new();
    result.insert("events".into(), came.events.value.iter().map(tagged::from_event).collect());
    result.insert("mode".into(), came.mode.as_str().into());
    result.extend(came.format.map(|format| ("format".into(), format.into())));
    let repairs: Vec<Json> = came
        .events
        .repairs
        .iter()
        .map(|repair| {
            let mut described = json!({"kind": repair.kind().code()});
            if let (Some(name), Some(members)) = (repair.attribute(), described.as_object_mut()) {
                members.insert("attribute".into(), name.into());
            }
            described
        })
        .collect();
    if !repairs.is_empty() {
        result.insert("repairs".into(), repairs.into());
    }
    if came.events.value.iter().any(is_payload_not_json) {
        result.insert("notes".into(), json!([{"kind": "payload-not-json"}]));
    }
    Ok(Answer::Result(result.into()))
}

/// Reads the message of a request. The inner error names the feature that the toolkit does not support.
pub(crate) fn read(request: &Json) -> Result<Result<Came, String>, Error> {
    let via = request.get("via").and_then(Json::as_str).unwrap_or_default();
    let Some(carrier) = Carrier::of(via) else { return Ok(Err(format!("there is no carrier `{via}`"))) };
    let with = match request.get("strictness").and_then(Json::as_str) {
        None | Some("strict") => DecodeOptions::strict(),
        Some("lenient") => DecodeOptions::lenient(),
        Some(other) => return Ok(Err(format!("there is no strictness `{other}`"))),
    };
    let mut with = with.with_formats(formats());
    // Single repairs, by name: of this testee only.
    if let Some(names) = request.get("leniency").and_then(Json::as_str) {
        with.leniency = names.parse()?;
    }
    let message = request.get("message").ok_or_else(|| malformed("there is no message"))?;
    Ok(Ok(match carrier {
        Carrier::Single(format) => Came {
            events: with
                .formats
                .require(&id(format))?
                .decode(body(message)?, &with)?
                .map(|event| vec![event]),
            mode: ContentMode::Structured,
            format: Some(format.into()),
        },
        Carrier::Batch(format) => Came {
            events: with.formats.require(&id(format))?.decode_batch(body(message)?, &with)?,
            mode: ContentMode::Batched,
            format: Some(format.into()),
        },
        Carrier::Bound(codec) => opened((codec.decode)(message, &with)?, &with)?,
        Carrier::Row(row) => opened(decode_row(row, message, &with)?, &with)?,
    }))
}

/// The events of a message whose mode a binding has detected.
fn opened(message: Decoded<Message>, with: &DecodeOptions) -> Result<Came, Error> {
    let mut events = message.value.events(with)?;
    events.repairs.extend(message.repairs);
    Ok(Came { events, mode: message.value.mode(), format: message.value.format().map(ToString::to_string) })
}

fn body(message: &Json) -> Result<Bytes, Error> {
    let body = message.get("body").ok_or_else(|| malformed("the message has no body"))?;
    tagged::to_bytes(body).map(Bytes::from)
}
