//! Senders to queues of Amazon SQS, and receivers from them, on the crate aws-sdk-sqs 1.
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_sqs::awssdk1::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("sqs://eu-central-1/123456789012/orders", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//!
//! let url = "sqs://eu-central-1/123456789012/orders?dead-letter=orders-rejected";
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
mod sender;
mod source;
mod urls;

pub use crate::received::ReceivedMessage;
pub use binding::BINDING;
pub use cloudevents_aws::{Connection as SqsConnection, Login};
pub use receiver::{SqsReceiverOptions, receiver};
pub use sender::{SqsSenderOptions, sender};
