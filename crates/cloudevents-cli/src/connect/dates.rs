//! Dates in errors of TLS, which has them as numbers of seconds.

use cloudevents_kit::attributes::ToTimestamp;
use std::time::{Duration, SystemTime};

/// The words of rustls before such a number, and behind it.
const NUMBERS: [(&str, &str); 3] =
    [("verification time ", " (UNIX)"), ("is not valid after ", " "), ("is not valid before ", " ")];

/// Returns this detail with dates in place of seconds since 1970; `None` if it has no such number.
pub(super) fn shown(detail: &str) -> Option<String> {
    let mut text = detail.to_owned();
    for (before, after) in NUMBERS {
        let Some((head, tail)) = text.split_once(before) else { continue };
        let digits = tail.find(|character: char| !character.is_ascii_digit()).unwrap_or(tail.len());
        let (number, rest) = tail.split_at(digits);
        let Some(date) = number.parse().ok().and_then(date) else { continue };
        let rest = if after == " " { rest } else { rest.strip_prefix(after).unwrap_or(rest) };
        text = format!("{head}{before}{date}{rest}");
    }
    (text != detail).then_some(text)
}

fn date(seconds: u64) -> Option<String> {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?;
    time.with_timestamp(|time| Some(time.ok()??.to_string()))
}

#[cfg(test)]
mod tests {
    use super::shown;

    /// The texts are those of rustls 0.23.
    #[test]
    fn seconds_become_dates() {
        let found = shown(
            "no TLS with h: invalid peer certificate: certificate expired: verification time 1769990400 (UNIX), but certificate is not valid \
             after 1769904000 (86400 seconds ago)",
        );
        let wanted = "no TLS with h: invalid peer certificate: certificate expired: verification time 2026-02-02T00:00:00Z, but certificate is \
             not valid after 2026-02-01T00:00:00Z (86400 seconds ago)";
        assert_eq!(found.as_deref(), Some(wanted));
        let found = shown(
            "verification time 0 (UNIX), but certificate is not valid before 86400 (86400 seconds in future)",
        );
        let wanted = "verification time 1970-01-01T00:00:00Z, but certificate is not valid before 1970-01-02T00:00:00Z (86400 seconds in future)";
        assert_eq!(found.as_deref(), Some(wanted));
        assert_eq!(shown("verification time unknown"), None);
    }
}
