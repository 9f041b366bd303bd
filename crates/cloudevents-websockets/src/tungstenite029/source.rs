//! Receives from a connection.

use super::{connect::Linking, connection::Connection, failure};
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host, Outcome, Received, ReceiverCapabilities, Settlement,
    binding::{
        Permit,
        connect::{Connect, Shared},
        queue::{Arrived, QueueSource},
    },
};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, mpsc};

/// The receiving end of a connection that a sender shares. The shared connection is made by [`Shared`].
pub(super) struct ReceivingShared(pub(super) Shared<Linking>);

impl Connect for ReceivingShared {
    type Connection = Source;

    async fn connect(&self, _: &Host) -> Result<Source, Error> {
        let (number, connection) = self.0.get().await?;
        Source::new(connection, Ends::Shared).inspect_err(|error| self.0.lost(number, error))
    }
}

/// The action of a source when its connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// Another connection is made, if the sender has not closed it.
    Shared,
    /// The receiver ends.
    #[cfg_attr(not(feature = "axum08"), allow(dead_code))]
    Last,
}

/// Takes messages from a connection that a sender shares, and does not close it.
pub(crate) struct Source {
    incoming: mpsc::UnboundedReceiver<(Received, Permit)>,
    connection: Arc<Connection>,
    ends: Ends,
    unsettled: Unsettled,
}

/// Counts messages that were taken and not settled, without an allocation for each: a source keeps one, and hands out clones.
pub(crate) struct Unsettled(Arc<Counted>);

#[derive(Default)]
struct Counted {
    tags: AtomicUsize,
    /// Notified when there are none.
    settled: Notify,
}

impl Unsettled {
    fn none() -> Self {
        let counted = Arc::<Counted>::default();
        counted.tags.store(1, Ordering::Relaxed);
        Self(counted)
    }

    /// Waits until only this one is left.
    async fn idle(&self) {
        loop {
            let mut settled = pin!(self.0.settled.notified());
            settled.as_mut().enable();
            if self.0.tags.load(Ordering::Acquire) == 1 {
                return;
            }
            settled.await;
        }
    }
}

impl Clone for Unsettled {
    fn clone(&self) -> Self {
        self.0.tags.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        if self.0.tags.fetch_sub(1, Ordering::AcqRel) == 2 {
            self.0.settled.notify_waiters();
        }
    }
}

impl Source {
    pub(crate) fn new(connection: Arc<Connection>, ends: Ends) -> Result<Self, Error> {
        match connection.take_incoming() {
            Some(incoming) => Ok(Self { incoming, connection, ends, unsettled: Unsettled::none() }),
            // Its end was not reported yet.
            None => Err(failure::disconnected("the connection has another receiver, or has ended")),
        }
    }

    fn arrived(&self, (received, permit): (Received, Permit)) -> Arrived<Unsettled> {
        drop(permit); // the queue counts it from now on
        Arrived { received, tag: self.unsettled.clone(), attempt: 1 }
    }
}

impl QueueSource for Source {
    /// Lasts until the message is settled.
    type Tag = Unsettled;

    fn capabilities(&self) -> ReceiverCapabilities {
        ReceiverCapabilities::unsettled()
    }

    async fn next(&mut self) -> Result<Arrived<Unsettled>, Error> {
        if let Some(message) = self.incoming.recv().await {
            return Ok(self.arrived(message));
        }
        let error = self.connection.ended().await;
        if self.ends == Ends::Last || is_end(&error) {
            // Received messages can still be settled and delivered again: the task of the receiver does that.
            self.unsettled.idle().await;
        }
        Err(error)
    }

    async fn settle(&mut self, _: Vec<Unsettled>, _: Settlement) -> Result<Outcome, Error> {
        Ok(Outcome::done())
    }

    async fn close(self) -> Result<(), Error> {
        Ok(())
    }
}

/// An error for a connection that this side has closed, and that is not made again.
pub(crate) fn is_end(error: &Error) -> bool {
    error.kind() == ErrorKind::Closed
}
