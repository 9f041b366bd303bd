//! What the CBOR format makes of an event: a table written by hand, against which round trips are checked.

use cloudevents_core::{Data, Event, Payload, Timestamp, Uri, Value};

/// The event, of specversion 1.0, as it is when it comes out of a document.
///
/// | | CBOR |
/// |---|---|
/// | Boolean, Integer, String, Binary, URI | kept |
/// | URI-reference | an extension that is an absolute URI: URI; else kept |
/// | Timestamp | kept, with an upper-case T and Z |
/// | no content type, native payload | made explicit, but for CBOR |
/// | JSON payload | kept |
/// | text | kept; CBOR text string under a CBOR content type or none |
/// | bytes | kept; a body as its content type says |
/// | XML element | text, with its content type; CBOR text string under a CBOR content type |
/// | CBOR item | kept; a byte string: bytes |
/// | protobuf `Any` | bytes, with its content type |
/// | a payload of no bytes | kept |
pub(crate) fn cbor_form(event: &Event) -> Event {
    let mut builder = event.clone().into_builder();
    for (name, value) in event.attributes() {
        builder = match (name.as_str(), value) {
            ("time", Value::Timestamp(time)) => builder.time(time.as_str().to_ascii_uppercase()),
            (name, Value::Timestamp(time)) => {
                builder.extension(name, Timestamp::parse(&time.as_str().to_ascii_uppercase()).unwrap())
            }
            (name, Value::UriReference(reference)) if name != "source" => {
                match Uri::parse(reference.as_str()) {
                    Ok(uri) => builder.extension(name, uri),
                    Err(_) => builder,
                }
            }
            _ => builder,
        };
    }
    let data = event.data();
    if !matches!(data, Some(Data::Cbor(_)))
        && let Some(content_type) = event.content_type()
    {
        builder = builder.datacontenttype(content_type.as_str());
    }
    let is_cbor = event.content_type().is_none_or(|content_type| content_type.is_cbor());
    if let Some(data) = data {
        builder = builder.payload_only(match data {
            Data::Json(json) => Payload::json(json.as_str().to_owned()),
            Data::Text(text) | Data::Xml(text) if is_cbor => {
                let mut item = Vec::new();
                ciborium::into_writer(text, &mut item).unwrap();
                Payload::cbor(item)
            }
            Data::Text(text) | Data::Xml(text) => Ok(Payload::text(text)),
            // Byte strings are of major type 2. The library does not read every item: simple values without a meaning, for one.
            Data::Cbor(item) if item[0] >> 5 == 2 => match ciborium::from_reader(item).unwrap() {
                ciborium::Value::Bytes(bytes) => Ok(Payload::binary(bytes)),
                other => panic!("{other:?}"),
            },
            Data::Cbor(item) => Payload::cbor(item.to_vec()),
            _ => Ok(Payload::binary(data.as_bytes().to_vec())),
        });
    }
    builder.build().unwrap()
}
