//! Documents: events in an event format, undecoded.

use crate::{DecodeOptions, Error, Format, FormatId, Formats, format::unknown};
use alloc::sync::Arc;
use bytes::Bytes;
use core::fmt;

/// One event, or a batch, in an event format: the undecoded body of a structured or batched message.
///
/// A document remembers the format that it was recognised with, so that it can be decoded later with any options. Documents in JSON
/// that a binding received can therefore always be decoded. [`DecodeOptions::formats`] takes precedence over the remembered format.
///
/// ```
/// use cloudevents_core::{DecodeOptions, Document, ErrorKind, FormatId, Message};
///
/// // A format that this program does not know can be forwarded, but not decoded.
/// let message = Message::Structured(Document::new(FormatId::new("toml"), "id = 1"));
/// assert_eq!(message.event(&DecodeOptions::strict()).unwrap_err().kind(), ErrorKind::UnknownFormat);
/// ```
#[derive(Clone)]
pub struct Document {
    format: FormatId,
    known: Known,
    body: Bytes,
}

/// The format that a document was recognised with.
#[derive(Clone)]
enum Known {
    Not,
    Static(&'static dyn Format),
    Shared(Arc<dyn Format>),
}

impl Document {
    /// A document in the format of this id. To decode it, put the format into [`DecodeOptions::formats`].
    pub fn new(format: FormatId, body: impl Into<Bytes>) -> Self {
        Self { format, known: Known::Not, body: body.into() }
    }

    /// A received document in the format of this id. Remembers the format if it is one of `formats`.
    #[inline]
    pub fn recognized(format: FormatId, body: Bytes, formats: &Formats) -> Self {
        let known = match formats.shared(&format) {
            Some(shared) => match shared.as_static() {
                Some(format) => Known::Static(format),
                None => Known::Shared(shared.clone()),
            },
            None => Known::Not,
        };
        Self { format, known, body }
    }

    /// A document in a format that lives as long as the program.
    pub fn of_static(format: &'static dyn Format, body: impl Into<Bytes>) -> Self {
        Self { format: format.id(), known: Known::Static(format), body: body.into() }
    }

    /// A document that this format has written.
    pub(crate) fn written(format: &dyn Format, body: Bytes) -> Self {
        let known = format.as_static().map_or(Known::Not, Known::Static);
        Self { format: format.id(), known, body }
    }

    /// The id of the format, which may be unknown to this program.
    pub fn format(&self) -> &FormatId {
        &self.format
    }

    /// The bytes of the document, exactly as they were received or written.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The bytes of the document, exactly as they were received or written.
    pub fn into_body(self) -> Bytes {
        self.body
    }

    /// Returns the same document with another body.
    pub fn with_body(self, body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..self }
    }

    /// Returns the format that decodes the document: the one with its id in the options, else the remembered one. Errors are of kind
    /// [`UnknownFormat`](crate::ErrorKind::UnknownFormat).
    pub fn reader<'a>(&'a self, with: &'a DecodeOptions) -> Result<&'a dyn Format, Error> {
        if let Some(format) = with.formats.get(&self.format) {
            return Ok(format);
        }
        match &self.known {
            Known::Static(format) => Ok(*format),
            Known::Shared(format) => Ok(&**format),
            Known::Not => Err(unknown(self.format.as_str())),
        }
    }
}

/// Documents are equal when their formats and their bytes are.
impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.format == other.format && self.body == other.body
    }
}

impl Eq for Document {}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").field("format", &self.format).field("body", &self.body).finish()
    }
}
