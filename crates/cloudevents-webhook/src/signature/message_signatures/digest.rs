//! The digest of the body (RFC 9530).

use super::{
    SignatureError,
    fields::{DIGEST, dictionary},
};
use http::request::Parts;
use ring::digest::{Algorithm, SHA256, SHA512, digest};
use sfv::ListEntry;

/// Checks the body against the digests of the request: each of a known algorithm has to fit, and one has to be there.
pub(super) fn check(request: &Parts, body: &[u8]) -> Result<(), SignatureError> {
    let mut fits = false;
    for (name, entry) in dictionary(request, DIGEST)? {
        let algorithm: &'static Algorithm = match name.as_str() {
            "sha-256" => &SHA256,
            "sha-512" => &SHA512,
            _ => continue,
        };
        let ListEntry::Item(item) = entry else { return Err(SignatureError::Malformed(DIGEST)) };
        let expected = item.bare_item.as_byte_sequence().ok_or(SignatureError::Malformed(DIGEST))?;
        if digest(algorithm, body).as_ref() != expected {
            return Err(SignatureError::Digest);
        }
        fits = true;
    }
    if fits { Ok(()) } else { Err(SignatureError::Digest) }
}
