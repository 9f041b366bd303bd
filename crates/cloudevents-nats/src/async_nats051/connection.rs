//! A connection of the client, which does not reconnect by itself.

use super::{
    failure,
    login::Login,
    notes::{Notes, UNANSWERED},
    options::Target,
};
use async_nats::{Auth, AuthError, Client, ConnectOptions, Event, Message, Request, RequestError, Subject};
use cloudevents_core::Error;
use cloudevents_transport::Host;
use futures_util::{
    FutureExt, StreamExt,
    future::{BoxFuture, Fuse, FusedFuture},
};
use std::{
    future::ready,
    panic::AssertUnwindSafe,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::lookup_host,
    runtime::Handle,
    task::JoinSet,
    time::{sleep, timeout},
};

/// How many messages a subscription holds on a connection that sends.
pub(super) const ALONE: usize = 1;

/// When to ask again whether the server has read everything.
const ECHO: Duration = Duration::from_millis(500);

/// How long the client may take to pass on a report of the server that it has read.
const REPORT: Duration = Duration::from_millis(10);

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
    /// Requests that were given up. The client keeps something of each until its reply comes, or the connection ends.
    late: Arc<Mutex<JoinSet<()>>>,
}

impl Connected {
    /// Connects to this host. Each subscription holds at most this many messages that were not taken. The client drops further messages.
    pub(super) async fn begin(target: &Target, host: &Host, capacity: usize) -> Result<Self, Error> {
        let login = match &target.options.logins {
            Some(logins) => logins.login().await?,
            None => target.login.clone(),
        };
        let notes = Notes::new(target.options.inbox_prefix.as_deref().unwrap_or("_INBOX"));
        // After a loss, the client makes one more attempt (`max_reconnects` 0 would mean: without end). That
        // one fails here, before it logs in. So a connection is never replaced unnoticed, and the policy of
        // `connect` decides when there is another one, with fresh credentials.
        let once = Arc::new(Once { login, connected: AtomicBool::new(false) });
        let mut options = ConnectOptions::with_auth_callback({
            let once = Arc::clone(&once);
            move |nonce| ready(once.auth(&nonce))
        })
        .max_reconnects(1)
        .name(&target.name)
        .connection_timeout(share(host, target.options.connect_timeout).await)
        .ping_interval(target.options.ping_interval)
        .subscription_capacity(capacity.max(1))
        .ignore_discovered_servers()
        .retain_servers_order()
        .event_callback({
            let ending = Ending(notes.clone());
            move |event| {
                ending.0.note(event);
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
        // The client panics on some input that a server should not send.
        let connecting = AssertUnwindSafe(options.connect(format!("{scheme}://{host}"))).catch_unwind();
        let connected =
            connecting.await.map_err(|_| failure::disconnected("what the server says is not NATS"))?;
        let client = connected.map_err(failure::connect)?;
        once.connected.store(true, Ordering::Release);
        Ok(Self { client, notes, late: Arc::default() })
    }

    /// Returns when the server has read everything that was sent over this connection: it returns a message
    /// to its sender. The server answers a refusal in the same order, so that counts, too. Says whether the message came back.
    pub(super) async fn round_trip(&self) -> Result<bool, Error> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await.map_err(failure::subscribe)?;
        self.client.publish(inbox.clone(), bytes::Bytes::new()).await.map_err(failure::publish)?;
        tokio::select! {
            biased;
            _ = self.notes.refused(&inbox, 0) => Ok(false),
            echo = echo.next() => match echo {
                Some(_) => Ok(true),
                None => Err(failure::disconnected("the connection was closed")),
            },
            error = self.notes.lost() => Err(error),
        }
    }

    /// Returns an error if the server refuses the inboxes of this client, without which it gets no reply.
    pub(super) async fn has_inbox(&self) -> Result<(), Error> {
        self.round_trip().await?;
        self.notes.no_inbox().now_or_never().map_or(Ok(()), Err)
    }

    /// Returns when the server has read all messages that were sent over this connection. The [notes](Notes) have the refusals by then.
    /// This works only if a subscription holds [one message](ALONE).
    ///
    /// The client reports errors of the server in one task, and hands over a message that comes back in another task. It reports dropped
    /// messages in the order of these errors. So two messages come back to a subscription that can hold one.
    pub(super) async fn heard(&self) -> Result<(), Error> {
        let inbox = self.client.new_inbox();
        let before = self.notes.dropped();
        let _held = self.client.subscribe(inbox.clone()).await.map_err(failure::subscribe)?;
        let publish = async || self.client.publish(inbox.clone(), bytes::Bytes::new()).await;
        publish().await.map_err(failure::publish)?;
        let echoing = async {
            loop {
                publish().await.map_err(failure::publish)?;
                sleep(ECHO).await; // its report may have been dropped
            }
        };
        tokio::select! {
            biased;
            _ = self.notes.refused(&inbox, 0) => Ok(()),
            () = self.notes.has_dropped(before) => Ok(()),
            error = self.notes.lost() => Err(error),
            failed = echoing => failed,
        }
    }

    /// Returns the error of the server about a subject that begins with this, when it has read everything that was sent.
    ///
    /// `None` if there is no such error behind this [mark](Notes::mark_below).
    pub(super) async fn refuses_below(&self, prefix: &str, mark: u64) -> Result<Option<Error>, Error> {
        self.round_trip().await?;
        let refused = timeout(REPORT, self.notes.refused_below(prefix, mark)).await.ok();
        if refused.is_none() {
            self.notes.allowed_below(prefix, mark);
        }
        Ok(refused)
    }

    /// Sends a request, and returns the reply that comes within the limit. A request that is given up, also by its caller, is
    /// [late](Self::late).
    pub(super) async fn request(
        &self,
        subject: Subject,
        request: Request,
        limit: Duration,
    ) -> Result<Message, Error> {
        /// A request until its reply comes.
        struct Asked<'a> {
            reply: Fuse<BoxFuture<'static, Result<Message, RequestError>>>,
            connected: &'a Connected,
            runtime: Handle,
        }

        impl Drop for Asked<'_> {
            fn drop(&mut self) {
                if !self.reply.is_terminated() {
                    let reply = std::mem::replace(&mut self.reply, Fuse::terminated());
                    self.connected.is_late(reply.map(drop), &self.runtime);
                }
            }
        }

        let client = self.client.clone();
        let reply = async move { client.send_request(subject, request.timeout(None)).await };
        let mut asked = Asked { reply: reply.boxed().fuse(), connected: self, runtime: runtime()? };
        let replied = timeout(limit, &mut asked.reply).await.map_err(|_| failure::no_reply())?;
        replied.map_err(failure::request)
    }

