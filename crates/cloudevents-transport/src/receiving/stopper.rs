//! Stopping a receiver.

use futures_util::task::AtomicWaker;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::sync::Notify;

/// Stops a [`Receiver`](crate::Receiver) that is in use in another task.
///
/// [`next`](crate::Receiver::next) returns `None`, and [`run`](crate::Receiver::run) returns when the running handlers have ended. Drain
/// the receiver after that.
///
/// ```
/// # #[cfg(feature = "fake")] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// # let mut receiver = cloudevents_transport::fake::FakeQueue::new().receiver(cloudevents_core::DecodeOptions::strict());
/// let stopper = receiver.stopper(); // for whoever hears of the end: a signal handler, say
/// stopper.stop();
/// assert!(receiver.next().await?.is_none());
/// receiver.drain(std::time::Duration::from_secs(10)).await?;
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// # #[cfg(not(feature = "fake"))] fn main() {}
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stopper(pub(super) Arc<Stop>);

impl Stopper {
    /// Stops the receiver permanently.
    pub fn stop(&self) {
        self.0.stop();
    }

    /// Ready when the receiver is stopped.
    pub(crate) async fn stopped(&self) {
        self.0.stopped().await;
    }

    /// Whether the receiver is stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.is_stopped()
    }
}

#[derive(Debug, Default)]
pub(super) struct Stop {
    stopped: AtomicBool,
    notify: Notify,
    /// The task that waits for a message. There is one, so it need not join those that are notified, which
    /// takes longer.
    pub(super) waiting: AtomicWaker,
}

impl Stop {
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        self.notify.notify_waiters();
        self.waiting.wake();
    }

    pub(super) async fn stopped(&self) {
        let notified = self.notify.notified(); // created before the check
        if !self.is_stopped() {
            notified.await;
        }
    }
}
