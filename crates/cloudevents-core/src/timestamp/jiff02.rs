//! Conversions from and to `jiff` 0.2.

use super::{Timestamp, ToTimestamp, as_value, format_with_offset, hand_over, out_of_range};
use crate::{Error, FromValue, ToValue, Value};
use jiff::{Zoned, tz::Offset};

impl ToTimestamp for jiff::Timestamp {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        hand_over(text_of(*self, 0), use_it)
    }
}

/// The offset of the zone at that moment is written; the name of the zone is not.
impl ToTimestamp for Zoned {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        let seconds = self.offset().seconds();
        let minutes = i16::try_from(seconds / 60).ok().filter(|_| seconds % 60 == 0);
        hand_over(minutes.and_then(|minutes| text_of(self.timestamp(), minutes)), use_it)
    }
}

/// Digits beyond nanoseconds are cut off, the offset is dropped, and a leap second becomes the second after it.
impl TryFrom<Timestamp<'_>> for jiff::Timestamp {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        let instant = timestamp.instant();
        let nanosecond = i32::try_from(instant.nanosecond()).unwrap_or_default();
        jiff::Timestamp::new(instant.seconds, nanosecond).map_err(|_| out_of_range("jiff::Timestamp"))
    }
}

/// Like the conversion to [`jiff::Timestamp`], with the offset kept.
impl TryFrom<Timestamp<'_>> for Zoned {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        let offset = Offset::from_seconds(i32::from(timestamp.offset_minutes()).wrapping_mul(60))
            .map_err(|_| out_of_range("jiff::Zoned"))?;
        Ok(jiff::Timestamp::try_from(timestamp)?.to_zoned(offset.to_time_zone()))
    }
}

fn text_of(timestamp: jiff::Timestamp, offset: i16) -> Option<alloc::string::String> {
    let nanoseconds = timestamp.as_nanosecond();
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    format_with_offset(seconds, u32::try_from(nanoseconds.rem_euclid(1_000_000_000)).ok()?, offset)
}

impl ToValue for jiff::Timestamp {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        as_value(self, use_it)
    }
}

impl ToValue for Zoned {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        as_value(self, use_it)
    }
}

impl FromValue<'_> for jiff::Timestamp {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Timestamp::from_value(value)?.try_into()
    }
}

impl FromValue<'_> for Zoned {
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
            let zone = jiff::tz::Offset::from_hours(hours).unwrap().to_time_zone();
            let moment = jiff::Timestamp::from_second(200_000).unwrap().to_zoned(zone);
            let builder = || crate::Event::builder().id("1").source("/s").ty("t");
            assert_eq!(builder().time(moment.clone()).build().is_ok(), is_valid, "{hours}");
            assert_eq!(builder().extension("at", moment.clone()).build().is_ok(), is_valid, "{hours}");
        }
    }

    #[test]
    fn as_attributes() {
        let text = "2018-04-05T17:31:00Z";
        let moment = jiff::Timestamp::try_from(Timestamp::parse(text).unwrap()).unwrap();
        let none: Option<jiff::Timestamp> = None;
        let builder = crate::Event::builder().id("1").source("/s").ty("t").time(moment);
        let event = builder.extension("at", Some(moment)).extension("none", none).build().unwrap();
        assert_eq!(event.time().unwrap(), *text);
        assert_eq!(event.extension("at"), Some(Value::Timestamp(Timestamp::parse(text).unwrap())));
        assert_eq!(event.extension_as::<jiff::Timestamp>("at").unwrap(), Some(moment));
        assert_eq!(event.extensions().len(), 1);
    }

    #[test]
    fn there_and_back() {
        for text in ["2018-04-05T17:31:00Z", "1969-12-31T22:30:00.500Z"] {
            let moment = jiff::Timestamp::try_from(Timestamp::parse(text).unwrap()).unwrap();
            moment.with_timestamp(|timestamp| assert_eq!(timestamp.unwrap().unwrap().as_str(), text));
        }
        let text = "2018-04-05T17:31:00.123456789+05:30";
        let zoned = Zoned::try_from(Timestamp::parse(text).unwrap()).unwrap();
        zoned.with_timestamp(|timestamp| assert_eq!(timestamp.unwrap().unwrap().as_str(), text));
    }
}
