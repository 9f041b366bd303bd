//! The format as a value, and its shorthands.

use crate::{batch, decode as reading, encode as write};
use bytes::Bytes;
use cloudevents_core::{
    Batch, DecodeOptions, Decoded, Document, Error, ErrorKind, Event, Format, FormatId, Formats,
    FoundAttributes, Item, Losses, MediaType, Peer, Repair, RepairKind, ResolvedName,
};
use std::sync::Arc;

/// The JSON event format, and the codec of JSON payloads for [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Format};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Json::new().encode(&event, &mut document)?;
/// assert_eq!(document, br#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#);
/// assert_eq!(Json::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
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

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: Json = Json::new();
        Some(&FORMAT)
    }

    fn is_text(&self) -> bool {
        true
    }

    fn media_type(&self) -> MediaType<'static> {
        MediaType::CLOUDEVENTS_JSON
    }

    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        Some(MediaType::CLOUDEVENTS_BATCH_JSON)
    }

    fn decode(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        reading::document(document, with)
    }

    fn decode_batch(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Vec<Event>>, Error> {
        batch::decode(document, with)
    }

    fn decode_items(&self, document: Bytes, with: &DecodeOptions) -> Result<Vec<Item>, Error> {
        batch::decode_items(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        Ok(write::event(event, out))
    }

    fn encode_batch(&self, events: Batch<'_>, out: &mut Vec<u8>) -> Result<Losses, Error> {
        batch::encode(events, out)
    }

    fn look_up(
        &self,
        document: &Bytes,
        names: &[ResolvedName],
        with: &DecodeOptions,
        read: &mut dyn FnMut(FoundAttributes<'_>),
    ) -> Result<(), Error> {
        reading::look_up(document, names, with, read)
    }
}

/// Returns the formats with JSON added, unless they have a format with its id. Every implementation must support JSON (CloudEvents
/// specification, "Overview").
///
/// ```
/// use cloudevents_core::{FormatId, Formats};
///
/// let formats = cloudevents_json::with_json(Formats::none());
/// assert!(formats.get(&FormatId::JSON).is_some());
/// ```
pub fn with_json(formats: Formats) -> Formats {
    match formats.get(&FormatId::JSON) {
        Some(_) => formats,
        None => formats.with(Json::new()),
    }
}

/// The format in which a sender writes events. For bindings.
///
/// It is the given format. If none is given, it is JSON for a peer that [takes documents only](Peer::takes_documents_only). Otherwise it is
/// none, for binary mode.
///
/// ```
/// use cloudevents_core::{Format, FormatId, Peer};
///
/// let format = cloudevents_json::for_peer(None, Some(Peer::Dapr)).unwrap();
/// assert_eq!(format.id(), FormatId::JSON);
/// assert!(cloudevents_json::for_peer(None, Some(Peer::Go2)).is_none());
/// ```
pub fn for_peer(given: Option<Arc<dyn Format>>, peer: Option<Peer>) -> Option<Arc<dyn Format>> {
    let json = || Arc::new(Json::new()) as Arc<dyn Format>;
    given.or_else(|| peer.is_some_and(Peer::takes_documents_only).then(json))
}

/// As [`for_peer`], for a sender that writes documents by default: the given format, or else JSON for any peer.
///
/// ```
/// use cloudevents_core::{Format, FormatId, Peer};
///
/// assert_eq!(cloudevents_json::by_default(None, Some(Peer::Go2)).unwrap().id(), FormatId::JSON);
/// ```
pub fn by_default(given: Option<Arc<dyn Format>>, _: Option<Peer>) -> Option<Arc<dyn Format>> {
    given.or_else(|| Some(Arc::new(Json::new())))
}

/// Finds the format with this id in `formats`. JSON is always found. For bindings.
///
/// Errors are of kind [`UnknownFormat`](cloudevents_core::ErrorKind::UnknownFormat).
///
/// ```
/// use cloudevents_core::{ErrorKind, FormatId, Formats};
///
/// let none = Formats::none();
/// assert_eq!(cloudevents_json::find(&FormatId::JSON, &none)?.id(), FormatId::JSON);
/// let error = cloudevents_json::find(&FormatId::new("avro"), &none).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::UnknownFormat);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn find<'a>(id: &FormatId, formats: &'a Formats) -> Result<&'a dyn Format, Error> {
    match formats.get(id) {
        Some(format) => Ok(format),
        None if *id == FormatId::JSON => Ok(&JSON),
        None => formats.require(id),
    }
}

const JSON: Json = Json::new();

/// Returns a received document in the format with this id. It remembers the format if it is JSON or one of `formats`. For bindings.
///
/// ```
/// use cloudevents_core::{DecodeOptions, FormatId, Formats, Message};
///
/// let body = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
/// let message = Message::Structured(cloudevents_json::recognize(FormatId::JSON, body.into(), &Formats::none()));
/// assert_eq!(message.event(&DecodeOptions::strict())?.value.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn recognize(id: FormatId, body: Bytes, formats: &Formats) -> Document {
    if id == FormatId::JSON && formats.get(&id).is_none() {
        return Document::of_static(&JSON, body);
    }
    Document::recognized(id, body, formats)
}

