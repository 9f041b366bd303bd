//! When a source has no more messages for now.

use super::{Activity, RunState};
use crate::{Connectivity, Counters, Missing};
use std::{future::pending, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// The parts of a receiver that show whether messages come.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) activity: Activity,
    pub(super) connectivity: Connectivity,
    pub(super) counters: Arc<Counters>,
}

impl Watched {
    /// Ready when the source was connected for this time, and no message came, was handled or waited for another attempt.
    pub(super) async fn idle_for(&self, time: Duration) {
        // A time that is added to no instant is never over.
        if Instant::now().checked_add(time).is_none() {
            return pending().await;
        }
        let received = || self.counters.snapshot().received;
        let (mut before, mut since) = (received(), Instant::now());
        loop {
            sleep(time.checked_div(8).unwrap_or_default().max(Duration::from_millis(1))).await;
            let now = received();
            if now != before || !self.is_empty() {
                (before, since) = (now, Instant::now());
            }
            if since.elapsed() >= time {
                return;
            }
        }
    }

    /// Whether there is no message here, and none is known to come. While the source is away, messages may wait there.
    fn is_empty(&self) -> bool {
        self.connectivity.state().is_connected()
            && self.connectivity.missing() != Some(Missing::ComesAgain)
            && self.activity.state() == RunState::Receiving
            && self.activity.here_for().is_none()
    }
}
