//! Settlement: what becomes of a message that was received.

#[cfg(feature = "log")]
use crate::log::Ticket;
use crate::{Outcome, delivery::Context, in_flight::Permit};
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
    duty: Duty,
    /// The binding's, of its own limiter.
    permit: Option<Permit>,
    /// The receiver's.
    place: Option<Place>,
}

/// How a message is settled.
enum Duty {
    /// Not at all, or not any more.
    None,
    Binding(Box<dyn Settle>),
    /// In the books of a log, which takes no memory of its own.
    #[cfg(feature = "log")]
    Log(Ticket),
}

/// A place in the books of a receiver.
struct Place {
    context: Arc<Context>,
    bytes: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.context.in_flight.give_back(self.bytes);
    }
}

impl Token {
    /// A message that is settled like this.
    pub fn new(settle: impl Settle) -> Self {
        Self::with(Duty::Binding(Box::new(settle)))
    }

    /// A message of a protocol that knows no settlement: whatever is done with it is done well.
    pub fn unsettled() -> Self {
        Self::with(Duty::None)
    }

    /// A message that is settled in the books of a log.
    #[cfg(feature = "log")]
    pub(crate) fn in_books(ticket: Ticket) -> Self {
        Self::with(Duty::Log(ticket))
    }

    fn with(duty: Duty) -> Self {
        Self { duty, permit: None, place: None }
    }

    /// The same, holding a place of a limiter of the binding's own until the message is settled. It holds one: of two, the first is
    /// given back.
    pub fn holding(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Enters a message of so many bytes in the books of a receiver: it has a place there, and counts how it is settled.
    pub(crate) fn receive(&mut self, context: &Arc<Context>, bytes: usize) {
        context.in_flight.count(bytes);
        self.place = Some(Place { context: Arc::clone(context), bytes });
    }

    /// Submits the settlement.
    pub fn settle(mut self, how: Settlement) -> Outcome {
        self.submit(how)
    }

    fn submit(&mut self, how: Settlement) -> Outcome {
        // It is given up at the end, whatever happens.
        let place = self.place.take();
        if let Some(place) = &place {
            place.context.counters.settled(&how);
        }
        let outcome = match std::mem::replace(&mut self.duty, Duty::None) {
            Duty::None => Outcome::done(),
            Duty::Binding(settle) => settle.settle(how),
            #[cfg(feature = "log")]
            Duty::Log(ticket) => ticket.settle(how),
        };
        match &place {
            Some(place) => outcome.counted(&place.context.counters, |counters, result| {
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
        if !matches!(self.duty, Duty::None) || self.place.is_some() {
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
    use cloudevents_core::Decoding;
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
        let of_the_receiver = InFlight::default();
        let context = Arc::new(Context {
            decoding: Decoding::strict(),
            counters: Arc::default(),
            in_flight: of_the_receiver.clone(),
        });
        let mut token = Token::unsettled().holding(limiter.try_room().unwrap());
        token.receive(&context, 10);
        assert!(limiter.try_room().is_none());
        assert_eq!(of_the_receiver.used(), Bounds { messages: 1, bytes: 10 });
        drop(token.settle(Settlement::Accept));
        assert!(limiter.try_room().is_some());
        assert_eq!(of_the_receiver.used(), Bounds { messages: 0, bytes: 0 });
        let counted = context.counters.snapshot();
        assert_eq!((counted.accepted, counted.released), (1, 0));
    }
}
