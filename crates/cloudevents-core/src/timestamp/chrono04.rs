//! Conversions from and to `chrono` 0.4.

use super::{Timestamp, ToTimestamp, format_with_offset, hand_over, out_of_range};
use crate::Error;
use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};

impl<Z: TimeZone> ToTimestamp for DateTime<Z> {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Timestamp<'_>, Error>) -> R) -> R {
        let seconds = self.offset().fix().local_minus_utc();
        let minutes = i16::try_from(seconds / 60).ok().filter(|_| seconds % 60 == 0);
        // chrono counts a leap second as nanoseconds beyond a full second: those have no common spelling here.
        let nanosecond = self.timestamp_subsec_nanos();
        hand_over(
            minutes.and_then(|minutes| format_with_offset(self.timestamp(), nanosecond, minutes)),
            use_it,
        )
    }
}

/// Digits beyond nanoseconds are cut off, and a leap second becomes the second after it.
impl TryFrom<Timestamp<'_>> for DateTime<FixedOffset> {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        let offset = FixedOffset::east_opt(i32::from(timestamp.offset_minutes()).wrapping_mul(60));
        let utc = DateTime::<Utc>::try_from(timestamp)?;
        offset.map(|offset| utc.with_timezone(&offset)).ok_or_else(|| out_of_range("chrono::DateTime"))
    }
}

/// Like the conversion to a [`FixedOffset`], with the offset dropped.
impl TryFrom<Timestamp<'_>> for DateTime<Utc> {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        let instant = timestamp.instant();
        DateTime::from_timestamp(instant.seconds, instant.nanosecond())
            .ok_or_else(|| out_of_range("chrono::DateTime"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        for text in
            ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.123456789+05:30", "1969-12-31T22:30:00.500-01:30"]
        {
            let moment = DateTime::<FixedOffset>::try_from(Timestamp::parse(text).unwrap()).unwrap();
            moment.with_timestamp(|timestamp| assert_eq!(timestamp.unwrap().as_str(), text));
        }
    }
}
