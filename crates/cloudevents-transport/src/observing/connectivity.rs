//! The state of a connection, to observe.

use crate::{
    Host,
    observing::seconds::{Moment, Seconds},
    streak::Streak,
};
use cloudevents_core::Error;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, sleep},
};
use tracing::field::display;

/// The shortest time between log lines about dropped messages.
const BETWEEN: Duration = Duration::from_secs(10);

/// The state of a connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// The protocol has no connection that outlives a message: HTTP.
    Connectionless,
    /// There is a connection, as far as known.
    Connected {
        /// The host, for connections to a single host.
        host: Option<Host>,
    },
    /// An attempt is running, or the next one is scheduled.
    Connecting {
        /// Failed rounds of attempts since the last connection.
        failed: u32,
        /// Why the connection was lost, or why the last attempt failed.
        error: Option<Error>,
    },
    /// There will be no further attempt: the error is permanent.
    Failed(Error),
}

impl ConnectionState {
    /// Whether there is a connection, or the protocol needs none.
    pub fn is_connected(&self) -> bool {
        matches!(self, Self::Connected { .. } | Self::Connectionless)
    }

    /// Whether there will be no further attempt.
    pub fn is_failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }

    /// The error because of which there is no connection, if known.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Connecting { error, .. } => error.as_ref(),
            Self::Failed(error) => Some(error),
            Self::Connectionless | Self::Connected { .. } => None,
        }
    }
}

/// Messages that were lost with a connection, and are still with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// Messages that were on their way, and come again by themselves.
    ComesAgain,
    /// At least one message that ends each connection over which it comes, and was not found. Others come.
    Unreadable,
}

/// Observes the state of a connection. Clones observe the same one.
///
/// ```
/// use cloudevents_core::{Error, ErrorKind};
/// use cloudevents_transport::{ConnectionState, Connectivity};
///
/// let (reporter, connectivity) = Connectivity::channel();
/// assert!(!connectivity.state().is_connected());
/// reporter.connected(None);
/// assert!(connectivity.state().is_connected());
/// reporter.lost(&Error::new(ErrorKind::Disconnected));
/// assert_eq!(connectivity.state().error().unwrap().kind(), ErrorKind::Disconnected);
/// assert_eq!((connectivity.connects(), connectivity.losses()), (1, 1));
/// reporter.dropped(2);
/// assert_eq!((connectivity.dropped(), connectivity.missing()), (2, None));
/// ```
#[derive(Clone)]
pub struct Connectivity {
    watched: watch::Receiver<Seen>,
    /// Reports by the owner of the connection.
    reports: Option<Reporter>,
    settlements: Arc<Streak>,
}

/// Reports the state of a connection; see [`Connectivity::channel`]. Clones report about the same one.
#[derive(Clone)]
pub struct Reporter {
    seen: Arc<watch::Sender<Seen>>,
    /// How the peer of a receiver answers settlements.
    settlements: Arc<Streak>,
}

/// The state, and counts of connections, losses and messages that were dropped.
struct Seen {
    state: ConnectionState,
    /// Since when there has been no connection.
    away: Option<Instant>,
    /// When the last connection was made.
    made: Option<Instant>,
    connects: u64,
    losses: u64,
    dropped: u64,
    /// Why the peer takes no messages, and since when.
    blocked: Option<(Error, Instant)>,
    /// Messages that are missing, until this time unless it is reported again.
    missing: Option<(Missing, Instant)>,
    /// The number of dropped messages that the log has.
    logged: u64,
    /// Whether a later log line will have their number.
    logs_later: bool,
}

impl Seen {
    fn is_away(&mut self, state: ConnectionState) {
        self.away.get_or_insert_with(Instant::now);
        (self.state, self.blocked) = (state, None);
    }
}

impl Connectivity {
    /// For protocols without a connection that outlives a message.
    pub fn connectionless() -> Self {
        let (reporter, connectivity) = Self::channel();
        reporter.change(|seen| (seen.state, seen.away) = (ConnectionState::Connectionless, None));
        Self { reports: None, ..connectivity }
    }

    /// For clients that reconnect by themselves: the code that observes the client reports changes.
    ///
    /// Starts without a connection.
    pub fn channel() -> (Reporter, Self) {
        let state = ConnectionState::Connecting { failed: 0, error: None };
        let seen = Seen {
            state,
            away: Some(Instant::now()),
            made: None,
            connects: 0,
            losses: 0,
            dropped: 0,
            blocked: None,
            missing: None,
            logged: 0,
            logs_later: false,
        };
        let (send, _) = watch::channel(seen);
        let reporter = Reporter { seen: Arc::new(send), settlements: Arc::default() };
        let connectivity = reporter.connectivity();
        (reporter, connectivity)
    }

