//! Attribute values as values of headers.

use crate::{Carrier, Text};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event,
    codec::{Assembler, Given, header, share},
};

/// Reads a header as the attribute of this name and gives it to the assembler.
pub(crate) fn read(
    carrier: &Carrier,
    name: &str,
    value: &[u8],
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    if carrier.text == Text::Percent {
        return header::read(name, value, &header::Clauses::HTTP, assembler);
    }
    let piece = assembler.push(text(name, value)?)?;
    assembler.named(name, Given::Text(piece))
}

/// A text of this event as the value of a header. It is shared if the event shares it and it needs no escapes.
pub(crate) fn write(carrier: &Carrier, event: &Event, text: &str) -> Bytes {
    if carrier.text == Text::Percent && !header::is_literal(text.as_bytes()) {
        return header::encode(text).into();
    }
    share(event, text).unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes()))
}

/// The value of a header as text.
pub(crate) fn text<'v>(attribute: &str, value: &'v [u8]) -> Result<&'v str, Error> {
    std::str::from_utf8(value).map_err(|_| {
        Error::new(ErrorKind::InvalidUtf8)
            .with_attribute(attribute)
            .with_detail("the header is not UTF-8 text")
            .with_clause("CE-Type-System-f")
    })
}
