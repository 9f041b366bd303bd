//! Options of queue receivers.

use crate::{
    Bounds, DeadLetterSink,
    receiving::dead_letter_sink::{Rejected, Sink},
};
use cloudevents_core::{Error, ErrorKind};
use std::time::Duration;

/// Options of queue receivers.
///
/// One of [`with_sink`](Self::with_sink), [`rejecting_to_broker`](Self::rejecting_to_broker) and
/// [`dropping_rejected`](Self::dropping_rejected) is required.
///
/// ```
/// use cloudevents_transport::binding::queue::QueueOptions;
///
/// let mut options = QueueOptions::default().rejecting_to_broker();
/// options.sink_backoff = std::time::Duration::from_secs(5);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueOptions {
    pub(crate) rejected: Option<Rejected>,
    /// The longest delay of a retry that this process waits for. Longer delays are shortened to it. Default:
    /// 15 minutes.
    pub longest_delay: Duration,
    /// The pause before a dead letter that could not be stored is tried again; it doubles, up to a minute. Default: one
    /// second. A shorter one than 100 ms counts as 100 ms.
    pub sink_backoff: Duration,
}

impl QueueOptions {
    /// Returns a copy with a sink for rejected messages. A message is settled when the sink has it.
    pub fn with_sink(mut self, sink: impl DeadLetterSink) -> Self {
        self.rejected = Some(Rejected::Sink(Sink::new(sink)));
        self
    }

    /// Returns a copy that leaves rejected messages to the broker, which keeps them only if configured to.
    pub fn rejecting_to_broker(mut self) -> Self {
        self.rejected = Some(Rejected::Broker);
        self
    }

    /// Returns a copy that drops rejected messages.
    pub fn dropping_rejected(mut self) -> Self {
        self.rejected = Some(Rejected::Drop);
        self
    }

    /// Whether the options decide about rejected messages.
    pub fn is_decided(&self) -> bool {
        self.rejected.is_some()
    }

    pub(super) fn rejected(&self) -> Result<Rejected, Error> {
        self.rejected.clone().ok_or_else(|| {
            Error::new(ErrorKind::Unsupported)
                .with_detail("it is not decided what happens to rejected messages")
                .with_help(
                    "name a dead-letter sink (`QueueOptions::with_sink`), leave them to the broker \
                     (`QueueOptions::rejecting_to_broker`), or drop them (`QueueOptions::dropping_rejected`)",
                )
        })
    }
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { rejected: None, longest_delay: Duration::from_secs(900), sink_backoff: Duration::from_secs(1) }
    }
}

/// Limits of a queue receiver.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Room {
    /// Upper bounds of unsettled messages here: prefetched, delivered, waiting for a retry, or on their way
    /// to the dead-letter sink. One message always passes.
    pub bounds: Bounds,
    /// Messages that may be here or on their way before the program takes them; at least one.
    pub prefetch: usize,
}

impl Room {
    /// Creates limits with these bounds and this prefetch.
    pub fn new(bounds: Bounds, prefetch: usize) -> Self {
        Self { bounds, prefetch: prefetch.max(1) }
    }
}
