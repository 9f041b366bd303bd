//! Requests of deliveries to the task.

use super::{Acceptor, renewals::Place};
use crate::{Extends, Outcome, Permit, Received, Resolver, Settle, Settlement};
use cloudevents_core::{Error, ErrorKind};
use std::{
    mem::{swap, take},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::mpsc::UnboundedSender;

/// One message that this receiver holds.
pub(super) struct Held<T> {
    /// Its place in the bounds. The message keeps it in a handler, while waiting for a retry, at the sink,
    /// and in a settlement that the broker has not confirmed. Dropping this always frees the place.
    pub(super) place: Permit,
    /// The number of its connection.
    pub(super) epoch: u64,
    pub(super) tag: T,
    pub(super) received: Received,
    pub(super) attempt: u32,
    /// The task renews the deadline of the message as long as it is there.
    pub(super) renewal: Option<Place>,
}

pub(super) enum Ask<T> {
    Settle(Held<T>, Settlement, Resolver),
    Extend(u64, T),
}

/// What the tickets of one connection share.
pub(super) struct Desk<T> {
    pub(super) asks: UnboundedSender<Ask<T>>,
    pub(super) extends: Extends,
    pub(super) acceptor: Option<Acceptor<T>>,
    /// Shared by all connections.
    pub(super) accepted: Arc<Accepted>,
}

impl<T> Desk<T> {
    /// Accepts the message without the task, if that is possible.
    fn accept(&self, held: &Held<T>) -> bool {
        let is_accepted = self.acceptor.as_ref().is_some_and(|accept| accept(&held.tag));
        if is_accepted {
            self.accepted.add(held.renewal);
        }
        is_accepted
    }
}

/// The messages that were accepted without the task, for it to learn of.
#[derive(Default)]
pub(super) struct Accepted(Mutex<(bool, Vec<Place>)>);

impl Accepted {
    fn add(&self, renewal: Option<Place>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = true;
        state.1.extend(renewal);
    }

    /// Returns whether there were some since the last call, and their renewals in the empty list, whose room the next
    /// ones use.
    pub(super) fn take(&self, renewals: &mut Vec<Place>) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        swap(&mut state.1, renewals);
        take(&mut state.0)
    }
}

/// Settles one message, by a request to the task where it is necessary. The bounds of the receiver also bound
/// the channel, because each message has one settlement.
pub(super) struct Ticket<T> {
    pub(super) held: Held<T>,
    pub(super) desk: Arc<Desk<T>>,
}

impl<T: Clone + Send + Sync + 'static> Settle for Ticket<T> {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { held, desk } = *self;
        if how == Settlement::Accept && desk.accept(&held) {
            return Outcome::done(); // the place of the message is freed now
        }
        let (resolver, outcome) = Outcome::channel();
        // If the task has ended, the resolver is dropped here, and the outcome is an error.
        let _ = desk.asks.send(Ask::Settle(held, how, resolver));
        outcome
    }

    fn extend(&self) -> Result<(), Error> {
        match self.desk.extends {
            Extends::NotNeeded => Ok(()),
            Extends::Every(_) => {
                let ask = Ask::Extend(self.held.epoch, self.held.tag.clone());
                self.desk.asks.send(ask).map_err(|_| Error::new(ErrorKind::Closed))
            }
            Extends::Never => Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the protocol cannot extend the time for a message")),
        }
    }
}
