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

/// Whole seconds, rounded up, for protocols that have no other times.
///
/// ```
/// use cloudevents_transport::binding::whole_seconds;
/// use std::time::Duration;
///
/// let of = |milliseconds| whole_seconds(Duration::from_millis(milliseconds));
/// assert_eq!([of(0), of(1), of(1000), of(1001)], [0, 1, 1, 2]);
/// assert_eq!(whole_seconds(Duration::MAX), i32::MAX);
/// ```
pub fn whole_seconds(time: Duration) -> i32 {
    i32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(i32::MAX)
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
