//! Access for encoders of binary formats: texts as bytes, and their lengths.

use crate::{
    AttributeType, Event,
    attributes::{Extension, ExtensionKind},
    codec::CoreName,
};

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

impl Event {
    /// The text of an attribute of the specification as bytes, which are cheaper to get than text; empty if it is absent.
    ///
    /// ```
    /// use cloudevents_core::{Event, codec::CoreName};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").build()?;
    /// assert_eq!(event.core_bytes(CoreName::Source), b"/s");
    /// assert_eq!(event.core_bytes(CoreName::Time), b"");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn core_bytes(&self, name: CoreName) -> &[u8] {
        let Some(core) = name.core() else { return self.specversion.as_str().as_bytes() };
        let span = self.core.get(core as usize).copied().unwrap_or_default();
        let buffer = if span.is_in_side() { &self.buffers.side } else { &self.buffers.text };
        buffer.as_bytes().get(span.range()).unwrap_or_default()
    }

    /// The length of that text in bytes.
    #[inline(always)]
    pub fn core_length(&self, name: CoreName) -> usize {
        match name.core() {
            Some(core) => self.core.get(core as usize).map_or(0, |span| span.length() as usize),
            None => self.specversion.as_str().len(),
        }
    }

    /// The name lengths in bytes and the extents of the extension attributes, in the order of the attributes.
    ///
    /// ```
    /// use cloudevents_core::{AttributeType, Event, codec::Extent};
    ///
    /// let event = Event::builder().id("1").source("/s").ty("t").extension("a", 1).extension("text", "xy").build()?;
    /// let extents: Vec<_> = event.extents().collect();
    /// assert_eq!(extents, [(1, Extent::Integer(1)), (4, Extent::Bytes(AttributeType::String, 2))]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline]
    pub fn extents(&self) -> impl Iterator<Item = (usize, Extent)> + '_ {
        self.extensions.list().iter().map(|extension| (extension.name_length.into(), extension.extent()))
    }
}
