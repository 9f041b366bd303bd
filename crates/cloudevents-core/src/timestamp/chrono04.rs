//! Conversions from and to `chrono` 0.4.

use super::{Timestamp, ToTimestamp, as_value, format_with_offset, hand_over, out_of_range};
use crate::{Error, ErrorKind, FromValue, ToValue, Value};
use alloc::format;
use chrono::{DateTime, FixedOffset, Offset, TimeZone, Utc};

impl<Z: TimeZone> ToTimestamp for DateTime<Z> {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        let seconds = self.offset().fix().local_minus_utc();
        let minutes = i16::try_from(seconds / 60).ok().filter(|_| seconds % 60 == 0);
        let nanosecond = self.timestamp_subsec_nanos();
        // chrono counts a leap second as nanoseconds beyond a full second.
        if nanosecond >= 1_000_000_000 {
            return use_it(Err(Error::new(ErrorKind::InvalidTimestamp)
                .with_detail(format!("{self:?} is a leap second, which is not converted"))
                .with_help("give it as text, such as 2016-12-31T23:59:60Z")));
        }
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

impl<Z: TimeZone> ToValue for DateTime<Z> {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        as_value(self, use_it)
    }
}

impl FromValue<'_> for DateTime<FixedOffset> {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Timestamp::from_value(value)?.try_into()
    }
}

impl FromValue<'_> for DateTime<Utc> {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Timestamp::from_value(value)?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_attributes() {
        let text = "2018-04-05T17:31:00Z";
        let moment = DateTime::<Utc>::try_from(Timestamp::parse(text).unwrap()).unwrap();
        let none: Option<DateTime<Utc>> = None;
        let builder = crate::Event::builder().id("1").source("/s").ty("t").time(moment);
        let event = builder.extension("at", Some(moment)).extension("none", none).build().unwrap();
        assert_eq!(event.time().unwrap(), *text);
        assert_eq!(event.extension("at"), Some(Value::Timestamp(Timestamp::parse(text).unwrap())));
        assert_eq!(event.extension_as::<DateTime::<Utc>>("at").unwrap(), Some(moment));
        assert_eq!(event.extensions().len(), 1);
    }

    #[test]
    fn a_leap_second_is_refused_as_one() {
        let moment = DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap();
        let error = crate::Event::builder().id("1").source("/s").ty("t").time(moment).build().unwrap_err();
        let error = &error.errors()[0];
        assert_eq!(error.detail(), "2016-12-31T23:59:60.500Z is a leap second, which is not converted");
        assert_eq!(error.help(), Some("give it as text, such as 2016-12-31T23:59:60Z"));
    }

    #[test]
    fn there_and_back() {
        for text in
            ["2018-04-05T17:31:00Z", "2018-04-05T17:31:00.123456789+05:30", "1969-12-31T22:30:00.500-01:30"]
        {
            let moment = DateTime::<FixedOffset>::try_from(Timestamp::parse(text).unwrap()).unwrap();
            moment.with_timestamp(|timestamp| assert_eq!(timestamp.unwrap().unwrap().as_str(), text));
        }
    }
}
