//! Requests of deliveries to the task.

use crate::{Extends, Outcome, Permit, Received, Resolver, Settle, Settlement};
use cloudevents_core::{Error, ErrorKind};
use std::sync::Arc;
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
}

pub(super) enum Ask<T> {
    Settle(Held<T>, Settlement, Resolver),
    Extend(u64, T),
}

/// Settles one message by a request to the task. The bounds of the receiver also bound the channel, because
/// each message has one settlement.
pub(super) struct Ticket<T> {
    pub(super) held: Held<T>,
    pub(super) asks: UnboundedSender<Ask<T>>,
    pub(super) extends: Extends,
    /// The task renews the deadline of the message as long as this exists.
    pub(super) _alive: Option<Arc<()>>,
}

impl<T: Clone + Send + Sync + 'static> Settle for Ticket<T> {
    fn settle(self: Box<Self>, how: Settlement) -> Outcome {
        let Self { held, asks, .. } = *self;
        let (resolver, outcome) = Outcome::channel();
        // If the task has ended, the resolver is dropped here, and the outcome is an error.
        let _ = asks.send(Ask::Settle(held, how, resolver));
        outcome
    }

    fn extend(&self) -> Result<(), Error> {
        match self.extends {
            Extends::NotNeeded => Ok(()),
            Extends::Every(_) => {
                let ask = Ask::Extend(self.held.epoch, self.held.tag.clone());
                self.asks.send(ask).map_err(|_| Error::new(ErrorKind::Closed))
            }
            Extends::Never => Err(Error::new(ErrorKind::Unsupported)
                .with_detail("the protocol cannot extend the time for a message")),
        }
    }
}
