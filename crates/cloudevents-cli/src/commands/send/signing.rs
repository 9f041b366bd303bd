//! Signatures of HTTP requests.

use super::mode::ContentMode;
use crate::{commands::webhook::keys, failure::Failure};
use clap::{Args, ValueEnum};
use cloudevents_kit::{
    http::reqwest013::SignRequest,
    webhook::{
        DeliveryKey,
        signature::{MessageSigner, Sign},
    },
};
use http::request::Parts;
use std::{sync::Arc, time::SystemTime};

/// Why a signature of the body alone is refused.
pub(in crate::commands) const NOT_COVERED: &str =
    "the signature does not cover the attributes of binary mode";

#[derive(Args, Debug)]
pub(super) struct Signing {
    /// Sign HTTP requests with the key in this environment variable, or in `@FILE`: `whsec_...` or `whsk_...`.
    #[arg(long, value_name = "VARIABLE", conflicts_with = "dry_run")]
    secret_env: Option<String>,
    /// How requests are signed.
    #[arg(long, value_enum, default_value_t, requires = "secret_env")]
    signature: Scheme,
    /// The name by which the receiver knows the key, for message signatures.
    #[arg(long, value_name = "ID", requires = "secret_env")]
    key_id: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Scheme {
    /// Standard Webhooks: the body, not the attributes of binary mode.
    #[default]
    StandardWebhooks,
    /// HTTP message signatures (RFC 9421): the body and the attributes. Needs --key-id.
    MessageSignatures,
}

impl Signing {
    pub(super) fn sign(&self, mode: ContentMode) -> Result<Option<SignRequest>, Failure> {
        let Some(place) = &self.secret_env else { return Ok(None) };
        match (self.signature, &self.key_id) {
            (Scheme::StandardWebhooks, Some(_)) => {
                return Err(Failure::usage("--key-id is for --signature message-signatures"));
            }
            (Scheme::MessageSignatures, None) => {
                return Err(Failure::usage("message signatures name their key").help("add --key-id"));
            }
            _ => {}
        }
        if mode == ContentMode::Binary && self.key_id.is_none() {
            return Err(
                Failure::usage(NOT_COVERED).help("add --mode structured, or --signature message-signatures")
            );
        }
        sign(place, self.key_id.as_deref()).map(Some)
    }
}

/// Signs requests with the key in this place: message signatures if the key has an id, and signatures of Standard Webhooks otherwise. Those
/// are of the body alone.
pub(in crate::commands) fn sign(place: &str, key_id: Option<&str>) -> Result<SignRequest, Failure> {
    let signer: Arc<dyn Sign> = match key_id {
        Some(id) => Arc::new(MessageSigner::new(id, keys::signing_key(place)?)),
        None => Arc::new(keys::signer(place)?),
    };
    Ok(Arc::new(move |parts, body| {
        let id = id(parts, body).to_string();
        signer.sign(parts, body, &id, SystemTime::now()).map_err(Into::into)
    }))
}

/// The same for all attempts at a message.
fn id(parts: &Parts, body: &[u8]) -> DeliveryKey {
    let attribute = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    match (attribute("ce-source"), attribute("ce-id")) {
        (Some(source), Some(id)) => DeliveryKey::of_event(source, id),
        _ => DeliveryKey::of_body(body),
    }
}
