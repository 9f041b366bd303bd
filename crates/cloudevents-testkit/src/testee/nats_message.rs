//! Messages of NATS as the protocol writes them: header values are the Latin-1 text of their octets.

use super::encode::{Wanted, one, option, peer, wanted};
use crate::tagged::{self, malformed};
use cloudevents_core::{Error, Event, Formats, Losses, Message};
use cloudevents_nats::{Encoding, NatsMessage};
use serde_json::{Value as Json, json};

/// The message of NATS that the message of a request describes.
pub fn read(message: &Json) -> Result<NatsMessage, Error> {
    let mut read =
        NatsMessage::new(message.get("payload").map(tagged::to_bytes).transpose()?.unwrap_or_default());
    for pair in message.get("headers").and_then(Json::as_array).into_iter().flatten() {
        let (Some(name), Some(value)) =
            (pair.get(0).and_then(Json::as_str), pair.get(1).and_then(Json::as_str))
        else {
            return Err(malformed("a header is a pair of texts"));
        };
        let octets: Vec<u8> = value
            .chars()
            .map(u8::try_from)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("header values are the Latin-1 text of their octets"))?;
        read = read.with_header(name, octets);
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
            return Ok(Ok((written(&cloudevents_nats::encode_message(&message)?), losses)));
        }
        Err(unsupported) => return Ok(Err(unsupported)),
    };
    let mut with = Encoding::new(mode);
    with = peer(to)?.map_or(with, |peer| with.for_peer(peer));
    with.raw = option(to, "raw").and_then(Json::as_bool).unwrap_or(with.raw);
    with.without_headers = option(to, "headers").and_then(Json::as_bool) == Some(false);
    let (message, losses) = cloudevents_nats::encode(one(events)?, with)?;
    Ok(Ok((written(&message), losses)))
}

fn written(message: &NatsMessage) -> Json {
    let headers: Vec<Json> = message
        .headers
        .iter()
        .map(|(name, value)| {
            json!([name.as_str(), value.iter().copied().map(char::from).collect::<String>()])
        })
        .collect();
    json!({"headers": headers, "payload": tagged::from_bytes(&message.payload)})
}
