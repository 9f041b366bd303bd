//! HTTP message signatures (RFC 9421) with Content-Digest (RFC 9530).

mod base;
mod component;
mod digest;
mod fields;
mod sign;

pub use component::Component;
pub use sign::MessageSigner;

use super::{Coverage, Identity, SignatureError, TOLERANCE, Verified, Verify, VerifyingKey, within};
use cloudevents_core::codec::{Detected, detect};
use fields::{DIGEST, ID, INPUT, SIGNATURE, dictionary};
use http::{HeaderName, request::Parts};
use sfv::{BareItem, InnerList, ListEntry, Parameters};
use std::time::{Duration, SystemTime};

/// Signatures that a request may have.
const SIGNATURES: usize = 8;

/// Checks [HTTP message signatures](https://www.rfc-editor.org/rfc/rfc9421).
///
/// They are made with HMAC-SHA256, Ed25519, ECDSA on P-256, or RSA-PSS with SHA-512.
///
/// A request may have several signatures, and anyone on the way can take one of them away. One of the first eight counts: the one that
/// covers most. So each signature that can count has to cover the [identity](Self::identity) of the delivery.
///
/// A signature can count when it covers every required component and the identity, names a time that is near enough, and fits a key. Unless
/// set otherwise, the method, the authority, the path and the digest of the body are required. A covered `content-digest` is compared with
/// the body. The coverage is [`Coverage::Attributes`] when each `ce-` header, the content type and the content coding are covered, too.
///
/// The program names the authority, and `Host` does not count. Otherwise another receiver with the same key could send its deliveries to
/// this one, with the `Host` that they were signed for. So a proxy that changes `Host` changes nothing.
///
/// The id of the delivery is in a header ([`id_in`](Self::id_in)), which has to be there once. A nonce is no id: a sender may use a fresh
/// one for each attempt.
///
/// Not supported are components with parameters, components of responses, and components of the request that a response belongs to. A
/// signature that covers one is refused.
///
/// ```
/// use cloudevents_webhook::signature::{Coverage, MessageSignatures, MessageSigner, Sign, SigningKey, Verify};
/// use std::time::SystemTime;
///
/// let key = SigningKey::ed25519([7; 32])?;
/// let (mut head, body) = http::Request::post("https://partner.example/hook")
///     .header("content-type", "application/json")
///     .header("ce-type", "com.example.order")
///     .body("{}")?
///     .into_parts();
/// let now = SystemTime::now();
/// MessageSigner::new("2026", key.clone()).sign(&mut head, body.as_bytes(), "1", now)?;
///
/// let verifier = MessageSignatures::new("partner.example", "2026", key.verifying_key());
/// let verified = verifier.verify(&head, body.as_bytes(), now)?;
/// assert_eq!((verified.coverage, verified.id.as_deref()), (Coverage::Attributes, Some("1")));
/// head.headers.insert("ce-type", "com.example.refund".parse()?);
/// assert!(verifier.verify(&head, body.as_bytes(), now).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct MessageSignatures {
    authorities: Vec<Box<str>>,
    id: HeaderName,
    identity: Identity,
    keys: Vec<(Box<str>, VerifyingKey)>,
    required: Vec<Component>,
    tolerance: Duration,
}

impl MessageSignatures {
    /// Checks with this key, which signatures name by `id` (`keyid`), whether a request was signed for this authority: the host of the URL
    /// that senders have, with its port unless that is the usual one.
    pub fn new(authority: &str, id: impl Into<Box<str>>, key: VerifyingKey) -> Self {
        Self {
            authorities: vec![authority.to_ascii_lowercase().into()],
            id: HeaderName::from_static(ID),
            identity: Identity::Id,
            keys: vec![(id.into(), key)],
            required: vec![
                Component::Method,
                Component::Authority,
                Component::Path,
                Component::Field(HeaderName::from_static(DIGEST)),
            ],
            tolerance: TOLERANCE,
        }
    }

