//! Settlement of received messages.

#[cfg(feature = "log")]
use crate::binding::log::Ticket;
use crate::{
    Counters, Outcome, Outgoing, Receipt, Settlement,
    binding::{
        Ownership,
        loan::{Borrowed, Lent},
    },
    in_flight::Permit,
    receiving::context::Context,
};
use cloudevents_core::{Error, ErrorKind};
use std::{fmt, sync::Arc};
use tokio::time::Instant;

/// How a binding settles one message of its protocol.
///
/// There is one for each *transport* message: the events of a batch share it.
pub trait Settle: Send + Sync + 'static {
    /// Records the settlement, or queues it for the task that owns the connection. It never blocks and never
    /// waits, because `Drop` also calls it. The settlement takes effect whether or not the outcome is
    /// awaited.
    ///
    /// The outcome is an error of kind [`Revoked`](cloudevents_core::ErrorKind::Revoked) when the message now
    /// belongs to another consumer, and [`Disconnected`](cloudevents_core::ErrorKind::Disconnected) or
    /// [`Closed`](cloudevents_core::ErrorKind::Closed) when the settlement can no longer reach the broker. In
    /// all three cases the message is delivered again somewhere. The outcome is an error of kind
    /// [`Unsupported`](cloudevents_core::ErrorKind::Unsupported), and never a success, if neither the
    /// protocol nor the memory of this process can do it.
    fn settle(self: Box<Self>, how: Settlement) -> Outcome;

    /// Renews the deadline of the message, so that it is not delivered again while a handler works on it.
    /// Success means that the renewal was submitted, or that there is no deadline.
    fn extend(&self) -> Result<(), Error> {
        no_deadline()
    }

    /// Until when the message belongs to this process. The default, `None`: until it is settled.
    fn ownership(&self) -> Option<&Ownership> {
        None
    }

    /// Replies in the exchange of the message. The outcome is an error of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) if
    /// the protocol has no such exchange, and of kind [`Inexact`](cloudevents_core::ErrorKind::Inexact) if the reply
    /// [needs](Outgoing::needs) properties that the exchange does not carry.
    fn reply(&self, answer: Outgoing) -> Outcome<Receipt> {
        let _ = answer;
        no_replies()
    }
}

#[cold]
fn no_deadline() -> Result<(), Error> {
    Err(Error::new(ErrorKind::Unsupported).with_detail("the protocol cannot extend the time for a message"))
}

#[cold]
fn no_replies() -> Outcome<Receipt> {
    Outcome::ready(Err(
        Error::new(ErrorKind::Unsupported).with_detail("the protocol does not reply over the exchange")
    ))
}

/// Settles a message of a protocol without settlement.
struct Unsettled;

impl Settle for Unsettled {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        match how {
            Settlement::Accept => Outcome::done(),
            _ => Outcome::ready(Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the protocol forgets what it has sent, so the message does not come again"))),
        }
    }

