//! Conversion for messages of async-nats 0.51, and senders and receivers of core NATS and JetStream on
//! async-nats.
//!
//! [`decode`] and [`encode`] are for programs that manage their own client. [`sender`] and [`receiver`] connect
//! by themselves:
//!
//! ```no_run
//! use cloudevents_core::{DecodeOptions, Event};
//! use cloudevents_nats::async_nats051::{receiver, sender};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let orders = sender("nats+jetstream://localhost/orders.{type}", Default::default()).await?;
//! orders.send(&Event::builder().id("1").source("/shop").ty("placed").build()?).await?;
//!
//! let url = "nats+jetstream://localhost/orders.*?consumer=billing&dead-letter=rejected.orders";
//! let mut deliveries = receiver(url, DecodeOptions::strict().into()).await?;
//! if let Some(delivery) = deliveries.next().await? {
//!     println!("{}", delivery.event()?.id());
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # Requests and replies
//!
//! With core NATS, a sender sends requests. A receiver replies by sending to the address for replies:
//!
//! ```no_run
//! use cloudevents_core::{Error, Event};
//! use cloudevents_transport::{Outgoing, Receiver, Sender};
//! use std::time::Duration;
//!
//! # async fn ask(prices: Sender, question: Event) -> Result<(), Error> {
//! let answer: Event = prices.request(&question, Duration::from_secs(2)).await?;
//! # Ok(()) }
//! # async fn answer(mut questions: Receiver, sender: Sender, answer: Event) -> Result<(), Error> {
//! while let Some(delivery) = questions.next().await? {
//!     if let Some(address) = delivery.reply_to() {
//!         sender.send(Outgoing::from(&answer).to(address)).await?;
//!     }
//!     delivery.accept().await?;
//! }
//! # Ok(()) }
//! ```
//!
//! # URLs
//!
//! [The crate's documentation](crate#urls) describes the form of URLs and their options.

mod acknowledge;
mod binding;
mod connection;
mod consumer;
mod create;
mod dead_letter;
mod extras;
mod failure;
mod last;
mod login;
mod look;
mod lost;
mod message;
mod notes;
mod options;
mod position;
mod publisher;
mod pull;
mod received;
mod receiver;
mod sender;
mod source;
mod subscription;
mod tag;
mod template;
mod unparsed;
mod urls;
mod written;

pub use binding::BINDING;
pub use cloudevents_transport::binding::rustls023::Tls;
pub use consumer::DeliverFrom;
pub use create::create;
pub use login::{CredentialsFile, Login, UserKey};
pub use message::{decode, decode_message, encode, encode_message, outbound, to_message};
pub use options::NatsConnection;
pub use received::ReceivedMessage;
pub use receiver::{NatsReceiverOptions, receiver};
pub use sender::{NatsSenderOptions, sender};
pub use tag::Delivered;
