//! The guard in a client of reqwest 0.13, and a sender of deliveries on top of it.

mod client_credentials;
mod clock;
mod consent;
mod delivery;
mod excerpt;
mod guarded;
mod kept_token;
mod options;
mod request;
mod sender;
mod target;
mod targets;
mod undelivered;

pub use client_credentials::ClientCredentials;
pub use consent::Registered;
#[cfg(feature = "sns")]
pub(crate) use guarded::failed;
pub use guarded::{GuardedClient, refusal};
pub use options::{WebhookSenderOptions, WithoutConsent};
pub use sender::{WebhookSender, sender};
pub use target::{Target, TokenSource};
pub use targets::{Changes, TargetChange};
pub use undelivered::{Attempt, Undelivered, UndeliveredSink};
