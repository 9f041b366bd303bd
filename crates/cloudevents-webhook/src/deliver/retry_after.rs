//! `Retry-After`.

use http::{HeaderMap, header};
use std::time::{Duration, SystemTime};

/// How long a response requests to wait: seconds, or a date, of which the time that is left counts (RFC 9110, section 10.2.3).
///
/// `None` if the header is absent, repeated or malformed. A date that has passed is a wait of zero. A number of seconds beyond 64 bits
/// is the longest possible wait.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let mut values = headers.get_all(header::RETRY_AFTER).iter();
    let (value, more) = (values.next()?, values.next());
    let text = value.to_str().ok()?.trim();
    if more.is_some() || text.is_empty() {
        return None;
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse().map_or(Duration::MAX, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}
