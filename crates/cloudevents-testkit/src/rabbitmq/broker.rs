//! The broker: a thread with its own runtime.

use super::{
    connection,
    queue::Queue,
    routing::{Binding, Exchange},
    state::State,
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
/// use cloudevents_testkit::rabbitmq::{Broker, BrokerOptions};
///
/// let mut options = BrokerOptions::default();
/// options.users.push(("alice".into(), "secret".into()));
/// options.max_message_size = Some(1024);
/// let broker = Broker::with_options(options)?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BrokerOptions {
    /// Users and passwords. Default: none, which lets anyone in.
    pub users: Vec<(String, String)>,
    /// Whether SASL EXTERNAL is accepted, without checking the identity. Default: no.
    pub external: bool,
    /// The maximum size of a body in bytes. A larger one closes the channel, as RabbitMQ does. Default: 134,217,728 (128 MiB), as in
    /// RabbitMQ 3. RabbitMQ 4 has 16 MiB.
    pub max_message_size: Option<u64>,
    /// The maximum size of a frame in bytes, which a client may lower to 4,096. Default: 131,072, as in RabbitMQ.
    pub frame_max: u32,
    /// Whether messages are confirmed together, one confirmation for all that arrived at once. Default: yes, as RabbitMQ does when it
    /// is busy.
    pub confirms_together: bool,
    /// Changes to the properties of messages that clients publish. Default: none.
    pub interceptor: Interceptor,
}

/// The change that a [`Broker`] makes to the properties of each published message, before it routes or returns the message.
///
/// ```
/// use cloudevents_testkit::rabbitmq::Interceptor;
///
/// assert_eq!(Interceptor::default(), Interceptor::None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Interceptor {
    /// Nothing.
    #[default]
    None,
    /// Sets the property `timestamp` and the headers `timestamp_in_ms` and `x-routed-by`, as RabbitMQ's `set_header_timestamp` and
    /// `set_header_routing_node` do.
    Stamp,
    /// Removes all headers, as no known broker does.
    Strip,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            external: false,
            max_message_size: Some(128 << 20),
            frame_max: 131_072,
            confirms_together: true,
            interceptor: Interceptor::None,
        }
    }
}

/// A broker of AMQP 0.9.1 on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
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
    /// Something of the state changed.
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
        let mut broker = Self { shared, serving: Serving::new("rabbitmq-broker") };
        broker.restart()?;
        Ok(broker)
    }

    /// The URL of this broker with options of the query: `rabbitmq://127.0.0.1:40123/?queue=orders`. The options are not escaped.
    pub fn url(&self, options: &str) -> String {
        format!("rabbitmq://{}/?{options}", self.serving.address())
    }

    /// The port, which stays the same when the broker is stopped and started again.
    pub fn port(&self) -> u16 {
        self.serving.address().port()
    }

    /// The queue of this name. It is declared if it does not exist.
    pub fn queue(&self, name: &str) -> Queue {
        self.shared.change(|state| state.ensure_queue(name));
        Queue::new(&self.shared, name)
    }

    /// All queues, also the queues that clients have declared.
    pub fn queues(&self) -> Vec<Queue> {
        let names: Vec<String> = self.shared.with(|state| state.queues.keys().cloned().collect());
        names.iter().map(|name| Queue::new(&self.shared, name)).collect()
    }

    /// Whether there is a queue of this name.
    pub fn has_queue(&self, name: &str) -> bool {
        self.shared.with(|state| state.queues.contains_key(name))
    }

    /// Deletes a queue and its messages, and cancels its consumers.
    pub fn delete_queue(&self, name: &str) {
        self.shared.change(|state| state.remove_queue(name));
    }

    /// Declares an exchange of the type `direct`, `fanout`, `topic` or `headers`, and binds a queue to it. Both may exist already.
    pub fn bind(&self, exchange: &str, kind: &str, routing_key: &str, queue: &str) {
        self.shared.change(|state| {
            state.ensure_queue(queue);
            let exchange = state.exchanges.entry(exchange.to_owned()).or_insert_with(|| Exchange::new(kind));
            exchange.kind = kind.into();
            let (key, queue) = (routing_key.to_owned(), queue.to_owned());
            let _ = exchange.bind(Binding { key, queue, arguments: Default::default() });
        });
    }

    /// The number of open connections.
    pub fn connections(&self) -> usize {
        self.shared.with(|state| state.connections)
    }

    /// Closes every connection with `connection.close`, as an operator can. Clients may connect again at once.
    pub fn close_connections(&self) {
        self.shared.change(|state| state.closings = state.closings.saturating_add(1));
    }

    /// Refuses with 403 that the present connections declare, publish or consume. They stay open. RabbitMQ before 4.3 does this when the
    /// token of a login has expired.
    pub fn expire_logins(&self) {
        self.shared.change(|state| state.expired = state.number());
    }

    /// Stops listening and closes every connection, like a crash. Keeps the queues. Unsettled messages are ready again. Returns when no
    /// task runs any more.
    pub fn stop(&mut self) {
        self.serving.stop();
    }

    /// Starts the broker again, on the same port. Does nothing if it is running.
    pub fn restart(&mut self) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        self.serving.start(|listener| async move {
            tokio::select! {
                () = connection::listen(Arc::clone(&shared), listener) => {}
                () = shared.expire() => {}
            }
        })
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("serving", &self.serving).finish_non_exhaustive()
    }
}

impl Shared {
    /// Looks at the state.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock())
    }

    /// Changes the state, gives messages to consumers, and wakes all that wait for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.lock();
        state.expire();
        let changed = change(&mut state);
        state.dispatch();
        drop(state);
        self.changed.notify_waiters();
        changed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves messages on when they expire.
    async fn expire(&self) {
        loop {
            let changed = self.changed.notified();
            let (moved, due) = self.with(State::expire);
            if moved {
                self.with(State::dispatch);
                self.changed.notify_waiters();
                continue;
            }
            match due {
                None => changed.await,
                Some(due) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(due.into()) => {}
                    }
                }
            }
        }
    }
}
