//! Text that is shared instead of copied.

use crate::{Error, ErrorKind};
use alloc::string::String;
use bytes::Bytes;
use bytestring::ByteString;
use core::fmt;

/// A text whose clones and parts share one buffer: payloads and documents. It is made from `String`, `&str` and, once they are checked to
/// be UTF-8, from [`Bytes`]. The attributes of decoded events are parts of such a buffer.
///
/// Cloning counts a reference. Empty buffers do not allocate.
///
/// ```
/// use cloudevents_core::TextBuffer;
///
/// let buffer = TextBuffer::new(bytes::Bytes::from_static(b"{\"id\":\"1\"}"))?;
/// assert_eq!(buffer.as_str().len(), 10);
/// assert_eq!(TextBuffer::new(bytes::Bytes::from_static(b"ab\xff")).unwrap_err().offset(), Some(2));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct TextBuffer(ByteString);

impl TextBuffer {
    /// Checks the bytes. Errors are of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8) and carry the offset.
    #[inline]
    pub fn new(bytes: Bytes) -> Result<Self, Error> {
        match ByteString::try_from(bytes) {
            Ok(text) => Ok(Self(text)),
            Err(error) => Err(not_utf8(error.valid_up_to())),
        }
    }

    /// A text that is part of the program. It is not copied.
    #[inline]
    pub const fn from_static(text: &'static str) -> Self {
        Self(ByteString::from_static(text))
    }

    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as bytes.
    #[inline]
    pub fn as_bytes(&self) -> &Bytes {
        self.0.as_bytes()
    }

    /// Returns a part that shares this buffer. `None` if the range is out of bounds or cuts a character.
    #[inline]
    pub fn slice(&self, range: core::ops::Range<usize>) -> Option<Self> {
        let part = self.0.get(range)?;
        Some(Self(self.0.slice_ref(part)))
    }
}

impl From<String> for TextBuffer {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for TextBuffer {
    #[inline]
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for TextBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cold]
fn not_utf8(valid_up_to: usize) -> Error {
    Error::new(ErrorKind::InvalidUtf8).with_offset(valid_up_to)
}