/// Whether a body looks like an event: a JSON object with any text as `specversion`. For messages that nothing marks as CloudEvents.
///
/// ```
/// assert!(cloudevents_json::is_event(&r#"{"specversion": "9.9"}"#.into()));
/// assert!(!cloudevents_json::is_event(&r#"{"specversion": 7}"#.into()));
/// assert!(!cloudevents_json::is_event(&r#"{"id": "1"}"#.into()) && !cloudevents_json::is_event(&"[]".into()));
/// ```
pub fn is_event(body: &Bytes) -> bool {
    // The decoder reports a body that is too large or malformed, with the options of its user.
    let mut with = DecodeOptions::lenient();
    with.limits.bytes = usize::MAX;
    match JSON.peek(body, "specversion", &with) {
        Ok(version) => version.is_some(),
        Err(error) => {
            error.attribute() == Some("specversion") && error.kind() == ErrorKind::UnsupportedSpecversion
        }
    }
}

/// Takes a message that nothing marks as a CloudEvent for a document of the JSON format, if leniency allows
/// [`AssumedJson`](RepairKind::AssumedJson) and the body can be read as an event. Otherwise returns the error, which says what is wrong
/// with a body that [looks like an event](is_event). For bindings.
#[cold]
pub fn assume(body: &Bytes, unmarked: Error, with: &DecodeOptions) -> Result<Repair, Error> {
    if !with.leniency.allows(RepairKind::AssumedJson) {
        return Err(unmarked);
    }
    // Reading it twice costs less than taking a document of another program for an invalid event.
    match reading::document(body.clone(), with) {
        Ok(_) => Ok(Repair::new(RepairKind::AssumedJson).with_cause(unmarked)),
        Err(error) if is_event(body) => {
            let detail = format!("{}; and as a document, {}", unmarked.detail(), error.message());
            Err(unmarked.with_detail(detail).with_source(error))
        }
        Err(error) => Err(unmarked.with_source(error)),
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
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Reads a document with a batch of events, strictly.
///
/// ```
/// assert_eq!(cloudevents_json::decode_batch("[]")?.len(), 0);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_batch(document: impl Into<Bytes>) -> Result<Vec<Event>, Error> {
    batch::decode(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that JSON cannot hold exactly.
pub fn encode(event: &Event) -> (Vec<u8>, Losses) {
    let mut out = Vec::new();
    let losses = write::event(event, &mut out);
    (out, losses)
}

/// Returns the document of one event. Discards the losses; [`encode`] returns them.
pub fn encode_lossy(event: &Event) -> Vec<u8> {
    encode(event).0
}

/// Returns the document of a batch, and the losses: parts that JSON cannot hold exactly.
///
/// The batch is a slice of events or of references.
///
/// An error is of kind [`MixedSpecversions`](cloudevents_core::ErrorKind::MixedSpecversions).
pub fn encode_batch<'a>(events: impl Into<Batch<'a>>) -> Result<(Vec<u8>, Losses), Error> {
    Json::new().batch_to_vec(events.into())
}
