//! What the Protobuf format makes of an event: a table written by hand, against which round trips are checked.

use cloudevents_core::{Data, Event, Payload, Timestamp, Value};

/// The event, of specversion 1.0, as it is when it comes out of a document.
///
/// | | Protobuf |
/// |---|---|
/// | Boolean, Integer, String, Binary, URI, URI-reference | kept |
/// | Timestamp | UTC with 0, 3, 6 or 9 digits; a leap second is the next second; outside the years 0001 to 9999: absent |
/// | no content type, native payload | made explicit, but for an `Any` |
/// | JSON payload | kept |
/// | text | kept; JSON under a JSON content type when it is JSON |
/// | bytes | kept; a body as its content type says |
/// | XML element | text, with its content type |
/// | CBOR item | bytes, with its content type |
/// | protobuf `Any` | kept |
/// | a payload of no bytes | kept |
pub(crate) fn protobuf_form(event: &Event) -> Event {
    let mut builder = event.clone().into_builder();
    for (name, value) in event.attributes() {
        let Value::Timestamp(timestamp) = value else { continue };
        builder = builder.without(name.as_str());
        let Some(text) = timestamp_form(timestamp) else { continue };
        builder = match name.as_str() {
            "time" => builder.time(text),
            name => builder.extension(name, Timestamp::parse(&text).unwrap()),
        };
    }
    let data = event.data();
    if !matches!(data, Some(Data::Proto { .. }))
        && let Some(content_type) = event.content_type()
    {
        builder = builder.datacontenttype(content_type.as_str());
    }
    if let Some(data) = data {
        builder = builder.payload_only(match data {
            Data::Json(json) => Payload::json(json.as_str().to_owned()),
            Data::Text(text) | Data::Xml(text) => Ok(Payload::text(text)),
            Data::Proto { type_url, value } => Ok(Payload::proto(type_url, value.to_vec())),
            _ => Ok(Payload::binary(data.as_bytes().to_vec())),
        });
    }
    builder.build().unwrap()
}

fn timestamp_form(timestamp: Timestamp<'_>) -> Option<String> {
    let instant = timestamp.instant();
    Timestamp::format_utc(instant.seconds, instant.nanosecond()).filter(|text| !text.starts_with("0000"))
}
