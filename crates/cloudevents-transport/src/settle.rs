//! Settlement: what becomes of a message that was received.

use crate::{Outcome, in_flight::Permit, metrics::Counters};
use std::{borrow::Cow, fmt, sync::Arc, time::Duration};

/// What becomes of a message.
///
/// ```
/// use cloudevents_transport::Settlement;
/// use std::time::Duration;
///
/// assert_eq!(Settlement::Accept.to_string(), "accept");
/// assert_eq!(Settlement::Retry { after: Duration::from_secs(2) }.to_string(), "retry after 2s");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Settlement {
    /// It was dealt with and does not come again.
    Accept,
    /// It could not be dealt with now and comes again, after this long where the protocol can wait; the attempt counts.
    Retry {
        /// How long to wait.
        after: Duration,
    },
    /// It can never be dealt with: it goes where the protocol puts such messages, and does not come again.
    Reject {
        /// Why, for whoever looks at it there.
        reason: Cow<'static, str>,
    },
    /// Nobody tried to deal with it. It comes again, here or elsewhere, and the attempt does not count.
    Release,
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Retry { after } => write!(f, "retry after {after:?}"),
            Self::Reject { reason } => write!(f, "reject: {reason}"),
            Self::Release => f.write_str("release"),
        }
    }
}

/// How a binding settles one message of its protocol.
///
/// There is one per *transport* message: the events of a batch share it.
pub trait Settle: Send + Sync + 'static {
    /// Records the settlement, or queues it for whoever owns the connection. It never blocks and never waits: it is called from
    /// `Drop`, too. The settlement goes its way whether or not anybody awaits the outcome.
    ///
    /// The outcome is an error of kind [`Revoked`](cloudevents_core::ErrorKind::Revoked) when the message now belongs to another
    /// consumer, and [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) or
    /// [`Closed`](cloudevents_core::ErrorKind::Closed) when the settlement cannot reach the broker any more. In all three cases
    /// the message comes again somewhere.
    fn settle(self: Box<Self>, how: Settlement) -> Outcome;
}

/// The duty to settle one message. Dropping it is [`Settlement::Release`], wherever that happens: in a handler that was cancelled,
/// or in a prefetch channel that nobody reads any more.
#[must_use = "dropping a token releases the message"]
pub struct Token {
    settle: Option<Box<dyn Settle>>,
    /// The binding's, of its own limiter.
    permit: Option<Permit>,
    /// The receiver's.
    place: Option<Permit>,
    counters: Option<Arc<Counters>>,
}

impl Token {
    /// A message that is settled like this.
    pub fn new(settle: impl Settle) -> Self {
        Self { settle: Some(Box::new(settle)), permit: None, place: None, counters: None }
    }

    /// A message of a protocol that knows no settlement: whatever is done with it is done well.
    pub fn unsettled() -> Self {
        Self { settle: None, permit: None, place: None, counters: None }
    }

    /// The same, holding a place of a limiter of the binding's own until the message is settled. It holds one: of two, the first is
    /// given back.
    pub fn holding(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// The same, in the books of a receiver: it has a place there, and counts how the message is settled.
    pub(crate) fn received(mut self, place: Permit, counters: Arc<Counters>) -> Self {
        self.place = Some(place);
        self.counters = Some(counters);
        self
    }

    /// Submits the settlement.
    pub fn settle(mut self, how: Settlement) -> Outcome {
        self.submit(how)
    }

    fn submit(&mut self, how: Settlement) -> Outcome {
        let counters = self.counters.take();
        if let Some(counters) = &counters {
            counters.settled(&how);
        }
        let outcome = match self.settle.take() {
            Some(settle) => settle.settle(how),
            None => Outcome::done(),
        };
        match &counters {
            Some(counters) => outcome.counted(counters, |counters, result| {
                if let Err(error) = result {
                    counters.settlement_failed(error);
                }
            }),
            None => outcome,
        }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        if self.settle.is_some() || self.counters.is_some() {
            drop(self.submit(Settlement::Release));
        }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("permit", &self.permit).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounds, InFlight};
    use std::sync::Mutex;

    struct Recorder(Arc<Mutex<Vec<Settlement>>>);

    impl Settle for Recorder {
        fn settle(self: Box<Self>, how: Settlement) -> Outcome {
            self.0.lock().unwrap().push(how);
            Outcome::done()
        }
    }

    #[test]
    fn dropping_releases_and_settling_does_not_release_again() {
        let seen = Arc::default();
        drop(Token::new(Recorder(Arc::clone(&seen))));
        drop(Token::new(Recorder(Arc::clone(&seen))).settle(Settlement::Accept));
        assert_eq!(*seen.lock().unwrap(), [Settlement::Release, Settlement::Accept]);
    }

    #[test]
    fn settling_gives_the_place_back() {
        let limiter = InFlight::new(Bounds { messages: 1, bytes: 1 });
        let (token, counters) = (Token::unsettled().holding(limiter.try_room().unwrap()), Arc::default());
        let of_the_receiver = InFlight::default();
        let token = token.received(of_the_receiver.take(10), Arc::clone(&counters));
        assert!(limiter.try_room().is_none());
        assert_eq!(of_the_receiver.used(), Bounds { messages: 1, bytes: 10 });
        drop(token.settle(Settlement::Accept));
        assert!(limiter.try_room().is_some());
        assert_eq!(of_the_receiver.used(), Bounds { messages: 0, bytes: 0 });
        assert_eq!((counters.snapshot().accepted, counters.snapshot().released), (1, 0));
    }
}
