//! An in-memory broker of AMQP 0.9.1 for tests, with the queues of RabbitMQ: real sockets, and fault injection.
//!
//! ```
//! use cloudevents_testkit::rabbitmq::{Answer, Broker};
//!
//! # fn main() -> std::io::Result<()> {
//! let mut broker = Broker::start()?;
//! println!("connect to {}", broker.url("queue=orders"));
//!
//! let orders = broker.queue("orders"); // declared by this, or by a client
//! assert!(orders.is_empty());
//! orders.answer(Answer::Nack); // how messages to this queue are confirmed from now on
//!
//! broker.stop(); // cuts every connection, and keeps what is in the queues
//! broker.restart()?; // on the same port
//! # Ok(()) }
//! ```
//!
//! It has exchanges of the types direct, fanout and topic, bindings, mandatory messages, publisher confirms, prefetch, expiry of messages
//! and queues' `x-message-ttl`, and dead-lettering by `x-dead-letter-exchange` and `x-dead-letter-routing-key`. Queues of the type
//! `quorum` count deliveries in `x-delivery-count`. A message that returns to its queue keeps its position. A dead-lettered message has
//! the header `x-death`; one that expires towards a queue in which it died before, and was not rejected since, is dropped, as in RabbitMQ.
//!
//! There are no transactions, priorities, exclusive queues or limits of length; everything is durable, and each virtual host is the same.

mod arguments;
mod broker;
mod channel;
mod connection;
mod consumers;
mod death;
mod fault;
mod publishing;
mod queue;
mod routing;
mod state;
mod topology;

pub use broker::{Broker, BrokerOptions, Interceptor};
pub use queue::{Answer, Message, Queue};
