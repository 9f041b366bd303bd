//! The format as a value, and its shorthands.

use crate::{batch, decode as read, encode as write};
use bytes::Bytes;
use cloudevents_core::{Decoded, Decoding, Error, Event, Format, FormatId, Formats, Item, Losses, MediaType};

/// The JSON event format, and the codec of JSON payloads for [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_core::{Decoding, Event, Format};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Json::new().encode(&event, &mut document)?;
/// assert_eq!(document, br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert_eq!(Json::new().decode(document.into(), &Decoding::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Json(());

impl Json {
    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for Json {
    fn id(&self) -> FormatId {
        FormatId::JSON
    }

    fn media_type(&self) -> MediaType<'static> {
        MediaType::CLOUDEVENTS_JSON
    }

    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        Some(MediaType::CLOUDEVENTS_BATCH_JSON)
    }

    fn decode(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
        read::document(document, with)
    }

    fn decode_batch(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Vec<Event>>, Error> {
        batch::decode(document, with)
    }

    fn decode_items(&self, document: Bytes, with: &Decoding) -> Result<Vec<Item>, Error> {
        batch::decode_items(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        Ok(write::event(event, out))
    }

    fn encode_batch(&self, events: &[Event], out: &mut Vec<u8>) -> Result<Losses, Error> {
        batch::encode(events, out)
    }

    fn peek(&self, document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
        read::peek(document, name, with)
    }
}

/// These formats, and JSON with them when no format of its id is: the specification makes it mandatory for every implementation
/// (CloudEvents specification, "Overview").
///
/// ```
/// use cloudevents_core::{FormatId, Formats};
///
/// let formats = cloudevents_json::among(Formats::none());
/// assert!(formats.get(&FormatId::JSON).is_some());
/// ```
pub fn among(formats: Formats) -> Formats {
    match formats.get(&FormatId::JSON) {
        Some(_) => formats,
        None => formats.with(Json::new()),
    }
}

/// The format of this id among these, as if JSON were [`among`] them.
///
/// An error is of kind [`UnknownFormat`](cloudevents_core::ErrorKind::UnknownFormat).
///
/// ```
/// use cloudevents_core::{ErrorKind, FormatId, Formats};
///
/// let none = Formats::none();
/// assert_eq!(cloudevents_json::format_of(&FormatId::JSON, &none)?.id(), FormatId::JSON);
/// let error = cloudevents_json::format_of(&FormatId::new("avro"), &none).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnknownFormat);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn format_of<'a>(id: &FormatId, formats: &'a Formats) -> Result<&'a dyn Format, Error> {
    const JSON: Json = Json::new();
    match formats.get(id) {
        Some(format) => Ok(format),
        None if *id == FormatId::JSON => Ok(&JSON),
        None => formats.require(id),
    }
}

/// Reads a document with one event, strictly.
///
/// ```
/// let event = cloudevents_json::decode(r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":null}"#)?;
/// assert!(event.data().is_some());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    read::document(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// Reads a document with a batch of events, strictly.
///
/// ```
/// assert_eq!(cloudevents_json::decode_batch("[]")?.len(), 0);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_batch(document: impl Into<Bytes>) -> Result<Vec<Event>, Error> {
    batch::decode(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// The document of one event. What JSON cannot hold exactly is told by [`Format::encode`].
pub fn encode(event: &Event) -> Vec<u8> {
    let mut out = Vec::new();
    write::event(event, &mut out);
    out
}

/// The document of a batch.
///
/// An error is of kind [`MixedSpecversions`](cloudevents_core::ErrorKind::MixedSpecversions).
pub fn encode_batch(events: &[Event]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    batch::encode(events, &mut out)?;
    Ok(out)
}
