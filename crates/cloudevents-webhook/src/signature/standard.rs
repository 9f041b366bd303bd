//! Standard Webhooks, and Svix, which is the same under other names.

use super::{
    Coverage, InvalidKey, Sign, SignatureError, SigningKey, TOLERANCE, Verified, Verify, VerifyingKey,
    header, seconds, set, unix_seconds, within,
};
use data_encoding::BASE64;
use http::request::Parts;
use std::time::{Duration, SystemTime};

/// Signatures that a header may hold. Senders put two there while they change keys.
const SIGNATURES: usize = 16;

/// Signatures of public keys among them: each is a pass over the body.
const PUBLIC: usize = 4;

/// The names of the headers.
#[derive(Clone, Copy, Debug)]
struct Names {
    id: &'static str,
    timestamp: &'static str,
    signature: &'static str,
}

const STANDARD: Names =
    Names { id: "webhook-id", timestamp: "webhook-timestamp", signature: "webhook-signature" };
const SVIX: Names = Names { id: "svix-id", timestamp: "svix-timestamp", signature: "svix-signature" };

/// Checks signatures of [Standard Webhooks](https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md):
/// HMAC-SHA256 (`v1`) and Ed25519 (`v1a`) over id, time and body. Of the signatures of a request, the first 16 count. Of the Ed25519
/// signatures among them, the first four count.
///
/// ```
/// use cloudevents_webhook::signature::{StandardWebhooks, Verify};
/// use std::time::{Duration, UNIX_EPOCH};
///
/// // The old key stays valid while senders change to the new one.
/// let verifier = StandardWebhooks::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?.or("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")?;
/// let request = http::Request::post("/hook")
///     .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
///     .header("webhook-timestamp", "1614265330")
///     .header("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
///     .body(r#"{"test": 2432232314}"#)?;
/// let (head, body) = request.into_parts();
/// let now = UNIX_EPOCH + Duration::from_secs(1_614_265_400);
/// let verified = verifier.verify(&head, body.as_bytes(), now)?;
/// assert_eq!(verified.id.as_deref(), Some("msg_p5jXN8AQM9LWM0D4loKWxJek"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct StandardWebhooks {
    keys: Vec<VerifyingKey>,
    tolerance: Duration,
    names: Names,
}

impl StandardWebhooks {
    /// Checks with a key as it is handed out: `whsec_...` or `whpk_...`.
    pub fn new(key: &str) -> Result<Self, InvalidKey> {
        Ok(Self::with_key(VerifyingKey::parse(key)?))
    }

    /// Checks with this key.
    pub fn with_key(key: VerifyingKey) -> Self {
        Self { keys: vec![key], tolerance: TOLERANCE, names: STANDARD }
    }

    /// Reads the headers that Svix sends: `svix-id`, `svix-timestamp`, `svix-signature`.
    pub fn svix(mut self) -> Self {
        self.names = SVIX;
        self
    }

    /// Also accepts signatures of this key, as it is handed out.
    pub fn or(self, key: &str) -> Result<Self, InvalidKey> {
        Ok(self.or_key(VerifyingKey::parse(key)?))
    }

    /// Also accepts signatures of this key.
    pub fn or_key(mut self, key: VerifyingKey) -> Self {
        self.keys.push(key);
        self
    }

    /// Sets how far the time of a signature may be from now. The default is [`TOLERANCE`].
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }
}

impl Verify for StandardWebhooks {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        let id = header(request, self.names.id)?;
        if id.is_empty() {
            return Err(SignatureError::Malformed(self.names.id));
        }
        if id.contains('.') {
            return Err(SignatureError::Id);
        }
        let timestamp = header(request, self.names.timestamp)?;
        let signed = seconds(timestamp).ok_or(SignatureError::Malformed(self.names.timestamp))?;
        let signed_at = within(signed, now, self.tolerance)?;
        let signatures = header(request, self.names.signature)?;
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let (mut shared, mut public, mut known) = (Vec::new(), Vec::new(), false);
        for signature in signatures.split(' ').filter(|signature| !signature.is_empty()).take(SIGNATURES) {
            let (version, signature) =
                signature.split_once(',').ok_or(SignatureError::Malformed(self.names.signature))?;
            let of_kind = match version {
                "v1" => &mut shared,
                "v1a" => &mut public,
                _ => continue, // of a version to come
            };
            known = true;
            of_kind.extend(BASE64.decode(signature.as_bytes()));
        }
        public.truncate(PUBLIC);
        let fits = |key: &VerifyingKey| match if key.is_shared() { &shared } else { &public } {
            none if none.is_empty() => false,
            signatures => key.fits_any(&parts, signatures),
        };
        if let Some(key) = self.keys.iter().position(fits) {
            return Ok(Verified {
                id: Some(id.into()),
                signed_at: Some(signed_at),
                key: Some(key),
                ..Verified::new(Coverage::Body)
            });
        }
        Err(if known { SignatureError::Mismatch } else { SignatureError::Malformed(self.names.signature) })
    }
}

/// Signs as Standard Webhooks has it, with every key: the receiver's new one and its old one while it changes keys.
#[derive(Clone, Debug)]
pub struct StandardSigner {
    keys: Vec<SigningKey>,
    names: Names,
}

impl StandardSigner {
    /// Signs with a key as it is kept: `whsec_...` or `whsk_...`.
    pub fn new(key: &str) -> Result<Self, InvalidKey> {
        Ok(Self { keys: vec![SigningKey::parse(key)?], names: STANDARD })
    }

    /// Also signs with this key.
    pub fn and(mut self, key: &str) -> Result<Self, InvalidKey> {
        self.keys.push(SigningKey::parse(key)?);
        Ok(self)
    }

    /// Writes the headers that Svix sends: `svix-id`, `svix-timestamp`, `svix-signature`.
    pub fn svix(mut self) -> Self {
        self.names = SVIX;
        self
    }
}

impl Sign for StandardSigner {
    fn sign(
        &self,
        request: &mut Parts,
        body: &[u8],
        id: &str,
        now: SystemTime,
    ) -> Result<(), SignatureError> {
        // The parts are separated by full stops, so an id must not have one.
        if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'.') {
            return Err(SignatureError::Id);
        }
        let timestamp = unix_seconds(now).to_string();
        let parts = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
        let signatures: Vec<String> = self
            .keys
            .iter()
            .map(|key| {
                format!("{},{}", if key.is_shared() { "v1" } else { "v1a" }, BASE64.encode(&key.sign(&parts)))
            })
            .collect();
        set(request, self.names.id, id)?;
        set(request, self.names.timestamp, &timestamp)?;
        set(request, self.names.signature, &signatures.join(" "))
    }
}
