//! Attribute values as AMQP values.

use crate::{AmqpValue, sections::Property};
use bytes::Bytes;
use cloudevents_core::{Assembler, Error, ErrorKind, Event, Given, TextBuffer, Timestamp, Value};

/// Reads a property as the attribute of this name and gives it to the assembler.
#[inline]
pub(crate) fn read(name: &str, value: Property<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match value {
        Property::Text(text) => {
            let piece = assembler.push(text)?;
            assembler.named(name, Given::Text(piece))
        }
        Property::Timestamp(milliseconds) => timestamp(name, milliseconds, assembler),
        Property::Boolean(boolean) => assembler.named(name, Given::Boolean(boolean)),
        Property::Binary(bytes) => assembler.named(name, Given::Binary(bytes)),
        Property::Integer(number) => integer(name, number, assembler),
        Property::Null => {
            let name = assembler.push(name)?;
            assembler.unset(name)
        }
        Property::Other(type_name) => no_attribute_type(name, type_name, assembler),
    }
}

/// The length of what [`read`] will push for the value.
#[inline]
pub(crate) fn length(value: Property<'_>) -> usize {
    match value {
        Property::Text(text) => text.len(),
        Property::Timestamp(_) => "2018-04-05T17:31:00.000Z".len(),
        _ => 0,
    }
}

/// The AMQP value of an attribute: of the native type, texts and bytes sharing the event's buffer.
#[inline]
pub(crate) fn write(event: &Event, value: Value<'_>) -> AmqpValue {
    match value {
        Value::Boolean(boolean) => AmqpValue::Boolean(boolean),
        Value::Integer(number) => AmqpValue::Long(number.into()),
        Value::Binary(bytes) => AmqpValue::Binary(Bytes::copy_from_slice(bytes)),
        Value::Timestamp(time) if is_exact(time.as_str()) => AmqpValue::Timestamp(milliseconds(time)),
        _ => AmqpValue::String(text(event, value.as_str().unwrap_or_default())),
    }
}

/// A text of the event as a text that shares its buffer.
#[inline]
pub(crate) fn text(event: &Event, text: &str) -> TextBuffer {
    event.share(text).and_then(|bytes| TextBuffer::new(bytes).ok()).unwrap_or_else(|| text.into())
}

fn integer(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match i32::try_from(number) {
        Ok(number) => assembler.named(name, Given::Integer(number)),
        Err(_) => out_of_range(name, number, assembler),
    }
}

/// Native timestamps are in UTC, with as many digits as are needed.
fn timestamp(name: &str, milliseconds: i64, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let nanosecond =
        u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default().saturating_mul(1_000_000);
    match assembler.push_utc(milliseconds.div_euclid(1000), nanosecond)? {
        Some(piece) => assembler.named(name, Given::Timestamp(piece)),
        None => {
            let error = Error::new(ErrorKind::InvalidTimestamp)
                .with_detail(format!("{milliseconds} milliseconds lead out of the years 0000 to 9999"))
                .with_clause("CE-Type-System-l");
            invalid(name, error, assembler)
        }
    }
}

/// Whether reading the native timestamp would give this spelling again: UTC, upper case, no digits or three that are not all zero, no
/// leap second.
#[inline]
fn is_exact(timestamp: &str) -> bool {
    let shape = match timestamp.as_bytes() {
        [time @ .., b'.', a, b, c, b'Z'] if time.len() == 19 && [*a, *b, *c] != *b"000" => time,
        [time @ .., b'Z'] if time.len() == 19 => time,
        _ => return false,
    };
    shape.get(10) == Some(&b'T') && !shape.ends_with(b":60")
}

#[inline]
fn milliseconds(timestamp: Timestamp<'_>) -> i64 {
    let instant = timestamp.instant();
    let millisecond = i64::from(instant.nanosecond() / 1_000_000);
    // RFC 3339 has the years 0000 to 9999, which are far from the ends.
    instant.seconds.saturating_mul(1000).saturating_add(millisecond)
}

#[cold]
fn out_of_range(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = match name {
        "time" => Error::new(ErrorKind::InvalidType)
            .with_detail(format!("a timestamp or a string is expected, and this is the number {number}"))
            .with_clause("AMQP-3.1.3.2-b"),
        _ => Error::new(ErrorKind::InvalidInteger)
            .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
            .with_clause("CE-Type-System-d"),
    };
    invalid(name, error, assembler)
}

#[cold]
fn no_attribute_type(name: &str, type_name: &str, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = Error::new(ErrorKind::InvalidType)
        .with_detail(format!("no attribute comes as an AMQP {type_name}"))
        .with_clause("AMQP-3.1.3.2-b");
    invalid(name, error, assembler)
}

#[cold]
fn invalid(name: &str, error: Error, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let piece = assembler.push(name)?;
    assembler.invalid(piece, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_that_come_back_as_they_went() {
        for good in [
            "2018-04-05T17:31:00Z",
            "2018-04-05T17:31:00.120Z",
            "0000-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
        ] {
            assert!(is_exact(good), "{good}");
            let milliseconds = milliseconds(Timestamp::parse(good).unwrap());
            let nanosecond = u32::try_from(milliseconds.rem_euclid(1000)).unwrap() * 1_000_000;
            assert_eq!(Timestamp::format_utc(milliseconds.div_euclid(1000), nanosecond).unwrap(), good);
        }
        for other in [
            "2018-04-05T17:31:00.000Z",
            "2018-04-05T17:31:00.1Z",
            "2018-04-05T17:31:00.1200Z",
            "2018-04-05T17:31:00.123456Z",
            "2018-04-05T17:31:00+00:00",
            "2018-04-05T17:31:00.120+01:00",
            "2018-04-05t17:31:00Z",
            "2018-04-05T17:31:00z",
            "1990-12-31T23:59:60Z",
            "1990-12-31T23:59:60.500Z",
        ] {
            assert!(Timestamp::parse(other).is_ok(), "{other}");
            assert!(!is_exact(other), "{other}");
        }
    }
}
