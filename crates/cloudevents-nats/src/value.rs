//! Attribute values as header values: percent-encoded, as in HTTP.

use bytes::Bytes;
use cloudevents_core::{
    Error, Event,
    codec::{Assembler, header, share},
};
use std::borrow::Cow;

/// Reads a header as the attribute of this name and gives it to the assembler.
#[inline]
pub(crate) fn read(name: &str, value: &[u8], assembler: &mut Assembler<'_>) -> Result<(), Error> {
    header::read(name, value, &header::Clauses::NATS, assembler)
}

/// A text of this event as a header value. It is shared if the event shares it and it needs no escapes.
#[inline]
pub(crate) fn write(event: &Event, text: &str, raw: bool) -> Bytes {
    if !raw && !header::is_literal(text.as_bytes()) {
        return header::encode(text).into();
    }
    share(event, text).unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes()))
}

/// A media type as header value, unchanged: its spaces and quotes may stand in a header.
pub(crate) fn text(text: Cow<'static, str>) -> Bytes {
    match text {
        Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    }
}

/// A text with the escapes of an attribute's value.
#[cfg(feature = "async-nats051")]
pub(crate) fn escaped(text: &str) -> Vec<u8> {
    header::encode(text)
}
