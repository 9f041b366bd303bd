//! Attribute names as header names.

use cloudevents_core::{Error, ErrorKind, Name};
use http::{HeaderName, header::CONTENT_TYPE};
use std::borrow::Cow;

/// The meaning of a header to the binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It begins with `ce-`.
    Attribute,
    /// It begins with `ce_`, which is the prefix of Kafka.
    Foreign,
    ContentType,
    ContentEncoding,
    Other,
}

/// Classifies a header by its name, in any letter case.
#[inline]
pub(crate) fn kind(header: &str) -> Kind {
    match header.as_bytes() {
        [b'c' | b'C', b'e' | b'E', b'-', ..] => Kind::Attribute,
        [b'c' | b'C', b'e' | b'E', b'_', ..] => Kind::Foreign,
        [b'c' | b'C', b'o' | b'O', ..] => match header.len() {
            12 if header.eq_ignore_ascii_case("content-type") => Kind::ContentType,
            16 if header.eq_ignore_ascii_case("content-encoding") => Kind::ContentEncoding,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

/// Returns the attribute that a header names: the text behind the prefix, in lower case, because names of headers are alike in any.
#[inline]
pub(crate) fn attribute(header: &str) -> Cow<'_, str> {
    let name = header.get(PREFIX.len()..).unwrap_or_default();
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Cow::Owned(name.to_ascii_lowercase());
    }
    Cow::Borrowed(name)
}

const PREFIX: &str = "ce-";

/// The header of an attribute. The headers of the core attributes are static.
#[inline]
pub(crate) fn header(name: Name<'_>) -> Result<HeaderName, Error> {
    Ok(match name.as_str() {
        "id" => ID,
        "source" => SOURCE,
        "type" => TYPE,
        "datacontenttype" => CONTENT_TYPE,
        "dataschema" => DATASCHEMA,
        "subject" => SUBJECT,
        "time" => TIME,
        other => return extension(other),
    })
}

/// `ce-specversion`.
pub(crate) const SPECVERSION: HeaderName = HeaderName::from_static("ce-specversion");
const ID: HeaderName = HeaderName::from_static("ce-id");
const SOURCE: HeaderName = HeaderName::from_static("ce-source");
const TYPE: HeaderName = HeaderName::from_static("ce-type");
const DATASCHEMA: HeaderName = HeaderName::from_static("ce-dataschema");
const SUBJECT: HeaderName = HeaderName::from_static("ce-subject");
const TIME: HeaderName = HeaderName::from_static("ce-time");

#[inline]
fn extension(name: &str) -> Result<HeaderName, Error> {
    let mut text = [0_u8; 64];
    let length = name.len().saturating_add(3);
    let found = match text.get_mut(..length) {
        Some(buffer) => {
            let (prefix, rest) = buffer.split_at_mut(3);
            prefix.copy_from_slice(b"ce-");
            rest.copy_from_slice(name.as_bytes());
            HeaderName::from_bytes(buffer)
        }
        None => HeaderName::from_bytes(format!("ce-{name}").as_bytes()),
    };
    found.map_err(|_| {
        Error::new(ErrorKind::TooLarge)
            .with_attribute(name)
            .with_detail("the name is too long for an HTTP header")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_in_any_letter_case() {
        for (header, expected) in [
            ("ce-id", Kind::Attribute),
            ("CE-ID", Kind::Attribute),
            ("Ce-", Kind::Attribute),
            ("ce", Kind::Other),
            ("ce_id", Kind::Foreign),
            ("content-type", Kind::ContentType),
            ("Content-Type", Kind::ContentType),
            ("content-typo", Kind::Other),
            ("CONTENT-ENCODING", Kind::ContentEncoding),
            ("content-length", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(header), expected, "{header}");
        }
        assert_eq!(attribute("Ce-PartitionKey"), "partitionkey");
        assert_eq!(attribute("ce-"), "");
    }
}
