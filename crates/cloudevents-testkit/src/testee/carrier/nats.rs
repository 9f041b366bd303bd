//! Messages of NATS as the protocol writes them: header values are the Latin-1 text of their octets.

use super::{Codec, To, Written, body, latin1, octets, pairs};
use crate::tagged;
use cloudevents_core::Error;
use cloudevents_nats::{Encoding, NatsMessage};
use serde_json::{Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "nats",
    options: &["headers", "peer", "raw", "subject"],
    decode: |message, with| cloudevents_nats::decode_message(&read(message)?, with),
    encode: |to| to.addressed("subject", write(to)),
};

/// The message of NATS that the message of a request describes.
pub fn read(message: &Json) -> Result<NatsMessage, Error> {
    let mut read = NatsMessage::new(body(message, "payload")?);
    for pair in pairs(message, "headers") {
        let (name, value) = pair?;
        read = read.with_header(name, octets(value)?);
    }
    Ok(read)
}

fn write(to: &To<'_>) -> Written {
    let flag = |name| to.option(name).and_then(Json::as_bool);
    let peer = to.peer()?;
    to.written(
        |event, mode| {
            let mut with = Encoding::new(mode);
            with = peer.map_or(with, |peer| with.for_peer(peer));
            with.raw = flag("raw").unwrap_or(with.raw);
            with.without_headers = flag("headers") == Some(false);
            let (message, losses) = cloudevents_nats::encode(event, with)?;
            Ok((written(&message), losses))
        },
        |batch| Ok(written(&cloudevents_nats::encode_message(batch)?)),
    )
}

fn written(message: &NatsMessage) -> Json {
    let headers: Vec<Json> =
        message.headers.iter().map(|(name, value)| json!([name.as_str(), latin1(value)])).collect();
    json!({"headers": headers, "payload": tagged::from_bytes(&message.payload)})
}
