//! Options for writing records: mode and key.

use crate::value;
use bytes::Bytes;
use cloudevents_core::{DecodeOptions, Error, Event, Format, Message, Mode};
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
    /// The canonical text of the attribute of this name. It is null if the event does not have the attribute.
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

    /// Returns the key for a message. Reads a document only as far as needed to find the attribute. Its format must be known.
    pub fn of_message(&self, message: &Message, with: &DecodeOptions) -> Result<Option<Bytes>, Error> {
        match (self, message) {
            (_, Message::Binary(event)) => Ok(self.of_event(event)),
            (Self::Attribute(name), message) => Ok(message.attribute(name, with)?.map(Bytes::from)),
            (Self::None, _) => Ok(None),
            (Self::Literal(key), _) => Ok(Some(key.clone())),
        }
    }
}
