//! Deliveries that were given up.

use cloudevents_core::Error;
use cloudevents_transport::Outgoing;
use http::StatusCode;
use std::{fmt, pin::Pin, sync::Arc, time::Duration, time::SystemTime};

/// A delivery that was given up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Undelivered {
    /// The target's name.
    pub target: Arc<str>,
    /// The id of the delivery, the same for all attempts.
    pub id: Box<str>,
    /// The message.
    pub outgoing: Outgoing,
    /// Why it was given up.
    pub reason: Error,
    /// The last attempts, at most 16, oldest first. Empty if it was never sent.
    pub attempts: Vec<Attempt>,
}

/// One attempt at a delivery.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Attempt {
    /// When it began.
    pub at: SystemTime,
    /// How long it took.
    pub latency: Duration,
    /// The status of the response, if there was one.
    pub status: Option<StatusCode>,
    /// The error, with the beginning of the response, up to 1 KiB.
    pub error: Error,
}

/// Keeps deliveries that are given up: in a table, a topic, a file. Implement it with `async fn`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_webhook::reqwest013::{Undelivered, UndeliveredSink, WebhookSenderOptions};
///
/// struct Print;
/// impl UndeliveredSink for Print {
///     async fn put(&self, delivery: Undelivered) -> Result<(), Error> {
///         println!("{} to {} after {} attempts: {}", delivery.id, delivery.target, delivery.attempts.len(), delivery.reason);
///         Ok(())
///     }
/// }
/// let options = WebhookSenderOptions::new("eventemitter.example.com".parse()?).with_undelivered(Print);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait UndeliveredSink: Send + Sync + 'static {
    /// Stores the delivery, and returns when it is stored. An error is logged. The outcome of the delivery is an error in either case.
    fn put(&self, delivery: Undelivered) -> impl Future<Output = Result<(), Error>> + Send;
}

type Putting<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// [`UndeliveredSink`], dynamic.
trait DynSink: Send + Sync {
    fn put(&self, delivery: Undelivered) -> Putting<'_>;
}

impl<T: UndeliveredSink> DynSink for T {
    fn put(&self, delivery: Undelivered) -> Putting<'_> {
        Box::pin(UndeliveredSink::put(self, delivery))
    }
}

/// A sink of any type.
#[derive(Clone)]
pub(super) struct Sink(Arc<dyn DynSink>);

impl Sink {
    pub(super) fn new(sink: impl UndeliveredSink) -> Self {
        Self(Arc::new(sink))
    }

    pub(super) async fn put(&self, delivery: Undelivered) {
        let (target, id) = (Arc::clone(&delivery.target), delivery.id.clone());
        if let Err(error) = self.0.put(delivery).await {
            tracing::error!(%error, to = %target, %id, "an undelivered event could not be stored");
        }
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sink")
    }
}
