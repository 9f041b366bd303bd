//! Keys.

use data_encoding::BASE64;
use ring::{
    hmac,
    rand::{SecureRandom, SystemRandom},
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, Ed25519KeyPair, KeyPair, RSA_PSS_2048_8192_SHA512,
        UnparsedPublicKey, VerificationAlgorithm,
    },
};
use std::{fmt, sync::Arc};
use subtle::ConstantTimeEq;

/// Secrets of Standard Webhooks have 24 to 64 bytes.
const SECRET: std::ops::RangeInclusive<usize> = 24..=64;

/// A key that signatures are checked with. `Debug` shows its kind only.
#[derive(Clone)]
pub struct VerifyingKey(Inner);

#[derive(Clone)]
enum Inner {
    Hmac(hmac::Key),
    Public(&'static dyn VerificationAlgorithm, Arc<[u8]>),
}

impl VerifyingKey {
    /// A shared secret for HMAC-SHA256, of any length but 0. Use 32 random bytes.
    pub fn hmac(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        Ok(Self(Inner::Hmac(hmac_key(secret.as_ref())?)))
    }

    /// A public key of Ed25519: 32 bytes.
    pub fn ed25519(key: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        match <&[u8; 32]>::try_from(key.as_ref()) {
            Ok(key) => Ok(Self(Inner::Public(&ED25519, key.as_slice().into()))),
            Err(_) => Err(InvalidKey("a public key of Ed25519 has 32 bytes")),
        }
    }

    /// A public key of ECDSA on the curve P-256: an uncompressed point, which begins with 4.
    pub fn ecdsa_p256(key: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        match key.as_ref() {
            key @ [4, ..] if key.len() == 65 => Ok(Self(Inner::Public(&ECDSA_P256_SHA256_FIXED, key.into()))),
            _ => Err(InvalidKey("a public key of P-256 is an uncompressed point of 65 bytes")),
        }
    }

    /// A public key of RSA for PSS with SHA-512: the DER of an `RSAPublicKey` of 2048 to 8192 bits.
    pub fn rsa_pss(der: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        if der.as_ref().is_empty() {
            return Err(InvalidKey("the public key is empty"));
        }
        Ok(Self(Inner::Public(&RSA_PSS_2048_8192_SHA512, der.as_ref().into())))
    }

    /// A key of Standard Webhooks as it is handed out: `whsec_` and a secret of 24 to 64 bytes in base64, or `whpk_` and a public key
    /// of Ed25519.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if let Some(secret) = text.strip_prefix("whsec_") {
            return Self::hmac(standard_secret(secret)?);
        }
        match text.strip_prefix("whpk_") {
            Some(key) => Self::ed25519(base64(key)?),
            None => Err(InvalidKey("a key of Standard Webhooks begins with `whsec_` or `whpk_`")),
        }
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, Inner::Hmac(_))
    }

    /// The name of the algorithm in RFC 9421, section 3.3.
    pub(super) fn algorithm(&self) -> &'static str {
        match &self.0 {
            Inner::Hmac(_) => "hmac-sha256",
            Inner::Public(algorithm, _) if std::ptr::addr_eq(*algorithm, &ED25519) => "ed25519",
            Inner::Public(algorithm, _) if std::ptr::addr_eq(*algorithm, &ECDSA_P256_SHA256_FIXED) => {
                "ecdsa-p256-sha256"
            }
            Inner::Public(..) => "rsa-pss-sha512",
        }
    }

    /// Whether one of these is the signature of these parts, one after the other. Shared secrets hash the parts where they are, once for
    /// all signatures, and compare in constant time. Public keys need the parts in one piece, and hash it for each signature.
    pub(super) fn fits_any(&self, parts: &[&[u8]], signatures: &[impl AsRef<[u8]>]) -> bool {
        match &self.0 {
            Inner::Hmac(key) => {
                let tag = tag(key, parts);
                signatures.iter().any(|signature| tag.as_ref().ct_eq(signature.as_ref()).into())
            }
            Inner::Public(algorithm, key) => {
                let (key, text) = (UnparsedPublicKey::new(*algorithm, key), parts.concat());
                signatures.iter().any(|signature| key.verify(&text, signature.as_ref()).is_ok())
            }
        }
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.algorithm())
    }
}

/// A key that requests are signed with. `Debug` shows its kind only.
#[derive(Clone)]
pub struct SigningKey(Private);

