//! A running worker.

use cloudevents_core::Error;
use std::pin::pin;
use tokio::sync::watch;

/// A running worker. Await it, or first set a shutdown signal with [`until`](Self::until).
#[must_use = "nothing is sent until it is awaited"]
#[derive(Debug)]
pub struct Run<F> {
    future: F,
    stop: watch::Sender<bool>,
}

impl<F: Future<Output = Result<(), Error>>> Run<F> {
    pub(crate) fn new(future: F, stop: watch::Sender<bool>) -> Self {
        Self { future, stop }
    }

    /// Runs until this future is ready. Then it takes no more messages, waits for attempts under way, and records their results.
    /// Any future works: `shutdown_signal()` of `cloudevents-transport`, which also hears SIGTERM, a channel, a timer.
    pub async fn until<S: Future>(self, shutdown: S) -> Result<(), Error> {
        let mut run = pin!(self.future);
        tokio::select! {
            biased;
            ended = &mut run => return ended,
            _ = shutdown => {}
        }
        self.stop.send_replace(true);
        run.await
    }
}

/// Runs until the store returns an error that is not temporary.
impl<F: Future<Output = Result<(), Error>> + Send + 'static> IntoFuture for Run<F> {
    type Output = Result<(), Error>;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let _stop = self.stop;
            self.future.await
        })
    }
}
