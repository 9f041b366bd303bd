//! The events that carriers return: handwritten tables from the specification, to check codecs against.
//!
//! For every event and carrier, `decode(encode(event, carrier)) == carrier_form(event, carrier)`, and the report of losses
//! [names](told) exactly the parts that [changed](changes).

mod avro;
mod avro_compact;
mod became;
mod cbor;
mod change;
mod http;
mod json;
mod protobuf;
mod xml;

pub use change::{changes, told};

use became::Became;
use cloudevents_core::{Data, Error, Event, Mode, Payload, Timestamp, Uri, Value};

/// A way for an event to travel.
///
/// ```
/// use cloudevents_core::{Event, Timestamp};
/// use cloudevents_testkit::carrier::{Carrier, carrier_form};
///
/// let event = Event::builder().id("1").source("/s").ty("t").time("2018-04-05T19:31:00+02:00").build()?;
/// let came = carrier_form(&event, Carrier::Protobuf);
/// assert_eq!(came.time().map(Timestamp::as_str), Some("2018-04-05T17:31:00Z"));
/// assert_eq!(carrier_form(&event, Carrier::Avro), event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// A document of the JSON format, alone, in a batch, or in a structured message.
    Json,
    /// A document of the Protobuf format, alone or in a batch.
    Protobuf,
    /// A document of the Avro format.
    Avro,
    /// A document of the Avro compact format, a working draft.
    AvroCompact,
    /// A document of the XML format, a working draft, alone or in a batch.
    Xml,
    /// A document of the CBOR format, a working draft.
    Cbor,
    /// A binary-mode HTTP message.
    HttpBinary,
}

impl Carrier {
    /// The event formats.
    pub const FORMATS: [Self; 6] =
        [Self::Json, Self::Protobuf, Self::Avro, Self::AvroCompact, Self::Xml, Self::Cbor];
}

/// Returns the event as decoded from the carrier. Formats except JSON support specversion 1.0 only.
///
/// Attributes that are not named here are kept:
///
/// | | JSON | Protobuf | Avro | Avro compact | XML | CBOR | HTTP, binary mode |
/// |---|---|---|---|---|---|---|---|
/// | Boolean, Integer of an extension | kept | kept | kept | kept | kept | kept | String |
/// | Binary of an extension | String | kept | kept | kept | kept | kept | String |
/// | URI of an extension | String | kept | String | String | kept | kept | String |
/// | URI-reference of an extension | String | kept | String | String | kept | URI when it is one | String |
/// | Timestamp of an extension | String | UTC, nanoseconds; else absent | String | UTC, microseconds; else String | kept | kept, `T` and `Z` | String |
/// | `time` | kept | UTC, nanoseconds; else absent | kept | UTC, microseconds; else absent | kept | kept, `T` and `Z` | kept |
/// | an extension whose name begins with a digit | kept | kept | kept | kept | absent | kept | kept |
/// | no content type, native payload | made explicit, except for JSON | except for `Any` | made explicit | made explicit | except for XML | except for CBOR | made explicit |
///
/// "Else" is outside of the years that the native type has: 0001 to 9999 for Protobuf, 0000 to 9999 for Avro compact. A leap second
/// is there the first second of the next minute.
///
/// Payloads: "read" means JSON or CBOR if the content type names it and the bytes are valid, else bytes. Text that is read is in the
/// charset of its content type if the charset has its characters, else in UTF-8:
///
/// | | JSON | Protobuf | Avro | Avro compact | XML | CBOR | HTTP, binary mode |
/// |---|---|---|---|---|---|---|---|
/// | JSON | kept | kept | kept | kept | kept | kept | kept |
/// | text | kept | kept | kept | read | kept | kept | read |
/// | text under a JSON content type | JSON string | JSON when it is JSON | JSON string | read | JSON when it is JSON | JSON when it is JSON | read |
/// | text under a CBOR content type | kept | kept | kept | read | kept | CBOR text string | read |
/// | text without a content type | JSON string | kept | JSON string | read | kept | CBOR text string | read |
/// | JSON or text with characters that XML lacks | | | | | bytes | | |
/// | bytes | kept | kept | read | read | kept | kept | read |
/// | XML element | as text with its content type | as text | as text | read | kept, with the document's namespace declarations | as text | read |
/// | CBOR item | bytes, with its content type | bytes | kept | kept | bytes | kept; a byte string: bytes | kept |
/// | protobuf `Any` | bytes, with its content type | kept | read | read | bytes | bytes | read |
/// | a payload of no bytes | kept | kept | kept | kept | kept | kept | no payload |
///
/// # Panics
///
/// If the resulting event would not be valid, which does not happen for valid events.
#[allow(clippy::panic)] // It is part of an assertion.
pub fn carrier_form(event: &Event, carrier: Carrier) -> Event {
    match form(event, carrier) {
        Ok(event) => event,
        Err(error) => panic!("{carrier:?}: {error}"),
    }
}

