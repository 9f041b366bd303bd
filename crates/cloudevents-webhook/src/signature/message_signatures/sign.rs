//! Signing.

use super::{
    Component, base,
    fields::{DIGEST, ID, INPUT, SIGNATURE, serialize},
    makes_event,
};
use crate::signature::{Coverage, Sign, SignatureError, SigningKey, set, unix_seconds};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use http::{HeaderName, request::Parts};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use sfv::{BareItem, InnerList, Integer, Item, Key, Parameters};
use std::time::SystemTime;

/// Signs as RFC 9421 has it: method, authority, path, query, the digest of the body, the content type, the content coding and every `ce-`
/// header, so that binary mode can be relied on. The id of the delivery is in the header `webhook-id`, which is signed, too. The nonce is
/// another one for each attempt.
#[derive(Clone, Debug)]
pub struct MessageSigner {
    id: Box<str>,
    key: SigningKey,
}

impl MessageSigner {
    /// Signs with this key, which the receiver knows by `id` (`keyid`).
    pub fn new(id: impl Into<Box<str>>, key: SigningKey) -> Self {
        Self { id: id.into(), key }
    }
}

impl Sign for MessageSigner {
    fn sign(
        &self,
        request: &mut Parts,
        body: &[u8],
        id: &str,
        now: SystemTime,
    ) -> Result<(), SignatureError> {
        set(request, DIGEST, &format!("sha-256=:{}:", BASE64.encode(digest(&SHA256, body).as_ref())))?;
        set(request, ID, id)?;
        let mut components = vec![Component::Method, Component::Authority, Component::Path];
        if request.uri.query().is_some() {
            components.push(Component::Query);
        }
        let signed = |name: &&HeaderName| makes_event(name) || [DIGEST, ID].contains(&name.as_str());
        let mut fields: Vec<HeaderName> = request.headers.keys().filter(signed).cloned().collect();
        fields.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        components.extend(fields.into_iter().map(Component::Field));

        let text =
            |text: String| sfv::String::try_from(text).map(BareItem::String).map_err(|_| SignatureError::Id);
        let mut covered = InnerList::new(Vec::with_capacity(components.len()));
        for component in &components {
            covered.items.push(Item::new(text(component.to_string())?));
        }
        let created = i64::try_from(unix_seconds(now)).ok().and_then(|now| Integer::try_from(now).ok());
        covered.params = parameters([
            ("created", BareItem::Integer(created.ok_or(SignatureError::Malformed(INPUT))?)),
            ("nonce", text(nonce()?)?),
            ("alg", text(self.key.verifying_key().algorithm().into())?),
            ("keyid", text(self.id.to_string())?),
        ])?;
        let base = base::base(request, None, &components, &covered)?;
        let signature = BASE64.encode(&self.key.sign(&[base.as_bytes()]));
        let input = serialize(&covered).ok_or(SignatureError::Malformed(INPUT))?;
        set(request, INPUT, &format!("sig={input}"))?;
        set(request, SIGNATURE, &format!("sig=:{signature}:"))
    }

    fn coverage(&self) -> Coverage {
        Coverage::Attributes
    }
}

/// 128 random bits.
fn nonce() -> Result<String, SignatureError> {
    let mut nonce = [0; 16];
    SystemRandom::new().fill(&mut nonce).map_err(|_| SignatureError::Malformed(INPUT))?;
    Ok(BASE64URL_NOPAD.encode(&nonce))
}

fn parameters(
    parameters: impl IntoIterator<Item = (&'static str, BareItem)>,
) -> Result<Parameters, SignatureError> {
    parameters
        .into_iter()
        .map(|(name, value)| {
            Ok((Key::try_from(name.to_string()).map_err(|_| SignatureError::Malformed(INPUT))?, value))
        })
        .collect()
}
