//! RFC 3339 timestamps that keep their spelling.

#[cfg(feature = "chrono04")]
mod chrono04;
mod instant;
#[cfg(feature = "jiff02")]
mod jiff02;
#[cfg(feature = "std")]
mod system_time;
#[cfg(feature = "time03")]
mod time03;
mod to_timestamp;
mod usual;
mod utc;

pub use instant::Instant;
pub use to_timestamp::ToTimestamp;
#[cfg(any(feature = "std", feature = "time03", feature = "jiff02", feature = "chrono04"))]
use to_timestamp::{as_value, hand_over, out_of_range};
pub(crate) use utc::UtcText;

use crate::{Error, ErrorKind};
use alloc::{format, string::String};
use core::fmt;

/// An RFC 3339 date and time with its offset. It keeps its spelling: letter case, offset and every digit of the fraction.
///
/// Two `Timestamp`s are equal when their spelling is equal. To compare, sort or hash by point in time, use
/// [`instant`](Self::instant).
///
/// ```
/// use cloudevents_core::Timestamp;
///
/// let time = Timestamp::parse("2018-04-05T17:31:00.123456789012+05:30")?;
/// assert_eq!(time.as_str(), "2018-04-05T17:31:00.123456789012+05:30");
/// assert_eq!((time.offset_minutes(), time.fraction()), (330, "123456789012"));
/// let instant = time.instant();
/// assert_eq!((instant.seconds, instant.nanosecond()), (1_522_929_660, 123_456_789));
/// assert!(Timestamp::parse("2018-04-05T17:31Z").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamp<'a>(&'a str);

impl<'a> Timestamp<'a> {
    /// Checks the text. Errors are of kind [`InvalidTimestamp`](ErrorKind::InvalidTimestamp) (clause CE-Type-System-l).
    ///
    /// Lower-case `t` and `z` and leap seconds are valid in RFC 3339 and accepted.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        match read(text.as_bytes()) {
            Ok(_) => Ok(Self(text)),
            Err(detail) => Err(refuse(text, detail)),
        }
    }

    /// The timestamp exactly as it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The point in time, with all digits of the fraction. It borrows nothing.
    #[inline]
    pub fn instant(self) -> Instant {
        let fields = self.fields();
        let days = days_from_civil(fields.year.into(), fields.month.into(), fields.day.into());
        let minutes = i64::from(fields.hour).wrapping_mul(60).wrapping_add(fields.minute.into());
        let seconds = days
            .wrapping_mul(86_400)
            .wrapping_add(minutes.wrapping_sub(fields.offset.into()).wrapping_mul(60))
            .wrapping_add(fields.second.into());
        Instant::new(seconds, self.digits(fields), fields.second == 60)
    }

    /// The digits after the decimal point, as written. Empty without a decimal point.
    pub fn fraction(self) -> &'a str {
        self.digits(self.fields())
    }

    #[inline]
    fn digits(self, fields: Fields) -> &'a str {
        self.0.get(20..20_usize.wrapping_add(fields.fraction_digits)).unwrap_or_default()
    }

    /// The offset from UTC in minutes; 0 for `Z`.
    pub fn offset_minutes(self) -> i16 {
        self.fields().offset
    }

    /// Formats a point in time in UTC, with the fewest fractional digits (0, 3, 6 or 9) that are exact.
    ///
    /// `seconds` counts from 1970-01-01T00:00:00Z. Returns `None` outside the years 0000 to 9999, or when `nanosecond` is 1,000,000,000
    /// or more.
    pub fn format_utc(seconds: i64, nanosecond: u32) -> Option<String> {
        format_with_offset(seconds, nanosecond, 0)
    }

    /// For the text of an event's attribute, which was checked before.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }

    /// Whether a text is a timestamp.
    #[inline]
    pub(crate) fn is(text: &[u8]) -> bool {
        usual::is_usual(text) || read(text).is_ok()
    }

    #[inline]
    fn fields(self) -> Fields {
        read_known(self.0.as_bytes()).unwrap_or_default()
    }
}

/// Formats a point in time with an offset in minutes, east positive; `Z` when it is 0. `None` for an offset of a day or more, which date
/// types may have, and RFC 3339 has not.
pub(crate) fn format_with_offset(seconds: i64, nanosecond: u32, offset: i16) -> Option<String> {
    if offset.unsigned_abs() >= 24 * 60 {
        return None;
    }
    let local = seconds.checked_add(i64::from(offset).wrapping_mul(60))?;
    let mut text = String::from(UtcText::of(local, nanosecond)?.as_str());
    if offset != 0 {
        text.pop();
        let sign = if offset < 0 { '-' } else { '+' };
        let minutes = offset.unsigned_abs();
        text.push_str(&format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60));
    }
    Some(text)
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Fields {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    fraction_digits: usize,
    offset: i16,
}

