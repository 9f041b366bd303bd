//! Timestamps: RFC 3339 text and the seconds and nanoseconds of `google.protobuf.Timestamp`.

use crate::wire::{Content, Reader, put_varint, varint_length, varint_tag, wrong_wire_type};
use cloudevents_core::{Error, Loss, Losses, Timestamp};

/// The fields of a `google.protobuf.Timestamp` that is in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Native {
    seconds: i64,
    nanos: u32,
}

/// 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z: the range that timestamp.proto allows.
const RANGE: core::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

const SECONDS: u8 = varint_tag(1);
const NANOS: u8 = varint_tag(2);

impl Native {
    /// What the message holds; `None` when it is out of range.
    pub(crate) fn read(mut message: Reader<'_>) -> Result<Option<Self>, Error> {
        let (mut seconds, mut nanos) = (0_i64, 0_i64);
        while let Some(field) = message.field()? {
            match (field.number, field.content) {
                (1, Content::Varint(number)) => seconds = number.cast_signed(),
                (2, Content::Varint(number)) => nanos = number.cast_signed(),
                (1, other) => return Err(wrong_wire_type("seconds", other, field.at)),
                (2, other) => return Err(wrong_wire_type("nanos", other, field.at)),
                _ => {}
            }
        }
        Ok(u32::try_from(nanos).ok().and_then(|nanos| Self::new(seconds, nanos)))
    }

    #[inline]
    fn new(seconds: i64, nanos: u32) -> Option<Self> {
        (RANGE.contains(&seconds) && nanos < 1_000_000_000).then_some(Self { seconds, nanos })
    }

    /// The length of the message.
    #[inline]
    pub(crate) fn length(self) -> usize {
        let field = |number: u64| if number == 0 { 0 } else { varint_length(number).saturating_add(1) };
        field(self.seconds.cast_unsigned()).saturating_add(field(self.nanos.into()))
    }

    /// Appends the message.
    #[inline]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        for (tag, number) in [(SECONDS, self.seconds.cast_unsigned()), (NANOS, self.nanos.into())] {
            if number != 0 {
                out.push(tag);
                put_varint(number, out);
            }
        }
    }

    /// The length of the text.
    #[inline]
    pub(crate) fn text_length(self) -> usize {
        match self.digits() {
            0 => 20,
            digits => digits.saturating_add(21),
        }
    }

    /// Appends the text: UTC, with the fewest of 0, 3, 6 or 9 digits that are exact.
    pub(crate) fn write_text(self, out: &mut String) {
        let text = self.digits_of();
        let length = match self.digits() {
            0 => 19,
            digits => digits.saturating_add(20),
        };
        // All of it is ASCII.
        out.push_str(text.get(..length).and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default());
        out.push('Z');
    }

    /// Digits of the fraction.
    #[inline]
    fn digits(self) -> usize {
        match self.nanos {
            0 => 0,
            n if n.is_multiple_of(1_000_000) => 3,
            n if n.is_multiple_of(1_000) => 6,
            _ => 9,
        }
    }

    /// `YYYY-MM-DDThh:mm:ss.nnnnnnnnn`, by Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[allow(clippy::arithmetic_side_effects)] // The seconds are in range, so nothing overflows.
    #[inline]
    fn digits_of(self) -> [u8; 29] {
        // From 0000-03-01 on, which lies before the range, everything is positive and fits 32 bits.
        let seconds = self.seconds + 719_468 * 86_400;
        let (days, second) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + u32::from(month <= 2);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        // The remainder is a digit.
        let digit = |number: u32, place: u32| b'0' + (number / place % 10) as u8;
        let tens = |number| digit(number, 10);
        let ones = |number| digit(number, 1);
        let mut text = *b"0000-00-00T00:00:00.000000000";
        text[0] = digit(year, 1000);
        text[1] = digit(year, 100);
        (text[2], text[3]) = (tens(year), ones(year));
        (text[5], text[6]) = (tens(month), ones(month));
        (text[8], text[9]) = (tens(day), ones(day));
        (text[11], text[12]) = (tens(hour), ones(hour));
        (text[14], text[15]) = (tens(minute), ones(minute));
        (text[17], text[18]) = (tens(second), ones(second));
        let mut nanos = self.nanos;
        if nanos != 0 {
            for place in text.iter_mut().skip(20).rev() {
                *place = ones(nanos);
                nanos /= 10;
            }
        }
        text
    }
}

