//! Waiting for what is usually ready soon.

use std::{future::poll_fn, pin::Pin, task::Poll};

/// Returns the future's result if it is ready now, or after the other tasks that are ready had a turn. `None` if it takes longer: then
/// poll it on.
///
/// A deadline, or something else that ends the wait, is then set up only for a future that takes longer.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// use cloudevents_transport::binding::promptly;
/// use std::{pin::pin, time::Duration};
///
/// let (send, receive) = tokio::sync::oneshot::channel();
/// let task = tokio::spawn(async { send.send(1) });
/// let mut receive = pin!(receive);
/// let received = match promptly(receive.as_mut()).await {
///     Some(received) => received?,
///     None => tokio::time::timeout(Duration::from_secs(1), receive).await??, // a timer
/// };
/// assert_eq!(received, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub async fn promptly<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    let mut looked = false;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if looked => Poll::Ready(None),
        Poll::Pending => {
            looked = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}
