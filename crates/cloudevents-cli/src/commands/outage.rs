//! The line at the end of an outage.

use crate::console::Console;
use cloudevents_kit::model::ToTimestamp;
use serde_json::json;
use std::time::{Duration, Instant, SystemTime};

/// Announces the end of an outage that began at this time: there is a connection again.
pub(super) fn tell_end(words: &str, since: Instant, console: &Console) {
    tell("connected", words, since, console);
}

/// Announces the end of a process during an outage that began at this time.
pub(super) fn tell_ending(since: Instant, console: &Console) {
    tell("outage", "the bridge ends during the outage", since, console);
}

/// With the length, the begin and the end of the outage, as lines of the library have them.
fn tell(kind: &str, words: &str, since: Instant, console: &Console) {
    let (now, lasted) = (SystemTime::now(), since.elapsed());
    let after = format!("{:.2}s", lasted.as_secs_f64());
    let began = now.checked_sub(lasted).and_then(time);
    let members = json!({"kind": kind, "after": after, "began": began, "ended": time(now)});
    console.announce(words, members);
}

/// The time in UTC, RFC 3339, with milliseconds; none beyond the year 9999.
pub(super) fn time(at: SystemTime) -> Option<String> {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let milliseconds = Duration::from_millis(u64::try_from(since.as_millis()).ok()?);
    let at = SystemTime::UNIX_EPOCH.checked_add(milliseconds)?;
    at.with_timestamp(|time| time.ok().flatten().map(|time| time.as_str().to_owned()))
}
