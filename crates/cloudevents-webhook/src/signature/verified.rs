//! Results of verifying a signature.

use cloudevents_core::{
    Error, ErrorKind,
    codec::{Detected, detect},
};
use cloudevents_http::is_cloudevent;
use http::{header, request::Parts};
use std::{fmt, time::SystemTime};

/// The parts of a request that a signature covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coverage {
    /// The body, the headers that hold attributes, the content type and the content coding: binary mode can be relied on.
    Attributes,
    /// The body: structured mode can be relied on. In binary mode the network may have changed the attributes.
    Body,
    /// Neither: the signature shows only that the sender once knew the secret.
    Nothing,
}

impl Coverage {
    /// Whether a signature with this coverage proves the attributes of this request's event.
    ///
    /// A signature of the body proves them in structured and in batched mode, where the body has them. In binary mode, or with any `ce-`
    /// header of a request that is no document of CloudEvents, anyone on the way could have changed them.
    pub fn covers_attributes(self, request: &Parts) -> bool {
        match self {
            Self::Attributes => true,
            Self::Body => !is_binary(request),
            Self::Nothing => false,
        }
    }

    /// Whether this covers something that the other does not.
    pub(crate) fn is_more_than(self, other: Self) -> bool {
        matches!((self, other), (Self::Attributes, Self::Body | Self::Nothing) | (Self::Body, Self::Nothing))
    }
}

/// Whether the attributes of the event are in headers.
pub(crate) fn is_binary(request: &Parts) -> bool {
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    // A request that is converted has no attributes in its headers.
    matches!(detect(content_type), Ok(Detected::NotADocument)) && is_cloudevent(&request.headers)
}

/// The part of a request by which a delivery is recognised when it comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Identity {
    /// The header with the id of the delivery ([`MessageSignatures::id_in`]).
    #[default]
    Id,
    /// The source and the id of the event, in binary and in structured mode. Each `ce-` header, the content type and the content coding are
    /// signed, beside the body. A batch is recognised by its body.
    Event,
    /// The body. Deliveries with equal bodies are one delivery, also if the signatures of both cover different attributes.
    Body,
}

/// A signature that is right.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The parts that it covers.
    pub coverage: Coverage,
    /// The signed id of the delivery, for an idempotency store. `None` if the scheme signs none.
    pub id: Option<Box<str>>,
    /// The part by which a delivery without a signed id is recognised, if the verifier says that. Otherwise it is the event in binary mode,
    /// and the body in other modes.
    pub identity: Option<Identity>,
    /// The signed time of the attempt. `None` if the scheme signs none, so that an old delivery can be replayed.
    pub signed_at: Option<SystemTime>,
    /// Which of the verifier's keys it fits, counted from 0 in the order in which they were given: while keys change, it shows which one a
    /// sender still has. `None` if the verifier does not say.
    pub key: Option<usize>,
}

impl Verified {
    /// A signature of a scheme that covers this, with neither id, time nor key.
    pub fn new(coverage: Coverage) -> Self {
        Self { coverage, id: None, identity: None, signed_at: None, key: None }
    }
}

/// The longest id of a key in a text, in characters.
const LONGEST: usize = 48;

/// Why a signature is not to be relied on.
///
/// Its text names headers and components and no key, signature or content: it may go into logs. Tell a remote client no more than that
/// its signature was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureError {
    /// The request has no header of this name.
    Missing(&'static str),
    /// The header of this name is there more than once or does not have the scheme's form.
    Malformed(&'static str),
    /// The time of the signature is too far from now.
    Time {
        /// The time of the signature, in seconds since 1970.
        signed: u64,
        /// The time of the receiver, in seconds since 1970.
        now: u64,
    },
    /// No signature fits any of the keys.
    Mismatch,
    /// No key has this id, which the signature names.
    UnknownKey(Box<str>),
    /// The body does not have the digest that was signed.
    Digest,
    /// The signature does not cover this component, which the verifier requires.
    NotCovered(Box<str>),
    /// The signature covers this component, which cannot be found or is not supported.
    Component(Box<str>),
    /// The message is of a topic that the verifier does not accept.
    Topic,
    /// The id holds a character that the scheme cannot sign.
    Id,
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the header `{name}` is missing"),
            Self::Malformed(name) => write!(f, "the header `{name}` is repeated or malformed"),
            Self::Time { signed, now } => {
                write!(f, "the signature is of {signed}, and it is {now}: too far apart")
            }
            Self::Mismatch => f.write_str("the signature fits none of the keys"),
            Self::UnknownKey(id) => {
                write!(f, "no key has the id {:?}", id.chars().take(LONGEST).collect::<String>())
            }
            Self::Digest => f.write_str("the body does not have the signed digest"),
            Self::NotCovered(name) => write!(f, "the signature does not cover `{name}`"),
            Self::Component(name) => write!(f, "the signed component `{name}` is absent or not supported"),
            Self::Topic => f.write_str("`TopicArn` is none of the accepted topics"),
            Self::Id => f.write_str(
                "the id of the delivery has a full stop, or another character that cannot be signed",
            ),
        }
    }
}

impl std::error::Error for SignatureError {}

/// Of kind [`Refused`](ErrorKind::Refused).
impl From<SignatureError> for Error {
    fn from(error: SignatureError) -> Self {
        Self::new(ErrorKind::Refused).with_detail(error.to_string())
    }
}
