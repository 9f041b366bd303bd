//! The instants that timestamps name.

/// The instant that a timestamp of RFC 3339 names, to its last digit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instant {
    /// Minutes since 1970 in UTC. Seconds are separate, so that a leap second differs from the seconds around it.
    minutes: i64,
    second: i64,
    /// The digits of the fraction, without zeros at its end.
    fraction: String,
}

impl Instant {
    /// Parses an RFC 3339 timestamp.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (year, text) = number(text, 4, 0..=9999)?;
        let (month, text) = number(text.strip_prefix('-')?, 2, 1..=12)?;
        let (day, text) = number(text.strip_prefix('-')?, 2, 1..=days_in(month, year))?;
        let (hour, text) = number(text.strip_prefix(['T', 't'])?, 2, 0..=23)?;
        let (minute, text) = number(text.strip_prefix(':')?, 2, 0..=59)?;
        let (second, text) = number(text.strip_prefix(':')?, 2, 0..=60)?;
        let (fraction, text) = match text.strip_prefix('.') {
            Some(text) => text.split_at_checked(text.find(|digit: char| !digit.is_ascii_digit())?)?,
            None => ("0", text),
        };
        if fraction.is_empty() {
            return None;
        }
        let minutes = (days_before(year, month, day) * 24 + hour) * 60 + minute - offset(text)?;
        Some(Instant { minutes, second, fraction: fraction.trim_end_matches('0').to_owned() })
    }

    /// Milliseconds since 1970, if it names a whole millisecond outside a leap second.
    pub(crate) fn whole_milliseconds(&self) -> Option<i64> {
        let fraction: i64 = format!("{:0<3}", self.fraction).parse().ok()?;
        let is_whole = self.fraction.len() <= 3 && self.second < 60;
        is_whole.then_some((self.minutes * 60 + self.second) * 1000 + fraction)
    }

    /// Seconds since 1970, and nanoseconds of the second, if it names a whole nanosecond outside a leap second.
    pub(crate) fn seconds_and_nanoseconds(&self) -> Option<(i64, i64)> {
        let nanoseconds: i64 = format!("{:0<9}", self.fraction).parse().ok()?;
        let is_whole = self.fraction.len() <= 9 && self.second < 60;
        is_whole.then_some((self.minutes * 60 + self.second, nanoseconds))
    }

    /// Seconds since 1970, if it names a whole second that is no leap second.
    pub(crate) fn whole_seconds(&self) -> Option<i64> {
        (self.fraction.is_empty() && self.second < 60).then_some(self.minutes * 60 + self.second)
    }
}

/// The offset from UTC in minutes.
fn offset(text: &str) -> Option<i64> {
    if let "Z" | "z" = text {
        return Some(0);
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, text) = number(text, 2, 0..=23)?;
    let (minutes, text) = number(text.strip_prefix(':')?, 2, 0..=59)?;
    text.is_empty().then_some(sign * (hours * 60 + minutes))
}

/// Splits a number of exactly `digits` digits from the front of the text.
fn number(text: &str, digits: usize, range: std::ops::RangeInclusive<i64>) -> Option<(i64, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let number = number.bytes().all(|digit| digit.is_ascii_digit()).then(|| number.parse().ok())??;
    range.contains(&number).then_some((number, rest))
}

fn days_in(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let whole = |year: i64| year * 365 + (year + 3) / 4 - (year + 99) / 100 + (year + 399) / 400;
    let months: i64 = (1..month).map(|month| days_in(month, year)).sum();
    whole(year) - whole(1970) + months + day - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_what_timestamps_name() {
        for same in [
            &[
                "2018-04-05T17:31:00Z",
                "2018-04-05t17:31:00z",
                "2018-04-05T17:31:00.000Z",
                "2018-04-05T17:31:00-00:00",
            ][..],
            &["2018-04-05T18:31:00.120+01:00", "2018-04-05T17:31:00.12Z", "2018-04-05T12:01:00.1200-05:30"],
            &["2024-02-29T23:30:00Z", "2024-03-01T00:30:00+01:00"],
            &["2100-02-28T23:30:00Z", "2100-03-01T00:30:00+01:00"],
            &["1999-12-31T23:30:00Z", "2000-01-01T00:30:00+01:00"],
            &["0000-12-31T23:30:00Z", "0001-01-01T00:30:00+01:00"],
            &["1990-12-31T23:59:60Z", "1990-12-31T15:59:60-08:00"],
        ] {
            for text in same {
                assert!(Instant::parse(text).is_some(), "{text}");
                assert_eq!(Instant::parse(text), Instant::parse(same[0]), "{text}");
            }
        }
    }

    #[test]
    fn every_digit_counts() {
        let instant = Instant::parse("2016-12-31T23:59:60Z");
        for text in [
            "2017-01-01T00:00:00Z",
            "2016-12-31T23:59:59Z",
            "2016-12-31T23:59:60.000000000001Z",
            "2016-12-30T23:59:60Z",
            "2016-12-31T23:59:60+00:01",
        ] {
            assert!(Instant::parse(text).is_some(), "{text}");
            assert_ne!(Instant::parse(text), instant, "{text}");
        }
    }

    #[test]
    fn days_are_counted_from_1970() {
        for (text, days) in
            [("1970-01-01", 0), ("1969-12-31", -1), ("2000-03-01", 11017), ("0000-01-01", -719_528)]
        {
            let instant = Instant::parse(&format!("{text}T00:00:00Z")).unwrap();
            assert_eq!(instant.minutes, days * 24 * 60, "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_timestamps() {
        for text in [
            "",
            "2018-04-05",
            "2018-04-05T17:31Z",
            "2018-04-05T17:31:00",
            "2018-04-05 17:31:00Z",
            "2018-04-05T17:31:00.Z",
            "2018-04-05T17:31:00.1",
            "2018-04-05T17:31:61Z",
            "2018-04-05T24:00:00Z",
            "2018-02-29T00:00:00Z",
            "2018-13-01T00:00:00Z",
            "2018-00-01T00:00:00Z",
            "+2018-04-05T17:31:00Z",
            "2018-04-05T17:31:00+24:00",
            "2018-04-05T17:31:00+05",
            "2018-04-05T17:31:00+05:00:30",
            "2018-04-05T17:31:00Zx",
            "é018-04-05T17:31:00Z",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
