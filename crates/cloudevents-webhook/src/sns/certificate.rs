//! The certificate of a signature: its key, and the time for which it is valid.

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_parser::{oid_registry::OID_PKCS1_RSAENCRYPTION, pem::parse_x509_pem};

/// The key of a certificate.
#[derive(Debug)]
pub(super) struct Certificate {
    /// An `RSAPublicKey` of RFC 8017.
    key: Box<[u8]>,
    from: SystemTime,
    until: SystemTime,
}

impl Certificate {
    /// Reads the first certificate of a text in PEM. `None` if there is none, or if its key is not one of RSA.
    ///
    /// Its chain is not checked: the certificate comes over TLS from the host of SNS.
    pub(super) fn parse(pem: &[u8]) -> Option<Self> {
        let (_, pem) = parse_x509_pem(pem).ok()?;
        let certificate = pem.parse_x509().ok()?;
        let info = certificate.public_key();
        if info.algorithm.algorithm != OID_PKCS1_RSAENCRYPTION {
            return None;
        }
        let time = |seconds: i64| UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?));
        let validity = certificate.validity();
        Some(Self {
            key: info.subject_public_key.data.as_ref().into(),
            from: time(validity.not_before.timestamp())?,
            until: time(validity.not_after.timestamp())?,
        })
    }

    /// Whether a signature of version 1 fits.
    pub(super) fn fits_sha1(&self, text: &[u8], signature: &[u8], now: SystemTime) -> bool {
        self.fits(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, text, signature, now)
    }

    /// Whether a signature of version 2 fits.
    pub(super) fn fits_sha256(&self, text: &[u8], signature: &[u8], now: SystemTime) -> bool {
        self.fits(&RSA_PKCS1_2048_8192_SHA256, text, signature, now)
    }

    fn fits(
        &self,
        algorithm: &'static dyn VerificationAlgorithm,
        text: &[u8],
        signature: &[u8],
        now: SystemTime,
    ) -> bool {
        let is_valid = (self.from..=self.until).contains(&now);
        is_valid && UnparsedPublicKey::new(algorithm, &self.key).verify(text, signature).is_ok()
    }
}
