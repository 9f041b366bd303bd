//! The format as a value, and its shorthands.

use super::{decode as read, encode as write};
use crate::format::media_type;
use bytes::Bytes;
use cloudevents_core::{Decoded, Decoding, Error, Event, Format, FormatId, Losses, MediaType};

/// The Avro compact event format, a working draft.
///
/// ```
/// use cloudevents_avro::AvroCompact;
/// use cloudevents_core::{Decoding, Event, Format};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// AvroCompact::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\x021\x04/s\x02t\0\0\0\0\0\x02");
/// assert_eq!(AvroCompact::new().decode(document.into(), &Decoding::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AvroCompact(());

impl AvroCompact {
    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for AvroCompact {
    fn id(&self) -> FormatId {
        FormatId::new("avro-compact")
    }

    fn media_type(&self) -> MediaType<'static> {
        media_type("application/cloudevents+avro-compact")
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
/// let event = cloudevents_avro::compact::decode(&b"\x021\x04/s\x02t\0\0\0\0\0\x02"[..])?;
/// assert_eq!((event.id(), event.ty()), ("1", "t"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    read::document(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// The document of one event. What the compact form cannot hold exactly is told by [`Format::encode`].
///
/// The error, of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion), is for an event of
/// specversion 0.3.
pub fn encode(event: &Event) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write::event(event, &mut out)?;
    Ok(out)
}