    /// The state now.
    pub fn state(&self) -> ConnectionState {
        self.watched.borrow().state.clone()
    }

    /// Since when there has been no connection, if there is none.
    pub(crate) fn away_since(&self) -> Option<Instant> {
        self.watched.borrow().away
    }

    /// When the last connection was made.
    pub(crate) fn made_at(&self) -> Option<Instant> {
        self.watched.borrow().made
    }

    /// How many connections were made.
    pub fn connects(&self) -> u64 {
        self.watched.borrow().connects
    }

    /// How many connections were lost.
    pub fn losses(&self) -> u64 {
        self.watched.borrow().losses
    }

    /// How many messages came and were dropped, as [`Metrics::dropped`](crate::Metrics::dropped) counts them.
    pub fn dropped(&self) -> u64 {
        self.watched.borrow().dropped
    }

    /// Why the peer takes no messages for now, although there is a connection. `None` if it takes messages, as far as the binding knows it.
    ///
    /// The binding of RabbitMQ knows it: the broker has an alarm of its memory or disk (`connection.blocked`). Messages wait until the
    /// alarm ends.
    pub fn blocked(&self) -> Option<Error> {
        self.watched.borrow().blocked.as_ref().map(|(error, _)| error.clone())
    }

    /// Since when the peer has taken no messages, if that is so.
    pub(crate) fn blocked_since(&self) -> Option<Instant> {
        self.watched.borrow().blocked.as_ref().map(|(_, since)| *since)
    }

    /// Returns whether messages were lost with a connection and have not come again, as far as the binding knows it.
    ///
    /// The bindings of JetStream know it. Messages that a receiver finds delivered and not settled when it begins count, too: another
    /// receiver holds them, or was killed. While messages [come again](Missing::ComesAgain), a receiver without messages has not received
    /// all that there are.
    pub fn missing(&self) -> Option<Missing> {
        let (missing, until) = self.watched.borrow().missing?;
        (Instant::now() < until).then_some(missing)
    }

    /// Why no settlement of a receiver has succeeded for long, if that is so; `None` in it if none has ended.
    pub(crate) fn settles_nothing(&self) -> Option<Option<Error>> {
        self.settlements.is_long_now()
    }

    /// Waits until the state has changed since the last call. Never returns if there will be no change.
    pub async fn changed(&mut self) {
        if self.watched.changed().await.is_err() {
            std::future::pending().await
        }
    }

    pub(crate) fn report_lost(&self, error: &Error) {
        if let Some(reporter) = &self.reports {
            reporter.lost(error);
        }
    }
}

impl fmt::Debug for Connectivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seen = self.watched.borrow();
        f.debug_struct("Connectivity")
            .field("state", &seen.state)
            .field("connects", &seen.connects)
            .field("losses", &seen.losses)
            .field("dropped", &seen.dropped)
            .field("blocked", &seen.blocked.as_ref().map(|(error, _)| error))
            .field("missing", &self.missing())
            .finish()
    }
}

/// Errors are logged with their help text.
impl Reporter {
    /// Reports a connection, with its host for connections to a single host.
    ///
    /// If the log has the loss of the one before, or a failed attempt, it has this at the same level.
    pub fn connected(&self, host: Option<Host>) {
        let away = {
            let seen = self.seen.borrow();
            seen.state.error().and(seen.away)
        };
        let shown = host.as_ref().map(display);
        match away {
            Some(began) => {
                let (after, ended) = (Seconds(began.elapsed()), Moment(Instant::now()));
                tracing::warn!(host = shown, %after, began = %Moment(began), %ended, "connected again");
            }
            None => tracing::info!(host = shown, "connected"),
        }
        self.change(|seen| {
            seen.connects = seen.connects.saturating_add(1);
            (seen.away, seen.made) = (None, Some(Instant::now()));
            seen.state = ConnectionState::Connected { host };
        });
    }

    /// Reports that the connection was lost.
    pub fn lost(&self, error: &Error) {
        tracing::warn!(error = format_args!("{error:#}"), "the connection was lost");
        self.change(|seen| {
            seen.losses = seen.losses.saturating_add(1);
            seen.is_away(ConnectionState::Connecting { failed: 0, error: Some(error.clone()) });
        });
    }

    /// Reports that an attempt failed and another will follow.
    ///
    /// `failed` is the number of failed rounds since the last connection.
    pub fn trying_again(&self, failed: u32, error: &Error) {
        tracing::warn!(error = format_args!("{error:#}"), failed, "not connected");
        self.change(|seen| seen.is_away(ConnectionState::Connecting { failed, error: Some(error.clone()) }));
    }

