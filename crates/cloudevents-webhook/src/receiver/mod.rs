//! A target of deliveries, for any server.
//!
//! A [`Webhook`] takes requests of the `http` crate and gives responses. Accepted deliveries come out of a
//! [`Receiver`](cloudevents_transport::Receiver), so that a handler that was written for a broker works for webhooks. The response to a
//! delivery is sent when its message is settled.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use cloudevents_webhook::{handshake::{AllowedOrigins, Rate}, receiver::{MemoryStore, Webhook, WebhookOptions}};
//! use cloudevents_webhook::signature::StandardWebhooks;
//! use http_body_util::Full;
//!
//! let options = WebhookOptions::allowing(AllowedOrigins::new(["*.partner.example"])?)
//!     .highest_rate(Rate::per_minute(600)?)
//!     .token("a long random token")
//!     .signature(StandardWebhooks::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?)
//!     .idempotency(MemoryStore::new(100_000));
//! let (webhook, receiver) = Webhook::open(options)?;
//!
//! // With axum and the feature `tower05`: Router::new().route_service("/hook", webhook)
//! let request = http::Request::options("/hook").header("webhook-request-origin", "eu.partner.example");
//! let response = webhook.respond(request.body(Full::<bytes::Bytes>::default())?, None).await;
//! assert_eq!(response.headers()["webhook-allowed-rate"], "600");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

mod copies;
mod counted;
mod event_grid;
mod github;
mod head;
mod idempotency;
#[cfg(feature = "inbox")]
mod inbox;
mod memory;
mod options;
mod pending;
mod provider;
mod recording;
mod respond;
mod stripe;
mod token;
#[cfg(feature = "tower05")]
mod tower05;
mod under_way;
mod verification;
mod webhook;

pub use github::github_event;
pub use idempotency::{Begun, Claim, DeliveryClaim, IdempotencyStore};
#[cfg(feature = "inbox")]
pub use inbox::DurableStore;
pub use memory::MemoryStore;
pub use options::WebhookOptions;
pub use stripe::stripe_event;
pub use token::VerifyToken;
pub use webhook::Webhook;
