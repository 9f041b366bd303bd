//! A connection of the client, which does not reconnect by itself.

use super::{failure, options::Target};
use async_nats::{
    AuthError, Client, ConnectOptions, Event, client::traits::Publisher, message::OutboundMessage,
};
use cloudevents_core::Error;
use cloudevents_transport::Host;
use futures_util::StreamExt;
use std::{
    future::ready,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{runtime::Handle, sync::watch};

/// How many refusals of the server are kept for those that wait for one.
const REFUSALS: usize = 16;

/// Returns the current runtime, on which tasks are spawned and the connection lives.
pub(super) fn runtime() -> Result<Handle, Error> {
    Handle::try_current()
        .map_err(|error| Error::new(cloudevents_core::ErrorKind::Unsupported).with_source(error))
}

/// A client with one connection. When the connection is lost, the client ends.
#[derive(Clone)]
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) notes: Notes,
}

impl Connected {
    /// Connects to this host. Each subscription holds at most this many messages that were not taken; the
    /// client drops further ones.
    pub(super) async fn begin(target: &Target, host: &Host, capacity: usize) -> Result<Self, Error> {
        let login = match &target.options.logins {
            Some(logins) => logins.login().await?,
            None => target.login.clone(),
        };
        let (notes, used) = (Notes::new(), Arc::new(AtomicBool::new(false)));
        // After a loss, the client makes one more attempt (`max_reconnects` 0 would mean: without end). That
        // one fails here, before it logs in. So a connection is never replaced unnoticed, and the policy of
        // `connect` decides when there is another one, with fresh credentials.
        let mut options = ConnectOptions::with_auth_callback(move |nonce| {
            ready(match used.swap(true, Ordering::AcqRel) {
                false => login.auth(&nonce),
                true => Err(AuthError::new("the connection was lost")),
            })
        })
        .max_reconnects(1)
        .name(&target.name)
        .connection_timeout(target.options.connect_timeout)
        .ping_interval(target.options.ping_interval)
        .subscription_capacity(capacity.max(1))
        .ignore_discovered_servers()
        .retain_servers_order()
        .event_callback({
            let notes = notes.clone();
            move |event| {
                notes.note(event);
                ready(())
            }
        });
        if let Some(prefix) = &target.options.inbox_prefix {
            options = options.custom_inbox_prefix(prefix);
        }
        if target.tls {
            options = options.require_tls(true).tls_client_config(target.options.tls.client_config()?);
        }
        let scheme = if target.tls { "tls" } else { "nats" };
        let client = options.connect(format!("{scheme}://{host}")).await.map_err(failure::connect)?;
        Ok(Self { client, notes })
    }

    /// Returns when the server has read everything that was sent over this connection: it returns a message
    /// to its sender. The server answers a refusal in the same order, so that counts, too.
    pub(super) async fn round_trip(&self) -> Result<(), Error> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.map_err(failure::subscribe)?;
        self.client.publish(inbox.clone(), bytes::Bytes::new()).await.map_err(failure::publish)?;
        tokio::select! {
            biased;
            _ = self.notes.refused(&inbox) => Ok(()),
            echo = echo.next() => match echo {
                Some(_) => Ok(()),
                None => Err(failure::disconnected("the connection was closed")),
            },
            error = self.notes.lost() => Err(error),
        }
    }

    /// Returns an error if the server refuses messages to this subject, which it reports when they are lost already: after such a report, the next message
    /// is followed by a round trip.
    pub(super) async fn publish(&self, message: OutboundMessage) -> Result<(), Error> {
        let subject = self.notes.refusal(&message.subject).map(|_| message.subject.clone());
        if let Some(subject) = &subject {
            self.notes.forget(subject);
        }
        self.client.publish_message(message).await.map_err(failure::publish)?;
        let Some(subject) = subject else { return Ok(()) };
        self.round_trip().await?;
        self.notes.refusal(&subject).map_or(Ok(()), Err)
    }

    /// The reason why a subscription has ended, which is that the client has. Its reports do not always say so: it drops those that it has no room for, as
    /// behind many of dropped messages.
    pub(super) fn ended(&self) -> Error {
        self.notes.note(Event::Closed);
        let lost = self.notes.0.borrow().lost.clone();
        lost.unwrap_or_else(|| failure::disconnected("the connection was closed"))
    }

    /// Sends what was handed over, and ends the client.
    pub(super) async fn close(&self) {
        let _ = self.client.drain().await;
    }
}

/// What the client reports about its connection.
#[derive(Clone)]
pub(super) struct Notes(Arc<watch::Sender<Noted>>);

#[derive(Default)]
struct Noted {
    lost: Option<Error>,
    /// The last errors of the server, such as `Permissions Violation for Subscription to "orders"`.
    refusals: Vec<String>,
    /// Messages that the client dropped.
    dropped: u64,
}

impl Notes {
    fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    fn note(&self, event: Event) {
        match event {
            Event::Disconnected | Event::Closed => {
                let error = failure::disconnected("the connection was closed");
                self.0.send_if_modified(|noted| {
                    let first = noted.lost.is_none();
                    noted.lost.get_or_insert(error);
                    first
                });
            }
            Event::ServerError(error) => {
                tracing::warn!(%error, "the NATS server reported an error");
                self.0.send_modify(|noted| {
                    if noted.refusals.len() == REFUSALS {
                        noted.refusals.remove(0);
                    }
                    noted.refusals.push(error.to_string());
                });
            }
            Event::SlowConsumer(_) => {
                self.0.send_modify(|noted| {
                    if noted.dropped == 0 {
                        tracing::warn!("messages are dropped: they arrive faster than they are taken");
                    }
                    noted.dropped = noted.dropped.saturating_add(1);
                });
            }
            _ => {}
        }
    }

    /// Returns the reason when the connection is lost.
    pub(super) async fn lost(&self) -> Error {
        let mut noted = self.0.subscribe();
        let lost = noted.wait_for(|noted| noted.lost.is_some()).await;
        let error = lost.ok().and_then(|noted| noted.lost.clone());
        error.unwrap_or_else(|| failure::disconnected("the connection was closed"))
    }

    /// The error of the server about this subject, if there was one.
    pub(super) fn refusal(&self, subject: &str) -> Option<Error> {
        let noted = self.0.borrow();
        if noted.refusals.is_empty() {
            return None;
        }
        let quoted = format!("\"{subject}\"");
        noted.refusals.iter().find(|refusal| refusal.contains(&quoted)).map(failure::refused)
    }

    /// Forgets the errors of the server about this subject.
    fn forget(&self, subject: &str) {
        let quoted = format!("\"{subject}\"");
        self.0.send_modify(|noted| noted.refusals.retain(|refusal| !refusal.contains(&quoted)));
    }

    /// Returns the error of the server about this subject when there is one.
    async fn refused(&self, subject: &str) -> Error {
        let mut changes = self.0.subscribe();
        loop {
            if let Some(error) = self.refusal(subject) {
                return error;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
