//! The meaning of a status: whether a request may be sent again, when, and whether the message is refused.

use cloudevents_core::Error;
use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use std::time::{Duration, SystemTime};

/// Whether another attempt may succeed after this status: 408, 425, 429, and 5xx except 501 and 505.
///
/// RFC 9110, RFC 8470 (425) and RFC 6585 (429) describe these statuses. A status that a client does not know is as the first one of its
/// class (RFC 9110, section 15), so that 506 is as 500.
///
/// ```
/// use cloudevents_http::is_temporary;
/// use http::StatusCode;
///
/// assert!(is_temporary(StatusCode::SERVICE_UNAVAILABLE));
/// assert!(!is_temporary(StatusCode::NOT_FOUND));
/// ```
pub fn is_temporary(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        _ => status.is_server_error(),
    }
}

/// Whether a response with this status, and without a [`retry_after`], refuses this very message, so that no later attempt can succeed and
/// other messages may: 400, 409, 413, 415, 422 and 431.
///
/// Other statuses are about the address, the rights or the state of the peer.
///
/// ```
/// use cloudevents_http::refuses_message;
/// use http::StatusCode;
///
/// assert!(refuses_message(StatusCode::UNPROCESSABLE_ENTITY));
/// assert!(!refuses_message(StatusCode::NOT_FOUND));
/// ```
pub fn refuses_message(status: StatusCode) -> bool {
    matches!(status.as_u16(), 400 | 409 | 413 | 415 | 422 | 431)
}

/// How long a response requests to wait: seconds, or a date, of which the time that is left counts (RFC 9110, section 10.2.3). At most
/// [`Error::LONGEST_RETRY_AFTER`], a day, also for numbers beyond 64 bits.
///
/// Of several fields, the longest wait counts, and malformed ones do not: a proxy adds its own to that of the server behind it. `None` if
/// none is well-formed. A date that has passed is a wait of zero.
///
/// ```
/// use cloudevents_http::retry_after;
/// use std::time::{Duration, SystemTime};
///
/// let response = http::Response::builder().header("retry-after", "120").body(())?;
/// assert_eq!(retry_after(response.headers(), SystemTime::now()), Some(Duration::from_secs(120)));
/// # Ok::<(), http::Error>(())
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    headers.get_all(RETRY_AFTER).iter().filter_map(|value| wait(value, now)).max()
}

fn wait(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim_ascii();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let wait = if is_number {
        text.parse().map_or(Duration::MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(wait.min(Error::LONGEST_RETRY_AFTER))
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
            // RFC 9110 and RFC 6585: the statuses that may pass, and the server's own errors that do not.
            let temporary = matches!(status, 408 | 425 | 429 | 500..600) && !matches!(status, 501 | 505);
            assert_eq!(is_temporary(StatusCode::from_u16(status).unwrap()), temporary, "{status}");
        }
    }

    #[test]
    fn of_several_waits_the_longest_counts() {
        let wait = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
            }
            retry_after(&headers, SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
        };
        assert_eq!(wait(&["120", "7"]), Some(120));
        assert_eq!(wait(&["7", "Thu, 01 Jan 1970 00:10:00 GMT"]), Some(600));
        assert_eq!(wait(&["soon", "7", ""]), Some(7));
        assert_eq!(wait(&["0"]), Some(0));
        for malformed in [&[][..], &[""], &["soon", "-1"], &["1, 2"]] {
            assert_eq!(wait(malformed), None, "{malformed:?}");
        }
    }
}
