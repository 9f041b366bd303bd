//! The format as a value, and its shorthands.

use crate::{decode as reading, encode as write};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, Event, Format, FormatId, FoundAttributes, Losses, MediaType, ResolvedName,
};

/// The CBOR event format and, behind the feature `ciborium02`, the codec of CBOR payloads for
/// [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_cbor::Cbor;
/// use cloudevents_core::{DecodeOptions, Event, Format};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Cbor::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\xa4\x6bspecversion\x631.0\x62id\x611\x66source\xd8\x20\x62/s\x64type\x61t");
/// assert_eq!(Cbor::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cbor(());

impl Cbor {
    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for Cbor {
    fn id(&self) -> FormatId {
        FormatId::new("cbor")
    }

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: Cbor = Cbor::new();
        Some(&FORMAT)
    }

    fn media_type(&self) -> MediaType<'static> {
        MediaType::parse("application/cloudevents+cbor").unwrap_or(MediaType::CBOR)
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
/// let document = b"\xa5\x6bspecversion\x631.0\x62id\x611\x66source\x62/s\x64type\x61t\x64data\xf6";
/// let event = cloudevents_cbor::decode(&document[..])?;
/// assert!(event.data().is_some());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that the format cannot represent exactly.
///
/// Errors: [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion) for specversion 0.3, which the format does not
/// have.
pub fn encode(event: &Event) -> Result<(Vec<u8>, Losses), Error> {
    Cbor::new().to_vec(event)
}

/// Returns the document of one event. Discards the losses; [`encode`] returns them, and has the same errors.
pub fn encode_lossy(event: &Event) -> Result<Vec<u8>, Error> {
    Ok(encode(event)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_is_that_of_the_id() {
        let format = Cbor::new();
        assert_eq!(format.media_type().as_str(), format.id().media_type());
        assert!(format.batch_media_type().is_none());
    }
}
