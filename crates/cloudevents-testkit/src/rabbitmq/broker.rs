//! The broker: a thread with its own runtime.

use super::{
    connection,
    options::BrokerOptions,
    queue::Queue,
    routing::{Binding, Exchange},
    shared::Shared,
};
use crate::serving::Serving;
use std::{fmt, io, sync::Arc};

/// A broker of AMQP 0.9.1 on a port of 127.0.0.1: see the [module](super). Dropping it stops it.
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
        let shared = Arc::new(Shared::new(options));
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

    /// Declares an exchange of the type `direct`, `fanout` or `topic`, and binds a queue to it. Both may exist already.
    pub fn bind(&self, exchange: &str, kind: &str, routing_key: &str, queue: &str) {
        self.shared.change(|state| {
            state.ensure_queue(queue);
            let exchange = state.exchanges.entry(exchange.to_owned()).or_insert_with(|| Exchange::new(kind));
            exchange.kind = kind.into();
            let (key, queue) = (routing_key.to_owned(), queue.to_owned());
            exchange.bind(Binding { key, queue });
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

    /// Begins an alarm for this reason, such as `low on memory`. It has 255 bytes at most.
    ///
    /// A client that publishes from now on hears of it (`connection.blocked`). The broker reads nothing more from that client until
    /// [`unblock`](Self::unblock), also not the rest of the message. Other clients hear of nothing.
    pub fn block(&self, reason: &str) {
        self.shared.change(|state| state.alarm = Some(reason.to_owned()));
    }

    /// Ends the alarm. Clients that have heard of it hear of its end (`connection.unblocked`), and the broker reads from them again.
    pub fn unblock(&self) {
        self.shared.change(|state| state.alarm = None);
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