    /// Also accepts signatures of this key.
    pub fn or(mut self, id: impl Into<Box<str>>, key: VerifyingKey) -> Self {
        self.keys.push((id.into(), key));
        self
    }

    /// Also accepts signatures for this authority.
    pub fn or_authority(mut self, authority: &str) -> Self {
        self.authorities.push(authority.to_ascii_lowercase().into());
        self
    }

    /// Sets the header with the id of the delivery. The default is `webhook-id`.
    pub fn id_in(mut self, header: HeaderName) -> Self {
        self.id = header;
        self
    }

    /// Sets the part by which a delivery is recognised when it comes again. The default is its id, so that signatures that cover no id are
    /// refused.
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    /// Sets the components that a signature has to cover. The target URI counts as authority, path and query. A header that a signer leaves
    /// unsigned can be taken away. So require the headers that the signer always sends, such as `content-encoding` if it always compresses.
    pub fn require(mut self, components: impl IntoIterator<Item = Component>) -> Self {
        self.required = components.into_iter().collect();
        self
    }

    /// Sets how far the time of a signature may be from now. The default is [`TOLERANCE`](super::TOLERANCE).
    pub fn tolerance(mut self, tolerance: Duration) -> Self {
        self.tolerance = tolerance;
        self
    }

    fn check(
        &self,
        request: &Parts,
        fits_digest: &mut dyn FnMut() -> Result<(), SignatureError>,
        now: SystemTime,
        covered: &InnerList,
        signature: &[u8],
    ) -> Result<Verified, SignatureError> {
        let created =
            integer(&covered.params, "created")?.ok_or(SignatureError::NotCovered("created".into()))?;
        let signed_at = within(created, now, self.tolerance)?;
        if let Some(expires) = integer(&covered.params, "expires")? {
            let now = super::unix_seconds(now);
            if now > expires {
                return Err(SignatureError::Time { signed: expires, now });
            }
        }
        let components = component::parse(covered)?;
        for required in &self.required {
            if !required.is_covered(&components) {
                return Err(SignatureError::NotCovered(required.to_string().into()));
            }
        }
        let (id, algorithm) = (text(&covered.params, "keyid")?, text(&covered.params, "alg")?);
        let is_named = |(known, key): &(Box<str>, VerifyingKey)| {
            id.is_some_and(|id| *id == **known)
                && algorithm.is_none_or(|algorithm| algorithm == key.algorithm())
        };
        if let Some(id) = id
            && !self.keys.iter().any(|(known, _)| **known == *id)
        {
            return Err(SignatureError::UnknownKey(id.into()));
        }
        let mut fitting = None;
        for authority in &self.authorities {
            let base = base::base(request, Some(authority), &components, covered)?;
            let fits = |known: &(Box<str>, VerifyingKey)| {
                is_named(known) && known.1.fits_any(&[base.as_bytes()], &[signature])
            };
            fitting = self.keys.iter().position(fits).or(fitting);
        }
        let Some(key) = fitting else { return Err(SignatureError::Mismatch) };
        let body_covered = components.iter().any(|component| component.is_field(DIGEST));
        if body_covered {
            fits_digest()?;
        }
        let attributes_covered = request
            .headers
            .keys()
            .filter(|name| makes_event(name))
            .all(|name| components.iter().any(|component| component.is_field(name.as_str())));
        let coverage = match (body_covered, attributes_covered) {
            (true, true) => Coverage::Attributes,
            (true, false) => Coverage::Body,
            (false, _) => Coverage::Nothing,
        };
        let id = match (self.identity, coverage) {
            (Identity::Id, _) => Some(self.id(request, &components)?),
            (Identity::Event, Coverage::Attributes) if covers_event(request, &components) => None,
            (Identity::Event, _) => {
                return Err(SignatureError::NotCovered("the attributes of the event".into()));
            }
            (Identity::Body, _) => None,
        };
        let identity = Some(self.identity);
        Ok(Verified { coverage, id, identity, signed_at: Some(signed_at), key: Some(key) })
    }

