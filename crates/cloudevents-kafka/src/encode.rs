//! Encodes events and messages as records.

use crate::{
    name::{self, CONTENT_TYPE, PREFIX},
    options::Encoding,
    wire::{Header, HeaderName, Record},
};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Format, Losses, MediaType, Message, Mode, TextBuffer,
    codec::{BinaryMode, binary_mode_body, binary_mode_losses, check_binary_mode, share},
};
use std::borrow::Cow;

/// Encodes an event as a record and returns it with the losses: the parts that the format could not represent.
///
/// The payload is not copied. Attributes are not copied when the event shares their text.
///
/// In binary mode, an event without a payload becomes a record with a null value. On a compacted topic that
/// is a tombstone: it deletes the earlier records with the same key. Structured mode never writes a null
/// value.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_json::Json;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("100 %").build()?;
/// let (record, _) = cloudevents_kafka::encode(&event, Mode::Binary)?;
/// assert_eq!(record.header("ce_subject"), Some(&b"100 %"[..]));
/// assert_eq!(record.value, None);
///
/// let (record, losses) = cloudevents_kafka::encode(&event, Mode::structured(&Json::new()))?;
/// assert_eq!(record.header("content-type"), Some(&b"application/cloudevents+json"[..]));
/// assert!(losses.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn encode<'a>(event: &Event, with: impl Into<Encoding<'a>>) -> Result<(Record, Losses), Error> {
    let with = with.into();
    let (mut record, losses) = match with.mode {
        Mode::Structured(format) => structured(event, format)?,
        _ => (binary(event)?, binary_mode_losses(event, BINARY)),
    };
    record.key = with.key.of_event(event);
    Ok((record, losses))
}

/// Encodes a message as a record without a key. The document of a structured message is not changed.
///
/// Returns an error of kind [`Unsupported`](ErrorKind::Unsupported) for a batch. [`Key::of_message`](crate::Key::of_message) finds a key.
/// The changes that binary mode makes to an event are not reported here. [`encode`] returns them, and
/// [`Mode::message`](cloudevents_core::Mode::message) returns changes of the meaning.
///
/// ```
/// use cloudevents_core::{Document, FormatId, Message};
///
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// let record = cloudevents_kafka::encode_message(&message)?;
/// assert_eq!(record.header("content-type"), Some(&b"application/cloudevents+toml"[..]));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn encode_message(message: &Message) -> Result<Record, Error> {
    match message {
        Message::Binary(event) => binary(event),
        Message::Structured(found) => Ok(document(&found.format().media_type(), found.body().clone())),
        _ => Err(Error::new(ErrorKind::Unsupported)
            .with_detail("Kafka has no batched mode")
            .with_help("send the events one by one")
            .with_clause("KAFKA-1.3-a")),
    }
}

/// A null value differs from an empty one.
const BINARY: BinaryMode = BinaryMode { keeps_empty: true, ..BinaryMode::TEXT };

fn structured(event: &Event, format: &dyn Format) -> Result<(Record, Losses), Error> {
    let mut body = Vec::new();
    let losses = format.encode(event, &mut body)?;
    Ok((document(format.media_type().as_str(), body.into()), losses))
}

fn document(media_type: &str, body: Bytes) -> Record {
    Record {
        key: None,
        headers: vec![Header::new(HeaderName::from_static(CONTENT_TYPE), copied(media_type))],
        value: Some(body),
    }
}

#[inline]
fn binary(event: &Event) -> Result<Record, Error> {
    check_binary_mode(event)?;
    let mut headers = Vec::with_capacity(event.attributes().len().saturating_add(2));
    let version = Bytes::from_static(event.specversion().as_str().as_bytes());
    headers.push(Header::new(HeaderName::from_static(VERSION), version));
    let names = Names::of(event);
    let mut next = 0_usize;
    each_header(event, |name, text| {
        let name = match name {
            Name::Header(name) => HeaderName::from_static(name),
            Name::Extension(name) => names.take(&mut next, name),
        };
        headers.push(Header::new(name, shared(event, text)));
    });
    Ok(Record { key: None, headers, value: binary_mode_body(event) })
}

/// The name of a header.
pub(crate) enum Name<'e> {
    Header(&'static str),
    /// The name of an extension, which must be composed.
    Extension(&'e str),
}

/// The header of `specversion`, always the first.
pub(crate) const VERSION: &str = "ce_specversion";

/// The other headers of an event in binary mode, in order.
#[inline]
pub(crate) fn each_header<'e>(event: &'e Event, mut each: impl FnMut(Name<'e>, Cow<'e, str>)) {
    let mut stated = None;
    for (name, attribute) in event.attributes() {
        let name = match name::core_header(name.as_str()) {
            Some(CONTENT_TYPE) => {
                stated = attribute.as_str();
                continue;
            }
            Some(header) => Name::Header(header),
            None => Name::Extension(name.as_str()),
        };
        match attribute.as_str() {
            Some(text) => each(name, text.into()),
            None => each(name, attribute.to_canonical()),
        }
    }
    // Without a stated content type, it is the content type that the payload implies.
    if let Some(media_type) = stated.or_else(|| event.content_type().map(MediaType::as_str)) {
        each(Name::Header(CONTENT_TYPE), media_type.into());
    }
}

/// Returns a text of this event as a header value. It shares the event's buffer if possible.
#[inline]
fn shared(event: &Event, text: Cow<'_, str>) -> Bytes {
    match text {
        Cow::Borrowed(text) => share(event, text).unwrap_or_else(|| copied(text)),
        Cow::Owned(text) => text.into(),
    }
}

/// The header names of the extensions, stored one after the other in one buffer.
struct Names(TextBuffer);

impl Names {
    #[inline]
    fn of(event: &Event) -> Self {
        let own = || event.attributes().filter(|(name, _)| name::core_header(name.as_str()).is_none());
        let length = own().fold(0_usize, |sum, (name, _)| {
            sum.saturating_add(PREFIX.len()).saturating_add(name.as_str().len())
        });
        if length == 0 {
            return Self(TextBuffer::default());
        }
        let mut names = String::with_capacity(length);
        for (name, _) in own() {
            names.push_str(PREFIX);
            names.push_str(name.as_str());
        }
        Self(names.into())
    }

    /// Returns the name at `next` and moves `next` behind it.
    #[inline]
    fn take(&self, next: &mut usize, name: &str) -> HeaderName {
        let start = *next;
        *next = start.saturating_add(PREFIX.len()).saturating_add(name.len());
        match self.0.slice(start..*next) {
            Some(shared) => shared.into(),
            None => format!("{PREFIX}{name}").into(),
        }
    }
}

/// Returns a text that is not part of an event as a header value. Common texts are static and allocate
/// nothing.
fn copied(text: &str) -> Bytes {
    match text {
        "application/json" => Bytes::from_static(b"application/json"),
        "application/cloudevents+json" => Bytes::from_static(b"application/cloudevents+json"),
        other => Bytes::copy_from_slice(other.as_bytes()),
    }
}
