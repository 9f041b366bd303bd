//! Points in time, and deadlines that need a runtime only if the future has to wait.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};
use tokio::{
    runtime::Handle,
    time::{Instant, timeout},
};

/// Longer than any program runs: a duration that is added to a time may be the longest one.
const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// This much later, and at most 30 years: `Duration::MAX` means never, not now.
pub fn later(now: Instant, after: Duration) -> Instant {
    now.checked_add(after.min(YEARS)).unwrap_or(now)
}

/// Returns the future's result, or `None` after this time. Without a tokio runtime there is no deadline.
pub(crate) async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    // Most futures are ready at once, which needs neither a timer nor a runtime.
    let now = poll_fn(|context| {
        Poll::Ready(match future.as_mut().poll(context) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        })
    })
    .await;
    match now {
        Some(output) => Some(output),
        None if Handle::try_current().is_err() => Some(future.await),
        None => timeout(limit, future).await.ok(),
    }
}
