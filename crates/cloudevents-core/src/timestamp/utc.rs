//! Points in time as text, formatted without allocation.

/// A point in time in UTC: `YYYY-MM-DDThh:mm:ss`, a fraction with the fewest digits (0, 3, 6 or 9) that are exact, and `Z`.
#[derive(Clone, Copy)]
pub(crate) struct UtcText {
    text: [u8; Self::LONGEST],
    length: u8,
}

/// The two digits of 0 to 99.
#[allow(clippy::indexing_slicing)] // A constant: what is out of bounds does not compile.
const DIGITS: [[u8; 2]; 100] = {
    let mut digits = [[0; 2]; 100];
    let mut number = 0;
    while number < 100_u8 {
        digits[number as usize] = [b'0'.wrapping_add(number / 10), b'0'.wrapping_add(number % 10)];
        number = number.wrapping_add(1);
    }
    digits
};

/// From 0000-01-01T00:00:00Z to 9999-12-31T23:59:59Z.
const RANGE: core::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;

impl UtcText {
    /// The maximum length of the text.
    pub(crate) const LONGEST: usize = 30;

    /// `None` outside the years 0000 to 9999, or when `nanosecond` is 1,000,000,000 or more.
    ///
    /// The calendar is that of Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    #[inline]
    pub(crate) fn of(seconds: i64, nanosecond: u32) -> Option<Self> {
        let mut text = [0; Self::LONGEST];
        let length = Self::write(seconds, nanosecond, &mut text)?;
        Some(Self { text, length })
    }

    /// Writes the text to the beginning of a buffer and returns its length.
    #[inline]
    #[allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)] // Checked to be in range: nothing overflows.
    pub(crate) fn write(seconds: i64, nanosecond: u32, text: &mut [u8; Self::LONGEST]) -> Option<u8> {
        if !RANGE.contains(&seconds) || nanosecond >= 1_000_000_000 {
            return None;
        }
        // One era of 400 years is added, so that everything is positive; then the range fits 32 bits, counted in days.
        let seconds = seconds + (719_468 + 146_097) * 86_400;
        let (days, second) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
        let (era, day_of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = year_of_era + era * 400 + u32::from(month <= 2) - 400;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        *text = *b"0000-00-00T00:00:00.000000000Z";
        let mut put = |at: usize, number: u32| [text[at], text[at + 1]] = DIGITS[(number % 100) as usize];
        put(0, year / 100);
        put(2, year);
        put(5, month);
        put(8, day);
        put(11, hour);
        put(14, minute);
        put(17, second);
        let length = Self::length(nanosecond);
        if nanosecond != 0 {
            put(20, nanosecond / 10_000_000);
            put(22, nanosecond / 100_000);
            put(24, nanosecond / 1_000);
            put(26, nanosecond / 10);
            // The remainder is a digit.
            text[28] = b'0' + (nanosecond % 10) as u8;
        }
        text[usize::from(length) - 1] = b'Z';
        Some(length)
    }

    /// The length of the text.
    #[inline]
    pub(crate) fn length(nanosecond: u32) -> u8 {
        match nanosecond {
            0 => 20,
            n if n.is_multiple_of(1_000_000) => 24,
            n if n.is_multiple_of(1_000) => 27,
            _ => 30,
        }
    }

    /// The text, which is ASCII.
    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.text.get(..self.length.into()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn as_str(&self) -> &str {
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}