#[derive(Clone)]
enum Private {
    Hmac(hmac::Key),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// A shared secret for HMAC-SHA256, of any length but 0. Use 32 random bytes.
    pub fn hmac(secret: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        Ok(Self(Private::Hmac(hmac_key(secret.as_ref())?)))
    }

    /// A private key of Ed25519: its seed of 32 bytes, or the seed and the public key.
    pub fn ed25519(key: impl AsRef<[u8]>) -> Result<Self, InvalidKey> {
        let invalid = |_| InvalidKey("the private key of Ed25519 does not fit its public key");
        let pair = match key.as_ref().split_at_checked(32) {
            Some((seed, [])) => Ed25519KeyPair::from_seed_unchecked(seed).map_err(invalid)?,
            Some((seed, public)) if public.len() == 32 => {
                Ed25519KeyPair::from_seed_and_public_key(seed, public).map_err(invalid)?
            }
            _ => return Err(InvalidKey("a private key of Ed25519 has 32 or 64 bytes")),
        };
        Ok(Self(Private::Ed25519(Arc::new(pair))))
    }

    /// A key of Standard Webhooks as it is kept: `whsec_` and a secret of 24 to 64 bytes in base64, or `whsk_` and a private key of
    /// Ed25519.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        if let Some(secret) = text.strip_prefix("whsec_") {
            return Self::hmac(standard_secret(secret)?);
        }
        match text.strip_prefix("whsk_") {
            Some(key) => Self::ed25519(base64(key)?),
            None => Err(InvalidKey("a signing key of Standard Webhooks begins with `whsec_` or `whsk_`")),
        }
    }

    /// A new secret of Standard Webhooks, for [`parse`](Self::parse) and to hand out: `whsec_` and 32 random bytes in base64.
    ///
    /// The error says that the system has no randomness.
    pub fn random_secret() -> Result<String, InvalidKey> {
        Ok(format!("whsec_{}", BASE64.encode(&random()?)))
    }

    /// A new key pair of Ed25519 as Standard Webhooks writes it. The private key begins with `whsk_`, for [`parse`](Self::parse). The
    /// public key begins with `whpk_`, to hand out. Errors are the errors of [`random_secret`](Self::random_secret).
    pub fn random_pair() -> Result<(String, String), InvalidKey> {
        let seed = random()?;
        let pair =
            Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| InvalidKey("there is no randomness"))?;
        let public = pair.public_key().as_ref();
        let private = BASE64.encode(&[seed.as_slice(), public].concat());
        Ok((format!("whsk_{private}"), format!("whpk_{}", BASE64.encode(public))))
    }

    /// The key that checks this key's signatures: the same secret, or the public key.
    pub fn verifying_key(&self) -> VerifyingKey {
        VerifyingKey(match &self.0 {
            Private::Hmac(key) => Inner::Hmac(key.clone()),
            Private::Ed25519(pair) => Inner::Public(&ED25519, pair.public_key().as_ref().into()),
        })
    }

    pub(super) fn is_shared(&self) -> bool {
        matches!(self.0, Private::Hmac(_))
    }

    pub(super) fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            Private::Hmac(key) => tag(key, parts).as_ref().into(),
            Private::Ed25519(pair) => pair.sign(&parts.concat()).as_ref().into(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.verifying_key().algorithm())
    }
}

/// The text or bytes are not a key of the requested kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidKey(pub(super) &'static str);

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidKey {}

fn random() -> Result<[u8; 32], InvalidKey> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| InvalidKey("there is no randomness"))?;
    Ok(bytes)
}

fn tag(key: &hmac::Key, parts: &[&[u8]]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    parts.iter().for_each(|part| context.update(part));
    context.sign()
}

fn hmac_key(secret: &[u8]) -> Result<hmac::Key, InvalidKey> {
    if secret.is_empty() {
        return Err(InvalidKey("the secret is empty"));
    }
    Ok(hmac::Key::new(hmac::HMAC_SHA256, secret))
}

fn standard_secret(text: &str) -> Result<Vec<u8>, InvalidKey> {
    let secret = base64(text)?;
    if !SECRET.contains(&secret.len()) {
        return Err(InvalidKey("a secret of Standard Webhooks has 24 to 64 bytes"));
    }
    Ok(secret)
}

fn base64(text: &str) -> Result<Vec<u8>, InvalidKey> {
    BASE64.decode(text.as_bytes()).map_err(|_| InvalidKey("the key is not base64"))
}
