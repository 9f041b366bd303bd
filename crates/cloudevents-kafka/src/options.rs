//! How records are written: mode and key. And how those without headers are read.

use crate::{name::CONTENT_TYPE, value, wire::RecordView};
use bytes::Bytes;
use cloudevents_core::{Decoding, Error, Event, Format, Message, Mode};
use cloudevents_json::Json;
use std::borrow::Cow;

/// How to write an event as a record: in which mode, with which key. A [`Mode`] alone will do where there is no key.
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
    /// This mode, without a key.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, ..Self::default() }
    }

    /// Binary mode, without a key.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// Structured mode in this format, without a key.
    pub fn structured(format: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(format))
    }

    /// The same with this key.
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

/// Where the key of a record comes from (Kafka binding, section 3.1). The event is never changed: the attribute stays in it, and
/// a key from elsewhere does not become an attribute.
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
    /// Null.
    #[default]
    None,
    /// These bytes.
    Literal(Bytes),
    /// The canonical text of the attribute of this name; null where the event does not have it.
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

    /// The key for an event.
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

    /// The key for a message. Of a document no more is read than it takes to find the attribute; its format has to be at hand.
    pub fn of_message(&self, message: &Message, with: &Decoding) -> Result<Option<Bytes>, Error> {
        match (self, message) {
            (_, Message::Binary(event)) => Ok(self.of_event(event)),
            (Self::Attribute(name), message) => Ok(message.attribute(name, with)?.map(Bytes::from)),
            (Self::None, _) => Ok(None),
            (Self::Literal(key), _) => Ok(Some(key.clone())),
        }
    }
}

/// A record that, when it has no header at all, is read as a JSON document with one event.
///
/// The specification calls a record without headers no CloudEvent. But Kafka before 0.11 had no headers, and some producers
/// write none. A value that is no JSON object with `specversion` is no CloudEvent here either.
///
/// ```
/// use bytes::Bytes;
/// use cloudevents_core::Decoding;
/// use cloudevents_kafka::{JsonFallback, Record};
///
/// let value = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;
/// let record = Record::new(Bytes::from(value));
/// assert!(cloudevents_kafka::decode(&record, &Decoding::strict()).is_err());
/// let event = cloudevents_kafka::decode(&JsonFallback::new(&record), &Decoding::strict())?.value;
/// assert_eq!(event.id(), "1");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct JsonFallback<'r, R> {
    record: &'r R,
    is_document: bool,
}

impl<'r, R: RecordView> JsonFallback<'r, R> {
    /// Looks whether the record has headers and, if not, for `specversion` in the value.
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
    // What is too large, and what is wrong, is told by the decoder, with the options of its user.
    let mut with = Decoding::lenient();
    with.limits.bytes = usize::MAX;
    record
        .value_bytes()
        .is_some_and(|document| matches!(Json::new().peek(&document, "specversion", &with), Ok(Some(_))))
}
