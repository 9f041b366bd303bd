//! The length of an outage, its begin and its end, as the log has them.

use cloudevents_core::ToTimestamp;
use std::{
    fmt,
    time::{Duration, SystemTime},
};
use tokio::time::Instant;

/// Seconds with two decimals, such as `90.02s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}s", self.0.as_secs_f64())
    }
}

/// A moment by the clock, in UTC and RFC 3339, with milliseconds: `2026-05-17T12:00:00.250Z`. A line of the log may be later than the end
/// of the outage that it reports.
pub(crate) struct Moment(pub(crate) Instant);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = SystemTime::now()
            .checked_sub(self.0.elapsed())
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok())
            .unwrap_or_default();
        let milliseconds = u64::try_from(since.as_millis()).unwrap_or_default();
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds));
        at.unwrap_or(SystemTime::UNIX_EPOCH).with_timestamp(|time| match time {
            Ok(Some(time)) => f.write_str(time.as_str()),
            _ => Ok(()), // beyond the year 9999
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_moment_is_as_old_as_it_is() {
        let of = |moment: Instant| {
            let text = Moment(moment).to_string();
            assert!(text.ends_with('Z'), "{text}");
            SystemTime::try_from(cloudevents_core::Timestamp::parse(&text).unwrap()).unwrap()
        };
        let begin = Instant::now();
        tokio::time::advance(Duration::from_secs(90)).await;
        // The clock goes on between the two, and milliseconds are cut off.
        let lasted = of(Instant::now()).duration_since(of(begin)).unwrap();
        assert!(lasted >= Duration::from_millis(89_999) && lasted < Duration::from_secs(150), "{lasted:?}");
    }
}
