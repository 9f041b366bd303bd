//! The format as a value, and its shorthands.

use crate::{decode as read, encode as write};
use bytes::Bytes;
use cloudevents_core::{Decoded, Decoding, Error, Event, Format, FormatId, Losses, MediaType};

/// The Avro event format.
///
/// ```
/// use cloudevents_avro::Avro;
/// use cloudevents_core::{Decoding, Event, Format};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Avro::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\x00\x02");
/// assert_eq!(Avro::new().decode(document.into(), &Decoding::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Avro(());

impl Avro {
    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for Avro {
    fn id(&self) -> FormatId {
        FormatId::new("avro")
    }

    fn media_type(&self) -> MediaType<'static> {
        media_type("application/cloudevents+avro")
    }

    fn decode(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
        read::document(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        write::event(event, out)
    }

    fn peek(&self, document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
        read::peek(document, name, with)
    }
}

/// Reads a document with one event, strictly.
///
/// ```
/// let event = cloudevents_avro::decode(
///     &b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\x00\x00\x06\x00\x01\x02"[..],
/// )?;
/// assert_eq!(event.data_bytes().unwrap().as_ref(), [0, 1, 2]);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    read::document(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// The document of one event. What Avro cannot hold exactly is told by [`Format::encode`].
///
/// The error, of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion), is for an event of
/// specversion 0.3.
pub fn encode(event: &Event) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write::event(event, &mut out)?;
    Ok(out)
}

/// A media type that is known to be one.
pub(crate) fn media_type(text: &'static str) -> MediaType<'static> {
    MediaType::parse(text).unwrap_or(MediaType::OCTET_STREAM)
}
