//! WebSocket messages as the protocol writes them.

use super::encode::{Wanted, one, wanted};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Event, Formats, Losses, Message, TextBuffer};
use cloudevents_websockets::{Frame, Subprotocol};
use serde_json::{Value as Json, json};

pub(crate) fn read(message: &Json) -> Result<(Frame, Subprotocol), Error> {
    let text = |name| message.get(name).and_then(Json::as_str);
    let payload: Bytes = message.get("payload").map(tagged::to_bytes).transpose()?.unwrap_or_default().into();
    let frame = match text("frame") {
        Some("text") => Frame::Text(TextBuffer::new(payload)?),
        Some("binary") => Frame::Binary(payload),
        _ => return Err(malformed("a frame is `text` or `binary`")),
    };
    Ok((frame, subprotocol(text("subprotocol").unwrap_or_default())?))
}

/// Writes events as `to` specifies. The inner error names what the toolkit does not support.
pub(crate) fn write(
    to: &Json,
    events: &[Event],
    formats: Formats,
) -> Result<Result<(Json, Losses), String>, Error> {
    let chosen = to.get("options").and_then(|options| options.get("subprotocol")).and_then(Json::as_str);
    let subprotocol = subprotocol(chosen.unwrap_or("cloudevents.json"))?;
    let message = match wanted(to, &formats, "structured") {
        Ok(Wanted::One(cloudevents_core::Mode::Structured(_))) => None,
        // Refused, as the binding has neither.
        Ok(Wanted::One(_)) => Some(Message::Binary(one(events)?.clone())),
        Ok(Wanted::Batch(format)) => Some(Message::batched(events, format)?.0),
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let (frame, losses) = match message {
        Some(message) => (cloudevents_websockets::encode_message(&message, subprotocol)?, Losses::none()),
        None => {
            let with = DecodeOptions::strict().with_formats(formats);
            cloudevents_websockets::encode(one(events)?, subprotocol, &with)?
        }
    };
    let kind = if frame.is_text() { "text" } else { "binary" };
    let payload = tagged::from_bytes(frame.as_bytes());
    Ok(Ok((json!({"subprotocol": subprotocol.name(), "frame": kind, "payload": payload}), losses)))
}

fn subprotocol(name: &str) -> Result<Subprotocol, Error> {
    name.parse().map_err(|_| {
        Error::new(ErrorKind::UnknownFormat)
            .with_detail(format!("there is no subprotocol `{name}`"))
            .with_clause("WS-1.5-a")
    })
}
