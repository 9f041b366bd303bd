//! Attribute values as values of headers: canonical texts, written as strings.

use crate::{Field, FieldValue};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Repair, RepairKind,
    codec::{Assembler, Given, share},
};
use std::borrow::Cow;

/// Reads a header as the attribute of this name and gives it to the assembler. Producers of other protocols leave native types.
#[inline]
pub(crate) fn read(name: &str, value: Field<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match value {
        Field::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => {
                let piece = assembler.push(text)?;
                assembler.named(name, Given::Text(piece))
            }
            Err(_) => Err(Error::new(ErrorKind::InvalidUtf8)
                .with_attribute(name)
                .with_detail("the header is not UTF-8 text")
                .with_clause("CE-Type-System-f")),
        },
        Field::Boolean(boolean) => assembler.named(name, Given::Boolean(boolean)),
        Field::Integer(number) => integer(name, number, assembler),
        Field::Timestamp(seconds) => timestamp(name, seconds, assembler),
        Field::Void => {
            let name = assembler.push(name)?;
            assembler.unset(name)
        }
        Field::Other(type_name) => {
            let error = Error::new(ErrorKind::InvalidType)
                .with_detail(format!("no attribute comes as {type_name}"))
                .with_clause("CE-Type-System-a");
            invalid(name, error, assembler)
        }
    }
}

/// The length of the text that [`read`] will push for the value.
#[inline]
pub(crate) fn length(value: Field<'_>) -> usize {
    match value {
        Field::Bytes(bytes) => bytes.len(),
        Field::Timestamp(_) => "2018-04-05T17:31:00Z".len(),
        _ => 0,
    }
}

/// A text of this event as the value of a header. It shares the event's buffer if it is in it.
#[inline]
pub(crate) fn write(event: &Event, text: Cow<'_, str>) -> FieldValue {
    FieldValue::Bytes(match text {
        Cow::Borrowed(text) => share(event, text).unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes())),
        Cow::Owned(text) => text.into(),
    })
}

fn integer(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match i32::try_from(number) {
        Ok(number) if name != "time" => assembler.named(name, Given::Integer(number)),
        _ => numeric_time(name, number, assembler),
    }
}

/// The error of a number that no attribute has: `time`, or a number that is no Integer.
///
/// Leniency may take it for milliseconds: producers of AMQP 1.0 write times so.
#[cold]
fn numeric_time(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = match name {
        "time" => Error::new(ErrorKind::InvalidType)
            .with_detail(format!("a timestamp or a string is expected, and this is the number {number}"))
            .with_clause("CE-time-a"),
        _ => Error::new(ErrorKind::InvalidInteger)
            .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
            .with_clause("CE-Type-System-d"),
    };
    let Ok(milliseconds) = i64::try_from(number) else { return invalid(name, error, assembler) };
    if !assembler.decoding().leniency.allows(RepairKind::NumericTime) {
        return invalid(name, error, assembler);
    }
    let nanosecond =
        u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default().saturating_mul(1_000_000);
    match assembler.push_utc(milliseconds.div_euclid(1000), nanosecond)? {
        Some(piece) => {
            assembler.named(name, Given::Timestamp(piece))?;
            let error = error.with_attribute(name);
            assembler.repaired(Repair::new(RepairKind::NumericTime).with_attribute(name).with_cause(error));
            Ok(())
        }
        None => invalid(name, error, assembler),
    }
}

fn timestamp(name: &str, seconds: u64, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let piece = match i64::try_from(seconds) {
        Ok(seconds) => assembler.push_utc(seconds, 0)?,
        Err(_) => None,
    };
    match piece {
        Some(piece) => assembler.named(name, Given::Timestamp(piece)),
        None => {
            let error = Error::new(ErrorKind::InvalidTimestamp)
                .with_detail(format!("{seconds} seconds lead beyond the year 9999"))
                .with_clause("CE-Type-System-l");
            invalid(name, error, assembler)
        }
    }
}

#[cold]
fn invalid(name: &str, error: Error, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let piece = assembler.push(name)?;
    assembler.invalid(piece, error)
}
