//! Attribute values as values of headers: canonical texts, written as strings.

use crate::{Field, FieldValue};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event,
    codec::{Assembler, Given},
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
            Err(_) => Err(Error::new(ErrorKind::InvalidUtf8).with_attribute(name)),
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

/// The length of what [`read`] will push for the value.
#[inline]
pub(crate) fn length(value: Field<'_>) -> usize {
    match value {
        Field::Bytes(bytes) => bytes.len(),
        Field::Timestamp(_) => "2018-04-05T17:31:00Z".len(),
        _ => 0,
    }
}

/// A text of this event as the value of a header: shared where it lies there.
#[inline]
pub(crate) fn write(event: &Event, text: Cow<'_, str>) -> FieldValue {
    FieldValue::Bytes(match text {
        Cow::Borrowed(text) => event.share(text).unwrap_or_else(|| Bytes::copy_from_slice(text.as_bytes())),
        Cow::Owned(text) => text.into(),
    })
}

fn integer(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match i32::try_from(number) {
        Ok(number) => assembler.named(name, Given::Integer(number)),
        Err(_) => {
            let error = Error::new(ErrorKind::InvalidInteger)
                .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
                .with_clause("CE-Type-System-d");
            invalid(name, error, assembler)
        }
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
