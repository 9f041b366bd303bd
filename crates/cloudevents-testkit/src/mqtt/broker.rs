//! The broker: a thread with its own runtime.

use super::{
    connection,
    session::SessionView,
    state::{Answer, Published, State},
    topics::matches,
};
use crate::serving::Serving;
use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// How a [`Broker`] behaves.
///
/// ```
/// use cloudevents_testkit::mqtt::{Broker, BrokerOptions};
///
/// let mut options = BrokerOptions::default();
/// options.users.push(("alice".into(), "secret".into()));
/// options.max_packet_size = Some(1024);
/// let broker = Broker::with_options(options)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// Users and passwords. Default: none, which accepts every client.
    pub users: Vec<(String, String)>,
    /// Topic filters to which no client may publish or subscribe. A subscription, shared or not, is refused if its filter equals one of
    /// these, or would match it if it were a topic. Default: none.
    pub forbidden: Vec<String>,
    /// The Receive Maximum that is sent to MQTT 5 clients. Default: none, which is 65,535.
    pub receive_maximum: Option<u16>,
    /// The Maximum Packet Size that is sent to MQTT 5 clients, in bytes. A client that exceeds it is disconnected. Default: none.
    pub max_packet_size: Option<u32>,
    /// The Maximum QoS that is sent to MQTT 5 clients, and that subscriptions are granted at most. Default: none, which is 2.
    pub max_qos: Option<u8>,
    /// Whether PINGREQ is left unanswered. Default: no.
    pub ignores_pings: bool,
}

impl BrokerOptions {
    /// Whether a topic is forbidden, or a filter, without the group of a shared subscription.
    pub(super) fn forbids(&self, topic: &str) -> bool {
        self.forbidden.iter().any(|filter| filter == topic || matches(topic, filter))
    }
}

/// An MQTT broker on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
///
/// It has its own thread and runtime, so any code can start and inspect it, async or not.
pub struct Broker {
    shared: Arc<Shared>,
    serving: Serving,
}

/// State that outlives a restart.
pub(super) struct Shared {
    pub(super) options: BrokerOptions,
    state: Mutex<State>,
    pub(super) changed: Notify,
}

impl Broker {
    /// Starts a broker on a free port.
    pub fn start() -> io::Result<Self> {
        Self::with_options(BrokerOptions::default())
    }

    /// Starts a broker with these options on a free port.
    pub fn with_options(options: BrokerOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared { options, state: Mutex::default(), changed: Notify::new() });
        let mut broker = Self { shared, serving: Serving::new("mqtt-broker") };
        broker.restart()?;
        Ok(broker)
    }

    /// The URL of a topic on this broker: `mqtt://127.0.0.1:40123/orders`. The topic is not escaped.
    pub fn url(&self, topic: &str) -> String {
        format!("mqtt://{}/{topic}", self.serving.address())
    }

    /// The port, which stays the same when the broker is stopped and started again.
    pub fn port(&self) -> u16 {
        self.serving.address().port()
    }

    /// Sets the response to publishers from now on.
    pub fn answer(&self, answer: Answer) {
        self.shared.state().answer = answer;
    }

    /// The session of this client, connected or not, if there is one.
    pub fn session(&self, client: &str) -> Option<SessionView> {
        self.shared.state().sessions.get(client).map(|session| session.view())
    }

    /// The clients that have a session, in alphabetical order.
    pub fn clients(&self) -> Vec<String> {
        self.shared.state().sessions.keys().cloned().collect()
    }

    /// The messages that were published and accepted, in order.
    pub fn published(&self) -> Vec<Published> {
        self.shared.state().published.clone()
    }

    /// Waits until the session of this client meets a condition. `None` means that it has no session. Use it with a timeout.
    pub async fn until(&self, client: &str, wanted: impl Fn(Option<SessionView>) -> bool) {
        loop {
            let changed = self.shared.changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            if wanted(self.session(client)) {
                return;
            }
            changed.await;
        }
    }

    /// Publishes a message that did not come over a connection.
    pub fn publish(&self, message: Published) {
        let mut state = self.shared.state();
        state.route(&message.into_packet());
        drop(state);
        self.shared.changed.notify_waiters();
    }

    /// Writes any bytes to the connection of this client: for broken packets. Returns whether it is connected.
    pub fn send_raw(&self, client: &str, bytes: &[u8]) -> bool {
        let mut state = self.shared.state();
        let Some(session) = state.sessions.get_mut(client).filter(|session| session.is_connected()) else {
            return false;
        };
        session.raw.extend_from_slice(bytes);
        session.wake();
        true
    }

    /// Cuts the connections of all clients without DISCONNECT, and keeps their sessions.
    pub fn disconnect_all(&self) {
        self.shared.state().sessions.values_mut().for_each(|session| session.cut());
    }

    /// Stops listening and closes every connection, like a crash. Keeps the sessions, with their unacknowledged messages. Returns when no
    /// task runs any more.
    pub fn stop(&mut self) {
        self.serving.stop();
        self.shared.state().sessions.values_mut().for_each(|session| session.cut());
    }

    /// Forgets all sessions and retained messages, as if another broker took the place of this one. For a stopped broker.
    pub fn forget(&self) {
        *self.shared.state() = State::default();
    }

    /// Starts the broker again, on the same port. Does nothing if it is running.
    pub fn restart(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.serving.start(|listener| connection::listen(shared, listener))
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
