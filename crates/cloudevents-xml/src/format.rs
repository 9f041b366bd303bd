//! The format as a value, and its shorthands.

use crate::{batch, decode as reading, encode as write};
use bytes::Bytes;
use cloudevents_core::{
    Batch, DecodeOptions, Decoded, Error, Event, Format, FormatId, FoundAttributes, Item, Losses, MediaType,
    ResolvedName,
};

/// The XML event format.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Event, Format};
/// use cloudevents_xml::Xml;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Xml::new().encode(&event, &mut document)?;
/// assert!(document.ends_with(b"<id>1</id><source>/s</source><type>t</type></event>"));
/// assert_eq!(Xml::new().decode(document.into(), &DecodeOptions::strict())?.value, event);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Xml(());

impl Xml {
    /// The media type of one event.
    const MEDIA_TYPE: &str = "application/cloudevents+xml";
    /// The media type of a batch.
    const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+xml";

    /// The format.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Format for Xml {
    fn id(&self) -> FormatId {
        FormatId::new("xml")
    }

    fn as_static(&self) -> Option<&'static dyn Format> {
        const FORMAT: Xml = Xml::new();
        Some(&FORMAT)
    }

    fn is_text(&self) -> bool {
        true
    }

    fn media_type(&self) -> MediaType<'static> {
        // A constant that parses.
        MediaType::parse(Self::MEDIA_TYPE).unwrap_or(MediaType::XML)
    }

    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        MediaType::parse(Self::BATCH_MEDIA_TYPE).ok()
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
/// let event = cloudevents_xml::decode(
///     r#"<event xmlns="http://cloudevents.io/xmlformat/V1" specversion="1.0"><id>1</id><source>/s</source><type>t</type></event>"#,
/// )?;
/// assert_eq!(event.ty(), "t");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode(document: impl Into<Bytes>) -> Result<Event, Error> {
    reading::document(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Reads a document with a batch of events, strictly.
///
/// ```
/// assert_eq!(cloudevents_xml::decode_batch(r#"<batch xmlns="http://cloudevents.io/xmlformat/V1"/>"#)?.len(), 0);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_batch(document: impl Into<Bytes>) -> Result<Vec<Event>, Error> {
    batch::decode(document.into(), &DecodeOptions::default()).map(|decoded| decoded.value)
}

/// Returns the document of one event, and the losses: parts that the format cannot hold exactly.
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion): the format has 1.0 only.
pub fn encode(event: &Event) -> Result<(Vec<u8>, Losses), Error> {
    Xml::new().to_vec(event)
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
/// [`encode`].
pub fn encode_batch<'a>(events: impl Into<Batch<'a>>) -> Result<(Vec<u8>, Losses), Error> {
    Xml::new().batch_to_vec(events.into())
}
