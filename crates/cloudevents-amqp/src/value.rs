//! Conversion between attribute values and AMQP values.

use crate::{AmqpValue, Strings, sections::Property};
use bytes::Bytes;
use cloudevents_core::{
    Error, ErrorKind, Event, Repair, RepairKind, TextBuffer, Timestamp, Value,
    codec::{Assembler, Given, Piece, is_utc_form, share},
};
use std::borrow::Cow;

/// Reads a property as the attribute of this name and passes it to the assembler.
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

/// A property of type binary as the text that it is, for a message whose text has this type. Other properties stay as they are.
#[cold]
pub(crate) fn binary_text<'v>(
    name: &str,
    value: Property<'v>,
    assembler: &mut Assembler<'_>,
) -> Property<'v> {
    let Some(text) = text_of(value).filter(|_| matches!(value, Property::Binary(_))) else { return value };
    let error = Error::new(ErrorKind::InvalidType)
        .with_attribute(name)
        .with_detail("the property has the type binary")
        .with_clause("AMQP-3.1.3.2-b");
    assembler.repaired(Repair::new(RepairKind::BinaryText).with_attribute(name).with_cause(error));
    Property::Text(text)
}

/// The text of a property, also of bytes that are UTF-8.
pub(crate) fn text_of(value: Property<'_>) -> Option<&str> {
    match value {
        Property::Text(text) => Some(text),
        Property::Binary(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// Whether a property without the prefix of attributes has a value that an extension could have, of at most so many bytes.
pub(crate) fn is_extension(value: Property<'_>, bytes: usize) -> bool {
    match value {
        Property::Text(text) => text.len() <= bytes && Value::try_from(text).is_ok(),
        Property::Binary(value) => value.len() <= bytes,
        Property::Timestamp(milliseconds) => {
            Timestamp::format_utc(milliseconds.div_euclid(1000), nanosecond(milliseconds)).is_some()
        }
        Property::Integer(number) => i32::try_from(number).is_ok(),
        Property::Boolean(_) => true,
        Property::Null | Property::Other(_) => false,
    }
}

/// Returns the length of the text that [`read`] pushes for the value.
#[inline]
pub(crate) fn length(value: Property<'_>) -> usize {
    match value {
        Property::Text(text) => text.len(),
        Property::Timestamp(_) => "2018-04-05T17:31:00.000Z".len(),
        _ => 0,
    }
}

/// An attribute as a value of one of AMQP's types.
#[derive(Clone, Debug)]
pub(crate) enum Native<'a> {
    Boolean(bool),
    Long(i64),
    Binary(&'a [u8]),
    /// Milliseconds since 1970.
    Timestamp(i64),
    String(Cow<'a, str>),
}

impl<'a> Native<'a> {
    /// The value in its native type, or as its canonical string.
    #[inline]
    pub(crate) fn new(value: Value<'a>, strings: Strings) -> Self {
        match value {
            Value::Boolean(boolean) if strings != Strings::All => Self::Boolean(boolean),
            Value::Integer(number) if strings != Strings::All => Self::Long(number.into()),
            _ if strings != Strings::None => match value.as_str() {
                Some(text) => Self::String(Cow::Borrowed(text)),
                None => Self::String(value.to_canonical()),
            },
            Value::Binary(bytes) => Self::Binary(bytes),
            Value::Timestamp(time) if is_utc_form(time, 3) => Self::Timestamp(milliseconds(time)),
            _ => Self::String(Cow::Borrowed(value.as_str().unwrap_or_default())),
        }
    }
}

/// Returns an attribute as an AMQP value, of the native type or as a string. Texts share the event's buffer.
#[inline]
pub(crate) fn write(event: &Event, value: Value<'_>, strings: Strings) -> AmqpValue {
    match Native::new(value, strings) {
        Native::Boolean(boolean) => AmqpValue::Boolean(boolean),
        Native::Long(number) => AmqpValue::Long(number),
        Native::Binary(bytes) => AmqpValue::Binary(Bytes::copy_from_slice(bytes)),
        Native::Timestamp(milliseconds) => AmqpValue::Timestamp(milliseconds),
        Native::String(Cow::Borrowed(shared)) => AmqpValue::String(text(event, shared)),
        Native::String(Cow::Owned(canonical)) => AmqpValue::String(canonical.into()),
    }
}

/// Returns a text of the event, shared with the event's buffer.
#[inline]
pub(crate) fn text(event: &Event, text: &str) -> TextBuffer {
    share(event, text).and_then(|bytes| TextBuffer::new(bytes).ok()).unwrap_or_else(|| text.into())
}

fn integer(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match i32::try_from(number) {
        Ok(number) if name != "time" => assembler.named(name, Given::Integer(number)),
        _ => numeric_time(name, number, assembler),
    }
}

/// Native timestamps are in UTC, with as many digits as needed.
fn timestamp(name: &str, milliseconds: i64, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match utc(milliseconds, assembler)? {
        Some(piece) => assembler.named(name, Given::Timestamp(piece)),
        None => {
            let error = Error::new(ErrorKind::InvalidTimestamp)
                .with_detail(format!("{milliseconds} milliseconds are outside the years 0000 to 9999"))
                .with_clause("CE-Type-System-l");
            invalid(name, error, assembler)
        }
    }
}

/// The point in time as text. `None` outside the years 0000 to 9999.
fn utc(milliseconds: i64, assembler: &mut Assembler<'_>) -> Result<Option<Piece>, Error> {
    assembler.push_utc(milliseconds.div_euclid(1000), nanosecond(milliseconds))
}

/// Of the second.
fn nanosecond(milliseconds: i64) -> u32 {
    u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or_default().saturating_mul(1_000_000)
}

/// Whether a property has the type of the attribute, so that it comes back as it was.
pub(crate) fn keeps_type(value: Value<'_>) -> bool {
    !matches!(Native::new(value, Strings::None), Native::String(_))
}

/// [`keeps_type`], for [`Strings::Times`].
pub(crate) fn keeps_type_but_times(value: Value<'_>) -> bool {
    !matches!(Native::new(value, Strings::Times), Native::String(_))
}

#[inline]
fn milliseconds(timestamp: Timestamp<'_>) -> i64 {
    let instant = timestamp.instant();
    let millisecond = i64::from(instant.nanosecond() / 1_000_000);
    // RFC 3339 allows the years 0000 to 9999, far from the limits.
    instant.seconds.saturating_mul(1000).saturating_add(millisecond)
}

/// The error of a number that no attribute has: `time`, or a number that is no Integer. Leniency may take it for milliseconds.
#[cold]
fn numeric_time(name: &str, number: i128, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = match name {
        "time" => Error::new(ErrorKind::InvalidType)
            .with_detail(format!("a timestamp or a string is expected, and this is the number {number}"))
            .with_clause("AMQP-3.1.3.2-b"),
        _ => Error::new(ErrorKind::InvalidInteger)
            .with_detail(format!("{number} is outside -2147483648 to 2147483647"))
            .with_clause("CE-Type-System-d"),
    };
    let allowed = assembler.decoding().leniency.allows(RepairKind::NumericTime);
    let milliseconds = i64::try_from(number).ok().filter(|_| allowed);
    match milliseconds.map(|milliseconds| utc(milliseconds, assembler)).transpose()?.flatten() {
        Some(piece) => {
            assembler.named(name, Given::Timestamp(piece))?;
            let error = error.with_attribute(name);
            assembler.repaired(Repair::new(RepairKind::NumericTime).with_attribute(name).with_cause(error));
            Ok(())
        }
        None => invalid(name, error, assembler),
    }
}

#[cold]
fn no_attribute_type(name: &str, type_name: &str, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let error = Error::new(ErrorKind::InvalidType)
        .with_detail(format!("no attribute has the AMQP type {type_name}"))
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
            let timestamp = Timestamp::parse(good).unwrap();
            assert!(is_utc_form(timestamp, 3), "{good}");
            let milliseconds = milliseconds(timestamp);
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
            assert!(!is_utc_form(Timestamp::parse(other).unwrap(), 3), "{other}");
        }
    }
}
