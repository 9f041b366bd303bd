//! Frames.

use bytes::Bytes;
use cloudevents_core::TextBuffer;

/// A whole WebSocket message: one frame, or the fragments of one joined. Cloning counts a reference.
#[derive(Clone, Debug)]
pub enum Frame {
    /// A text message.
    Text(TextBuffer),
    /// A binary message.
    Binary(Bytes),
}

impl Frame {
    /// The content of the message.
    pub fn as_bytes(&self) -> &Bytes {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }

    /// Whether it is a text message.
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }
}
