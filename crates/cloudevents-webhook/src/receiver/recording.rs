//! Results of deliveries that are being recorded.

use std::sync::Arc;
use tokio::sync::watch;

/// Their number. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Recordings(Arc<watch::Sender<usize>>);

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Recording(Recordings);

impl Default for Recordings {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

impl Recordings {
    pub(super) fn begin(&self) -> Recording {
        self.0.send_modify(|number| *number = number.saturating_add(1));
        Recording(self.clone())
    }

    pub(super) fn number(&self) -> usize {
        *self.0.borrow()
    }

    /// Waits until there is none.
    pub(super) async fn ended(&self) {
        // The sender is here, so it is not closed.
        let _ = self.0.subscribe().wait_for(|number| *number == 0).await;
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.0.0.send_modify(|number| *number = number.saturating_sub(1));
    }
}
