//! Changes of the values of templates.

use cloudevents_core::Timestamp;

/// A change of a value, by its name behind `|`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// `without-fragment`: the value ends before `#`.
    WithoutFragment,
    /// `without-last-segment`: the value ends before the last `/`.
    WithoutLastSegment,
    /// `spaced-time`: `2015-05-17 18:21:36 UTC`, as GitLab writes it, becomes a timestamp.
    SpacedTime,
    /// `epoch-seconds` and the like: a number of units since 1970 becomes a timestamp in UTC.
    Epoch {
        /// Nanoseconds of a unit.
        unit: i128,
    },
}

const NAMES: [(&str, Change); 7] = [
    ("epoch-microseconds", Change::Epoch { unit: 1_000 }),
    ("epoch-milliseconds", Change::Epoch { unit: 1_000_000 }),
    ("epoch-nanoseconds", Change::Epoch { unit: 1 }),
    ("epoch-seconds", Change::Epoch { unit: SECOND }),
    ("spaced-time", Change::SpacedTime),
    ("without-fragment", Change::WithoutFragment),
    ("without-last-segment", Change::WithoutLastSegment),
];

const SECOND: i128 = 1_000_000_000;

impl Change {
    /// Errors name the changes.
    pub(crate) fn parse(name: &str) -> Result<Self, String> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, change)| *change).ok_or_else(|| {
            let known: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
            let known = known.join(", ");
            format!(
                "an unknown change: `{name}`; changes are {known}, and the first of two places is `{{a, b}}`"
            )
        })
    }

    /// Why a value stays as it is, behind "it is".
    pub(crate) fn lacking(self) -> &'static str {
        match self {
            Self::WithoutFragment => "no text",
            Self::WithoutLastSegment => "a value without `/`",
            Self::SpacedTime => "no time such as `2015-05-17 18:21:36 UTC`",
            Self::Epoch { .. } => {
                "no number of these units since 1970: a number has no exponent, at most nine fractional digits and no part of a nanosecond, and the time is before the year 10000"
            }
        }
    }

    /// Whether the change leaves out a part of this value.
    pub(crate) fn cuts(self, value: &str) -> bool {
        matches!(self, Self::WithoutFragment | Self::WithoutLastSegment)
            && self.apply(value).is_some_and(|rest| rest != value)
    }

    /// `None` for a value that stays as it is, because it cannot be changed.
    pub(crate) fn apply(self, value: &str) -> Option<String> {
        match self {
            Self::WithoutFragment => value.split('#').next().map(str::to_owned),
            Self::WithoutLastSegment => value.rsplit_once('/').map(|(before, _)| before.to_owned()),
            Self::SpacedTime => spaced(value),
            Self::Epoch { unit } => timestamp(value, unit),
        }
    }
}

/// A number without an exponent, with up to nine fractional digits, and no part of a nanosecond.
fn timestamp(value: &str, unit: i128) -> Option<String> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    if fraction.len() > 9 || !whole.ends_with(|last: char| last.is_ascii_digit()) {
        return None;
    }
    let billionths: i128 = format!("{whole}{fraction:0<9}").parse().ok()?;
    let scaled = billionths.checked_mul(unit)?;
    let nanoseconds = scaled.checked_div(SECOND).filter(|_| scaled.checked_rem(SECOND) == Some(0))?;
    let seconds = i64::try_from(nanoseconds.checked_div_euclid(SECOND)?).ok()?;
    let rest = u32::try_from(nanoseconds.checked_rem_euclid(SECOND)?).ok()?;
    Timestamp::format_utc(seconds, rest)
}

/// A date, a time, and `UTC` or an offset such as `+0200`, with spaces between them.
fn spaced(value: &str) -> Option<String> {
    let (date, rest) = value.split_once(' ')?;
    let (time, offset) = rest.split_once(' ')?;
    let offset = match offset.split_at_checked(3) {
        Some(("UTC", "")) => "Z".to_owned(),
        Some((hours, minutes)) => format!("{hours}:{}", minutes.trim_start_matches(':')),
        None => return None,
    };
    let timestamp = format!("{date}T{time}{offset}");
    Timestamp::parse(&timestamp).is_ok().then_some(timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_spaces_and_ends_of_urls() {
        let changed = |change: &str, value: &str| Change::parse(change).unwrap().apply(value);
        for (value, wanted) in [
            ("2015-05-17 18:21:36 UTC", Some("2015-05-17T18:21:36Z")),
            ("2013-12-03 17:23:34 +0200", Some("2013-12-03T17:23:34+02:00")),
            ("2013-12-03 17:23:34.5 -03:30", Some("2013-12-03T17:23:34.5-03:30")),
            ("2015-05-17T18:21:36Z", None),
            ("2015-05-17 18:21:36", None),
            ("2015-05-17 18:21:36 CET", None),
            ("2015-05-17 25:21:36 UTC", None),
            ("a b é", None),
            (" ", None),
        ] {
            assert_eq!(changed("spaced-time", value).as_deref(), wanted, "{value}");
        }
        let users = changed("without-last-segment", "https://api.github.com/users/octocat");
        assert_eq!(users.as_deref(), Some("https://api.github.com/users"));
        assert_eq!(changed("without-last-segment", "octocat"), None);
    }

    /// `date -u -d @SECONDS +%FT%T.%NZ` of coreutils.
    #[test]
    fn times_since_1970() {
        for (change, value, wanted) in [
            ("epoch-seconds", "1700000000", "2023-11-14T22:13:20Z"),
            ("epoch-seconds", "1545084650.987", "2018-12-17T22:10:50.987Z"),
            ("epoch-seconds", "-1.5", "1969-12-31T23:59:58.500Z"),
            ("epoch-milliseconds", "1700000000123", "2023-11-14T22:13:20.123Z"),
            ("epoch-milliseconds", "-1", "1969-12-31T23:59:59.999Z"),
            ("epoch-milliseconds", "1700000000123.123456", "2023-11-14T22:13:20.123123456Z"),
            ("epoch-nanoseconds", "1700000000123456789.0", "2023-11-14T22:13:20.123456789Z"),
            ("epoch-microseconds", "1700000000123456", "2023-11-14T22:13:20.123456Z"),
            ("epoch-nanoseconds", "1700000000123456789", "2023-11-14T22:13:20.123456789Z"),
        ] {
            let changed = Change::parse(change).unwrap().apply(value);
            assert_eq!(changed.as_deref(), Some(wanted), "{change} {value}");
        }
        for stays in [
            "",
            "yesterday",
            "1e9",
            "2023-11-14T22:13:20Z",
            "1.0000000001",
            "99999999999999",
            "9".repeat(99).as_str(),
        ] {
            assert_eq!(Change::parse("epoch-seconds").unwrap().apply(stays), None, "{stays}");
        }
        for (change, value) in [
            ("epoch-milliseconds", "1700000000123.1234567"),
            ("epoch-milliseconds", "-1.0000001"),
            ("epoch-nanoseconds", "1700000000123456789.5"),
        ] {
            assert_eq!(Change::parse(change).unwrap().apply(value), None, "{change} {value}");
        }
        assert!(Change::parse("lower").unwrap_err().contains("epoch-milliseconds"));
    }
}