const SHAPE: &str =
    "the form is YYYY-MM-DDThh:mm:ss, then an optional fraction, then Z or an offset such as +01:00";

/// `YYYY-MM-DDThh:mm:ss[.digits](Z|±hh:mm)`, each field in its range.
#[inline]
fn read(text: &[u8]) -> Result<Fields, &'static str> {
    let &[
        y0,
        y1,
        y2,
        y3,
        b'-',
        m0,
        m1,
        b'-',
        d0,
        d1,
        b'T' | b't',
        h0,
        h1,
        b':',
        n0,
        n1,
        b':',
        s0,
        s1,
        ref rest @ ..,
    ] = text
    else {
        return Err(SHAPE);
    };
    if !all_digits([y0, y1, y2, y3, m0, m1, d0, d1, h0, h1, n0, n1, s0, s1]) {
        return Err(SHAPE);
    }
    let fields = Fields {
        year: u16::from(two(y0, y1)).wrapping_mul(100).wrapping_add(two(y2, y3).into()),
        month: two(m0, m1),
        day: two(d0, d1),
        hour: two(h0, h1),
        minute: two(n0, n1),
        second: two(s0, s1),
        fraction_digits: 0,
        offset: 0,
    };
    if fields.month.wrapping_sub(1) > 11 {
        return Err("the month is not between 01 and 12");
    }
    if fields.day == 0 || fields.day > 28 && fields.day > days_in_month(fields.year, fields.month) {
        return Err(MONTH);
    }
    if fields.hour > 23 || fields.minute > 59 || fields.second > 60 {
        return Err("the time of day does not exist");
    }
    let (fraction_digits, zone) = match rest.strip_prefix(b".") {
        Some(after) => {
            let digits = after.iter().position(|b| !b.is_ascii_digit()).unwrap_or(after.len());
            (digits, after.get(digits..).unwrap_or_default())
        }
        None => (usize::MAX, rest),
    };
    if fraction_digits == 0 {
        return Err("a decimal point is followed by at least one digit");
    }
    let fraction_digits = if fraction_digits == usize::MAX { 0 } else { fraction_digits };
    let offset = match *zone {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] => {
            if !all_digits([h0, h1, m0, m1]) {
                return Err(SHAPE);
            }
            let (hours, minutes) = (two(h0, h1), two(m0, m1));
            if hours > 23 || minutes > 59 {
                return Err("the offset does not exist");
            }
            let offset = i16::from(hours).wrapping_mul(60).wrapping_add(minutes.into());
            if sign == b'-' { offset.wrapping_neg() } else { offset }
        }
        [] => return Err("the zone is missing: write Z or an offset such as +01:00"),
        _ => return Err(SHAPE),
    };
    if fields.second == 60 && !ends_a_utc_day_minute(&fields, offset) {
        return Err("a leap second comes only at 23:59:60 UTC");
    }
    Ok(Fields { fraction_digits, offset, ..fields })
}

/// The fields of a text that is known to be a timestamp.
#[inline]
fn read_known(text: &[u8]) -> Option<Fields> {
    let &[y0, y1, y2, y3, _, m0, m1, _, d0, d1, _, h0, h1, _, n0, n1, _, s0, s1, ref rest @ ..] = text else {
        return None;
    };
    let (offset, zone) = match *rest {
        [.., sign @ (b'+' | b'-'), h0, h1, _, m0, m1] => {
            let offset = i16::from(two(h0, h1)).wrapping_mul(60).wrapping_add(two(m0, m1).into());
            (if sign == b'-' { offset.wrapping_neg() } else { offset }, 6)
        }
        _ => (0, 1),
    };
    Some(Fields {
        year: u16::from(two(y0, y1)).wrapping_mul(100).wrapping_add(two(y2, y3).into()),
        month: two(m0, m1),
        day: two(d0, d1),
        hour: two(h0, h1),
        minute: two(n0, n1),
        second: two(s0, s1),
        // The rest without the zone and the decimal point.
        fraction_digits: rest.len().saturating_sub(zone).saturating_sub(1),
        offset,
    })
}

const MONTH: &str = "the day does not exist in that month";

