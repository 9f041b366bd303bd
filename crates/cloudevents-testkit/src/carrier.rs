//! What carriers make of an event: a table written by hand, against which round trips are checked.
//!
//! For every event and carrier, `decode(encode(event, carrier)) == carrier_form(event, carrier)`.

use cloudevents_core::{Data, Event, Payload, Value};

/// A way for an event to travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// A document of the JSON format, alone, in a batch, or in a structured message.
    Json,
    /// A binary-mode HTTP message.
    HttpBinary,
}

/// The event as it is when it comes out of the carrier.
///
/// | | JSON | HTTP, binary mode |
/// |---|---|---|
/// | Boolean, Integer | kept | String |
/// | Binary, URI, URI-reference, Timestamp | String | String |
/// | no content type, native payload | made explicit, but for JSON | made explicit |
/// | JSON payload | kept | kept |
/// | text | kept; JSON string under a JSON content type or none | bytes, or JSON or CBOR by its content type |
/// | bytes | kept; a body as its content type says | bytes, or JSON or CBOR by their content type |
/// | XML element | text, with its content type | bytes, with its content type |
/// | CBOR item | bytes, with its content type | kept |
/// | protobuf `Any` | bytes, with its content type | bytes, with its content type |
/// | a payload of no bytes | kept | no payload |
///
/// # Panics
///
/// When the event that comes out would not be valid, which no valid event leads to.
#[allow(clippy::panic)] // It is part of an assertion.
pub fn carrier_form(event: &Event, carrier: Carrier) -> Event {
    let mut builder = event.clone().into_builder();
    for (name, value) in event.extensions() {
        if !keeps_type(carrier, value) {
            builder = builder.extension(name.as_str(), value.to_canonical().as_ref());
        }
    }
    if let Some(content_type) = made_explicit(event, carrier) {
        builder = builder.datacontenttype(content_type);
    }
    match (payload(event, carrier), builder.build()) {
        (Some(Ok(payload)), Ok(event)) => match event.into_builder().payload_only(Ok(payload)).build() {
            Ok(event) => event,
            Err(error) => panic!("{carrier:?}: {error}"),
        },
        (None, Ok(mut event)) => {
            event.clear_payload();
            event
        }
        (Some(Err(error)), _) => panic!("{carrier:?}: {error}"),
        (_, Err(error)) => panic!("{carrier:?}: {error}"),
    }
}

fn keeps_type(carrier: Carrier, value: Value<'_>) -> bool {
    match carrier {
        Carrier::Json => matches!(value, Value::Boolean(_) | Value::Integer(_)),
        Carrier::HttpBinary => false,
    }
}

fn made_explicit(event: &Event, carrier: Carrier) -> Option<String> {
    if event.datacontenttype().is_some()
        || carrier == Carrier::Json && matches!(event.data(), Some(Data::Json(_)))
    {
        return None;
    }
    event.content_type().map(|content_type| content_type.as_str().to_owned())
}

fn payload(event: &Event, carrier: Carrier) -> Option<Result<Payload, cloudevents_core::Error>> {
    let data = event.data()?;
    match carrier {
        Carrier::HttpBinary if data.as_bytes().is_empty() => None,
        Carrier::HttpBinary => Some(Ok(Payload::body(data.as_bytes().to_vec()))),
        Carrier::Json => Some(match data {
            Data::Json(json) => Payload::json(json.as_str().to_owned()),
            Data::Text(text) | Data::Xml(text) => {
                let stated = event.datacontenttype();
                let implied_json = stated.is_none() && matches!(data, Data::Text(_));
                if implied_json || stated.is_some_and(|content_type| content_type.is_json()) {
                    Payload::json(serde_json::Value::from(text).to_string())
                } else {
                    Ok(Payload::text(text))
                }
            }
            _ => Ok(Payload::binary(data.as_bytes().to_vec())),
        }),
    }
}