    /// There will be no further attempt: the error is permanent.
    pub fn failed(&self, error: &Error) {
        tracing::error!(error = format_args!("{error:#}"), "not connected, and not trying again");
        self.change(|seen| seen.is_away(ConnectionState::Failed(error.clone())));
    }

    /// Reports that the peer takes no messages for now, although there is a connection, and why.
    ///
    /// It lasts until [`unblocked`](Self::unblocked), or until the connection is lost. Meanwhile, another report changes nothing.
    pub fn blocked(&self, error: &Error) {
        if self.seen.borrow().blocked.is_none() {
            tracing::warn!(error = format_args!("{error:#}"), "the peer takes no messages");
        }
        self.change(|seen| _ = seen.blocked.get_or_insert_with(|| (error.clone(), Instant::now())));
    }

    /// Reports that the peer takes messages. Changes nothing if it has taken messages before.
    pub fn unblocked(&self) {
        let since = self.seen.borrow().blocked.as_ref().map(|(_, since)| *since);
        let Some(began) = since else { return };
        let (after, ended) = (Seconds(began.elapsed()), Moment(Instant::now()));
        tracing::warn!(%after, began = %Moment(began), %ended, "the peer takes messages again");
        self.change(|seen| seen.blocked = None);
    }

    /// Reports the number of messages that came, were dropped, and do not come again: no permit was free, or the receiver has ended.
    ///
    /// The first ones are logged at once. After that, their number is logged every ten seconds at most.
    pub fn dropped(&self, messages: u64) {
        if messages > 0 {
            self.change(|seen| seen.dropped = seen.dropped.saturating_add(messages));
            self.log_dropped(false);
        }
    }

    /// Logs the number of dropped messages, unless the log has it, or it is too soon.
    fn log_dropped(&self, is_later: bool) {
        let runtime = Handle::try_current().ok();
        let mut news = None;
        self.seen.send_if_modified(|seen| {
            let is_soon = seen.logs_later && !is_later;
            if !is_soon {
                news = (seen.dropped > seen.logged).then_some(seen.dropped);
                seen.logged = seen.dropped;
                seen.logs_later = news.is_some() && runtime.is_some();
            }
            false
        });
        let Some(dropped) = news else { return };
        tracing::warn!(
            target: "cloudevents_transport::dropped",
            dropped,
            "messages are dropped: they come faster than they are taken, or the receiver has ended"
        );
        if let Some(runtime) = runtime {
            let later = self.clone();
            runtime.spawn(async move {
                sleep(BETWEEN).await;
                later.log_dropped(true);
            });
        }
    }

    /// Reports messages that were lost with a connection, for this long at most.
    ///
    /// `None` means that all of them have come again. A later report replaces it.
    pub fn misses(&self, missing: Option<(Missing, Duration)>) {
        let until = |(missing, long)| Some((missing, Instant::now().checked_add(long)?));
        self.change(|seen| seen.missing = missing.and_then(until));
    }

    /// Returns an observer of this state.
    pub fn connectivity(&self) -> Connectivity {
        let settlements = Arc::clone(&self.settlements);
        Connectivity { watched: self.seen.subscribe(), reports: Some(self.clone()), settlements }
    }

    /// How the peer of a receiver answers settlements.
    #[cfg(feature = "queue")]
    pub(crate) fn settlements(&self) -> &Arc<Streak> {
        &self.settlements
    }

    /// Reports the start of an attempt. Keeps the error of the previous one.
    pub(crate) fn connecting(&self) {
        self.seen.send_if_modified(|seen| {
            let anew = !matches!(seen.state, ConnectionState::Connecting { .. });
            if anew {
                seen.is_away(ConnectionState::Connecting { failed: 0, error: None });
            }
            anew
        });
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        self.seen.send_modify(change);
    }
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connectivity().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_missing_is_so_for_a_time() {
        let (reporter, connectivity) = Connectivity::channel();
        let long = Duration::from_secs(35);
        reporter.misses(Some((Missing::ComesAgain, long)));
        assert_eq!(connectivity.missing(), Some(Missing::ComesAgain));
        tokio::time::advance(long).await;
        assert_eq!(connectivity.missing(), None);
        reporter.misses(Some((Missing::Unreadable, long)));
        assert_eq!(connectivity.missing(), Some(Missing::Unreadable));
        reporter.misses(None);
        assert_eq!(connectivity.missing(), None);
    }
}
