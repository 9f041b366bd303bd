//! Conversion for messages of lapin 4, and a sender and a receiver on lapin.
//!
//! [`decode`] and [`encode`] are for programs that manage their own channels. [`sender`] and [`receiver`]
//! connect by themselves:
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_rabbitmq::lapin4::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders&declare=quorum";
//! let orders = sender(url, Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?).await?;
//!
//! let url = "rabbitmq://guest:guest@localhost:5672/?queue=orders&declare=quorum&dead-letter=orders.rejected";
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
//! # Guarantees
//!
//! [The promises over RabbitMQ](https://github.com/cloudevents-kit/cloudevents-kit/blob/main/docs/promises/rabbitmq.md) has a row for each
//! case, with the behaviour in each incident.
//!
//! Not supported: exactly-once delivery; transactions; streams, from which no receiver opens; bodies of
//! AMQP 1.0 that RabbitMQ could not convert.

mod acknowledge;
mod binding;
mod connection;
mod create;
mod dead_letter;
mod destination;
mod extras;
mod failure;
mod frame;
mod login;
mod look;
mod message;
mod options;
mod properties;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod retry;
mod returns;
mod sender;
mod source;
mod stream;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use create::create;
pub use login::Login;
pub use message::{LapinMessage, decode, decode_message, encode, encode_message, from_rabbit, rabbit};
pub use options::{QueueType, RabbitConnection, Sasl};
pub use received::ReceivedMessage;
pub use receiver::{RabbitReceiverOptions, receiver};
pub use refusal::RabbitRefusal;
pub use sender::{RabbitSenderOptions, sender};
