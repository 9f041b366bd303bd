//! Conversion for messages of fe2o3-amqp 0.18, and a sender and a receiver on fe2o3-amqp.
//!
//! [`decode`] and [`encode`] are for programs that manage their own links. [`sender`] and [`receiver`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_amqp::fe2o3_amqp018::{receiver, sender};
//! use cloudevents_core::{DecodeOptions, Event};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "amqp://guest:guest@localhost:5672/orders";
//! let orders = sender(url, Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//!
//! let url = "amqp://guest:guest@localhost:5672/orders?dead-letter=orders.rejected";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! # Azure Service Bus and Event Hubs
//!
//! Use `amqps://POLICY:KEY@NAMESPACE.servicebus.windows.net/QUEUE`, with the key percent-encoded, for SASL PLAIN with a shared access
//! policy. With `sasl=cbs` the key is not sent. Tokens are derived from it, put on the node `$cbs`, and renewed when a quarter of their
//! lifetime is left. For tokens of an identity provider, set your own [`Tokens`] in [`AmqpConnection::tokens`].
//!
//! Service Bus locks each message that a receiver gets, and delivers it again when the lock ends. `lock=30s` in the URL of a receiver is
//! the lock duration of the queue or subscription. With it, locks are renewed while a delivery is held, and by
//! [`Delivery::extend`](cloudevents_transport::Delivery::extend).
//!
//! # Guarantees
//!
//! [The promises over AMQP 1.0](https://github.com/cloudevents-kit/cloudevents-kit/blob/main/docs/promises/amqp.md) has a row for each
//! case, with the behaviour in each incident.
//!
//! Not supported: exactly-once delivery, since links are not resumed; transactions; filters of the source other than a selector; streams of
//! RabbitMQ. Streams deliver nothing again, and the log warns of them.

mod binding;
mod cbs;
mod connection;
mod dead_letter;
mod extras;
mod failure;
mod forwarding;
mod lane;
mod locks;
mod login;
mod message;
mod node;
mod options;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod replies;
mod sasl;
mod sender;
mod source;
mod stream;
mod token;
mod unanswered;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use login::Login;
pub use message::{Fe2o3Message, decode, decode_message, encode, encode_message, from_sections, sections};
pub use options::{AmqpConnection, Sasl};
pub use received::ReceivedMessage;
pub use receiver::{AmqpReceiverOptions, receiver};
pub use refusal::AmqpRefusal;
pub use sender::{AmqpSenderOptions, sender};
pub use token::{SasPolicy, Token, Tokens};