    fn extend(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Settles one message.
///
/// Dropping it is [`Settlement::Release`], also in a cancelled handler, or in a prefetch channel that no task reads any more.
#[must_use = "dropping a token releases the message"]
pub struct Token {
    duty: Duty,
    /// The permit of the binding's own limiter.
    permit: Option<Permit>,
    /// The permit of the receiver.
    place: Option<Place>,
}

/// How a message is settled.
enum Duty {
    /// There is nothing to settle, or it is settled already.
    None,
    Binding(Box<dyn Settle>),
    /// In the ledger of a log, which needs no allocation.
    #[cfg(feature = "log")]
    Log(Ticket),
    /// Lent to a handler, which may settle it itself.
    Lent(Lent),
    /// Borrowed from a lender.
    Borrowed(Box<Borrowed>),
}

/// A permit in the bounds and counters of a receiver.
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
    /// Creates a token for a message that is settled like this.
    pub fn new(settle: impl Settle) -> Self {
        Self::with(Duty::Binding(Box::new(settle)))
    }

    /// Creates a token for a message of a protocol without settlement.
    ///
    /// Accepting it succeeds. Everything else, including dropping, is an error of kind [`Unsupported`](ErrorKind::Unsupported). The queue
    /// machine can deliver such a message again from memory.
    pub fn unsettled() -> Self {
        Self::new(Unsettled)
    }

    /// Creates a token for a message that is settled in the ledger of a log.
    #[cfg(feature = "log")]
    pub(crate) fn in_books(ticket: Ticket) -> Self {
        Self::with(Duty::Log(ticket))
    }

    fn with(duty: Duty) -> Self {
        Self { duty, permit: None, place: None }
    }

    /// Returns the token with a permit of the binding's own limiter, held until the message is settled.
    ///
    /// It holds one permit: a second one replaces and frees the first.
    pub fn holding(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Registers a message of this many bytes at a receiver: it takes a permit there, and its settlement is
    /// counted.
    pub(crate) fn receive(&mut self, context: &Arc<Context>, bytes: usize) {
        context.in_flight.count(bytes);
        self.place = Some(Place { context: Arc::clone(context), bytes });
    }

    /// Lends the token. A borrowed token that is dropped unsettled comes back here. Then the handler's result settles the message.
    pub(crate) fn lend(&mut self) -> Self {
        self.reclaim();
        let duty = std::mem::replace(&mut self.duty, Duty::None);
        let token = Self { duty, permit: self.permit.take(), place: self.place.take() };
        let (lent, borrowed) = Lent::new(token);
        self.duty = Duty::Lent(lent);
        Self::with(Duty::Borrowed(Box::new(borrowed)))
    }

    /// Takes back a lent token. Returns whether there is anything left to settle.
    pub(crate) fn reclaim(&mut self) -> bool {
        let Duty::Lent(lent) = &self.duty else { return true };
        let back = lent.reclaim();
        self.duty = Duty::None;
        let is_back = back.is_some();
        if let Some(back) = back {
            *self = back;
        }
        is_back
    }

    /// Whether it is lent, and the borrower accepted the message, or has passed it on.
    pub(crate) fn is_taken(&self) -> bool {
        matches!(&self.duty, Duty::Lent(lent) if lent.is_taken())
    }

    /// Submits the settlement.
    pub fn settle(mut self, how: Settlement) -> Outcome {
        self.submit(how, true)
    }

    /// Accepts a message that was not handled: it shows nowhere if it comes again.
    pub(crate) fn pass_over(mut self) -> Outcome {
        self.submit(Settlement::Accept, false)
    }

    /// Its position in a log: the assignment, and the offset.
    pub(crate) fn place(&self) -> Option<(u64, u64)> {
        match &self.duty {
            #[cfg(feature = "log")]
            Duty::Log(ticket) => Some(ticket.place()),
            _ => None,
        }
    }

    /// Whether a message behind it in a log is settled, or will be. Such a message comes again unless this one is settled, too.
    pub(crate) fn is_overtaken(&self) -> bool {
        match &self.duty {
            #[cfg(feature = "log")]
            Duty::Log(ticket) => ticket.is_overtaken(),
            _ => false,
        }
    }

    /// Whether it is a message of a log that can be settled at this time, as far as is known: its partition is not revoked before.
    #[cfg_attr(not(feature = "log"), allow(unused_variables))]
    pub(crate) fn stays_until(&self, time: Instant) -> bool {
        match &self.duty {
            #[cfg(feature = "log")]
            Duty::Log(ticket) => ticket.stays_until(time),
            _ => false,
        }
    }

    /// Renews the deadline of the message; see [`Settle::extend`].
    pub fn extend(&self) -> Result<(), Error> {
        match &self.duty {
            Duty::Binding(settle) => settle.extend(),
            #[cfg(feature = "log")]
            Duty::Log(_) => Ok(()),
            Duty::Borrowed(borrowed) => borrowed.extend(),
            Duty::None | Duty::Lent(_) => Ok(()),
        }
    }

    /// Whether the message still belongs to this process.
    pub(crate) fn is_current(&self) -> bool {
        match &self.duty {
            // Its offset may have gone back, too.
            #[cfg(feature = "log")]
            Duty::Log(ticket) => ticket.is_current(),
            Duty::Borrowed(borrowed) => borrowed.is_current(),
            _ => self.ownership().is_none_or(|ownership| ownership.is_held()),
        }
    }

    /// Until when the message belongs to this process; `None` until it is settled.
    pub(crate) fn ownership(&self) -> Option<Ownership> {
        match &self.duty {
            Duty::Binding(settle) => settle.ownership().cloned(),
            #[cfg(feature = "log")]
            Duty::Log(ticket) => Some(ticket.ownership().clone()),
            Duty::Borrowed(borrowed) => borrowed.ownership(),
            Duty::None | Duty::Lent(_) => None,
        }
    }

    /// Replies in the exchange of the message; see [`Settle::reply`].
    pub fn reply(&self, answer: Outgoing) -> Outcome<Receipt> {
        match &self.duty {
            Duty::Binding(settle) => settle.reply(answer),
            Duty::Borrowed(borrowed) => borrowed.reply(answer).unwrap_or_else(no_replies),
            _ => no_replies(),
        }
    }

    fn submit(&mut self, how: Settlement, is_noticed: bool) -> Outcome {
        self.reclaim();
        #[cfg(not(feature = "log"))]
        let _ = is_noticed; // only a log passes a message over
        // Freed at the end in every case.
        let place = self.place.take();
        let releases = how == Settlement::Release;
        let rejects = matches!(how, Settlement::Reject { .. });
        if let Some(place) = &place {
            place.context.counters.settled(&how);
        }
        #[cfg(feature = "log")]
        if let (Some(place), Duty::Log(ticket)) = (&place, &self.duty)
            && releases
            && ticket.was_released()
        {
            place.context.counters.released_again();
        }
        let outcome = match std::mem::replace(&mut self.duty, Duty::None) {
            Duty::None => Outcome::done(),
            Duty::Binding(settle) => settle.settle(how),
            #[cfg(feature = "log")]
            Duty::Log(ticket) if !is_noticed => ticket.pass_over(),
            #[cfg(feature = "log")]
            Duty::Log(ticket) => ticket.settle(how),
            Duty::Borrowed(borrowed) => borrowed.settle(how),
            Duty::Lent(_) => Outcome::done(), // reclaimed above
        };
        match &place {
            Some(place) => {
                let count: fn(&Counters, Result<(), &Error>) = match () {
                    () if releases => not_released,
                    () if rejects => not_rejected,
                    () => not_settled,
                };
                outcome.counted(&place.context.counters, count, None)
            }
            None => outcome,
        }
    }
}

fn not_settled(counters: &Counters, result: Result<(), &Error>) {
    if let Err(error) = result {
        counters.settlement_failed(error);
    }
}

fn not_rejected(counters: &Counters, result: Result<(), &Error>) {
    if let Err(error) = result {
        counters.rejection_failed(error);
    }
}

/// A message that does not belong to this process any more comes again. A release does nothing else.
fn not_released(counters: &Counters, result: Result<(), &Error>) {
    let comes_again = |kind| matches!(kind, ErrorKind::Revoked | ErrorKind::Disconnected | ErrorKind::Closed);
    not_settled(
        counters,
        result.or_else(|error| if comes_again(error.kind()) { Ok(()) } else { Err(error) }),
    );
}

impl Drop for Token {
    fn drop(&mut self) {
        if matches!(self.duty, Duty::Borrowed(_)) {
            self.duty = Duty::None; // which returns it to the lender
        } else if !matches!(self.duty, Duty::None) || self.place.is_some() {
            drop(self.submit(Settlement::Release, true));
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
    use cloudevents_core::DecodeOptions;
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
            decoding: DecodeOptions::strict(),
            counters: Arc::default(),
            in_flight: of_the_receiver.clone(),
            attempts: 10,
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
