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
//! It behaves as RabbitMQ 3.10 does: `tests/real/behaves` of `cloudevents-rabbitmq` runs the same behaviours against both. It refuses
//! features that it does not have, mostly with the error 540 (not implemented), which ends the connection.
//!
//! It has
//!
//! - exchanges of the types direct, fanout and topic, the predeclared ones among them, and bindings of queues;
//! - limits of frames and channels, and heartbeats, as client and broker agree when they connect;
//! - mandatory messages, publisher confirms, checks of `user-id` and `expiration`;
//! - consumers that take turns, prefetch of each consumer, exclusive queues, `basic.get`, purging, queues that delete themselves,
//!   `x-expires`;
//! - expiry of messages, `x-message-ttl`, dead letters with `x-death` and `x-first-death-*`. A message that expires towards a queue in
//!   which it died before, and was not rejected since, is dropped;
//! - queues of the types `classic` and `quorum`. Quorum queues count deliveries in `x-delivery-count`. A message that returns to its queue
//!   keeps its position.
//!
//! It refuses transactions, immediate messages, exchanges of headers, internal exchanges and exchanges that delete themselves, bindings
//! between exchanges, arguments of bindings, alternate exchanges, the headers `CC` and `BCC`, exclusive consumers, prefetch of channels,
//! `basic.recover`, `channel.flow`, replies without a queue (`amq.rabbitmq.reply-to`), and streams. It refuses an empty name for the queue
//! that was declared last. It refuses arguments of consumers that begin with `x-`, except `x-consumer-timeout` and an `x-priority` of 0. It
//! refuses all arguments of queues except `x-message-ttl`, `x-expires`, `x-dead-letter-exchange`, `x-dead-letter-routing-key`,
//! `x-dead-letter-strategy`, `x-overflow` (without a limit) and `x-queue-type`. So it refuses limits of length, priorities, limits of
//! deliveries and single active consumers. Types of exchanges of plugins are unknown (503), and so is `connection.update-secret`.
//!
//! It differs where no client can tell from a single connection: each virtual host is the same, and all users may do everything. After
//! [`stop`](Broker::stop) and [`restart`](Broker::restart), queues that are not durable and messages that are not persistent are still
//! there. A quorum queue is a single copy, and no message is ever on a disk. A dead letter that no queue takes is dropped, also with the
//! strategy `at-least-once`. There are no policies. An alarm has no cause but [`block`](Broker::block).

mod arguments;
mod broker;
mod channel;
mod connection;
mod consumers;
mod death;
mod fault;
mod frames;
mod message;
mod options;
mod publishing;
mod queue;
mod routing;
mod shared;
mod state;
mod topology;

pub use broker::Broker;
pub use message::{Answer, Message};
pub use options::{BrokerOptions, Interceptor};
pub use queue::Queue;
