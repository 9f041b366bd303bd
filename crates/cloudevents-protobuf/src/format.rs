//! The format as a value, and its shorthands.

use crate::{batch, decode as reading, encode as write};
use bytes::Bytes;
use cloudevents_core::{
    Batch, DecodeOptions, Decoded, Error, Event, Format, FormatId, FoundAttributes, Item, Losses, MediaType,
    ResolvedName,
};

/// The Protobuf event format and, behind the feature `prost014`, the codec of protobuf payloads for
/// [`EventData`](cloudevents_core::EventData).
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Format};
/// use cloudevents_protobuf::Protobuf;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Protobuf::new().encode(&event, &mut document)?;
/// assert_eq!(document, b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t");
/// assert_eq!(Protobuf::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protobuf(());

impl Protobuf {
    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for Protobuf {
    fn id(&self) -> FormatId {
        FormatId::new("protobuf")
    }

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: Protobuf = Protobuf::new();
        Some(&FORMAT)
    }

    fn media_type(&self) -> MediaType<'static> {
        media_type("application/cloudevents+protobuf")
    }

    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        Some(media_type("application/cloudevents-batch+protobuf"))
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
        write::event(event, out)
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

/// Reads a document with one event, strictly.
///
/// ```
/// let event = cloudevents_protobuf::decode(&b"\x0a\x011\x12\x02/s\x1a\x031.0\x22\x01t\x32\x00"[..])?;
/// assert_eq!(event.data_bytes().map(|bytes| bytes.len()), Some(0));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Reads a document with a batch of events, strictly.
///
/// ```
/// assert_eq!(cloudevents_protobuf::decode_batch("")?.len(), 0);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_batch(document: impl Into<Bytes>) -> Result<Vec<Event>, Error> {
    batch::decode(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that the format cannot hold exactly.
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion): the format has 1.0 only.
pub fn encode(event: &Event) -> Result<(Vec<u8>, Losses), Error> {
    Protobuf::new().to_vec(event)
}

/// Returns the document of one event. Discards the losses; [`encode`] returns them, and has the same errors.
pub fn encode_lossy(event: &Event) -> Result<Vec<u8>, Error> {
    Ok(encode(event)?.0)
}

/// Returns the document of a batch, and the losses: parts that the format cannot hold exactly.
///
/// The batch is a slice of events or of references.
///
/// Errors carry the index of the event: [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion) as for
/// [`encode`], [`MixedSpecversions`](cloudevents_core::ErrorKind::MixedSpecversions).
pub fn encode_batch<'a>(events: impl Into<Batch<'a>>) -> Result<(Vec<u8>, Losses), Error> {
    Protobuf::new().batch_to_vec(events.into())
}

/// Parses one of the two constants above, which are media types.
fn media_type(text: &'static str) -> MediaType<'static> {
    MediaType::parse(text).unwrap_or(MediaType::PROTOBUF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_are_those_of_the_id() {
        let format = Protobuf::new();
        assert_eq!(format.media_type().as_str(), format.id().media_type());
        assert_eq!(format.batch_media_type().unwrap().as_str(), format.id().batch_media_type());
    }
}
