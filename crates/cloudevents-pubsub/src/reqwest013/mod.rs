//! Senders to topics of Google Cloud Pub/Sub, and receivers from subscriptions, over its REST API with reqwest 0.13.
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_pubsub::reqwest013::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("pubsub://my-project/orders", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//!
//! let url = "pubsub://my-project/orders-billing?dead-letter=orders-rejected";
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
mod extras;
mod failure;
mod login;
mod message;
mod options;
mod received;
mod receiver;
mod sender;
mod source;
mod token;
mod urls;

pub use binding::BINDING;
pub use login::Login;
pub use options::PubsubConnection;
pub use received::ReceivedMessage;
pub use receiver::{PubsubReceiverOptions, receiver};
pub use sender::{PubsubSenderOptions, sender};
