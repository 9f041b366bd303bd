//! Values of URL options. Numbers, switches and durations are written alike for every scheme.

use super::Endpoint;
use cloudevents_core::{Error, Timestamp};
use std::{
    ops::RangeBounds,
    str::FromStr,
    time::{Duration, SystemTime},
};

/// Errors are of kind [`InvalidUrl`](cloudevents_core::ErrorKind::InvalidUrl), and do not contain the value.
impl Endpoint {
    /// The value of an option, a number without a sign. `None` without the option.
    ///
    /// ```
    /// use cloudevents_transport::Endpoint;
    ///
    /// let endpoint = Endpoint::parse("amqp://localhost/orders?prefetch=100")?;
    /// assert_eq!(endpoint.number::<u32>("prefetch")?, Some(100));
    /// assert!(endpoint.number::<u8>("prefetch").is_ok() && Endpoint::parse("x://h/?n=+1")?.number::<u8>("n").is_err());
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn number<N: FromStr>(&self, option: &str) -> Result<Option<N>, Error> {
        let Some(text) = self.option(option) else { return Ok(None) };
        match text.parse() {
            Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(Some(number)),
            _ => Err(self.invalid(format_args!("the option `{option}` is not a number that fits"))),
        }
    }

    /// The value of an option that is `true` or `false`. Without a value, it is `true`. `None` without the option.
    ///
    /// ```
    /// use cloudevents_transport::Endpoint;
    ///
    /// let endpoint = Endpoint::parse("mqtt://localhost/plant?retain=true")?;
    /// assert_eq!((endpoint.flag("retain")?, endpoint.flag("other")?), (Some(true), None));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn flag(&self, option: &str) -> Result<Option<bool>, Error> {
        match self.option(option) {
            None => Ok(None),
            Some("" | "true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.invalid(format_args!("the option `{option}` is neither `true` nor `false`"))),
        }
    }

    /// The value of an option, a whole number and a unit: `500ms`, `30s`, `2m` or `1h`. `None` without the option.
    ///
    /// ```
    /// use cloudevents_transport::Endpoint;
    /// use std::time::Duration;
    ///
    /// let endpoint = Endpoint::parse("amqp://localhost/orders?lock=2m")?;
    /// assert_eq!(endpoint.duration("lock")?, Some(Duration::from_secs(120)));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn duration(&self, option: &str) -> Result<Option<Duration>, Error> {
        let Some(text) = self.option(option) else { return Ok(None) };
        match duration(text) {
            Some(duration) => Ok(Some(duration)),
            None => Err(self
                .invalid(format_args!("the value of the option `{option}` is not a duration"))
                .with_help("write a whole number and a unit: `500ms`, `30s`, `2m`, `1h`")),
        }
    }

    /// The value of an option as of [`duration`](Self::duration); without the option, the given one. It has to be within these limits. For
    /// any other, `otherwise` says in the error what it is.
    ///
    /// ```
    /// use cloudevents_transport::Endpoint;
    /// use std::time::Duration;
    ///
    /// let lock = |url| Endpoint::parse(url)?.duration_within("lock", Duration::from_secs(30), Duration::from_secs(1).., "less than a second");
    /// assert_eq!((lock("sqs://r/1/q")?.as_secs(), lock("sqs://r/1/q?lock=2m")?.as_secs()), (30, 120));
    /// assert!(lock("sqs://r/1/q?lock=1ms").unwrap_err().detail().ends_with("the option `lock` is less than a second"));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn duration_within(
        &self,
        option: &str,
        given: Duration,
        limits: impl RangeBounds<Duration>,
        otherwise: &str,
    ) -> Result<Duration, Error> {
        let duration = self.duration(option)?.unwrap_or(given);
        match limits.contains(&duration) {
            true => Ok(duration),
            false => Err(self.invalid(format_args!("the option `{option}` is {otherwise}"))),
        }
    }

    /// The value of an option, a time in the form of RFC 3339: `2026-05-17T12:00:00Z`. `None` without the option.
    ///
    /// ```
    /// use cloudevents_transport::Endpoint;
    /// use std::time::{Duration, SystemTime};
    ///
    /// let endpoint = Endpoint::parse("kafka://localhost/orders?since=1970-01-01T00:01:00Z")?;
    /// assert_eq!(endpoint.time("since")?, Some(SystemTime::UNIX_EPOCH + Duration::from_secs(60)));
    /// # Ok::<(), cloudevents_core::Error>(())
    /// ```
    pub fn time(&self, option: &str) -> Result<Option<SystemTime>, Error> {
        let Some(text) = self.option(option) else { return Ok(None) };
        match Timestamp::parse(text).and_then(SystemTime::try_from) {
            Ok(time) => Ok(Some(time)),
            Err(_) => Err(self
                .invalid(format_args!("the value of the option `{option}` is not a time"))
                .with_help("write it as RFC 3339 has it: `2026-05-17T12:00:00Z`")),
        }
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|digit: char| !digit.is_ascii_digit())?);
    let milliseconds = match unit {
        "ms" => 1_u64,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    Some(Duration::from_millis(number.parse::<u64>().ok()?.checked_mul(milliseconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::ErrorKind;

    fn with(value: &str) -> Endpoint {
        Endpoint::parse(&format!("kafka://host/orders?o={value}")).unwrap()
    }

    #[test]
    fn durations() {
        for (value, milliseconds) in
            [("0s", 0), ("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000)]
        {
            assert_eq!(
                with(value).duration("o").unwrap(),
                Some(Duration::from_millis(milliseconds)),
                "{value}"
            );
        }
        for value in ["", "30", "s", "-1s", "1.5s", "1d", "1 s", "99999999999999999h", "\u{b2}s"] {
            assert_eq!(
                with(&value.replace(' ', "%20")).duration("o").unwrap_err().kind(),
                ErrorKind::InvalidUrl,
                "{value}"
            );
        }
    }

    #[test]
    fn times() {
        for value in ["2026-05-17T12:00:00Z", "2026-05-17T14:00:00%2B02:00"] {
            let wanted = SystemTime::UNIX_EPOCH + Duration::from_secs(1_779_019_200);
            assert_eq!(with(value).time("o").unwrap(), Some(wanted), "{value}");
        }
        assert_eq!(with("").time("other").unwrap(), None);
        for value in ["", "now", "1h", "1779019200", "2026-05-17", "2026-05-17T12:00:00"] {
            assert_eq!(with(value).time("o").unwrap_err().kind(), ErrorKind::InvalidUrl, "{value}");
        }
    }

    #[test]
    fn flags_and_numbers() {
        for (value, flag) in [("", true), ("true", true), ("false", false)] {
            assert_eq!(with(value).flag("o").unwrap(), Some(flag));
        }
        for value in ["yes", "no", "1", "True"] {
            assert_eq!(with(value).flag("o").unwrap_err().kind(), ErrorKind::InvalidUrl, "{value}");
        }
        assert_eq!(with("255").number::<u8>("o").unwrap(), Some(255));
        for value in ["", "256", "+1", "-1", "1.0", "x"] {
            assert_eq!(with(value).number::<u8>("o").unwrap_err().kind(), ErrorKind::InvalidUrl, "{value}");
        }
    }
}
