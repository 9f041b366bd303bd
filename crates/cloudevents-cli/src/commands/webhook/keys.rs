//! Secrets, which come from the environment and never from the command line.

use crate::failure::Failure;
use cloudevents_kit::webhook::signature::{
    InvalidKey, SigningKey, StandardSigner, StandardWebhooks, VerifyingKey,
};

/// The value of an environment variable. It is not white space alone, which would be no secret.
pub(super) fn secret(variable: &str) -> Result<String, Failure> {
    std::env::var(variable).ok().filter(|value| !value.trim().is_empty()).ok_or_else(|| {
        Failure::usage(format!("the environment variable `{variable}` is not set, is empty, or is not text"))
    })
}

/// The token in an environment variable, as senders send it: without the white space that a file may have at its end.
pub(super) fn token(variable: &str) -> Result<String, Failure> {
    let value = secret(variable)?;
    if value.trim() != value {
        return Err(Failure::usage(format!("the value of `{variable}` begins or ends with white space")));
    }
    Ok(value)
}

/// A verifier with the keys in this variable, which white space separates while they are rotated.
pub(super) fn verifier(variable: &str) -> Result<StandardWebhooks, Failure> {
    let value = secret(variable)?;
    let parse = |key: &str| {
        VerifyingKey::parse(key).or_else(|_| SigningKey::parse(key).map(|key| key.verifying_key()))
    };
    let mut keys = value.split_whitespace().map(parse);
    let not_a_key = |error| not_a_key(variable, error);
    let first = keys.next().unwrap_or_else(|| parse("")).map_err(not_a_key)?;
    keys.try_fold(StandardWebhooks::with_key(first), |verifier, key| key.map(|key| verifier.or_key(key)))
        .map_err(not_a_key)
}

/// A signer with each of the keys in this variable.
pub(crate) fn signer(variable: &str) -> Result<StandardSigner, Failure> {
    let value = secret(variable)?;
    let mut keys = value.split_whitespace();
    let first = StandardSigner::new(keys.next().unwrap_or_default());
    keys.try_fold(first, |signer, key| Ok(signer?.and(key)))
        .and_then(|signer| signer)
        .map_err(|error| not_a_key(variable, error))
}

/// The only key in this variable.
pub(crate) fn signing_key(variable: &str) -> Result<SigningKey, Failure> {
    SigningKey::parse(secret(variable)?.trim()).map_err(|error| not_a_key(variable, error))
}

fn not_a_key(variable: &str, error: InvalidKey) -> Failure {
    Failure::usage(format!("the value of `{variable}` is not a key: {error}"))
        .help("`ce webhook secret` makes one")
}
