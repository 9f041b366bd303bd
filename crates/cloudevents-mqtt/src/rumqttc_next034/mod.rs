//! Conversion for messages of rumqttc-v5-next and rumqttc-v4-next 0.34, and a sender and a receiver on their packets.
//!
//! [`decode`], [`encode`] and [`publish`] are for programs that have a client of rumqttc already. [`sender`] and [`receiver`] connect by
//! themselves:
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_mqtt::rumqttc_next034::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! // First, so that the broker keeps the messages that come from now on.
//! let url = "mqtt://localhost:1883/plant/%23?client=billing-1&dead-letter=rejected";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//!
//! let plant = sender("mqtt://localhost:1883/plant/{type}", Default::default()).await?;
//! plant.send(&Event::builder().id("1").source("/sensors/7").ty("temperature").build()?).await?;
//!
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.
//!
//! The feature is named by the family of crates, rumqttc-next, because one feature serves both versions of MQTT. These crates continue
//! rumqttc, whose last release has TLS with known vulnerabilities.
//!
//! Sender and receiver use the packets and codecs of these crates, and not their event loop:
//! [why](crate#with-your-own-client-and-why-ours-has-its-own-event-loop).
//!
//! # Guarantees
//!
//! [The promises over MQTT](https://github.com/cloudevents-kit/cloudevents-kit/blob/main/docs/promises/mqtt.md) has a row for each case,
//! with the behaviour in each incident.
//!
//! A broker decides how many messages it sends while others are not settled. HiveMQ sends a session the messages that it has at the moment,
//! 50 at most, and more when all of these are acknowledged. There, a message that is retried or handled slowly delays the messages behind
//! it.
//!
//! Not supported: exactly-once delivery across connections, topic aliases, will messages, subscription identifiers, enhanced
//! authentication, MQTT over WebSockets.

mod acknowledge;
mod binding;
mod connection;
mod dead_letter;
mod failure;
mod forwarding;
mod login;
mod message;
mod options;
mod packet;
mod publish_packet;
mod publisher;
mod received;
mod receiver;
mod refusal;
mod requests;
mod sender;
mod session;
mod source;
mod text;
mod topic;
mod unwritten;
mod urls;

pub use binding::BINDING;
#[cfg(feature = "tls")]
pub use cloudevents_transport::binding::rustls023::Tls;
pub use login::Login;
pub use message::{decode, encode, publish, publish_v3};
pub use options::{MqttConnection, Qos};
pub use received::ReceivedPublish;
pub use receiver::{MqttReceiverOptions, receiver};
pub use refusal::MqttRefusal;
pub use sender::{MqttSenderOptions, sender};
pub use topic::Topic;
