//! Attribute values as values of headers, and payloads as bodies.

use crate::{Body, Carrier, Empty, Text};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event,
    codec::{Assembler, Given, decode_base64, header, share},
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

/// Reads a body as it was before [`write_body`]. Empty is no payload, and no document.
pub(crate) fn read_body(carrier: &Carrier, body: Bytes) -> Result<Bytes, Error> {
    if carrier.empty == Empty::Nul && *body == [0] {
        return Ok(Bytes::new());
    }
    match carrier.body {
        Body::Base64 if !body.trim_ascii_start().starts_with(b"{") => {
            decode_base64(body.trim_ascii()).map(Bytes::from)
        }
        _ => Ok(body),
    }
}

/// Writes a payload or a document as the body of a message.
///
/// A payload that would be read as none is an error of kind [`Unsupported`](ErrorKind::Unsupported).
pub(crate) fn write_body(carrier: &Carrier, body: Bytes) -> Result<Bytes, Error> {
    if carrier.empty == Empty::Nul {
        if body.is_empty() {
            return Ok(Bytes::from_static(&[0]));
        }
        if *body == [0] {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail(format!("one byte of value zero is no payload over {}", carrier.name))
                .with_help("send the event in structured mode"));
        }
    }
    match carrier.body {
        Body::Base64 => Ok(base64_simd::STANDARD.encode_to_string(&body).into()),
        _ => Ok(body),
    }
}
