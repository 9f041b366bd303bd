//! Which content mode a message is in.

use crate::name;
use cloudevents_core::{Detected, Error, ErrorKind, detect};
use http::{HeaderMap, header::CONTENT_TYPE};

/// Whether a message bears a mark of CloudEvents: a media type under `application/cloudevents`, or a `ce-` header.
///
/// A message without one is somebody else's, which on a mixed endpoint is no mistake; one that has a mark may still be malformed.
///
/// ```
/// let request = http::Request::get("/").header("ce-id", "1").body(()).unwrap();
/// assert!(cloudevents_http::is_cloudevent(request.headers()));
/// ```
pub fn is_cloudevent(headers: &HeaderMap) -> bool {
    let document = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    !matches!(detect(document), Ok(Detected::NotADocument))
        || headers.keys().any(|name| name::attribute(name).is_some())
}

/// Media types that need no look at their characters.
const COMMON: [&str; 2] = ["application/cloudevents+json", "application/json"];

/// What the content type says; two of them, or one that is no text, say nothing that could be relied on.
#[inline]
pub(crate) fn content_type(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::new(ErrorKind::DuplicateAttribute)
            .with_attribute("datacontenttype")
            .with_detail("there are two Content-Type headers")
            .with_clause("CE-Context-Attributes-d"));
    }
    if let Some(common) = COMMON.into_iter().find(|common| common.as_bytes() == value.as_bytes()) {
        return Ok(Some(common));
    }
    match value.to_str() {
        // Spaces and tabs: a text has no other white space.
        Ok(text) => Ok(Some(text.trim_ascii())),
        Err(_) => Err(Error::new(ErrorKind::InvalidMediaType)
            .with_attribute("datacontenttype")
            .with_detail("the Content-Type header is not ASCII")
            .with_clause("CE-datacontenttype-b")),
    }
}
