//! Accessors and constructors of events for encoders and decoders, besides the ones that programs use.

use crate::{
    AttributeType, Event, EventBuilder, IntoPayload, MediaType, Payload, TextBuffer,
    attributes::{Extension, ExtensionKind},
    codec::CoreName,
    core_attribute::CORE,
};
use bytes::Bytes;

/// The part of an extension attribute that determines its encoded length. Cheaper to get than the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A Boolean.
    Boolean,
    /// An Integer.
    Integer(i32),
    /// A value of any other type, and its length in bytes.
    Bytes(AttributeType, usize),
}

impl Extension {
    #[inline]
    pub(crate) fn extent(self) -> Extent {
        let ty = match self.kind {
            ExtensionKind::Boolean => return Extent::Boolean,
            ExtensionKind::Integer => return Extent::Integer(self.value.offset().cast_signed()),
            ExtensionKind::Unset | ExtensionKind::String => AttributeType::String,
            ExtensionKind::Binary => AttributeType::Binary,
            ExtensionKind::Uri => AttributeType::Uri,
            ExtensionKind::UriReference => AttributeType::UriReference,
            ExtensionKind::Timestamp => AttributeType::Timestamp,
        };
        Extent::Bytes(ty, self.value.length() as usize)
    }
}

/// The text of an attribute of the specification as bytes, which are cheaper to get than text. Empty if it is absent.
///
/// ```
/// use cloudevents_core::{Event, codec::{CoreName, core_bytes}};
///
/// let event = Event::builder().id("1").source("/s").ty("t").build()?;
/// assert_eq!(core_bytes(&event, CoreName::Source), b"/s");
/// assert_eq!(core_bytes(&event, CoreName::Time), b"");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline(always)]
pub fn core_bytes(event: &Event, name: CoreName) -> &[u8] {
    let Some(core) = name.core() else { return event.specversion.as_str().as_bytes() };
    let span = event.core.get(core as usize).copied().unwrap_or_default();
    let buffer = if span.is_in_side() { &event.buffers.side } else { &event.buffers.text };
    buffer.as_bytes().get(span.range()).unwrap_or_default()
}

/// Sets a payload, and its content type unless one was set before that describes it, as `writes` decides: `application/vnd.order+json`
/// stays when a value is written as JSON. For setters of codecs.
///
/// ```
/// use cloudevents_core::{Event, Payload, codec::payload_as};
///
/// let builder = |media_type| Event::builder().id("1").source("/s").ty("t").datacontenttype(media_type);
/// for (before, after) in [("application/vnd.order+json", "application/vnd.order+json"), ("text/plain", "application/json")] {
///     let event = payload_as(builder(before), "application/json", |media_type| media_type.is_json(), Payload::json("{}")).build()?;
///     assert_eq!(event.datacontenttype().unwrap().as_str(), after);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn payload_as(
    builder: EventBuilder,
    datacontenttype: &str,
    writes: impl FnOnce(MediaType<'_>) -> bool,
    payload: impl IntoPayload,
) -> EventBuilder {
    builder.payload_as(datacontenttype, writes, payload)
}

/// The length of that text in bytes.
#[inline(always)]
pub fn core_length(event: &Event, name: CoreName) -> usize {
    match name.core() {
        Some(core) => event.core.get(core as usize).map_or(0, |span| span.length() as usize),
        None => event.specversion.as_str().len(),
    }
}

/// The name lengths in bytes and the extents of the extension attributes, in the order of the attributes.
///
/// ```
/// use cloudevents_core::{AttributeType, Event, codec::{Extent, extents}};
///
/// let event = Event::builder().id("1").source("/s").ty("t").extension("a", 1).extension("text", "xy").build()?;
/// let extents: Vec<_> = extents(&event).collect();
/// assert_eq!(extents, [(1, Extent::Integer(1)), (4, Extent::Bytes(AttributeType::String, 2))]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn extents(event: &Event) -> impl Iterator<Item = (usize, Extent)> + '_ {
    event.extensions.list().iter().map(|extension| (extension.name_length.into(), extension.extent()))
}

/// The length in bytes of all attribute names and canonical values, `specversion` excluded. Text encoders reserve this much.
/// Booleans and Integers count as the longest of their type; the rest is exact.
///
/// ```
/// let event = cloudevents_core::Event::builder().id("1").source("/s").ty("t").extension("ext", "x").build()?;
/// assert_eq!(cloudevents_core::codec::attributes_size(&event), "id1".len() + "source/s".len() + "typet".len() + "extx".len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[inline]
pub fn attributes_size(event: &Event) -> usize {
    let mut size = 0_usize;
    for (span, core) in event.core.iter().zip(CORE) {
        if !span.is_absent() {
            size = size.saturating_add(span.length() as usize).saturating_add(core.name().len());
        }
    }
    for extension in event.extensions.list() {
        size = size.saturating_add(extension.canonical_length()).saturating_add(extension.name_length.into());
    }
    size
}

/// Returns a text of this event, such as an attribute, as bytes that share the event's buffer. `None` if the text is not in that
/// buffer.
///
/// Encoders use it to pass attributes on without copying them.
#[inline]
pub fn share(event: &Event, text: &str) -> Option<Bytes> {
    [&event.buffers.side, &event.buffers.text].into_iter().find_map(|buffer| {
        let buffer = buffer.as_bytes();
        let start = text.as_ptr().addr().checked_sub(buffer.as_ptr().addr())?;
        let end = start.checked_add(text.len()).filter(|end| *end <= buffer.len())?;
        Some(buffer.slice(start..end))
    })
}

/// Whether the payload is the body of a binary-mode message with a JSON content type, and is not JSON.
///
/// Such a payload is kept as bytes, as it came. JSON documents carry it as `data_base64`.
pub fn is_payload_not_json(event: &Event) -> bool {
    event.is_payload_not_json()
}

/// Character data of a format without native JSON: JSON when the content type is JSON and the text is valid JSON, else text. It is
/// scanned when [`Event::data`] is first called.
#[inline]
pub fn characters(text: impl Into<TextBuffer>, content_type: Option<MediaType<'_>>) -> Payload {
    let kind = if content_type.is_some_and(MediaType::is_json) {
        crate::payload::Kind::Characters
    } else {
        crate::payload::Kind::Text
    };
    Payload::of(crate::payload::Content::Text(text.into()), kind)
}
