//! The broker: a thread with its own runtime.

use super::{
    cbs::{self, PutToken},
    connection,
    idle::Idle,
    locks::Locks,
    queue::Queue,
};
use crate::serving::Serving;
use std::{
    collections::{HashMap, HashSet},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::broadcast;

/// How a [`Broker`] behaves.
///
/// ```
/// use cloudevents_testkit::amqp::{Broker, BrokerOptions};
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
    /// Users and passwords of SASL PLAIN. Default: none. Without users, SASL ANONYMOUS is accepted. With users, it is accepted only if
    /// [`tokens`](Self::tokens) are required.
    pub users: Vec<(String, String)>,
    /// Whether SASL EXTERNAL is accepted, without checking the identity. Default: no.
    pub external: bool,
    /// The credit of a sender: how many messages it may send before one is answered. Default: 500. A sender learns of a credit below 200
    /// when its first message is answered. Sending more messages before that detaches the link.
    pub credit: u32,
    /// The maximum message size in bytes. Default: none.
    pub max_message_size: Option<u64>,
    /// The bytes of data above which a message ends its link with `amqp:link:message-size-exceeded`, a limit that clients are not told.
    /// Default: none.
    pub detaches_above: Option<usize>,
    /// Whether a client has to put a token for an address on the node `$cbs` before it attaches a link to the address, and renew it before
    /// it expires. Default: no. Signatures are not checked.
    pub tokens: bool,
    /// How long a receiver may hold a message, like the lock of Azure Service Bus: then it is delivered again, unless its lock was renewed
    /// over the node `$management`. Default: no limit. The token of the lock is an annotation, not the tag of the delivery.
    pub locks: Option<Duration>,
    /// How long a receiver may hold a message of a link that does not name another time (the property `rabbitmq:consumer-timeout`).
    /// Default: no limit.
    ///
    /// After this time the message is delivered again, and the link gets nothing more until it is settled there. RabbitMQ 4.3 does so for
    /// quorum queues after its `consumer_timeout`. This broker sends nothing about it. RabbitMQ sends a disposition that client libraries
    /// leave unread.
    pub hold: Option<Duration>,
    /// How long a receiver's link may be idle, like links of Azure Service Bus: then it ends with `amqp:link:detach-forced`. Messages and
    /// settlements over it are activity, and so is a renewal of locks whose `associated-link-name` is its name. (Credit is, too. The
    /// embedded broker does not see it come.) Default: no limit.
    pub idle: Option<Duration>,
    /// Whether a receiver may request a dynamic node. Default: yes.
    pub dynamic: bool,
}

impl Default for BrokerOptions {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            external: false,
            credit: 500,
            max_message_size: None,
            detaches_above: None,
            tokens: false,
            locks: None,
            hold: None,
            idle: None,
            dynamic: true,
        }
    }
}

/// An AMQP 1.0 broker on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
///
/// It has its own thread and runtime, so any code can start and inspect it, async or not.
pub struct Broker {
    shared: Arc<Shared>,
    serving: Serving,
}

/// State that outlives a restart.
pub(super) struct Shared {
    pub(super) options: BrokerOptions,
    queues: Mutex<HashMap<String, Queue>>,
    /// The addresses whose queues were deleted, and not made again.
    deleted: Mutex<HashSet<String>>,
    pub(super) tokens: Mutex<Vec<PutToken>>,
    pub(super) changed: tokio::sync::Notify,
    pub(super) locks: Option<Locks>,
    pub(super) idle: Idle,
    /// The addresses whose links have to end.
    pub(super) detached: broadcast::Sender<String>,
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

impl Shared {
    pub(super) fn queue(&self, address: &str) -> Queue {
        lock(&self.queues).entry(address.to_owned()).or_default().clone()
    }

    pub(super) fn is_deleted(&self, address: &str) -> bool {
        lock(&self.deleted).contains(address)
    }

    pub(super) fn remove(&self, address: &str) {
        lock(&self.queues).remove(address);
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
