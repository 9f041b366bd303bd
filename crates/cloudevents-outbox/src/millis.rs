//! Times as stores keep them: milliseconds since 1970.

use std::time::{Duration, SystemTime};

/// Milliseconds since 1970, rounded down. Times before 1970 are 0; times that do not fit are the latest one.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// The time that [`millis`] returned this for. Negative numbers are 1970.
#[cfg(any(feature = "rusqlite041", feature = "tokio-postgres07"))]
pub(crate) fn time(millis: i64) -> SystemTime {
    let since = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    SystemTime::UNIX_EPOCH.checked_add(since).unwrap_or(SystemTime::UNIX_EPOCH)
}

/// The end of the year 9999, which every store can add to. Later times count as this time.
const LATEST: Duration = Duration::from_secs(253_402_300_799);

/// This time later, at the latest at the end of the year 9999.
pub(crate) fn later(time: SystemTime, by: Duration) -> SystemTime {
    let latest = SystemTime::UNIX_EPOCH.checked_add(LATEST).unwrap_or(time);
    time.checked_add(by).map_or(latest, |later| later.min(latest))
}

/// The time that passed since, or zero.
pub(crate) fn since(now: SystemTime, then: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}
