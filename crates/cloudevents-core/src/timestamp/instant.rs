//! Points in time, compared by value.

use alloc::boxed::Box;
use core::cmp::Ordering;

/// A point in time, with all the digits of the timestamp it came from.
///
/// Equality, order and hash use the point in time: offsets, letter case and trailing zeros of the fraction make no difference.
/// A leap second comes after the second before it, and before the first second of the next minute.
///
/// ```
/// use cloudevents_core::Timestamp;
///
/// let instant = |text| Timestamp::parse(text).map(Timestamp::instant);
/// assert_eq!(instant("2020-01-01T10:00:00.5Z")?, instant("2020-01-01T12:00:00.50+02:00")?);
/// assert!(instant("2020-01-01T10:00:00.5Z")? < instant("2020-01-01T10:00:00.5000000000001Z")?);
///
/// let instant = instant("1970-01-01T00:00:01.5000000001Z")?;
/// assert_eq!((instant.seconds, instant.nanosecond()), (1, 500_000_000));
/// assert!(instant.is_finer_than(9));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Instant {
    /// Seconds since 1970-01-01T00:00:00Z, not counting leap seconds: second 60 counts as the first second of the next minute.
    pub seconds: i64,
    /// Whether the timestamp names a leap second (`:60`).
    pub leap_second: bool,
    nanosecond: u32,
    /// The digits after the ninth, without trailing zeros.
    finer: Box<str>,
}

impl Instant {
    #[inline]
    pub(super) fn new(seconds: i64, fraction: &str, leap_second: bool) -> Self {
        // The factor for digits that are missing from nine.
        const ZEROS: [u32; 10] =
            [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        let number = fraction.bytes().take(9).fold(0, |number: u32, digit| {
            number.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')))
        });
        let nanosecond = number.wrapping_mul(ZEROS.get(fraction.len().min(9)).copied().unwrap_or_default());
        let finer = fraction.get(9..).unwrap_or_default().trim_end_matches('0');
        Self { seconds, leap_second, nanosecond, finer: finer.into() }
    }

    /// The fraction in nanoseconds, 0 to 999,999,999. Further digits are cut off.
    #[inline]
    pub fn nanosecond(&self) -> u32 {
        self.nanosecond
    }

    /// Whether the fraction has non-zero digits after this many places.
    pub fn is_finer_than(&self, places: usize) -> bool {
        match u32::try_from(places) {
            // A remainder of the nanoseconds, or more digits.
            Ok(places @ 0..9) => {
                !self.finer.is_empty()
                    || !self.nanosecond.is_multiple_of(10_u32.pow(9_u32.wrapping_sub(places)))
            }
            _ => self.finer.len() > places.wrapping_sub(9),
        }
    }
}

impl Ord for Instant {
    fn cmp(&self, other: &Self) -> Ordering {
        // A leap second has the number of the second after it. Digits as text compare like fractions.
        let key = |instant: &Self| (instant.seconds, !instant.leap_second, instant.nanosecond);
        key(self).cmp(&key(other)).then_with(|| self.finer.cmp(&other.finer))
    }
}

impl PartialOrd for Instant {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use crate::{Instant, Timestamp};
    use std::collections::HashSet;

    fn instant(text: &str) -> Instant {
        Timestamp::parse(text).unwrap().instant()
    }

    #[test]
    fn one_point_in_time_has_many_spellings() {
        for same in [
            &["2020-01-01T10:00:00.5Z", "2020-01-01T12:00:00.50+02:00", "2020-01-01t10:00:00.5000000000000z"]
                [..],
            &["2016-12-31T23:59:60Z", "2017-01-01T00:59:60.000+01:00"],
            &["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.0Z", "2019-12-31T23:59:00-00:01"],
            &["2020-01-01T00:00:00.12345678901Z", "2020-01-01T00:00:00.123456789010Z"],
        ] {
            let set: HashSet<Instant> = same.iter().map(|text| instant(text)).collect();
            assert_eq!(set.len(), 1, "{same:?}");
        }
    }

    #[test]
    fn they_are_in_the_order_of_time() {
        let ascending = [
            "0000-01-01T00:00:00Z",
            "2016-12-31T23:59:59.999999999999Z",
            "2016-12-31T23:59:60Z",
            "2016-12-31T23:59:60.9Z",
            "2017-01-01T00:00:00Z",
            "2017-01-01T00:00:00.0000000001Z",
            "2017-01-01T00:00:00.00000000015Z",
            "2017-01-01T00:00:00.0000000002Z",
            "2017-01-01T00:00:00.000000001Z",
            "2017-01-01T00:00:00.1Z",
            "2017-01-01T00:00:00.15Z",
            "2017-01-01T00:00:00.2Z",
            "2017-01-01T00:00:00.5-01:00",
            "9999-12-31T23:59:59Z",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(instant(one).cmp(&instant(other)), at.cmp(&other_at), "{one} {other}");
            }
        }
    }

    #[test]
    fn digits_beyond_a_place() {
        for (fraction, least) in
            [("", 0), (".0", 0), (".5", 1), (".500", 1), (".000001", 6), (".00000000000200", 12)]
        {
            let instant = instant(&std::format!("2020-01-01T00:00:00{fraction}Z"));
            for places in (0..15).chain([usize::MAX]) {
                assert_eq!(instant.is_finer_than(places), places < least, "{fraction} {places}");
            }
        }
    }
}
