//! GitHub's signatures.

use super::{
    Coverage, InvalidKey, Sign, SignatureError, SigningKey, Verified, Verify, VerifyingKey, header, set,
};
use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use http::request::Parts;
use std::time::SystemTime;

const SIGNATURE: &str = "x-hub-signature-256";

/// `X-Hub-Signature-256: sha256=...`, the HMAC-SHA256 of the body in hexadecimal digits
/// ([GitHub](https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries)).
///
/// It signs neither an id nor a time. A peer that has seen a delivery can send it again for as long as the secret is the same.
/// `X-GitHub-Delivery` is not signed. If a second handling matters, remember the [key](cloudevents_core::EventKey) of the event.
///
/// ```
/// use cloudevents_webhook::signature::{GitHub, Verify};
/// use std::time::SystemTime;
///
/// // The example of GitHub's documentation.
/// let verifier = GitHub::new("It's a Secret to Everybody")?;
/// let request = http::Request::post("/hook")
///     .header("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
///     .body("Hello, World!")?;
/// let (head, body) = request.into_parts();
/// verifier.verify(&head, body.as_bytes(), SystemTime::now())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct GitHub {
    current: SigningKey,
    keys: Vec<VerifyingKey>,
}

impl GitHub {
    /// Checks and signs with this secret.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let current = SigningKey::hmac(secret)?;
        Ok(Self { keys: vec![current.verifying_key()], current })
    }

    /// Also accepts signatures with this secret.
    pub fn or(mut self, secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        self.keys.push(VerifyingKey::hmac(secret)?);
        Ok(self)
    }
}

impl Verify for GitHub {
    fn verify(&self, request: &Parts, body: &[u8], _: SystemTime) -> Result<Verified, SignatureError> {
        let signature = header(request, SIGNATURE)?
            .strip_prefix("sha256=")
            .and_then(|digits| HEXLOWER_PERMISSIVE.decode(digits.as_bytes()).ok())
            .map(|signature| [signature])
            .ok_or(SignatureError::Malformed(SIGNATURE))?;
        match self.keys.iter().position(|key| key.fits_any(&[body], &signature)) {
            Some(key) => Ok(Verified { key: Some(key), ..Verified::new(Coverage::Body) }),
            None => Err(SignatureError::Mismatch),
        }
    }
}

impl Sign for GitHub {
    fn sign(&self, request: &mut Parts, body: &[u8], _: &str, _: SystemTime) -> Result<(), SignatureError> {
        let signature = HEXLOWER.encode(&self.current.sign(&[body]));
        set(request, SIGNATURE, &format!("sha256={signature}"))
    }
}
