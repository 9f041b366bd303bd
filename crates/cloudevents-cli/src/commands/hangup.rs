//! SIGHUP.

use std::future::pending;

/// SIGHUP, where the system has signals.
pub(super) struct Hangup(#[cfg(unix)] tokio::signal::unix::Signal);

impl Hangup {
    /// Starts watching: from now on, the signal does not end the program.
    #[cfg(unix)]
    pub(super) fn watch() -> Option<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::hangup()).ok().map(Self)
    }

    /// Starts watching: from now on, the signal does not end the program.
    #[cfg(not(unix))]
    pub(super) fn watch() -> Option<Self> {
        Some(Self())
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        pending().await
    }
}
