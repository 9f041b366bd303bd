//! How messages are written: the mode, and whether with headers.

use cloudevents_core::{Format, Mode};

/// How an event is written. A [`Mode`] converts into one.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Encoding<'a> {
    /// The content mode.
    pub mode: Mode<'a>,
    /// Whether a structured message goes without headers, for servers before NATS 2.2.
    pub without_headers: bool,
}

impl<'a> Encoding<'a> {
    /// In this mode, with headers.
    pub fn new(mode: Mode<'a>) -> Self {
        Self { mode, without_headers: false }
    }

    /// In binary mode.
    pub fn binary() -> Self {
        Self::new(Mode::Binary)
    }

    /// In structured mode. The binding has JSON only: any other format is an error when an event is written.
    pub fn structured(json: &'a dyn Format) -> Self {
        Self::new(Mode::Structured(json))
    }

    /// In structured mode without headers, for servers before NATS 2.2.
    pub fn without_headers(json: &'a dyn Format) -> Self {
        Self { without_headers: true, ..Self::structured(json) }
    }
}

impl<'a> From<Mode<'a>> for Encoding<'a> {
    fn from(mode: Mode<'a>) -> Self {
        Self::new(mode)
    }
}
