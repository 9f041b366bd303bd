//! The length of an outage, as the log has it.

use std::{fmt, time::Duration};

/// Seconds with two decimals, such as `90.02s`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}s", self.0.as_secs_f64())
    }
}
