//! An AMQP 1.0 broker in memory, for tests: real sockets, the semantics of a queue, and faults at the push of a button.
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
//! Messages of an address are in a queue: each goes to one receiver, in order, as credit allows. Accepted, it is gone; released, it comes
//! again at its place; modified, too, and its `delivery-count` is one higher when the delivery failed; rejected or undeliverable, it
//! is among the [dead letters](Queue::dead_letters). What a receiver has not settled when it goes comes again.
//!
//! There is no persistence, no routing, no transaction, and no link recovery.

mod broker;
mod cbs;
mod connection;
mod give;
mod queue;
mod sasl;
mod take;

pub use broker::{Broker, BrokerOptions};
pub use cbs::PutToken;
pub use queue::{Answer, DeadLetter, Queue};
