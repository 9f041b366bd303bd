//! The common parts of senders over connections: bounds, the connection, and its end.

use super::{Connect, Reconnect, Shared, runtime};
use crate::{Bounds, Connectivity, InFlight, in_flight::Permit};
use cloudevents_core::{Error, ErrorKind};
use std::{
    fmt,
    sync::atomic::{AtomicBool, Ordering},
};
use tokio::runtime::Handle;

/// The connections of a sender. A binding adds how a message is prepared and written.
///
/// Dropping it still sends enqueued messages: the connection is [closed](Connect::close) in a task.
pub struct Links<C: Connect<Connection: Clone + Sync>> {
    shared: Shared<C>,
    in_flight: InFlight,
    closed: AtomicBool,
}

impl<C: Connect<Connection: Clone + Sync>> Links<C> {
    /// Tries every host once. Messages in flight are bounded by this.
    pub async fn open(reconnect: Reconnect<C>, in_flight: Bounds) -> Result<Self, Error> {
        let shared = reconnect.share();
        shared.open().await?;
        Ok(Self { shared, in_flight: InFlight::new(in_flight), closed: AtomicBool::new(false) })
    }

    /// Waits for a permit for a message of this many bytes.
    pub async fn room(&self, size: usize) -> Permit {
        let mut permit = self.in_flight.room().await;
        permit.charge(size);
        permit
    }

    /// The connection and its number, once there is one.
    ///
    /// Errors are those of [`Shared::get`], and [`Closed`](ErrorKind::Closed) after [`close`](Self::close).
    pub async fn get(&self) -> Result<(u64, C::Connection), Error> {
        if self.closed().load(Ordering::Acquire) {
            return Err(Error::new(ErrorKind::Closed));
        }
        self.shared.get().await
    }

    /// The connection and its number, if there is one now.
    pub fn now(&self) -> Option<(u64, C::Connection)> {
        self.shared.now()
    }

    /// Reports that the connection with this number was lost, as [`Shared::lost`] does.
    pub fn lost(&self, number: u64, error: &Error) {
        self.shared.lost(number, error);
    }

    /// Whether nothing more is sent, for a sender that waits while it writes.
    pub fn closed(&self) -> &AtomicBool {
        &self.closed
    }

    /// The state of the connection.
    pub fn connectivity(&self) -> Connectivity {
        self.shared.connectivity()
    }

    /// Refuses messages from now on, waits for every pending outcome, and [closes](Connect::close) the connection.
    ///
    /// This runs in a task, so that the connection is closed even if the future is dropped.
    pub async fn close(&self) -> Result<(), Error> {
        self.closed.store(true, Ordering::Release);
        let runtime = runtime()?;
        let closing = self.shared.close().map(|connection| runtime.spawn(C::close(connection)));
        self.in_flight.idle().await;
        match closing {
            Some(closing) => closing.await.unwrap_or_else(|error| {
                Err(Error::new(ErrorKind::Transport).with_detail(error.to_string()).with_source(error))
            }),
            None => Ok(()),
        }
    }
}

impl<C: Connect<Connection: Clone + Sync>> Drop for Links<C> {
    fn drop(&mut self) {
        if let (Some(connection), Ok(runtime)) = (self.shared.close(), Handle::try_current()) {
            runtime.spawn(C::close(connection));
        }
    }
}

impl<C: Connect<Connection: Clone + Sync>> fmt::Debug for Links<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}
