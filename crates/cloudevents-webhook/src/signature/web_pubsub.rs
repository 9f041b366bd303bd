//! Azure Web PubSub's signatures.

use super::{Coverage, InvalidKey, SignatureError, Verified, Verify, VerifyingKey, header};
use data_encoding::HEXLOWER_PERMISSIVE;
use http::request::Parts;
use std::time::SystemTime;

const SIGNATURE: &str = "ce-signature";
const CONNECTION: &str = "ce-connectionid";

/// `ce-signature: sha256=...,sha256=...`, the HMAC-SHA256 of the connection's id (`ce-connectionId`) with the primary and the secondary
/// access key, in hexadecimal digits
/// ([Azure](https://learn.microsoft.com/en-us/azure/azure-web-pubsub/reference-cloud-events)).
///
/// It covers neither the body nor any other attribute: [`Coverage::Nothing`]. Rely on TLS and on an allow-list of origins for those.
#[derive(Clone, Debug)]
pub struct WebPubSub {
    keys: Vec<VerifyingKey>,
}

impl WebPubSub {
    /// Checks with an access key of the service.
    pub fn new(access_key: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        Ok(Self { keys: vec![VerifyingKey::hmac(access_key)?] })
    }

    /// Also accepts signatures with this access key.
    pub fn or(mut self, access_key: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        self.keys.push(VerifyingKey::hmac(access_key)?);
        Ok(self)
    }
}

impl Verify for WebPubSub {
    fn verify(&self, request: &Parts, _: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        let connection = header(request, CONNECTION)?;
        let signatures = header(request, SIGNATURE)?;
        for signature in signatures.split(',').take(4) {
            let signature = signature
                .trim()
                .strip_prefix("sha256=")
                .and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok())
                .ok_or(SignatureError::Malformed(SIGNATURE))?;
            let fits = |key: &VerifyingKey| key.fits_any(&[connection.as_bytes()], &[&signature]);
            if let Some(key) = self.keys.iter().position(fits) {
                return Ok(Verified { key: Some(key), ..Verified::new(Coverage::Nothing) });
            }
        }
        Err(SignatureError::Mismatch)
    }
}
