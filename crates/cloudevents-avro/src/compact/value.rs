//! Attribute values as branches of the unions, and timestamps as microseconds.

use crate::{
    datum::{Reader, bytes_length, long_length, write_bytes, write_long},
    value::{Entry, Kind},
};
use cloudevents_core::{
    Error, ErrorKind, Loss, LossClass, Losses, Name, Timestamp, Value,
    codec::{Assembler, Given, timestamp_losses, type_lost},
};

/// The branches of an extension: `["boolean", "int", timestamp-micros, "string", "bytes"]`.
pub(crate) const BRANCHES: [Kind; 5] = [Kind::Boolean, Kind::Int, Kind::Timestamp, Kind::String, Kind::Bytes];

/// The attributes that are fields or not in the document. They cannot be extensions.
const FIELDS: [&str; 8] =
    ["id", "source", "type", "datacontenttype", "dataschema", "subject", "time", "specversion"];

/// Passes an extension to the assembler.
#[inline]
pub(crate) fn attribute(
    entry: Entry<'_>,
    reader: &Reader<'_>,
    assembler: &mut Assembler<'_>,
) -> Result<(), Error> {
    if FIELDS.iter().any(|field| field.as_bytes().eq_ignore_ascii_case(entry.name)) {
        return Err(entry.place(not_an_extension(entry.name(reader)?)));
    }
    if let Kind::Timestamp = entry.kind {
        return timestamp(entry.name(reader)?, entry.number, assembler).map_err(|error| entry.place(error));
    }
    entry.give(reader, assembler)
}

/// Passes a timestamp to the assembler, in UTC with the fewest fractional digits (0, 3 or 6) that are exact.
#[inline]
pub(crate) fn timestamp(name: &str, micros: i64, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let (seconds, nanosecond) = split(micros);
    match assembler.push_utc(seconds, nanosecond)? {
        Some(text) => assembler.named(name, Given::Timestamp(text)),
        None => {
            let name = assembler.push(name)?;
            assembler.invalid(name, out_of_range())
        }
    }
}

/// A point in time in microseconds since 1970-01-01T00:00:00Z; further digits are cut off. `None` if in UTC it is outside of the
/// years 0000 to 9999.
#[inline]
pub(crate) fn to_micros(timestamp: Timestamp<'_>) -> Option<i64> {
    let instant = timestamp.instant();
    let micros = instant.seconds.checked_mul(1_000_000)?;
    let micros = micros.checked_add(i64::from(instant.nanosecond() / 1000))?;
    Some(micros).filter(|micros| YEARS.contains(micros))
}

/// Appends an entry of the map.
#[inline]
pub(crate) fn write(name: Name<'_>, value: Value<'_>, out: &mut Vec<u8>) {
    write_bytes(name.as_str().as_bytes(), out);
    match value {
        Value::Boolean(boolean) => out.extend_from_slice(&[0x00, boolean.into()]),
        Value::Integer(number) => {
            out.push(0x02);
            write_long(number.into(), out);
        }
        Value::Binary(bytes) => {
            out.push(0x08);
            write_bytes(bytes, out);
        }
        Value::Timestamp(time) => match to_micros(time) {
            Some(micros) => {
                out.push(0x04);
                write_long(micros, out);
            }
            None => write_string(time.as_str(), out),
        },
        _ => write_string(value.as_str().unwrap_or_default(), out),
    }
}

#[inline]
fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(0x06);
    write_bytes(text.as_bytes(), out);
}

/// The length of an entry of the map.
#[inline]
pub(crate) fn length(name: Name<'_>, value: Value<'_>) -> usize {
    let text = || bytes_length(value.as_str().map_or(0, str::len));
    let length = match value {
        Value::Boolean(_) => 1,
        Value::Integer(number) => long_length(number.into()),
        Value::Binary(bytes) => bytes_length(bytes.len()),
        Value::Timestamp(time) => to_micros(time).map_or_else(text, long_length),
        _ => text(),
    };
    bytes_length(name.as_str().len()).saturating_add(1).saturating_add(length)
}

/// Reports the losses of an extension.
#[inline]
pub(crate) fn tell_losses(name: Name<'_>, value: Value<'_>, losses: &mut Losses) {
    match value {
        Value::Uri(_) | Value::UriReference(_) => losses.push(type_lost(name.as_str())),
        Value::Timestamp(time) if to_micros(time).is_none() => losses.push(type_lost(name.as_str())),
        Value::Timestamp(time) => timestamp_losses(name.as_str(), time, 6, losses),
        _ => {}
    }
}

/// `time`, when it cannot be carried.
#[cold]
pub(crate) fn time_lost() -> Loss {
    Loss::new(
        LossClass::Meaning,
        "time",
        "timestamp-out-of-range",
        "in UTC the time is outside of the years 0000 to 9999; it is left out",
    )
}

/// The microseconds of the years 0000 to 9999.
const YEARS: std::ops::RangeInclusive<i64> = -62_167_219_200_000_000..=253_402_300_799_999_999;

/// Seconds, and nanoseconds beyond them.
#[inline]
fn split(micros: i64) -> (i64, u32) {
    // The remainder is less than a million.
    let nanosecond = (micros.rem_euclid(1_000_000) as u32).wrapping_mul(1000);
    (micros.div_euclid(1_000_000), nanosecond)
}

#[cold]
fn out_of_range() -> Error {
    Error::new(ErrorKind::InvalidTimestamp)
        .with_detail("it is outside of the years 0000 to 9999")
        .with_clause("CE-Type-System-l")
}

#[cold]
fn not_an_extension(name: &str) -> Error {
    let detail = if name.eq_ignore_ascii_case("specversion") {
        "the specversion is always 1.0 and not in the document"
    } else {
        "this attribute is a field of its own and no extension"
    };
    Error::new(ErrorKind::InvalidName).with_attribute(name).with_detail(detail).with_clause("AVROC-2.2-a")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timestamp_text(micros: i64) -> Result<String, Error> {
        let (seconds, nanosecond) = split(micros);
        Timestamp::format_utc(seconds, nanosecond).ok_or_else(out_of_range)
    }

    #[test]
    fn timestamps_are_those_of_core() {
        let days = (YEARS.start() / 86_400_000_000..=YEARS.end() / 86_400_000_000).step_by(13);
        for (at, day) in days.enumerate() {
            let second = day * 86_400 + (at as i64 * 7919) % 86_400;
            let fraction = [0, 1, 1000, 999_000, 999_999, 120][at % 6];
            let micros = second * 1_000_000 + fraction;
            let text = timestamp_text(micros).unwrap();
            assert_eq!(Some(&text), Timestamp::format_utc(second, fraction as u32 * 1000).as_ref());
            assert_eq!(to_micros(Timestamp::parse(&text).unwrap()), Some(micros));
        }
        for (micros, text) in [
            (*YEARS.start(), "0000-01-01T00:00:00Z"),
            (*YEARS.end(), "9999-12-31T23:59:59.999999Z"),
            (-1, "1969-12-31T23:59:59.999999Z"),
            (1_685_121_689_691_000, "2023-05-26T17:21:29.691Z"),
        ] {
            assert_eq!(timestamp_text(micros).unwrap(), text);
        }
        for out in [YEARS.start() - 1, YEARS.end() + 1, i64::MIN, i64::MAX] {
            assert_eq!(timestamp_text(out).unwrap_err().kind(), ErrorKind::InvalidTimestamp);
        }
    }
}
