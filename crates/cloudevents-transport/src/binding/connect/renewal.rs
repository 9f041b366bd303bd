//! When to renew credentials that expire.

use std::time::{Duration, SystemTime};

/// The minimum interval between two renewals.
const PAUSE: Duration = Duration::from_millis(500);

/// How long to wait before credentials that expire at this time are renewed.
///
/// Three quarters of the remaining time, and at least half a second.
///
/// ```
/// use cloudevents_transport::binding::connect::renew_after;
/// use std::time::{Duration, SystemTime};
///
/// let now = SystemTime::now();
/// assert_eq!(renew_after(now + Duration::from_secs(3600), now), Duration::from_secs(2700));
/// ```
pub fn renew_after(expires: SystemTime, now: SystemTime) -> Duration {
    let left = expires.duration_since(now).unwrap_or_default();
    left.saturating_sub(left.checked_div(4).unwrap_or_default()).max(PAUSE)
}

/// How long to wait before a renewal that failed is tried again.
///
/// An eighth of the time that remains until the credentials expire, and at least half a second.
///
/// ```
/// use cloudevents_transport::binding::connect::retry_renewal_after;
/// use std::time::{Duration, SystemTime};
///
/// let now = SystemTime::now();
/// assert_eq!(retry_renewal_after(now + Duration::from_secs(800), now), Duration::from_secs(100));
/// assert_eq!(retry_renewal_after(now, now), Duration::from_millis(500));
/// ```
pub fn retry_renewal_after(expires: SystemTime, now: SystemTime) -> Duration {
    let left = expires.duration_since(now).unwrap_or_default();
    left.checked_div(8).unwrap_or_default().max(PAUSE)
}
