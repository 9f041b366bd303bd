//! An in-memory AMQP 1.0 broker for tests: real sockets, queue semantics, and fault injection.
//!
//! ```
//! use cloudevents_testkit::amqp::{Answer, Broker};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut broker = Broker::start()?;
//! println!("connect to {}", broker.url("orders"));
//!
//! let orders = broker.queue("orders"); // made on first use, by whoever comes first
//! assert!(orders.is_empty());
//! orders.answer(Answer::reject("amqp:not-allowed", "closed for today")); // what senders hear from now on
//!
//! broker.stop(); // cuts every connection, and keeps what is in the queues
//! broker.restart()?; // on the same port
//! # Ok(()) }
//! ```
//!
//! It behaves as ActiveMQ Artemis does: `tests/real/behaves` of `cloudevents-amqp` runs the same behaviours against both.
//!
//! Each address has a queue. Each message goes to one receiver, by priority and then in order, as credit allows. An accepted message is
//! removed. A released or modified message returns to its position. If it is modified as failed, its `delivery-count` increases by one. A
//! rejected or undeliverable message becomes a [dead letter](Queue::dead_letters). A message whose `ttl` or `absolute-expiry-time` has
//! passed is dropped. When a receiver leaves, its unsettled messages return to the queue. A receiver that requests a dynamic node gets a
//! new address, which ends with its link.
//!
//! It refuses filters and selectors (`amqp:not-implemented`), browsing (`distribution-mode` copy), links to topics (the capabilities
//! `topic`, `temporary-topic`, `shared` and `global`), links without an address (`amqp:not-found`), and connections without SASL. A client
//! that begins a transaction is cut off without a reason.
//!
//! It differs from brokers in production. A message that is undeliverable for one receiver becomes a dead letter, although another receiver
//! could take it. There are no dead-letter addresses, no limit of attempts, and no topics. An address exists when a client uses it. Nothing
//! is on a disk. The broker forgets a link that ends, with the messages that it held, so it answers that no end of a link is durable.

mod broker;
mod cbs;
mod connection;
mod give;
mod idle;
mod locks;
mod management;
mod mutex;
mod options;
mod queue;
mod sasl;
mod shared;
mod take;
mod tokens;

pub use broker::Broker;
pub use options::BrokerOptions;
pub use queue::{Answer, DeadLetter, Queue};
pub use tokens::PutToken;
