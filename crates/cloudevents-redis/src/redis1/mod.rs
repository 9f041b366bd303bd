//! Senders to streams, and receivers in consumer groups, on the crate redis 1.
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_redis::redis1::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("redis://localhost/?stream=orders", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//!
//! let url = "redis://localhost/?stream=orders&group=billing&dead-letter=orders.rejected";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! [The crate's documentation](crate#urls) describes URLs and their options.

mod binding;
mod connection;
mod failure;
mod look;
mod message;
mod options;
mod received;
mod receiver;
mod reply;
mod sender;
mod source;
mod stream;
mod urls;

pub use binding::BINDING;
pub use cloudevents_transport::binding::rustls023::Tls;
pub use options::{Login, RedisConnection};
pub use received::{EntryId, ReceivedMessage};
pub use receiver::{RedisReceiverOptions, receiver};
pub use sender::{RedisSenderOptions, sender};
