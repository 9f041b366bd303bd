//! The broker: a thread with its own runtime.

use super::{
    cbs, connection, idle::Idle, locks::Locks, mutex::lock, options::BrokerOptions, queue::Queue,
    shared::Shared, tokens::PutToken,
};
use crate::serving::Serving;
use std::{
    fmt, io,
    sync::{Arc, Mutex},
};
use tokio::sync::broadcast;

/// An AMQP 1.0 broker on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
///
/// It has its own thread and runtime, so any code can start and inspect it, async or not.
pub struct Broker {
    shared: Arc<Shared>,
    serving: Serving,
}

impl Broker {
    /// Starts a broker on a free port.
    pub fn start() -> io::Result<Self> {
        Self::with_options(BrokerOptions::default())
    }

    /// Starts a broker with these options on a free port.
    pub fn with_options(options: BrokerOptions) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            locks: options.locks.map(Locks::new),
            idle: Idle::new(options.idle),
            detached: broadcast::Sender::new(16),
            options,
            queues: Mutex::default(),
            deleted: Mutex::default(),
            tokens: Mutex::default(),
            changed: tokio::sync::Notify::new(),
        });
        let mut broker = Self { shared, serving: Serving::new("amqp-broker") };
        broker.restart()?;
        Ok(broker)
    }

    /// The URL of an address on this broker: `amqp://127.0.0.1:40123/orders`. The address is not escaped.
    pub fn url(&self, address: &str) -> String {
        format!("amqp://{}/{address}", self.serving.address())
    }

    /// The port, which stays the same when the broker is stopped and started again.
    pub fn port(&self) -> u16 {
        self.serving.address().port()
    }

    /// The queue of this address. It is created if it does not exist.
    pub fn queue(&self, address: &str) -> Queue {
        lock(&self.shared.deleted).remove(address);
        self.shared.queue(address)
    }

    /// Deletes the queue of this address and its messages. Its links end with `amqp:resource-deleted`. Other links are refused with
    /// `amqp:not-found`, until [`queue`](Self::queue) makes it again.
    pub fn delete_queue(&self, address: &str) {
        lock(&self.shared.deleted).insert(address.to_owned());
        self.shared.remove(address);
        self.detach(address);
    }

    /// The tokens that were put on `$cbs` and accepted, in order.
    pub fn tokens(&self) -> Vec<PutToken> {
        lock(&self.shared.tokens).clone()
    }

    /// Waits until this many tokens were put on `$cbs`. Use it with a timeout.
    pub async fn has_tokens(&self, count: usize) {
        cbs::has_tokens(&self.shared, count).await;
    }

    /// How many locks were renewed.
    pub fn renewed_locks(&self) -> usize {
        self.shared.locks.as_ref().map_or(0, Locks::renewed)
    }

    /// Ends the locks of all messages that receivers hold, as a broker does that fails over: renewing them is refused, and when they would
    /// have ended, the messages are delivered again.
    pub fn lose_locks(&self) {
        if let Some(locks) = &self.shared.locks {
            locks.lose();
        }
    }

    /// Ends the links of this address with `amqp:link:detach-forced`, and keeps their connections. Brokers do so with links that are idle,
    /// or whose queue has moved. It also works for links of the nodes `$cbs` and `orders/$management`.
    pub fn detach(&self, address: &str) {
        let _ = self.shared.detached.send(address.to_owned()); // an error: there are no links
    }

    /// Whether there is an address with this name: it was used, and did not end with a link.
    pub fn has_queue(&self, address: &str) -> bool {
        lock(&self.shared.queues).contains_key(address)
    }

    /// Stops listening and closes every connection, like a crash. Keeps the queues. Unsettled messages are ready again. Returns when no
    /// task runs any more.
    pub fn stop(&mut self) {
        self.serving.stop();
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
