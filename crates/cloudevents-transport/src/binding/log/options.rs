//! Options of log receivers, and the treatment of rejected messages.

use crate::{
    Bounds, DeadLetterSink,
    receiving::dead_letter_sink::{Rejected, Sink},
};
use cloudevents_core::{Error, ErrorKind};
use std::{fmt, time::Duration};

/// Options of log receivers.
///
/// One of [`with_sink`](Self::with_sink) and [`dropping_rejected`](Self::dropping_rejected) is required, because a log itself cannot keep
/// rejected messages.
///
/// ```
/// use cloudevents_transport::binding::log::LogOptions;
///
/// let mut options = LogOptions::default().dropping_rejected();
/// options.sink_backoff = std::time::Duration::from_secs(5);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct LogOptions {
    pub(crate) rejected: Option<Rejected>,
    /// Upper bounds of messages that wait in memory to be delivered again or are on their way to the
    /// dead-letter sink. At the bounds, no new messages are taken. Default: 1,024 messages, 64 MiB.
    pub waiting: Bounds,
    /// How far a partition may be received ahead of its watermark, in offsets; at least one. After a crash, up to this many messages of
    /// each partition are delivered again, settled or not. At the bound, no new messages are taken from this partition until it is at half
    /// of it. If a client cannot hold one partition back, no new messages are taken from any partition meanwhile. Default: 10,000.
    pub max_lead: u64,
    /// The pause before a dead letter that could not be stored is tried again; it doubles, up to a minute. Default: one
    /// second. A shorter one than 100 ms counts as 100 ms.
    pub sink_backoff: Duration,
}

impl LogOptions {
    /// Returns a copy with a sink for rejected messages.
    pub fn with_sink(mut self, sink: impl DeadLetterSink) -> Self {
        self.rejected = Some(Rejected::Sink(Sink::new(sink)));
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

    /// Returns the treatment of rejected messages, or an error that names the choices.
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
        Self {
            rejected: None,
            waiting: Bounds::default(),
            max_lead: 10_000,
            sink_backoff: Duration::from_secs(1),
        }
    }
}

impl fmt::Debug for LogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rejected = match self.rejected {
            None => "undecided",
            Some(Rejected::Sink(_)) => "sink",
            Some(_) => "drop",
        };
        f.debug_struct("LogOptions")
            .field("rejected", &rejected)
            .field("waiting", &self.waiting)
            .field("max_lead", &self.max_lead)
            .field("sink_backoff", &self.sink_backoff)
            .finish()
    }
}
