//! Attribute names as header names.

use cloudevents_core::{Error, ErrorKind, Name};
use http::{HeaderName, header::CONTENT_TYPE};

/// The attribute a header names: what follows `ce-`. The `http` crate keeps names in lower case.
#[inline]
pub(crate) fn attribute(header: &HeaderName) -> Option<&str> {
    header.as_str().strip_prefix("ce-")
}

/// The header of an attribute. Those of the core attributes are static.
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
