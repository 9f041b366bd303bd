//! Stripe's signatures.

use super::{
    Coverage, InvalidKey, Sign, SignatureError, SigningKey, TOLERANCE, Verified, Verify, VerifyingKey,
    header, seconds, set, unix_seconds, within,
};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use http::request::Parts;
use std::time::{Duration, SystemTime};

const SIGNATURE: &str = "stripe-signature";

/// Elements that the header may have.
const ELEMENTS: usize = 32;

/// `Stripe-Signature: t=...,v1=...`, the HMAC-SHA256 of time, a full stop and body in hexadecimal digits
/// ([Stripe](https://docs.stripe.com/webhooks#verify-manually)). It signs no id.
#[derive(Clone, Debug)]
pub struct Stripe {
    current: SigningKey,
    keys: Vec<VerifyingKey>,
    tolerance: Duration,
}

impl Stripe {
    /// Checks and signs with this secret, `whsec_` included: Stripe uses the text as it stands.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let current = SigningKey::hmac(secret)?;
        Ok(Self { keys: vec![current.verifying_key()], current, tolerance: TOLERANCE })
    }

    /// Also accepts signatures with this secret.
    pub fn or(mut self, secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        self.keys.push(VerifyingKey::hmac(secret)?);
        Ok(self)
    }

    /// Sets how far the time of a signature may be from now. The default is [`TOLERANCE`].
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }
}

impl Verify for Stripe {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        let malformed = || SignatureError::Malformed(SIGNATURE);
        let (mut timestamp, mut signatures) = (None, Vec::new());
        for element in header(request, SIGNATURE)?.split(',').take(ELEMENTS) {
            match element.split_once('=').ok_or_else(malformed)? {
                ("t", _) if timestamp.is_some() => return Err(malformed()),
                ("t", value) => timestamp = Some(value),
                ("v1", value) => {
                    signatures.push(HEXLOWER_PERMISSIVE.decode(value.as_bytes()).map_err(|_| malformed())?)
                }
                _ => {} // of a version to come, or `v0` of test mode
            }
        }
        let timestamp = timestamp.ok_or_else(malformed)?;
        if signatures.is_empty() {
            return Err(malformed());
        }
        let signed_at = within(seconds(timestamp).ok_or_else(malformed)?, now, self.tolerance)?;
        let parts = [timestamp.as_bytes(), b".", body];
        match self.keys.iter().position(|key| key.fits_any(&parts, &signatures)) {
            Some(key) => {
                Ok(Verified { signed_at: Some(signed_at), key: Some(key), ..Verified::new(Coverage::Body) })
            }
            None => Err(SignatureError::Mismatch),
        }
    }
}

impl Sign for Stripe {
    fn sign(&self, request: &mut Parts, body: &[u8], _: &str, now: SystemTime) -> Result<(), SignatureError> {
        let timestamp = unix_seconds(now).to_string();
        let signature = HEXLOWER.encode(&self.current.sign(&[timestamp.as_bytes(), b".", body]));
        set(request, SIGNATURE, &format!("t={timestamp},v1={signature}"))
    }
}
