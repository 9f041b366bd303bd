//! Attribute values as header values.

use cloudevents_core::{
    Error, ErrorKind, Event, Value,
    codec::{Assembler, header, share},
};
use http::HeaderValue;

/// Reads a header as the attribute of this name and gives it to the assembler.
#[inline]
pub(crate) fn read(name: &str, value: &[u8], assembler: &mut Assembler<'_>) -> Result<(), Error> {
    header::read(name, value, &header::Clauses::HTTP, assembler)
}

/// The header value of an attribute. It shares the event's buffer if nothing has to be encoded.
#[inline]
pub(crate) fn write(event: &Event, value: Value<'_>, raw: bool) -> Result<HeaderValue, Error> {
    if let Some(text) = value.as_str()
        && (raw || header::is_literal(text.as_bytes()))
        && let Some(shared) = share(event, text)
    {
        return HeaderValue::from_maybe_shared(shared).map_err(|_| unreachable_value());
    }
    let text = value.to_canonical();
    let text = if raw { text.into_owned().into_bytes() } else { header::encode(&text) };
    HeaderValue::from_maybe_shared(bytes::Bytes::from(text)).map_err(|_| unreachable_value())
}

/// The error of a value that cannot occur: percent-encoded text is printable ASCII, which every header may have.
///
/// Attributes have no control characters, which no header may have.
#[cold]
fn unreachable_value() -> Error {
    Error::new(ErrorKind::InvalidString).with_detail("the value cannot be written in a header")
}
