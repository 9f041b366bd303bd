//! Timestamps: the SDK holds a point in time in UTC with nanoseconds, without its spelling.

use crate::lost::Lost;
use cloudevents_core::{LossClass, Timestamp};

/// Formats a point in time of the SDK: UTC, `Z`, the fewest fractional digits (0, 3, 6 or 9) that are exact.
///
/// The SDK formats its timestamps in the same way. `nanosecond` includes leap seconds as in `chrono`: 1,000,000,000 and more are
/// second 60. Returns `None` outside the years 0000 to 9999.
pub(crate) fn spell(seconds: i64, nanosecond: u32) -> Option<String> {
    let Some(within) = nanosecond.checked_sub(1_000_000_000) else {
        return Timestamp::format_utc(seconds, nanosecond);
    };
    let mut text = Timestamp::format_utc(seconds, within)?;
    // `yyyy-mm-ddThh:mm:59`: chrono allows leap seconds nowhere else.
    if text.get(17..19) == Some("59") {
        text.replace_range(17..19, "60");
    }
    Some(text)
}

/// The spelling in which a timestamp converts back, and the losses. `None` if it cannot be carried at all.
pub(crate) fn carried(time: Timestamp<'_>) -> Option<(String, Vec<Lost>)> {
    let instant = time.instant();
    let text = if instant.leap_second {
        spell(instant.seconds.wrapping_sub(1), instant.nanosecond().wrapping_add(1_000_000_000))?
    } else {
        spell(instant.seconds, instant.nanosecond())?
    };
    let mut losses = Vec::new();
    let mut lose = |kind, detail| losses.push(Lost::new(LossClass::Meaning, "time", kind, detail));
    if time.offset_minutes() != 0 {
        lose("offset", "it becomes the same point in time in UTC");
    }
    if instant.is_finer_than(9) {
        lose("precision", "digits beyond nanoseconds are cut off");
    }
    if losses.is_empty() && text != time.as_str() {
        let detail = "it becomes the same point in time in another spelling";
        losses.push(Lost::new(LossClass::Spelling, "time", "spelling", detail));
    }
    Some((text, losses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling() {
        for (seconds, nanosecond, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (0, 120_000_000, "1970-01-01T00:00:00.120Z"),
            (0, 1, "1970-01-01T00:00:00.000000001Z"),
            (1_483_228_799, 1_000_000_000, "2016-12-31T23:59:60Z"),
            (1_483_228_799, 1_500_000_000, "2016-12-31T23:59:60.500Z"),
        ] {
            assert_eq!(spell(seconds, nanosecond).as_deref(), Some(text));
        }
        assert_eq!(spell(-62_167_219_201, 0), None);
        assert_eq!(spell(253_402_300_800, 0), None);
        assert_eq!(spell(0, 2_000_000_000), None);
    }

    #[test]
    fn what_is_lost() {
        for (text, spelling, kinds) in [
            ("2018-04-05T17:31:00Z", Some("2018-04-05T17:31:00Z"), &[][..]),
            ("2018-04-05T17:31:00.000000001Z", Some("2018-04-05T17:31:00.000000001Z"), &[]),
            ("2016-12-31T23:59:60Z", Some("2016-12-31T23:59:60Z"), &[]),
            ("2016-12-31T23:59:60.250Z", Some("2016-12-31T23:59:60.250Z"), &[]),
            ("2018-04-05T17:31:00+02:00", Some("2018-04-05T15:31:00Z"), &["offset"]),
            ("2016-12-31T15:59:60-08:00", Some("2016-12-31T23:59:60Z"), &["offset"]),
            ("2018-04-05T17:31:00+00:00", Some("2018-04-05T17:31:00Z"), &["spelling"]),
            ("2018-04-05t17:31:00z", Some("2018-04-05T17:31:00Z"), &["spelling"]),
            ("2018-04-05T17:31:00.1Z", Some("2018-04-05T17:31:00.100Z"), &["spelling"]),
            ("2018-04-05T17:31:00.0000000001Z", Some("2018-04-05T17:31:00Z"), &["precision"]),
            (
                "2018-04-05T17:31:00.1234567891+00:30",
                Some("2018-04-05T17:01:00.123456789Z"),
                &["offset", "precision"],
            ),
            ("0000-01-01T00:00:00+23:59", None, &[]),
            ("9999-12-31T23:59:59-00:01", None, &[]),
        ] {
            let carried = carried(Timestamp::parse(text).unwrap());
            assert_eq!(carried.as_ref().map(|(carried, _)| carried.as_str()), spelling, "{text}");
            let losses = carried.map(|(_, losses)| losses).unwrap_or_default();
            let losses = Lost::into_losses(losses);
            assert_eq!(losses.iter().map(|loss| loss.kind()).collect::<Vec<_>>(), kinds, "{text}");
        }
    }
}
