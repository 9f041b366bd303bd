//! Sinks for rejected messages.

use crate::{Received, binding::BoxFuture};
use cloudevents_core::{Error, ErrorKind};
use std::{fmt, sync::Arc};
use tokio::runtime::Handle;

/// A rejected message.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The message as it was received.
    pub received: Received,
    /// Why it was rejected.
    pub reason: Arc<str>,
    /// The last delivery attempt, starting at 1.
    pub attempt: u32,
}

/// Stores rejected messages, for example in another topic, a table or a file. Implement it with `async fn`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_transport::{DeadLetter, DeadLetterSink, log::LogOptions};
///
/// struct Print;
/// impl DeadLetterSink for Print {
///     async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
///         println!("{:?} after {} attempts: {}", letter.received.offset(), letter.attempt, letter.reason);
///         Ok(())
///     }
/// }
/// let options = LogOptions::default().with_sink(Print);
/// ```
pub trait DeadLetterSink: Send + Sync + 'static {
    /// Returns when the message is stored. After an error, the message is delivered again.
    fn put(&self, letter: DeadLetter) -> impl Future<Output = Result<(), Error>> + Send;
}

/// [`DeadLetterSink`], dynamic.
trait DynSink: Send + Sync {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: DeadLetterSink> DynSink for T {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(DeadLetterSink::put(self, letter))
    }
}

/// What happens to rejected messages.
#[derive(Clone)]
pub(crate) enum Rejected {
    Sink(Sink),
    /// The broker handles them as configured there.
    #[cfg(feature = "queue")]
    Broker,
    Drop,
}

/// A sink of any type.
#[derive(Clone)]
pub(crate) struct Sink(Arc<dyn DynSink>);

impl Sink {
    pub(crate) fn new(sink: impl DeadLetterSink) -> Self {
        Self(Arc::new(sink))
    }

    /// Passes the message to the sink in a separate task. A panic of the sink becomes an error, and
    /// everything else continues.
    pub(crate) fn put(&self, runtime: &Handle, letter: DeadLetter) -> BoxFuture<'static, Result<(), Error>> {
        let sink = Arc::clone(&self.0);
        let task = runtime.spawn(async move { sink.put(letter).await });
        Box::pin(async move {
            task.await.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Transport)
                    .with_detail(format!("the dead-letter sink ended early: {error}")))
            })
        })
    }
}

impl fmt::Debug for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sink(_) => "Sink",
            #[cfg(feature = "queue")]
            Self::Broker => "Broker",
            Self::Drop => "Drop",
        })
    }
}