    /// The id of the delivery, which is covered.
    fn id(&self, request: &Parts, components: &[Component]) -> Result<Box<str>, SignatureError> {
        let name = self.id.as_str();
        if !components.iter().any(|component| component.is_field(name)) {
            return Err(SignatureError::NotCovered(name.into()));
        }
        let id = base::only(&request.headers, name).filter(|id| !id.is_empty());
        id.map(Into::into).ok_or_else(|| SignatureError::Component(name.into()))
    }
}

/// Whether components that cover all headers of an event make it one: without its `ce-` headers, a delivery would have another identity.
fn covers_event(request: &Parts, components: &[Component]) -> bool {
    let is_covered = |name| components.iter().any(|component| component.is_field(name));
    let content_type = request.headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let is_document = !matches!(detect(content_type), Ok(Detected::NotADocument) | Err(_));
    is_document || (is_covered("ce-id") && is_covered("ce-source"))
}

/// Whether a header is part of an event in binary mode. The content coding is, because it decides how the data are read.
fn makes_event(name: &HeaderName) -> bool {
    let content = [http::header::CONTENT_TYPE, http::header::CONTENT_ENCODING];
    content.contains(name) || name.as_str().starts_with("ce-")
}

impl Verify for MessageSignatures {
    fn verify(&self, request: &Parts, body: &[u8], now: SystemTime) -> Result<Verified, SignatureError> {
        let inputs = dictionary(request, INPUT)?;
        let signatures = dictionary(request, SIGNATURE)?;
        let mut digest = None;
        let mut fits_digest = || digest.get_or_insert_with(|| digest::check(request, body)).clone();
        let (mut best, mut refused) = (None::<Verified>, None);
        // A proxy may add signatures of its own. One that cannot be read says nothing of the others.
        for (label, input) in inputs.iter().take(SIGNATURES) {
            let checked = read(input, signatures.get(label)).and_then(|(covered, signature)| {
                self.check(request, &mut fits_digest, now, covered, signature)
            });
            match checked {
                Ok(verified) => {
                    let is_best =
                        best.as_ref().is_none_or(|best| verified.coverage.is_more_than(best.coverage));
                    best = if is_best { Some(verified) } else { best };
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        best.ok_or_else(|| refused.unwrap_or(SignatureError::Missing(SIGNATURE)))
    }
}

/// The covered components and the bytes of a signature.
fn read<'a>(
    input: &'a ListEntry,
    signature: Option<&'a ListEntry>,
) -> Result<(&'a InnerList, &'a [u8]), SignatureError> {
    let ListEntry::InnerList(covered) = input else {
        return Err(SignatureError::Malformed(INPUT));
    };
    let Some(ListEntry::Item(signature)) = signature else {
        return Err(SignatureError::Malformed(SIGNATURE));
    };
    let signature = signature.bare_item.as_byte_sequence().ok_or(SignatureError::Malformed(SIGNATURE))?;
    Ok((covered, signature))
}

fn integer(parameters: &Parameters, name: &str) -> Result<Option<u64>, SignatureError> {
    match parameters.get(name) {
        None => Ok(None),
        Some(BareItem::Integer(value)) => match u64::try_from(i64::from(*value)) {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(SignatureError::Malformed(INPUT)),
        },
        Some(_) => Err(SignatureError::Malformed(INPUT)),
    }
}

/// A parameter that has to be a String (RFC 9421, section 2.3).
fn text<'a>(parameters: &'a Parameters, name: &str) -> Result<Option<&'a str>, SignatureError> {
    let Some(value) = parameters.get(name) else { return Ok(None) };
    value.as_string().map(|text| Some(text.as_str())).ok_or(SignatureError::Malformed(INPUT))
}
