//! A time to begin at, or a number of the last messages.

use super::printing;
use crate::{
    connect::{self, address},
    failure::Failure,
};
use cloudevents_kit::{
    Timestamp,
    transport::{Side, UrlFamily},
};
use std::time::{Duration, SystemTime};

/// The option of URLs.
const OPTION: &str = "since";

/// The option of URLs for the last messages.
const LAST: &str = "last";

/// Reads a duration before now, or a time.
pub(super) fn time(text: &str) -> Result<SystemTime, String> {
    let ago = duration(text).and_then(|ago| SystemTime::now().checked_sub(ago));
    let at = || Timestamp::parse(text).and_then(SystemTime::try_from).ok();
    ago.or_else(at).ok_or_else(|| {
        "expected a number and a unit, as in 90s, 15m, 24h or 7d, or a time as in 2026-05-17T12:00:00Z"
            .to_owned()
    })
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return None,
    };
    let number = Some(number).filter(|number| number.bytes().all(|digit| digit.is_ascii_digit()));
    Some(Duration::from_secs(number?.parse::<u64>().ok()?.checked_mul(seconds)?))
}

/// Returns the URL with the time, if its protocol can look for one.
pub(super) fn in_url(url: &str, time: SystemTime) -> Result<String, Failure> {
    check(url, OPTION, "--since is for protocols that find messages by their time")?;
    let time = printing::time(time).ok_or_else(|| Failure::usage("--since is beyond the year 9999"))?;
    Ok(address::with_option(url, OPTION, &time))
}

/// Returns the URL with the number of the last messages to begin with, if its protocol can look for them.
pub(super) fn last_in_url(url: &str, count: u64) -> Result<String, Failure> {
    check(url, LAST, "--last is for protocols that keep messages in an order")?;
    Ok(address::with_option(url, LAST, &count.to_string()))
}

/// Refuses an option that the protocol of the URL does not have.
fn check(url: &str, option: &str, words: &str) -> Result<(), Failure> {
    let family = connect::endpoint(url)?.and_then(|endpoint| connect::family(&endpoint));
    if family.is_some_and(|family| has(family, option)) {
        return Ok(());
    }
    let families = cloudevents_kit::bindings().iter().flat_map(|binding| binding.urls.families);
    let schemes = families.filter(|family| has(family, option)).flat_map(|family| family.schemes);
    let schemes: Vec<String> = schemes.map(|scheme| format!("`{}`", scheme.name)).collect();
    Err(Failure::usage(words).help(format!("these are {}", schemes.join(", "))))
}

fn has(family: &UrlFamily, option: &str) -> bool {
    family.options.iter().any(|known| known.is(option) && known.side.meets(Side::Receive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_times() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("0s", 0)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        let wanted = SystemTime::UNIX_EPOCH + Duration::from_secs(1_779_019_200);
        assert_eq!(time("2026-05-17T14:00:00+02:00"), Ok(wanted));
        for wrong in ["", "s", "5", "-5s", "+5s", "1.5h", "5w", "é", "yesterday", "99999999999999999999d"] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
