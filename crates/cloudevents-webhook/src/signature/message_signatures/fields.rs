//! The fields of a signature, which are dictionaries (RFC 9651).

use super::{SignatureError, base};
use http::request::Parts;
use sfv::{Dictionary, FieldType, InnerList, ListEntry, Parser};

pub(super) const INPUT: &str = "signature-input";
pub(super) const SIGNATURE: &str = "signature";
pub(super) const DIGEST: &str = "content-digest";

/// The header of a delivery's id, as in Standard Webhooks.
pub(super) const ID: &str = "webhook-id";

/// The field of this name, which must be there.
pub(super) fn dictionary(request: &Parts, name: &'static str) -> Result<Dictionary, SignatureError> {
    if !request.headers.contains_key(name) {
        return Err(SignatureError::Missing(name));
    }
    let value = base::field(&request.headers, name).ok_or(SignatureError::Malformed(name))?;
    Parser::new(&value).parse().map_err(|_| SignatureError::Malformed(name))
}

/// As the signer wrote it, because the text of the parameters is signed.
pub(super) fn serialize(covered: &InnerList) -> Option<String> {
    vec![ListEntry::InnerList(covered.clone())].serialize()
}
