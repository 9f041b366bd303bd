//! Options for writing records (mode and key), and for reading records without headers.

use crate::{name::CONTENT_TYPE, value, wire::RecordView};
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, Event, Format, Message, Mode};
use cloudevents_json::Json;
use std::borrow::Cow;

/// How to encode an event as a record: the mode and the key. A [`Mode`] alone suffices when there is no
/// key.
///
/// ```
/// use cloudevents_core::{Event, Mode};
/// use cloudevents_kafka::{Encoding, Key};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("partitionkey", "42").build()?;
/// let (record, _) = cloudevents_kafka::encode(&event, Encoding::new(Mode::Binary).with_key(Key::partition_key()))?;
/// assert_eq!(record.key.as_deref(), Some(&b"42"[..]));
/// assert_eq!(record.header("ce_partitionkey"), Some(&b"42"[..])); // the event is not changed
///
/// let (record, _) = cloudevents_kafka::encode(&event, Mode::Binary)?;
/// assert_eq!(record.key, None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode. Default: binary.
    pub mode: Mode<'a>,
    /// The key. Default: none.
    pub key: Key,
}

impl<'a> Encoding<'a> {
    /// Encodes in this mode, without a key.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Encodes in binary mode, without a key.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// Encodes in structured mode in this format, without a key.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(format))
    }

    /// Returns a copy with this key.
    pub fn with_key(mut self, key: Key) -> Self {
        self.key = key;
        self
    }
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}

/// The source of a record's key (Kafka binding, section 3.1). The event never changes: the attribute stays
/// in it, and a key from another source does not become an attribute.
///
/// ```
/// use cloudevents_core::Event;
/// use cloudevents_kafka::Key;
///
/// let event = Event::builder().id("1").source("/s").ty("t").subject("order-7").build()?;
/// assert_eq!(Key::attribute("subject").of_event(&event).as_deref(), Some(&b"order-7"[..]));
/// assert_eq!(Key::partition_key().of_event(&event), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Key {
    /// A null key.
    #[default]
    None,
    /// These bytes.
    Literal(Bytes),
    /// The canonical text of the attribute of this name; null when the event does not have it.
    Attribute(Cow<'static, str>),
}

impl Key {
    /// The `partitionkey` attribute of the Partitioning extension.
    pub const fn partition_key() -> Self {
        Self::Attribute(Cow::Borrowed("partitionkey"))
    }

    /// The attribute of this name.
    pub fn attribute(name: impl Into<Cow<'static, str>>) -> Self {
        Self::Attribute(name.into())
    }

    /// These bytes.
    pub fn literal(key: impl Into<Bytes>) -> Self {
        Self::Literal(key.into())
    }

    /// Returns the key for an event.
    #[inline]
    pub fn of_event(&self, event: &Event) -> Option<Bytes> {
        match self {
            Self::None => None,
            Self::Literal(key) => Some(key.clone()),
            Self::Attribute(name) => {
                event.attribute(name).map(|attribute| value::write(event, &attribute.to_canonical()))
            }
        }
    }

    /// Returns the key for a message. Reads a document only as far as needed to find the attribute; its
    /// format must be known.
    pub fn of_message(&self, message: &Message, with: &DecodeOptions) -> Result<Option<Bytes>, Error> {
        match (self, message) {
            (_, Message::Binary(event)) => Ok(self.of_event(event)),
            (Self::Attribute(name), message) => Ok(message.attribute(name, with)?.map(Bytes::from)),
            (Self::None, _) => Ok(None),
            (Self::Literal(key), _) => Ok(Some(key.clone())),
        }
    }
}

/// Decodes a record that has no headers as a JSON document with one event.
///
/// By the specification, a record without headers is not a CloudEvent. But Kafka before 0.11 had no
/// headers, and some producers write none. A value that is not a JSON object with `specversion` is still
/// not a CloudEvent.
///
/// ```
/// use bytes::Bytes;
/// use cloudevents_core::DecodeOptions;
/// use cloudevents_kafka::{JsonFallback, Record};
///
/// let value = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
/// let record = Record::new(Bytes::from(value));
/// assert!(cloudevents_kafka::decode(&record, &DecodeOptions::strict()).is_err());
/// let event = cloudevents_kafka::decode(&JsonFallback::new(&record), &DecodeOptions::strict())?.value;
/// assert_eq!(event.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct JsonFallback<'r, R> {
    record: &'r R,
    is_document: bool,
}

impl<'r, R: RecordView> JsonFallback<'r, R> {
    /// Checks whether the record has headers and, if not, looks for `specversion` in the value.
    pub fn new(record: &'r R) -> Self {
        let is_document = record.headers().next().is_none() && is_event(record);
        Self { record, is_document }
    }
}

impl<R: RecordView> RecordView for JsonFallback<'_, R> {
    fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let assumed = self.is_document.then_some((CONTENT_TYPE, Some(&b"application/cloudevents+json"[..])));
        self.record.headers().chain(assumed)
    }

    fn value(&self) -> Option<&[u8]> {
        self.record.value()
    }

    fn value_bytes(&self) -> Option<Bytes> {
        self.record.value_bytes()
    }
}

fn is_event(record: &impl RecordView) -> bool {
    // The decoder reports values that are too large or malformed, according to its own options.
    let mut with = DecodeOptions::lenient();
    with.limits.bytes = usize::MAX;
    // An event with an invalid version is still an event.
    record.value_bytes().is_some_and(|document| match Json::new().peek(&document, "specversion", &with) {
        Ok(version) => version.is_some(),
        Err(error) => error.attribute() == Some("specversion"),
    })
}