/// What the message holds of a timestamp, and whether that is all of it.
#[derive(Clone, Copy)]
pub(crate) struct Carried {
    /// `None` when it is out of range. A leap second is the first second of the next minute.
    pub(crate) native: Option<Native>,
    exact: bool,
}

impl Carried {
    #[inline]
    pub(crate) fn of(timestamp: Timestamp<'_>) -> Self {
        let instant = timestamp.instant();
        let nanos = if instant.fraction.is_empty() { 0 } else { instant.nanosecond() };
        let native = Native::new(instant.seconds, nanos);
        let exact = native.is_some()
            && timestamp.as_str().ends_with(['Z', 'z'])
            && instant.fraction.len() <= 9
            && !instant.leap_second;
        Self { native, exact }
    }

    /// Tells what is not carried of the timestamp of this attribute.
    #[inline]
    pub(crate) fn losses(self, name: &str, timestamp: Timestamp<'_>, losses: &mut Losses) {
        if !self.exact {
            self.tell(name, timestamp, losses);
        }
    }

    #[cold]
    fn tell(self, name: &str, timestamp: Timestamp<'_>, losses: &mut Losses) {
        let mut report = |kind, detail| losses.push(Loss::new(name, kind, detail));
        if self.native.is_none() {
            return report(
                "timestamp-out-of-range",
                "a protobuf Timestamp holds the years 0001 to 9999; the attribute is left out",
            );
        }
        let instant = timestamp.instant();
        if timestamp.offset_minutes() != 0 {
            report("timestamp-offset", "the offset from UTC is not carried");
        }
        if instant.is_finer_than(9) {
            report("timestamp-digits", "digits beyond nanoseconds are not carried");
        }
        if instant.leap_second {
            report("leap-second", "a leap second becomes the first second of the next minute");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: i64, nanos: u32) -> Option<String> {
        let native = Native::new(seconds, nanos)?;
        let mut text = String::new();
        native.write_text(&mut text);
        assert_eq!(text.len(), native.text_length());
        assert_eq!(Carried::of(Timestamp::parse(&text).unwrap()).native, Some(native));
        Some(text)
    }

    #[test]
    fn the_text_is_that_of_core() {
        let mut seconds = *RANGE.start();
        let mut step = 1;
        while RANGE.contains(&seconds) {
            for nanos in [0, 1, 120, 1_000, 123_456_000, 120_000_000, 999_999_999] {
                assert_eq!(text(seconds, nanos), Timestamp::format_utc(seconds, nanos), "{seconds} {nanos}");
            }
            step = (step * 5 + 3) % 40_000_007;
            seconds += step + 86_399;
        }
        assert_eq!(text(*RANGE.start(), 0).unwrap(), "0001-01-01T00:00:00Z");
        assert_eq!(text(*RANGE.end(), 999_999_999).unwrap(), "9999-12-31T23:59:59.999999999Z");
        assert_eq!(text(951_782_400, 0).unwrap(), "2000-02-29T00:00:00Z");
    }

    #[test]
    fn what_is_out_of_range() {
        assert_eq!(Native::new(RANGE.start() - 1, 0), None);
        assert_eq!(Native::new(RANGE.end() + 1, 0), None);
        assert_eq!(Native::new(0, 1_000_000_000), None);
    }

    #[test]
    fn losses_are_told() {
        for (text, kinds) in [
            ("2018-04-05T17:31:00Z", &[][..]),
            ("2018-04-05t17:31:00.1z", &[]),
            ("2018-04-05T17:31:00+00:00", &[]),
            ("2018-04-05T17:31:00.123456789000Z", &[]),
            ("2018-04-05T17:31:00.1234567890001Z", &["timestamp-digits"]),
            ("2018-04-05T17:31:00-00:30", &["timestamp-offset"]),
            ("1990-12-31T23:59:60Z", &["leap-second"]),
            (
                "1990-12-31T15:59:60.0000000001-08:00",
                &["timestamp-offset", "timestamp-digits", "leap-second"],
            ),
            ("0000-12-31T23:59:59Z", &["timestamp-out-of-range"]),
            ("0001-01-01T00:00:00+01:00", &["timestamp-out-of-range"]),
            ("9999-12-31T23:59:60Z", &["timestamp-out-of-range"]),
        ] {
            let (timestamp, mut losses) = (Timestamp::parse(text).unwrap(), Losses::none());
            Carried::of(timestamp).losses("time", timestamp, &mut losses);
            assert_eq!(losses.iter().map(Loss::kind).collect::<Vec<_>>(), kinds, "{text}");
        }
    }
}