/// Returns the event as decoded from a message of a binding, whose documents are JSON. Binary mode is that of HTTP: every extension is a
/// String, and the payload is bytes, of which none are no payload.
///
/// # Panics
///
/// As [`carrier_form`].
pub fn message_form(event: &Event, mode: Mode<'_>) -> Event {
    match mode {
        Mode::Binary => carrier_form(event, Carrier::HttpBinary),
        _ => carrier_form(event, Carrier::Json),
    }
}

fn form(event: &Event, carrier: Carrier) -> Result<Event, Box<dyn std::error::Error>> {
    let mut builder = event.clone().into_builder();
    for (name, value) in event.extensions() {
        let name = name.as_str();
        builder = match carrier.extension(name, value) {
            Became::Kept => builder,
            Became::Absent => builder.without(name),
            Became::String(text) => builder.extension(name, text),
            Became::Uri(text) => builder.extension(name, Uri::parse(&text)?),
            Became::Timestamp(text) => builder.extension(name, Timestamp::parse(&text)?),
        };
    }
    builder = match event.time().map(|time| carrier.time(time)) {
        Some(Some(text)) => builder.time(text),
        Some(None) => builder.without("time"),
        None => builder,
    };
    let data = event.data();
    if let Some(content_type) =
        event.content_type().filter(|_| !data.is_some_and(|data| carrier.implies(data)))
    {
        builder = builder.datacontenttype(content_type.as_str());
    }
    match data.and_then(|data| carrier.payload(event, data)) {
        Some(payload) => Ok(builder.payload_only(payload).build()?),
        None => {
            let mut event = builder.build()?;
            event.clear_payload();
            Ok(event)
        }
    }
}

impl Carrier {
    fn extension(self, name: &str, value: Value<'_>) -> Became {
        match self {
            Self::Json => json::extension(value),
            Self::Protobuf => protobuf::extension(value),
            Self::Avro => avro::extension(value),
            Self::AvroCompact => avro_compact::extension(value),
            Self::Xml => xml::extension(name),
            Self::Cbor => cbor::extension(value),
            Self::HttpBinary => http::extension(value),
        }
    }

    /// `None` when it is left out.
    fn time(self, time: Timestamp<'_>) -> Option<String> {
        match self {
            Self::Protobuf => protobuf::timestamp(time),
            Self::AvroCompact => avro_compact::timestamp(time),
            Self::Cbor => Some(cbor::timestamp(time)),
            Self::Json | Self::Avro | Self::Xml | Self::HttpBinary => Some(time.as_str().to_owned()),
        }
    }

    /// Whether the payload itself says its content type, so that it need not be stated.
    fn implies(self, data: Data<'_>) -> bool {
        match self {
            Self::Json => matches!(data, Data::Json(_)),
            Self::Protobuf => matches!(data, Data::Proto { .. }),
            Self::Xml => matches!(data, Data::Xml(_)),
            Self::Cbor => matches!(data, Data::Cbor(_)),
            Self::Avro | Self::AvroCompact | Self::HttpBinary => false,
        }
    }

    /// `None` when it is left out.
    fn payload(self, event: &Event, data: Data<'_>) -> Option<Result<Payload, Error>> {
        Some(match self {
            Self::Json => json::payload(event, data),
            Self::Protobuf => protobuf::payload(data),
            Self::Avro => avro::payload(event, data),
            Self::AvroCompact => Ok(avro_compact::payload(event, data)),
            Self::Xml => xml::payload(data),
            Self::Cbor => cbor::payload(event, data),
            Self::HttpBinary => return http::payload(event, data).map(Ok),
        })
    }
}