    /// Waits for a reply that comes too late, or not at all. With as many of them as there may be, the connection is lost.
    fn is_late(&self, reply: impl Future<Output = ()> + Send + 'static, runtime: &Handle) {
        let mut late = self.late.lock().unwrap_or_else(PoisonError::into_inner);
        while late.try_join_next().is_some() {}
        late.spawn_on(reply, runtime);
        if late.len() >= UNANSWERED {
            self.notes.lose(failure::disconnected(format!("{UNANSWERED} requests are without a reply")));
        }
    }

    /// The reason why a subscription has ended: the client has ended. Its reports do not always say so. It drops reports that do not fit
    /// into its queue, for example behind many reports of dropped messages.
    pub(super) fn ended(&self) -> Error {
        self.notes.why_lost()
    }

    /// Sends the messages that were handed over, and ends the client.
    pub(super) async fn close(&self) {
        let _ = self.client.drain().await;
    }
}

/// Gives the login until there is a connection, at each address that a name has.
struct Once {
    login: Login,
    connected: AtomicBool,
}

impl Once {
    fn auth(&self, nonce: &[u8]) -> Result<Auth, AuthError> {
        match self.connected.load(Ordering::Acquire) {
            false => self.login.auth(nonce),
            true => Err(AuthError::new("the connection was lost")),
        }
    }
}

/// Notes the end of the client's tasks. A task that panics reports nothing.
struct Ending(Notes);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.note(Event::Closed);
    }
}

/// How long one address of this host may take to log in. The client tries the addresses of the name in turn.
async fn share(host: &Host, limit: Duration) -> Duration {
    let addresses = lookup_host((host.name(), host.port().unwrap_or_default())).await;
    let count = addresses.map_or(1, Iterator::count);
    limit.checked_div(u32::try_from(count).unwrap_or(u32::MAX)).unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name with several addresses has the login for each of them; a connection that was made is not replaced.
    #[test]
    fn the_login_is_given_until_there_is_a_connection() {
        let once = Once { login: Login::token("t"), connected: AtomicBool::new(false) };
        assert!(once.auth(b"").is_ok() && once.auth(b"").is_ok());
        once.connected.store(true, Ordering::Release);
        assert!(once.auth(b"").is_err());
    }
}
