//! WebSocket messages as the protocol writes them.

use super::{Codec, To, Wanted, Written, body, formats};
use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Losses, Message, Mode, TextBuffer};
use cloudevents_websockets::{Frame, Subprotocol};
use serde_json::{Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "websockets",
    options: &["subprotocol"],
    decode: |message, with| {
        let (frame, subprotocol) = read(message)?;
        cloudevents_websockets::decode_message(frame, subprotocol, with)
    },
    encode: write,
};

fn read(message: &Json) -> Result<(Frame, Subprotocol), Error> {
    let text = |name| message.get(name).and_then(Json::as_str);
    let payload: Bytes = body(message, "payload")?.into();
    let frame = match text("frame") {
        Some("text") => Frame::Text(TextBuffer::new(payload)?),
        Some("binary") => Frame::Binary(payload),
        _ => return Err(malformed("a frame is `text` or `binary`")),
    };
    Ok((frame, subprotocol(text("subprotocol").unwrap_or_default())?))
}

fn write(to: &To<'_>) -> Written {
    let chosen = to.option("subprotocol").and_then(Json::as_str);
    let subprotocol = subprotocol(chosen.unwrap_or("cloudevents.json"))?;
    let message = match to.wanted() {
        Ok(Wanted::One(Mode::Structured(_))) => None,
        // Refused, as the binding has neither.
        Ok(Wanted::One(_)) => Some(Message::Binary(to.one()?.clone())),
        Ok(Wanted::Batch(format)) => Some(Message::batched(to.events, format)?.0),
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let (frame, losses) = match message {
        Some(message) => (cloudevents_websockets::encode_message(&message, subprotocol)?, Losses::none()),
        None => {
            let with = DecodeOptions::strict().with_formats(formats());
            cloudevents_websockets::encode(to.one()?, subprotocol, &with)?
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
