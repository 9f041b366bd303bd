//! The format as a value, and its shorthands.

use super::{decode as reading, encode as write};
use crate::format::media_type;
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, Event, Format, FormatId, FoundAttributes, Losses, MediaType, ResolvedName,
};

/// The Avro compact event format, a working draft.
///
/// ```
/// use cloudevents_avro::AvroCompact;
/// use cloudevents_core::{DecodeOptions, Event, Format};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// AvroCompact::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\x021\x04/s\x02t\0\0\0\0\0\x02");
/// assert_eq!(AvroCompact::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
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

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: AvroCompact = AvroCompact::new();
        Some(&FORMAT)
    }

    fn media_type(&self) -> MediaType<'static> {
        media_type("application/cloudevents+avro-compact")
    }

    fn decode(&self, document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
        reading::document(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        write::event(event, out)
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

/// Reads a document with one event, strictly.
///
/// ```
/// let event = cloudevents_avro::compact::decode(&b"\x021\x04/s\x02t\0\0\0\0\0\x02"[..])?;
/// assert_eq!((event.id(), event.ty()), ("1", "t"));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that the format cannot hold exactly.
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion): the format has 1.0 only.
pub fn encode(event: &Event) -> Result<(Vec<u8>, Losses), Error> {
    AvroCompact::new().to_vec(event)
}

/// Returns the document of one event. Discards the losses; [`encode`] returns them, and has the same errors.
pub fn encode_lossy(event: &Event) -> Result<Vec<u8>, Error> {
    Ok(encode(event)?.0)
}
