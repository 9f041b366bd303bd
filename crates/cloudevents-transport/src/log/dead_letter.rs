//! Where rejected messages of a log go.

use crate::{Raw, binding::BoxFuture};
use cloudevents_core::{Decoded, Error, ErrorKind, Message};
use std::{fmt, sync::Arc, time::Duration};

/// A rejected message, for the sink.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The message, or why it is none.
    pub message: Result<Decoded<Message>, Error>,
    /// What came, with its partition and offset.
    pub raw: Arc<Raw>,
    /// Why it was rejected.
    pub reason: Arc<str>,
    /// The attempt that was the last.
    pub attempt: u32,
}

impl DeadLetter {
    pub(crate) fn new(
        message: Result<Decoded<Message>, Error>,
        raw: Arc<Raw>,
        reason: Arc<str>,
        attempt: u32,
    ) -> Self {
        Self { message, raw, reason, attempt }
    }
}

/// Takes rejected messages: another topic, a table, a file. Implement it with `async fn`.
///
/// ```
/// use cloudevents_core::Error;
/// use cloudevents_transport::log::{DeadLetter, DeadLetterSink, LogOptions};
///
/// struct Print;
/// impl DeadLetterSink for Print {
///     async fn put(&self, letter: DeadLetter) -> Result<(), Error> {
///         println!("{:?} after {} attempts: {}", letter.raw.position, letter.attempt, letter.reason);
///         Ok(())
///     }
/// }
/// let options = LogOptions::default().with_sink(Print);
/// ```
pub trait DeadLetterSink: Send + Sync + 'static {
    /// Keeps the message; the answer comes when it is kept. An error makes the message come again.
    fn put(&self, letter: DeadLetter) -> impl Future<Output = Result<(), Error>> + Send;
}

/// [`DeadLetterSink`], dynamic.
pub(crate) trait DynSink: Send + Sync {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>>;
}

impl<T: DeadLetterSink> DynSink for T {
    fn put(&self, letter: DeadLetter) -> BoxFuture<'_, Result<(), Error>> {
        Box::pin(DeadLetterSink::put(self, letter))
    }
}

/// What is done with rejected messages, once somebody has decided.
#[derive(Clone)]
pub(crate) enum Rejected {
    Sink(Arc<dyn DynSink>),
    Drop,
}

/// How a log is received from. One of [`with_sink`](Self::with_sink) and [`dropping_rejected`](Self::dropping_rejected) is
/// required: a log has no place of its own for rejected messages.
///
/// ```
/// use cloudevents_transport::log::LogOptions;
///
/// let mut options = LogOptions::default().dropping_rejected();
/// options.max_attempts = 3;
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct LogOptions {
    pub(crate) rejected: Option<Rejected>,
    /// Attempts after which a retry becomes a rejection; at least one. Default: 10.
    pub max_attempts: u32,
    /// Messages that wait in memory to come again. While there are so many, nothing else is taken. Default: 1,024.
    pub max_waiting: usize,
    /// How long a message waits that the dead-letter sink declined, before it comes again. Default: one second.
    pub sink_backoff: Duration,
}

impl LogOptions {
    /// The same with a sink for rejected messages.
    pub fn with_sink(mut self, sink: impl DeadLetterSink) -> Self {
        self.rejected = Some(Rejected::Sink(Arc::new(sink)));
        self
    }

    /// The same without a sink: rejected messages are gone.
    pub fn dropping_rejected(mut self) -> Self {
        self.rejected = Some(Rejected::Drop);
        self
    }

    /// Whether it was decided what becomes of rejected messages.
    pub fn is_decided(&self) -> bool {
        self.rejected.is_some()
    }

    /// What was decided, or an error that names what there is to decide.
    pub(crate) fn rejected(&self) -> Result<Rejected, Error> {
        self.rejected.clone().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported)
                .with_detail("a log has no place for rejected messages, and none was named")
                .with_help(
                    "give the receiver a dead-letter sink (`LogOptions::with_sink`), or say that rejected messages are \
                     to be dropped (`LogOptions::dropping_rejected`)",
                )
        })
    }
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { rejected: None, max_attempts: 10, max_waiting: 1024, sink_backoff: Duration::from_secs(1) }
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rejected = match self.rejected {
            None => "undecided",
            Some(Rejected::Sink(_)) => "sink",
            Some(Rejected::Drop) => "drop",
        };
        f.debug_struct("LogOptions")
            .field("rejected", &rejected)
            .field("max_attempts", &self.max_attempts)
            .field("max_waiting", &self.max_waiting)
            .field("sink_backoff", &self.sink_backoff)
            .finish()
    }
}
