//! When a request may be sent again.

use http::{HeaderValue, StatusCode};
use std::time::{Duration, SystemTime};

/// Whether another attempt may succeed after this status.
pub(crate) fn is_temporary(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        _ => status.is_server_error(),
    }
}

/// Reads a `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
pub(crate) fn after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim_ascii();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

/// The seconds of a `Retry-After`: rounded up, one at least.
pub(crate) fn seconds(after: Duration) -> u64 {
    let up = u64::from(after.subsec_nanos() > 0);
    after.as_secs().saturating_add(up).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_after_which_another_attempt_may_succeed() {
        for status in 400..600 {
            // RFC 9110 and RFC 6585: what may pass, and of the server's own errors what does not.
            let temporary = matches!(status, 408 | 425 | 429 | 500..600) && !matches!(status, 501 | 505);
            assert_eq!(is_temporary(StatusCode::from_u16(status).unwrap()), temporary, "{status}");
        }
    }
}
