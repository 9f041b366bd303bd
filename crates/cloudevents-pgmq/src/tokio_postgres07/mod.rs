//! Senders to queues of pgmq, and receivers from them, on the crate tokio-postgres 0.7.
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_pgmq::tokio_postgres07::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("postgres://shop:s3cret@localhost/shop?queue=orders", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//!
//! let url = "postgres://shop:s3cret@localhost/shop?queue=orders&reject=broker";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! [The crate's documentation](crate#urls) describes URLs and their options.

mod acknowledge;
mod binding;
mod connection;
mod create;
mod failure;
mod look;
mod message;
mod options;
mod outbox;
mod received;
mod receiver;
mod secured;
mod sender;
mod source;
mod stream;
mod urls;

pub use binding::BINDING;
pub use cloudevents_transport::binding::rustls023::Tls;
pub use create::create;
pub use options::{Login, PgmqConnection};
pub use received::ReceivedMessage;
pub use receiver::{PgmqReceiverOptions, receiver};
pub use sender::{PgmqSenderOptions, sender};
