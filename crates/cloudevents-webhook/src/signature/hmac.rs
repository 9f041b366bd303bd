//! HMAC-SHA256 as senders use it, each with headers and spellings of its own.

use super::{
    Coverage, Identity, InvalidKey, Sign, SignatureError, SigningKey, TOLERANCE, Verified, Verify,
    VerifyingKey, header, seconds, set, unix_seconds, within,
};
use data_encoding::{BASE64, HEXLOWER, HEXLOWER_PERMISSIVE};
use http::{HeaderName, request::Parts};
use std::time::{Duration, SystemTime};

/// A header with the HMAC-SHA256 of the body, or of a time and the body. Many senders use this scheme, each with its own names.
///
/// | sender | options |
/// |---|---|
/// | [Slack](https://docs.slack.dev/authentication/verifying-requests-from-slack/) | [`slack`](Self::slack) |
/// | [Shopify](https://shopify.dev/docs/apps/build/webhooks/subscribe/https) | [`shopify`](Self::shopify) |
/// | others | [`new`](Self::new), and [`prefixed`](Self::prefixed), [`base64`](Self::base64), [`timed`](Self::timed) as their documents have it |
///
/// It signs no id, and without [`timed`](Self::timed) no time either. Without a time, a peer that has seen a delivery can send it again for
/// as long as the secret is the same.
///
/// ```
/// use cloudevents_webhook::signature::{HmacSignature, Sign, Verify};
/// use std::time::SystemTime;
///
/// let scheme = HmacSignature::new("x-partner-signature", "secret")?.prefixed("sha256=").timed("x-partner-time", "", ".");
/// let (mut head, body) = http::Request::post("/hook").body("{}")?.into_parts();
/// scheme.sign(&mut head, body.as_bytes(), "1", SystemTime::now())?;
/// assert!(head.headers["x-partner-signature"].to_str()?.starts_with("sha256="));
/// scheme.verify(&head, body.as_bytes(), SystemTime::now())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct HmacSignature {
    header: &'static str,
    prefix: &'static str,
    is_base64: bool,
    timed: Option<Timed>,
    tolerance: Duration,
    identity: Option<Identity>,
    current: SigningKey,
    keys: Vec<VerifyingKey>,
}

/// The header with the time, and the texts around the time before the body.
#[derive(Clone, Copy, Debug)]
struct Timed {
    header: &'static str,
    before: &'static str,
    after: &'static str,
}

impl HmacSignature {
    /// The HMAC of the body, in hexadecimal digits, in this header, whose name is in lower case. Checks and signs with this secret.
    pub fn new(header: &'static str, secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let current = SigningKey::hmac(secret)?;
        Ok(Self {
            header: checked(header)?,
            prefix: "",
            is_base64: false,
            timed: None,
            tolerance: TOLERANCE,
            identity: None,
            keys: vec![current.verifying_key()],
            current,
        })
    }

    /// Slack's: `X-Slack-Signature: v0=...`, of `v0:`, the time in `X-Slack-Request-Timestamp`, `:` and the body.
    pub fn slack(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        Ok(Self::new("x-slack-signature", secret)?.prefixed("v0=").timed(
            "x-slack-request-timestamp",
            "v0:",
            ":",
        ))
    }

    /// Shopify's: `X-Shopify-Hmac-Sha256`, of the body, in base64.
    pub fn shopify(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        Ok(Self::new("x-shopify-hmac-sha256", secret)?.base64())
    }

    /// The signature has this text before it, such as `sha256=`.
    pub fn prefixed(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    /// The signature is in base64.
    pub fn base64(mut self) -> Self {
        self.is_base64 = true;
        self
    }

    /// Also signs a time: the signed text is `before`, the time of the header in seconds since 1970, `after`, and the body. If `header` is
    /// not a header name, the header is never there, so every signature is refused.
    pub fn timed(mut self, header: &'static str, before: &'static str, after: &'static str) -> Self {
        self.timed = Some(Timed { header, before, after });
        self
    }

    /// Also accepts signatures with this secret.
    pub fn or(mut self, secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        self.keys.push(VerifyingKey::hmac(secret)?);
        Ok(self)
    }

    /// Sets the part by which a delivery is recognised when it comes again. By default, it is the event that the receiver makes of the
    /// delivery. An event whose id is the digest of the body is recognised by the body, and by the time if one is signed: a delivery that
    /// its sender signs at another time is another one then, and with [`Identity::Body`] it is not.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Sets how far the time of a signature may be from now. The default is [`TOLERANCE`].
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }
}

impl Verify for HmacSignature {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        let signature = header(request, self.header)?
            .strip_prefix(self.prefix)
            .map(str::as_bytes)
            .and_then(|text| {
                if self.is_base64 { BASE64.decode(text).ok() } else { HEXLOWER_PERMISSIVE.decode(text).ok() }
            })
            .ok_or(SignatureError::Malformed(self.header))?;
        let (mut signed_at, mut timestamp, mut around) = (None, "", ("", ""));
        if let Some(timed) = &self.timed {
            timestamp = header(request, timed.header)?;
            around = (timed.before, timed.after);
            let signed = seconds(timestamp).ok_or(SignatureError::Malformed(timed.header))?;
            signed_at = Some(within(signed, now, self.tolerance)?);
        }
        let parts = [around.0.as_bytes(), timestamp.as_bytes(), around.1.as_bytes(), body];
        match self.keys.iter().position(|key| key.fits_any(&parts, &[&signature])) {
            Some(key) => {
                let (identity, verified) = (self.identity, Verified::new(Coverage::Body));
                Ok(Verified { signed_at, key: Some(key), identity, ..verified })
            }
            None => Err(SignatureError::Mismatch),
        }
    }
}

impl Sign for HmacSignature {
    fn sign(&self, request: &mut Parts, body: &[u8], _: &str, now: SystemTime) -> Result<(), SignatureError> {
        let timestamp = unix_seconds(now).to_string();
        let signature = match &self.timed {
            None => self.current.sign(&[body]),
            Some(Timed { header, before, after }) => {
                let name = checked(header).map_err(|_| SignatureError::Malformed(header))?;
                set(request, name, &timestamp)?;
                self.current.sign(&[before.as_bytes(), timestamp.as_bytes(), after.as_bytes(), body])
            }
        };
        let text = if self.is_base64 { BASE64.encode(&signature) } else { HEXLOWER.encode(&signature) };
        set(request, self.header, &format!("{}{text}", self.prefix))
    }
}

/// A name that a header can have.
fn checked(header: &'static str) -> Result<&'static str, InvalidKey> {
    match HeaderName::from_lowercase(header.as_bytes()) {
        Ok(_) => Ok(header),
        Err(_) => Err(InvalidKey("the header's name is not one, or not in lower case")),
    }
}
