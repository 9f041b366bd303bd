//! Messages that this receiver holds, and requests of deliveries to the task.

use super::renewals::Place;
use crate::{
    Extends, InFlight, Outcome, Received, Settlement,
    binding::{Incoming, Ownership, Resolver, Settle, Token},
};
use cloudevents_core::{Error, ErrorKind};
use std::{
    mem::take,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::mpsc::{self, UnboundedSender};

/// One message that this receiver holds.
pub(super) struct Held<T> {
    /// Its permit. The message keeps it in a handler, while waiting for a retry, at the sink,
    /// and in a settlement that the broker has not confirmed. Dropping this always frees the permit.
    pub(super) place: Counted<T>,
    pub(super) tag: T,
    pub(super) received: Received,
    pub(super) attempt: u32,
    /// The program has had it, and is to have it again.
    pub(super) was_taken: bool,
    /// The task renews the deadline of the message as long as it is there.
    pub(super) renewal: Option<Place>,
}

impl<T: Clone + Send + Sync + 'static> Held<T> {
    /// Whether it can be settled: its connection is the current one, or any will do.
    pub(super) fn is_current(&self) -> bool {
        self.place.desk.ownership.as_ref().is_none_or(Ownership::is_held)
    }

    /// Converts it for the program. Made where the program takes it, which also frees the memory.
    pub(super) fn incoming(self) -> Incoming {
        let (received, attempt) = (self.received.clone(), self.attempt);
        Incoming::new(received, Token::new(Ticket(self))).with_attempt(attempt)
    }
}

/// The permit of one message, which is freed when this is dropped.
pub(super) struct Counted<T> {
    pub(super) desk: Arc<Desk<T>>,
    pub(super) bytes: usize,
}

impl<T> Counted<T> {
    /// Frees the bytes and keeps the permit.
    pub(super) fn discharge(&mut self) {
        self.desk.here.discharge(take(&mut self.bytes));
    }
}

impl<T> Drop for Counted<T> {
    fn drop(&mut self) {
        self.desk.here.give_back(self.bytes);
    }
}

pub(super) enum Ask<T> {
    Settle(Held<T>, Settlement, Resolver),
    Extend(Option<Ownership>, T),
    /// The settlement of these has an answer: their deadlines are renewed no more.
    Answered(Vec<Place>),
}

/// The state that the messages of one connection share.
pub(super) struct Desk<T> {
    pub(super) asks: UnboundedSender<Ask<T>>,
    pub(super) extends: Extends,
    /// The protocol does not settle: accepting only frees the permit of the message.
    pub(super) forgets: bool,
    /// Whether a message was accepted so, since the task looked.
    pub(super) accepted: Arc<AtomicBool>,
    pub(super) here: InFlight,
    /// Ends with the connection, if messages cannot be settled over another one.
    pub(super) ownership: Option<Ownership>,
}

/// Settles one message, by a request to the task where it is necessary. The bounds of the receiver also bound
/// the settlements in the channel, because each message has one. Renewals that a program requests are not bounded.
struct Ticket<T>(Held<T>);

impl<T: Clone + Send + Sync + 'static> Settle for Ticket<T> {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self(held) = *self;
        let desk = Arc::clone(&held.place.desk);
        if how == Settlement::Accept && desk.forgets {
            desk.accepted.store(true, Ordering::Relaxed);
            return Outcome::done();
        }
        let (resolver, outcome) = Outcome::channel();
        // If the task has ended, the resolver is dropped here, and the outcome is an error.
        let _ = desk.asks.send(Ask::Settle(held, how, resolver));
        outcome
    }

    fn ownership(&self) -> Option<&Ownership> {
        self.0.place.desk.ownership.as_ref()
    }

    fn extend(&self) -> Result<(), Error> {
        let Self(held) = self;
        let desk = &held.place.desk;
        match desk.extends {
            Extends::NotNeeded => Ok(()),
            Extends::Every(_) => {
                let ask = Ask::Extend(desk.ownership.clone(), held.tag.clone());
                desk.asks.send(ask).map_err(|_| Error::new(ErrorKind::Closed))
            }
            Extends::Never => Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the protocol cannot extend the time for a message")),
        }
    }
}

/// The program's end of the channel, with tags of any type. Dropping it releases messages that were not taken.
pub(super) trait Intake: Send {
    /// Returns the next message; `None` if the task has ended.
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<Incoming>>;

    /// How many there are to take now.
    fn len(&self) -> usize;

    /// Releases all, and returns how many of them the program has never had.
    fn release(&mut self) -> u64;
}

pub(super) struct Untaken<T: Clone + Send + Sync + 'static>(pub(super) mpsc::Receiver<Held<T>>);

impl<T: Clone + Send + Sync + 'static> Intake for Untaken<T> {
    fn poll_take(&mut self, context: &mut Context<'_>) -> Poll<Option<Incoming>> {
        self.0.poll_recv(context).map(|held| held.map(Held::incoming))
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn release(&mut self) -> u64 {
        self.0.close();
        let mut new = 0_u64;
        while let Ok(held) = self.0.try_recv() {
            new = new.saturating_add(u64::from(!held.was_taken));
            drop(held.incoming()); // its token requests the release
        }
        new
    }
}

impl<T: Clone + Send + Sync + 'static> Drop for Untaken<T> {
    fn drop(&mut self) {
        self.release();
    }
}
