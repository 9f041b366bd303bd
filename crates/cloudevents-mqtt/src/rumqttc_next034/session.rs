//! The task that owns the connection of a receiver.

use super::{
    connection::{Connection, FAREWELL, Terms},
    options::Target,
    outbox::Outbox,
    source::{Inbox, Receiving},
};
use crate::Version;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::{
    Host,
    binding::connect::{Connect, Reconnect},
};
use futures_util::future::{Either, select};
use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{sync::watch, time::sleep};

/// Connects to the session of the receiver.
pub(super) struct Resuming {
    target: Arc<Target>,
    terms: Terms,
    /// Whether the broker has had the session.
    had: AtomicBool,
}

impl Resuming {
    pub(super) fn new(target: Arc<Target>, terms: Terms) -> Self {
        Self { target, terms, had: AtomicBool::new(false) }
    }
}

impl Connect for Resuming {
    type Connection = Connection;

    async fn connect(&self, host: &Host) -> Result<Connection, Error> {
        let connection = Connection::open(&self.target, host, &self.terms).await?;
        let resumed = connection.welcome.session_present;
        let is_kept = !self.terms.clean
            && (self.target.options.version == Version::V3 || self.terms.session_expiry > 0);
        if self.had.swap(true, Ordering::Relaxed) && is_kept && !resumed {
            tracing::warn!(%host, client = self.target.client,
                "the broker has lost the session, with what was sent meanwhile and what was not acknowledged; another one has begun");
        } else {
            tracing::debug!(%host, resumed, "subscribed");
        }
        Ok(connection)
    }
}

/// Receives and acknowledges until the receiver is gone, and reconnects meanwhile.
pub(super) async fn run(
    mut reconnect: Reconnect<Resuming>,
    (mut connection, mut outbox): (Connection, Arc<Outbox>),
    inbox: Arc<Inbox>,
    target: Arc<Target>,
    mut alive: watch::Receiver<()>,
) {
    loop {
        let error = serve(connection, &outbox, &inbox, &target, &mut alive).await;
        inbox.lost();
        if alive.has_changed().is_err() {
            return;
        }
        reconnect.lost(&error);
        // Clients that take a session from each other would do so for ever.
        let mut taken = (error.kind() == ErrorKind::Refused).then_some(error);
        if let Some(error) = &taken {
            reconnect.fail(error);
        }
        (connection, outbox) = loop {
            let opened = if let Some(error) = taken.take() {
                Err(error)
            } else {
                let gone = pin!(gone(&mut alive));
                match select(pin!(reconnect.open()), gone).await {
                    Either::Left((opened, _)) => opened,
                    Either::Right(_) => return,
                }
            };
            match opened {
                Ok(connection) => {
                    let outbox = inbox.begin(&connection);
                    break (connection, outbox);
                }
                Err(error) => {
                    // The program sees it, and tries again if it calls again.
                    inbox.fail(error);
                    if let Either::Right(_) = select(pin!(inbox.failure_seen()), pin!(gone(&mut alive))).await
                    {
                        return;
                    }
                }
            }
        };
    }
}

/// Drives one connection. Returns why it ended.
async fn serve(
    connection: Connection,
    outbox: &Outbox,
    inbox: &Inbox,
    target: &Target,
    alive: &mut watch::Receiver<()>,
) -> Error {
    let mut receiving = Receiving { inbox, outbox, added: false, told: false };
    let mut driving = pin!(connection.drive(outbox, &mut receiving));
    let ended = {
        let acknowledging = pin!(async {
            loop {
                inbox.settled.notified().await;
                inbox.acknowledge();
            }
        });
        let gone = pin!(gone(alive));
        match select(&mut driving, select(acknowledging, gone)).await {
            Either::Left((error, _)) => Some(error),
            Either::Right((Either::Left((never, _)), _)) => never,
            Either::Right((Either::Right(_), _)) => None,
        }
    };
    match ended {
        Some(error) => error,
        None => {
            inbox.acknowledge();
            // A made-up client identifier is not used again, so that its session would be left over.
            let session_expiry = target.is_unnamed.then_some(0);
            outbox.close(target.options.version, session_expiry);
            match select(driving, pin!(sleep(FAREWELL))).await {
                Either::Left((error, _)) => error,
                Either::Right(_) => super::failure::disconnected("the broker did not take what was written"),
            }
        }
    }
}

/// Waits until the receiver was dropped.
async fn gone(alive: &mut watch::Receiver<()>) {
    while alive.changed().await.is_ok() {}
}
