//! Secrets, which come from the environment and never from the command line.

use crate::failure::Failure;
use cloudevents_kit::webhook::signature::{
    InvalidKey, SigningKey, StandardSigner, StandardWebhooks, VerifyingKey,
};

/// The value of an environment variable.
pub(super) fn secret(variable: &str) -> Result<String, Failure> {
    std::env::var(variable).ok().filter(|value| !value.is_empty()).ok_or_else(|| {
        Failure::usage(format!("the environment variable `{variable}` is not set, or is not text"))
    })
}

/// A verifier with the key in this variable.
pub(super) fn verifier(variable: &str) -> Result<StandardWebhooks, Failure> {
    let key = secret(variable)?;
    let parsed =
        VerifyingKey::parse(&key).or_else(|_| SigningKey::parse(&key).map(|key| key.verifying_key()));
    Ok(StandardWebhooks::with_key(parsed.map_err(|error| not_a_key(variable, error))?))
}

/// A signer with the key in this variable.
pub(super) fn signer(variable: &str) -> Result<StandardSigner, Failure> {
    StandardSigner::new(&secret(variable)?).map_err(|error| not_a_key(variable, error))
}

fn not_a_key(variable: &str, error: InvalidKey) -> Failure {
    Failure::usage(format!("the value of `{variable}` is not a key: {error}"))
        .help("write `whsec_` and 24 to 64 random bytes in base64")
}
