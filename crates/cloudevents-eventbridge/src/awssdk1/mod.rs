//! Senders to buses of Amazon EventBridge, on the crate aws-sdk-eventbridge 1.
//!
//! ```no_run
//! use cloudevents_core::Event;
//! use cloudevents_eventbridge::awssdk1::sender;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("eventbridge://eu-central-1/123456789012/orders", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//! # Ok(()) }
//! ```
//!
//! [The crate's documentation](crate#urls) describes URLs and their options.

mod binding;
mod connection;
mod failure;
mod message;
mod options;
mod sender;
mod urls;

pub use binding::BINDING;
pub use cloudevents_aws::{Connection as EventBridgeConnection, Login};
pub use sender::{EventBridgeSenderOptions, sender};
