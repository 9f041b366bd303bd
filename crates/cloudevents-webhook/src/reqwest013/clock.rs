//! The clock of the sender.

use std::time::Instant;

/// The present time by the clock of tokio, which a test can stop, as in the engine of `run`.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
