//! The time in lines for programs.

use tracing_subscriber::fmt::{
    format::Writer,
    time::{FormatTime, SystemTime},
};

/// Returns the time, as lines of the log have it: UTC, RFC 3339, with microseconds.
pub fn now() -> String {
    let mut time = String::new();
    // Writing to a text does not fail.
    let _ = SystemTime.format_time(&mut Writer::new(&mut time));
    time
}
