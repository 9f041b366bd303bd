//! Filters in front of a receiver.

use crate::ReceiverCapabilities;
use cloudevents_core::{DecodeOptions, Error, ErrorKind, Message};
use std::{fmt, sync::Arc};

type Matches = dyn Fn(&Message, &DecodeOptions) -> Result<bool, Error> + Send + Sync;

/// Selects the messages that a [`Receiver`](crate::Receiver) delivers: messages for which a function returns `true`.
///
/// The function gets the undecoded message and the receiver's decode options. Expressions and filters of this
/// toolkit have a method with the same arguments, `matches_message`.
///
/// ```
/// # #[cfg(feature = "fake")]
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// # use cloudevents_core::{DecodeOptions, Event};
/// # use cloudevents_transport::{EventFilter, fake::FakeLog, binding::log::LogOptions};
/// # let log = FakeLog::new(1);
/// # for ty in ["order.placed", "order.paid"] {
/// #     log.sender().send(&Event::builder().id("1").source("/s").ty(ty).build()?).await?;
/// # }
/// # let options = LogOptions::default().dropping_rejected();
/// # let (receiver, _) = log.receiver(DecodeOptions::strict(), options)?;
/// let paid = EventFilter::new(|message, with| {
///     Ok(message.attribute("type", with)?.as_deref() == Some("order.paid"))
/// });
/// let mut receiver = receiver.filter(paid)?;
/// assert_eq!(receiver.next().await?.unwrap().event()?.ty(), "order.paid");
/// assert_eq!(receiver.metrics().unmatched, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct EventFilter {
    matches: Arc<Matches>,
    drop_unmatched: bool,
}

impl EventFilter {
    /// Creates a filter from a function that returns whether a message is delivered.
    ///
    /// For a batch, the function gets each event as a separate message; the batch is delivered if it returns
    /// `true` for at least one. A message for which it returns an error is delivered, so that the program's
    /// policies for unreadable messages apply; a bridge refuses it. A [redrive](crate::bridge::Redrive::filter) leaves it.
    pub fn new(
        matches: impl Fn(&Message, &DecodeOptions) -> Result<bool, Error> + Send + Sync + 'static,
    ) -> Self {
        Self { matches: Arc::new(matches), drop_unmatched: false }
    }

    /// Allows the filter on a queue that others may also consume: messages that do not match are removed from it, for all consumers.
    pub fn drop_unmatched(mut self) -> Self {
        self.drop_unmatched = true;
        self
    }

    /// Whether the message is delivered.
    pub(crate) fn passes(&self, message: &Message, with: &DecodeOptions) -> bool {
        self.selects(message, with).unwrap_or_else(|error| {
            tracing::debug!(%error, "a message that the filter cannot read is delivered");
            true
        })
    }

    /// Whether the message matches. Errors are those of the function.
    pub(crate) fn selects(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        match message {
            Message::Batched(_) => message.events(with).and_then(|events| {
                for event in events.value {
                    if (self.matches)(&Message::Binary(event), with)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }),
            _ => (self.matches)(message, with),
        }
    }

    /// Checks that dropping messages that do not match harms no other consumer.
    pub(super) fn check(&self, capabilities: &ReceiverCapabilities) -> Result<(), Error> {
        if !capabilities.shared || self.drop_unmatched {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unsupported)
            .with_detail("a filter on a queue removes messages that do not match, also for other consumers")
            .with_help(
                "allow this with `EventFilter::drop_unmatched`, let the broker filter, or receive from a subscription of your own",
            ))
    }
}

impl fmt::Debug for EventFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventFilter").field("drop_unmatched", &self.drop_unmatched).finish_non_exhaustive()
    }
}
