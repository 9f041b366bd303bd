//! Conversions from and to `time` 0.3.

use super::{Timestamp, ToTimestamp, as_value, format_with_offset, hand_over, out_of_range};
use crate::{Error, FromValue, ToValue, Value};
use time::{Duration, OffsetDateTime, UtcOffset};

impl ToTimestamp for OffsetDateTime {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        let (hours, minutes, seconds) = self.offset().as_hms();
        let offset = i16::from(hours).wrapping_mul(60).wrapping_add(minutes.into());
        let text =
            format_with_offset(self.unix_timestamp(), self.nanosecond(), offset).filter(|_| seconds == 0);
        hand_over(text, use_it)
    }
}

/// Digits beyond nanoseconds are cut off, and a leap second becomes the second after it.
impl TryFrom<Timestamp<'_>> for OffsetDateTime {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        let refuse = |_| out_of_range("time::OffsetDateTime");
        let instant = timestamp.instant();
        let offset = UtcOffset::from_whole_seconds(i32::from(timestamp.offset_minutes()).wrapping_mul(60))
            .map_err(refuse)?;
        let utc = OffsetDateTime::from_unix_timestamp(instant.seconds).map_err(refuse)?;
        utc.checked_add(Duration::nanoseconds(instant.nanosecond().into()))
            .and_then(|utc| utc.checked_to_offset(offset))
            .ok_or_else(|| out_of_range("time::OffsetDateTime"))
    }
}

impl ToValue for OffsetDateTime {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        as_value(self, use_it)
    }
}

impl FromValue<'_> for OffsetDateTime {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Timestamp::from_value(value)?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The type has offsets of up to 25 hours, and timestamps have not.
    #[test]
    fn an_offset_of_a_day_is_a_mistake() {
        for (hours, is_valid) in [(23, true), (-23, true), (24, false), (25, false), (-24, false)] {
            let offset = UtcOffset::from_hms(hours, 0, 0).unwrap();
            let moment = OffsetDateTime::UNIX_EPOCH.checked_add(Duration::days(2)).unwrap().to_offset(offset);
            let builder = || crate::Event::builder().id("1").source("/s").ty("t");
            assert_eq!(builder().time(moment).build().is_ok(), is_valid, "{hours}");
            assert_eq!(builder().extension("at", moment).build().is_ok(), is_valid, "{hours}");
        }
    }

    #[test]
    fn as_attributes() {
        let text = "2018-04-05T17:31:00Z";
        let moment = OffsetDateTime::try_from(Timestamp::parse(text).unwrap()).unwrap();
        let none: Option<OffsetDateTime> = None;
        let builder = crate::Event::builder().id("1").source("/s").ty("t").time(moment);
        let event = builder.extension("at", Some(moment)).extension("none", none).build().unwrap();
        assert_eq!(event.time().unwrap(), *text);
        assert_eq!(event.extension("at"), Some(Value::Timestamp(Timestamp::parse(text).unwrap())));
        assert_eq!(event.extension_as::<OffsetDateTime>("at").unwrap(), Some(moment));
        assert_eq!(event.extensions().len(), 1);
    }

    #[test]
    fn there_and_back() {
        for text in
            ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.123456789+05:30", "1969-12-31T22:30:00.500-01:30"]
        {
            let moment = OffsetDateTime::try_from(Timestamp::parse(text).unwrap()).unwrap();
            moment.with_timestamp(|timestamp| assert_eq!(timestamp.unwrap().unwrap().as_str(), text));
        }
    }
}
