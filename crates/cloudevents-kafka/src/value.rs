//! Attribute values as header values: plain UTF-8, without percent-encoding.

use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event,
    codec::{Assembler, Given, share},
};

/// Reads a header as the attribute of this name and passes it to the assembler. Null means that the
/// attribute is absent.
#[inline]
pub(crate) fn read(name: &str, value: Option<&[u8]>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let Some(value) = value else {
        let name = assembler.push(name)?;
        return assembler.unset(name);
    };
    let text = text(name, value)?;
    let piece = if is_plain(value) { assembler.push_plain(text)? } else { assembler.push(text)? };
    assembler.named(name, Given::Text(piece))
}

/// Returns the text of a header.
#[inline]
pub(crate) fn text<'v>(name: &str, value: &'v [u8]) -> Result<&'v str, Error> {
    std::str::from_utf8(value).map_err(|_| not_utf8(name, value))
}

/// Returns a text of this event as a header value. It shares the event's buffer if possible.
#[inline]
pub(crate) fn write(event: &Event, text: &str) -> Bytes {
    match share(event, text) {
        Some(shared) => shared,
        None => Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// Whether all bytes are printable ASCII. Every such byte is allowed in an attribute.
#[inline]
fn is_plain(value: &[u8]) -> bool {
    // No early return: this lets the loop process many bytes at a time.
    value.iter().fold(true, |plain, byte| plain & (b' '..0x7f).contains(byte))
}

#[cold]
fn not_utf8(name: &str, value: &[u8]) -> Error {
    let error = Error::new(ErrorKind::InvalidUtf8).with_attribute(name).with_clause("KAFKA-3.2.3-b");
    match value {
        // AMQP 1.0, section 1.6.20: the constructors of strings.
        [0xa1, length, text @ ..] if usize::from(*length) == text.len() => error.with_help(
            "this is an AMQP-encoded string: Azure Event Hubs passes headers of AMQP producers to Kafka consumers in this form; read them over AMQP",
        ),
        _ => error,
    }
}
