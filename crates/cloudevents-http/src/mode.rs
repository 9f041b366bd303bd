//! Which content mode a message is in, and the headers that say so.

use crate::name;
use cloudevents_core::{
    Error, ErrorKind, Leniency, Repair, RepairKind,
    codec::{Detected, detect, repeated_content_type},
};
use smallvec::SmallVec;
use std::borrow::Cow;

/// Whether a message bears a mark of CloudEvents: a media type under `application/cloudevents`, or a `ce-` header.
///
/// A message without a mark is not a CloudEvent, which is normal at an endpoint that also takes other messages. A message with a mark
/// may still be malformed. The headers are those of [`decode`](crate::decode).
///
/// ```
/// let request = http::Request::get("/").header("ce-id", "1").body(()).unwrap();
/// assert!(cloudevents_http::is_cloudevent(request.headers()));
/// assert!(!cloudevents_http::is_cloudevent([("Content-Type", "application/json")]));
/// ```
pub fn is_cloudevent<N: AsRef<str>, V: AsRef<[u8]>>(headers: impl IntoIterator<Item = (N, V)>) -> bool {
    let mut seen = false;
    headers.into_iter().any(|(name, value)| match name::kind(name.as_ref()) {
        name::Kind::Attribute => true,
        name::Kind::ContentType if !seen => {
            seen = true;
            let media_type = text(value.as_ref());
            !matches!(detect(media_type), Ok(Detected::NotADocument))
        }
        _ => false,
    })
}

/// The headers of a message that the binding reads, found in one walk.
pub(crate) struct Headers<N, V> {
    content_type: Option<V>,
    /// Whether there is another one, which differs.
    ambiguous: bool,
    /// Whether there is another one, which is the same.
    repeated: bool,
    /// Whether a content coding other than `identity` is declared.
    encoded: bool,
    /// Headers with the prefix, in the order in which they came. Those with the prefix of Kafka if there are no others.
    attributes: SmallVec<[(N, V); 12]>,
    attribute_bytes: usize,
    /// Whether they have the prefix of Kafka.
    is_foreign: bool,
}

impl<N: AsRef<str>, V: AsRef<[u8]>> Headers<N, V> {
    #[inline]
    pub(crate) fn read(headers: impl IntoIterator<Item = (N, V)>) -> Self {
        let mut found = Self {
            content_type: None,
            ambiguous: false,
            repeated: false,
            encoded: false,
            attributes: SmallVec::new(),
            attribute_bytes: 0,
            is_foreign: false,
        };
        let mut is_own = false;
        for (header, value) in headers {
            let name = header.as_ref();
            let kind = name::kind(name);
            match kind {
                name::Kind::Attribute | name::Kind::Foreign => {
                    is_own |= kind == name::Kind::Attribute;
                    found.is_foreign |= kind == name::Kind::Foreign;
                    let length = name.len().saturating_add(value.as_ref().len());
                    found.attribute_bytes = found.attribute_bytes.saturating_add(length);
                    found.attributes.push((header, value));
                }
                name::Kind::ContentType => match &found.content_type {
                    Some(first) if first.as_ref() == value.as_ref() => found.repeated = true,
                    Some(_) => found.ambiguous = true,
                    None => found.content_type = Some(value),
                },
                name::Kind::ContentEncoding => {
                    found.encoded |= !value.as_ref().trim_ascii().eq_ignore_ascii_case(b"identity");
                }
                name::Kind::Other => {}
            }
        }
        if found.is_foreign && is_own {
            found.is_foreign = false;
            found.attributes.retain(|(header, _)| name::kind(header.as_ref()) == name::Kind::Attribute);
        }
        found
    }

    /// Whether the attributes have the prefix of Kafka.
    pub(crate) fn is_foreign(&self) -> bool {
        self.is_foreign
    }

    /// The repair of a foreign prefix.
    pub(crate) fn foreign(&self) -> Option<Repair> {
        self.is_foreign.then(|| Repair::new(RepairKind::ForeignPrefix).with_cause(not_a_cloudevent()))
    }

    /// Whether the body is in a content coding.
    pub(crate) fn is_encoded(&self) -> bool {
        self.encoded
    }

    /// Whether there is a `ce-` header, or one with the prefix of Kafka that leniency allows.
    pub(crate) fn is_marked(&self, leniency: Leniency) -> bool {
        !self.attributes.is_empty() && (!self.is_foreign || leniency.allows(RepairKind::ForeignPrefix))
    }

    /// The length of the names and values of the `ce-` headers.
    pub(crate) fn attribute_bytes(&self) -> usize {
        self.attribute_bytes
    }

    /// The names of attributes, without the prefix and in lower case, and the values of their headers.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (Cow<'_, str>, &[u8])> {
        self.attributes.iter().map(|(header, value)| (name::attribute(header.as_ref()), value.as_ref()))
    }

    /// The content type, and whether it is there several times. Two content types are an error, unless leniency ignores an equal one. So is
    /// a content type that is not text.
    #[inline]
    pub(crate) fn content_type(&self, leniency: Leniency) -> Result<(Option<&str>, bool), Error> {
        let Some(value) = &self.content_type else { return Ok((None, false)) };
        if self.ambiguous || self.repeated && !leniency.allows(RepairKind::IgnoredHeader) {
            return Err(ambiguous());
        }
        if let Some(common) = COMMON.into_iter().find(|common| common.as_bytes() == value.as_ref()) {
            return Ok((Some(common), self.repeated));
        }
        match text(value.as_ref()).map(str::trim_ascii) {
            // Spaces and tabs: a text has no other white space.
            Some(text) => {
                let joined = repeated_content_type(text, leniency);
                Ok((joined.or(Some(text)), self.repeated || joined.is_some()))
            }
            None => Err(not_ascii()),
        }
    }
}

/// The repair of a content type that is there several times.
#[cold]
pub(crate) fn repeated() -> Repair {
    Repair::new(RepairKind::IgnoredHeader).with_attribute("datacontenttype").with_cause(ambiguous())
}

/// Media types that need no look at their characters.
const COMMON: [&str; 2] = ["application/cloudevents+json", "application/json"];

/// A header value that is visible ASCII, spaces and tabs.
fn text(value: &[u8]) -> Option<&str> {
    let printable = value.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t'));
    std::str::from_utf8(value).ok().filter(|_| printable)
}

#[cold]
pub(crate) fn not_a_cloudevent() -> Error {
    Error::new(ErrorKind::NotACloudEvent)
        .with_detail("there is neither a `ce-` header nor a media type under application/cloudevents")
        .with_clause("HTTP-3-e")
}

#[cold]
fn ambiguous() -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute("datacontenttype")
        .with_detail("there are two Content-Type headers")
        .with_clause("CE-Context-Attributes-d")
}

#[cold]
fn not_ascii() -> Error {
    Error::new(ErrorKind::InvalidMediaType)
        .with_attribute("datacontenttype")
        .with_detail("the Content-Type header is not printable ASCII")
        .with_clause("CE-datacontenttype-b")
}
