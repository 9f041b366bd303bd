//! Conversions from and to the standard library's `SystemTime`.

use super::{Instant, Timestamp, ToTimestamp, as_value, format_with_offset, hand_over, out_of_range};
use crate::{Error, FromValue, ToValue, Value};
use std::time::{Duration, SystemTime};

impl ToTimestamp for SystemTime {
    fn with_timestamp<R>(&self, use_it: impl FnOnce(Result<Option<Timestamp<'_>>, Error>) -> R) -> R {
        let (seconds, nanosecond) = match self.duration_since(Self::UNIX_EPOCH) {
            Ok(since) => (i64::try_from(since.as_secs()).ok(), since.subsec_nanos()),
            // Before 1970, the fraction still counts forwards.
            Err(before) => {
                let before = before.duration();
                let seconds = i64::try_from(before.as_secs()).ok().and_then(i64::checked_neg);
                match before.subsec_nanos() {
                    0 => (seconds, 0),
                    nanos => (
                        seconds.and_then(|seconds| seconds.checked_sub(1)),
                        1_000_000_000_u32.wrapping_sub(nanos),
                    ),
                }
            }
        };
        hand_over(seconds.and_then(|seconds| format_with_offset(seconds, nanosecond, 0)), use_it)
    }
}

/// Like the conversion of an [`Instant`].
impl TryFrom<Timestamp<'_>> for SystemTime {
    type Error = Error;

    fn try_from(timestamp: Timestamp<'_>) -> Result<Self, Error> {
        timestamp.instant().try_into()
    }
}

/// Digits beyond those of the system's clock are cut off, and a leap second becomes the second after it.
impl TryFrom<Instant> for SystemTime {
    type Error = Error;

    fn try_from(instant: Instant) -> Result<Self, Error> {
        let whole = Duration::from_secs(instant.seconds.unsigned_abs());
        let second = match instant.seconds {
            0.. => Self::UNIX_EPOCH.checked_add(whole),
            _ => Self::UNIX_EPOCH.checked_sub(whole),
        };
        second
            .and_then(|second| second.checked_add(Duration::from_nanos(instant.nanosecond().into())))
            .ok_or_else(|| out_of_range("std::time::SystemTime"))
    }
}

impl ToValue for SystemTime {
    fn with_value<R>(&self, use_it: impl FnOnce(Result<Option<Value<'_>>, Error>) -> R) -> R {
        as_value(self, use_it)
    }
}

impl FromValue<'_> for SystemTime {
    fn from_value(value: Value<'_>) -> Result<Self, Error> {
        Timestamp::from_value(value)?.try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn there_and_back() {
        let text =
            |time: SystemTime| time.with_timestamp(|time| String::from(time.unwrap().unwrap().as_str()));
        let epoch = SystemTime::UNIX_EPOCH;
        for (time, written) in [
            (epoch + Duration::from_millis(1_522_949_460_500), "2018-04-05T17:31:00.500Z"),
            (epoch - Duration::from_millis(1500), "1969-12-31T23:59:58.500Z"),
            (epoch - Duration::from_secs(1), "1969-12-31T23:59:59Z"),
            (epoch, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(text(time), written);
            let timestamp = Timestamp::parse(written).unwrap();
            assert_eq!(SystemTime::try_from(timestamp).unwrap(), time);
            assert_eq!(SystemTime::try_from(timestamp.instant()).unwrap(), time);
        }
        let far = epoch + Duration::from_secs(1 << 40);
        far.with_timestamp(|time| assert!(time.is_err()));
        let leap = Timestamp::parse("2016-12-31T23:59:60.5Z").unwrap();
        assert_eq!(text(leap.try_into().unwrap()), "2017-01-01T00:00:00.500Z");
    }

    #[test]
    fn as_attributes() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(3);
        let builder = crate::Event::builder().id("1").source("/s").ty("t").time(time);
        let event = builder.extension("at", time).extension("text", "1970-01-01T00:00:03Z").build().unwrap();
        for name in ["at", "text"] {
            assert_eq!(event.extension_as::<SystemTime>(name).unwrap(), Some(time));
        }
        assert_eq!(SystemTime::try_from(event.time().unwrap()).unwrap(), time);
    }
}
