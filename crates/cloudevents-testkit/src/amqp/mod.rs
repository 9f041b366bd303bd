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
//! Each address has a queue. Each message goes to one receiver, in order, as credit allows. An accepted message is removed. A released or
//! modified message returns to its position; if it is modified as failed, its `delivery-count` increases by one. A rejected or
//! undeliverable message becomes a [dead letter](Queue::dead_letters). When a receiver leaves, its unsettled messages return to the queue.
//! A receiver that requests a dynamic node gets a new address, which ends with its link.
//!
//! There is no persistence, no routing, no transaction, and no link recovery.

mod broker;
mod cbs;
mod connection;
mod give;
mod locks;
mod queue;
mod sasl;
mod take;

pub use broker::{Broker, BrokerOptions};
pub use cbs::PutToken;
pub use queue::{Answer, DeadLetter, Queue};