/// Leap seconds are added at the end of a UTC day.
fn ends_a_utc_day_minute(fields: &Fields, offset: i16) -> bool {
    let local = i32::from(fields.hour).wrapping_mul(60).wrapping_add(fields.minute.into());
    local.wrapping_sub(offset.into()).rem_euclid(1440) == 1439
}

#[inline(always)]
fn all_digits<const N: usize>(bytes: [u8; N]) -> bool {
    bytes.iter().fold(true, |all, byte| all & byte.is_ascii_digit())
}

/// The value of two digits.
#[inline(always)]
fn two(tens: u8, ones: u8) -> u8 {
    tens.wrapping_sub(b'0').wrapping_mul(10).wrapping_add(ones.wrapping_sub(b'0'))
}

fn days_in_month(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, of the years 0 to 9999 (Howard Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms"). The arguments are in range, so nothing overflows.
#[allow(clippy::arithmetic_side_effects)]
#[inline]
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    // Years begin in March. One era of 400 years is added, so that everything is positive.
    let (year, month) = if month <= 2 { (year + 399, month + 9) } else { (year + 400, month - 3) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    i64::from(era * 146_097 + day_of_era) - (719_468 + 146_097)
}

#[cold]
fn refuse(text: &str, detail: &'static str) -> Error {
    let error = Error::new(ErrorKind::InvalidTimestamp).with_clause("CE-Type-System-l");
    if detail == MONTH
        && let (Some(year), Some(month)) = (number(text, 0..4), number(text, 5..7))
        && let Ok(month) = u8::try_from(month)
    {
        let name = MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or_default();
        return error
            .with_detail(format!("{name} {year} has {} days", days_in_month(year, month)))
            .with_help("write an existing date, or leave the attribute out");
    }
    error.with_detail(detail).with_help("write a timestamp such as 2018-04-05T17:31:00Z")
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn number(text: &str, range: core::ops::Range<usize>) -> Option<u16> {
    text.get(range)?.parse().ok()
}

impl fmt::Debug for Timestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Timestamp<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_timestamp() {
        for good in [
            "2018-04-05T17:31:00Z",
            "2018-04-05t17:31:00z",
            "2016-02-29T00:00:00.1-00:00",
            "1990-12-31T23:59:60Z",
            "1990-12-31T15:59:60-08:00",
            "0000-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59.9999999999999Z",
        ] {
            assert_eq!(Timestamp::parse(good).unwrap().as_str(), good);
            assert_eq!(read_known(good.as_bytes()), read(good.as_bytes()).ok(), "{good}");
        }
        for bad in [
            "",
            "2018-04-05",
            "2018-04-05T17:31Z",
            "2018-04-05T17:31:00",
            "2018-04-05T17:31:00+05",
            "2018-04-05T17:31:00+0530",
            "2018-04-05 17:31:00Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:00,5Z",
            "2018-04-05T24:00:00Z",
            "2018-04-05T17:60:00Z",
            "2018-13-05T17:31:00Z",
            "2018-00-05T17:31:00Z",
            "2018-04-00T17:31:00Z",
            "2018-04-31T17:31:00Z",
            "1900-02-29T17:31:00Z",
            "2018-04-05T17:31:60Z",
            "2018-04-05T17:31:61Z",
            "+12018-04-05T17:31:00Z",
            "2018-04-05T17:31:00+05:00:30",
            "2018-04-05T17:31:00Z ",
            "2018-04-05T17:31:00+24:00",
            "２018-04-05T17:31:00Z",
        ] {
            assert!(Timestamp::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
            ("2018-04-05T17:31:00+05:30", 1_522_929_660),
            ("1990-12-31T15:59:60-08:00", 662_688_000),
        ] {
            let instant = Timestamp::parse(text).unwrap().instant();
            assert_eq!(instant.seconds, seconds, "{text}");
            assert_eq!(instant.leap_second, text.contains(":60"), "{text}");
            if text.ends_with('Z') {
                assert_eq!(Timestamp::format_utc(seconds, 0).unwrap(), text);
            }
        }
        assert_eq!(Timestamp::format_utc(0, 120_000_000).unwrap(), "1970-01-01T00:00:00.120Z");
        assert_eq!(Timestamp::format_utc(253_402_300_800, 0), None);
        assert_eq!(Timestamp::format_utc(0, 1_000_000_000), None);
        assert_eq!(format_with_offset(0, 1, -90).unwrap(), "1969-12-31T22:30:00.000000001-01:30");
    }
}
