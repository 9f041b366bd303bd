//! The format as a value, and its shorthands.

use crate::{batch, decode as read, encode as write};
use bytes::Bytes;
use cloudevents_core::{Decoded, Decoding, Error, Event, Format, FormatId, Item, Losses, MediaType};

/// The XML event format.
///
/// ```
/// use cloudevents_core::{Decoding, Event, Format};
/// use cloudevents_xml::Xml;
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// let mut document = Vec::new();
/// Xml::new().encode(&event, &mut document)?;
/// assert!(document.ends_with(b"<id>1</id><source>/s</source><type>t</type></event>"));
/// assert_eq!(Xml::new().decode(document.into(), &Decoding::strict())?.value, event);
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

    fn media_type(&self) -> MediaType<'static> {
        // A constant that parses.
        MediaType::parse(Self::MEDIA_TYPE).unwrap_or(MediaType::XML)
    }

    fn batch_media_type(&self) -> Option<MediaType<'static>> {
        MediaType::parse(Self::BATCH_MEDIA_TYPE).ok()
    }

    fn decode(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
        read::document(document, with)
    }

    fn decode_batch(&self, document: Bytes, with: &Decoding) -> Result<Decoded<Vec<Event>>, Error> {
        batch::decode(document, with)
    }

    fn decode_items(&self, document: Bytes, with: &Decoding) -> Result<Vec<Item>, Error> {
        batch::decode_items(document, with)
    }

    fn encode(&self, event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
        write::event(event, out)
    }

    fn encode_batch(&self, events: &[Event], out: &mut Vec<u8>) -> Result<Losses, Error> {
        batch::encode(events, out)
    }

    fn peek(&self, document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
        read::peek(document, name, with)
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
    read::document(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// Reads a document with a batch of events, strictly.
///
/// ```
/// assert_eq!(cloudevents_xml::decode_batch(r#"<batch xmlns="http://cloudevents.io/xmlformat/V1"/>"#)?.len(), 0);
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
pub fn decode_batch(document: impl Into<Bytes>) -> Result<Vec<Event>, Error> {
    batch::decode(document.into(), &Decoding::default()).map(|decoded| decoded.value)
}

/// The document of one event. What XML cannot hold exactly is told by [`Format::encode`].
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion): events of specversion
/// 0.3 have no XML format.
pub fn encode(event: &Event) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    write::event(event, &mut out)?;
    Ok(out)
}

/// The document of a batch.
///
/// An error is of kind [`UnsupportedSpecversion`](cloudevents_core::ErrorKind::UnsupportedSpecversion), as with [`encode`], and
/// carries the index.
pub fn encode_batch(events: &[Event]) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    batch::encode(events, &mut out)?;
    Ok(out)
}
