//! The format as a value, and its shorthands.

use crate::{decode as reading, encode as write};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, Event, Format, FormatId, FoundAttributes, Losses, MediaType, ResolvedName,
};

/// The Avro event format.
///
/// ```
/// use cloudevents_avro::Avro;
/// use cloudevents_core::{DecodeOptions, Event, Format};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Avro::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\x00\x02");
/// assert_eq!(Avro::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
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

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: Avro = Avro::new();
        Some(&FORMAT)
    }

    fn media_type(&self) -> MediaType<'static> {
        media_type("application/cloudevents+avro")
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
/// let event = cloudevents_avro::decode(
///     &b"\x08\x16specversion\x06\x061.0\x04id\x06\x021\x0csource\x06\x04/s\x08type\x06\x02t\x00\x00\x06\x00\x01\x02"[..],
/// )?;
/// assert_eq!(event.data_bytes().unwrap().as_ref(), [0, 1, 2]);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that the format cannot hold exactly.
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion): the format has 1.0 only.
pub fn encode(event: &Event) -> Result<(Vec<u8>, Losses), Error> {
    Avro::new().to_vec(event)
}

/// Returns the document of one event. Discards the losses; [`encode`] returns them, and has the same errors.
pub fn encode_lossy(event: &Event) -> Result<Vec<u8>, Error> {
    Ok(encode(event)?.0)
}

/// Parses a constant that is a media type.
pub(crate) fn media_type(text: &'static str) -> MediaType<'static> {
    MediaType::parse(text).unwrap_or(MediaType::OCTET_STREAM)
}
