//! The content mode of messages.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ContentMode {
    /// Attributes in headers, the payload in the body.
    Binary,
    /// Each event as a document.
    Structured,
    /// All events of a file as one document.
    Batched,
}

impl ContentMode {
    /// Its name in the testee protocol.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Structured => "structured",
            Self::Batched => "batched",
        }
    }
}
