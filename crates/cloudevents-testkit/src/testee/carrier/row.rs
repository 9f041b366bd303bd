//! Messages of the carriers that are rows of data, as the protocol writes them: headers of text, perhaps a content type, and a body.

use super::{To, Written, body, pairs, text};
use crate::tagged;
use cloudevents_carriers::{Carrier, CarrierMessage, MessageView};
use cloudevents_core::{DecodeOptions, Decoded, Error, Message};
use serde_json::{Map, Value as Json};

/// Reads the message of a request.
pub(super) fn decode(row: &Carrier, message: &Json, with: &DecodeOptions) -> Result<Decoded<Message>, Error> {
    row.decode_message(&read(message)?, with)
}

/// Writes the events of a request.
pub(super) fn encode(row: &Carrier, to: &To<'_>) -> Written {
    to.written(
        |event, mode| {
            let encoded = row.encode(event, mode)?;
            Ok((written(row, &encoded.message), encoded.losses))
        },
        |batch| Ok(written(row, &row.encode_message(batch)?)),
    )
}

fn read(message: &Json) -> Result<CarrierMessage, Error> {
    let mut read = CarrierMessage::new(body(message, "body")?);
    if let Some(content_type) = message.get("content-type").and_then(Json::as_str) {
        read = read.with_content_type(content_type);
    }
    for pair in pairs(message, "headers") {
        let (name, value) = pair?;
        read = read.with_header(name, text(value)?.to_owned());
    }
    Ok(read)
}

fn written(row: &Carrier, message: &CarrierMessage) -> Json {
    let mut members = Map::new();
    if !row.prefix.is_empty() {
        let headers = message.texts().map(|(name, value)| Json::from(vec![name, value]));
        members.insert("headers".into(), headers.collect());
    }
    members.extend(message.content_type().map(|text| ("content-type".into(), text.into())));
    members.insert("body".into(), tagged::from_bytes(&message.body));
    members.into()
}
