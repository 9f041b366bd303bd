//! How messages are written: in a mode that the caller names.

use cloudevents_core::{Format, Mode};

/// How an event is written. A [`Mode`] converts into one.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Encoding<'a> {
    /// In this mode. A message that does not fit is an error.
    Mode(Mode<'a>),
    /// In binary mode if the carrier has it and the message fits. Otherwise the event is a document in this format.
    /// [`Encoded::mode`](crate::Encoded::mode) says which.
    Auto(&'a dyn Format),
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::Mode(mode)
    }
}
