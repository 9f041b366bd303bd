//! Signatures of deliveries: the schemes that senders of webhooks use.
//!
//! | scheme | verify | sign | covers | replay window |
//! |---|---|---|---|---|
//! | [Standard Webhooks](StandardWebhooks), HMAC-SHA256 and Ed25519 | yes | yes | id, time, body | yes |
//! | [Svix](StandardWebhooks::svix) | yes | yes | id, time, body | yes |
//! | [`Stripe`] | yes | yes | time, body | yes |
//! | [`GitHub`] | yes | yes | body | no |
//! | [Slack](HmacSignature::slack), and others with a time | yes | yes | time, body | yes |
//! | [Shopify](HmacSignature::shopify), and others without | yes | yes | body | no |
//! | Amazon SNS, with the feature `sns` | yes | no | the members of a notification that SNS signs, among them its id | no |
//! | [Azure Web PubSub](WebPubSub) | yes | no | the connection's id | no |
//! | [RFC 9421](MessageSignatures) with Content-Digest | yes | yes | the components that the verifier requires; attributes and an id, too | yes |
//!
//! A signature over the body alone leaves the attributes of a binary-mode message unsigned. A peer that can resend a delivery can change
//! its type or source. [`Verified::coverage`] names the signed parts.

mod github;
mod hmac;
mod keys;
mod message_signatures;
mod standard;
mod stripe;
pub(crate) mod verified;
mod web_pubsub;

pub use github::GitHub;
pub use hmac::HmacSignature;
pub use keys::{InvalidKey, SigningKey, VerifyingKey};
pub use message_signatures::{Component, MessageSignatures, MessageSigner};
pub use standard::{StandardSigner, StandardWebhooks};
pub use stripe::Stripe;
pub use verified::{Coverage, Identity, SignatureError, Verified};
pub use web_pubsub::WebPubSub;

use cloudevents_core::Error;
use http::request::Parts;
use std::{
    pin::Pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How far the time of a signature may be from now, either way. Standard Webhooks' and Stripe's own libraries have the same limit.
pub const TOLERANCE: Duration = Duration::from_secs(300);

/// Checks the signature of a request.
///
/// `body` is the body as it came, before any decoding of its content. `now` is the time to hold the signature's against.
pub trait Verify: Send + Sync {
    /// Returns the coverage of the signature, or the reason why there is no signature to rely on.
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError>;

    /// Fetches what [`verify`](Self::verify) needs for this request and lacks, such as a certificate. `None` if it lacks nothing.
    ///
    /// A receiver awaits it before it verifies. After an error, it responds with 503, so that the delivery comes again. The default is
    /// `None`.
    fn prepare<'a>(&'a self, _request: &'a Parts, _body: &'a [u8], _now: SystemTime) -> Option<Prepare<'a>> {
        None
    }
}

/// The future of [`Verify::prepare`].
pub type Prepare<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// Signs a request.
pub trait Sign: Send + Sync {
    /// Adds the headers of a signature.
    ///
    /// `id` identifies the delivery and stays the same over its retries. `now` is the time of this attempt. Errors name the part of the
    /// request that cannot be signed.
    fn sign(&self, request: &mut Parts, body: &[u8], id: &str, now: SystemTime)
    -> Result<(), SignatureError>;

    /// The coverage of the signature. If it does not cover attributes, senders write structured mode. The default is the body.
    fn coverage(&self) -> Coverage {
        Coverage::Body
    }
}

/// The header of this name, which must be there once.
fn header<'a>(request: &'a Parts, name: &'static str) -> Result<&'a str, SignatureError> {
    let mut values = request.headers.get_all(name).iter();
    let value = values.next().ok_or(SignatureError::Missing(name))?;
    if values.next().is_some() {
        return Err(SignatureError::Malformed(name));
    }
    value.to_str().map_err(|_| SignatureError::Malformed(name))
}

fn set(request: &mut Parts, name: &'static str, value: &str) -> Result<(), SignatureError> {
    let value = value.parse().map_err(|_| SignatureError::Malformed(name))?;
    request.headers.insert(name, value);
    Ok(())
}

/// Seconds since 1970, in digits and nothing else.
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// The time that a signature names, if it is not too far from now.
fn within(signed: u64, now: SystemTime, tolerance: Duration) -> Result<SystemTime, SignatureError> {
    let now = unix_seconds(now);
    if now.abs_diff(signed) > tolerance.as_secs() {
        return Err(SignatureError::Time { signed, now });
    }
    UNIX_EPOCH.checked_add(Duration::from_secs(signed)).ok_or(SignatureError::Time { signed, now })
}
