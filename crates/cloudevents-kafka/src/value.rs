//! Attribute values as header values: plain UTF-8, without percent-encoding.

use crate::amqp_encoded::{self, AmqpEncoded};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Repair, RepairKind,
    codec::{Assembler, Given, Piece, share},
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

/// Reads a header of a record whose values are AMQP-encoded, as [`read`] does. A value that is not is read as it is.
#[cold]
pub(crate) fn read_encoded(name: &str, bytes: &[u8], assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let Some(value) = amqp_encoded::read(bytes) else { return read(name, Some(bytes), assembler) };
    let invalid = |error, assembler: &mut Assembler<'_>| {
        let name = assembler.push(name)?;
        assembler.invalid(name, error)
    };
    match value {
        AmqpEncoded::Null => read(name, None, assembler)?,
        AmqpEncoded::Text(text) => read(name, Some(text.as_bytes()), assembler)?,
        AmqpEncoded::Boolean(boolean) => assembler.named(name, Given::Boolean(boolean))?,
        AmqpEncoded::Long(number) => match i32::try_from(number) {
            Ok(number) => assembler.named(name, Given::Integer(number))?,
            Err(_) => return invalid(beyond(number), assembler),
        },
        AmqpEncoded::Timestamp(time) => match utc(time, assembler)? {
            Some(piece) => assembler.named(name, Given::Timestamp(piece))?,
            None => return invalid(no_year(time), assembler),
        },
    }
    let cause = std::str::from_utf8(bytes).is_err().then(|| not_utf8(name, bytes));
    let repair = Repair::new(RepairKind::AmqpEncoded).with_attribute(name);
    assembler.repaired(cause.map_or(repair.clone(), |cause| repair.with_cause(cause)));
    Ok(())
}

/// The point in time as text. `None` outside the years 0000 to 9999.
fn utc(milliseconds: i64, assembler: &mut Assembler<'_>) -> Result<Option<Piece>, Error> {
    let of_second = u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default();
    assembler.push_utc(milliseconds.div_euclid(1000), of_second.saturating_mul(1_000_000))
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
fn beyond(number: i64) -> Error {
    Error::new(ErrorKind::InvalidInteger)
        .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
        .with_clause("CE-Type-System-d")
}

#[cold]
fn no_year(milliseconds: i64) -> Error {
    Error::new(ErrorKind::InvalidTimestamp)
        .with_detail(format!("{milliseconds} milliseconds are outside the years 0000 to 9999"))
        .with_clause("CE-Type-System-l")
}

#[cold]
fn not_utf8(name: &str, value: &[u8]) -> Error {
    let error = Error::new(ErrorKind::InvalidUtf8).with_attribute(name).with_clause("KAFKA-3.2.3-b");
    match amqp_encoded::read(value) {
        Some(_) => error.with_help(
            "this is an AMQP-encoded value: Azure Event Hubs passes headers of AMQP producers to Kafka consumers in this form; the repair `amqp-encoded` reads it",
        ),
        None => error,
    }
}
