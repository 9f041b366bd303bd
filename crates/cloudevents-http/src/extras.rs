//! Headers that are not attributes.

use crate::name;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_transport::Outgoing;
use http::{HeaderMap, HeaderName, HeaderValue, header::CONTENT_TYPE};

/// Adds the headers of a message.
pub(crate) fn add(headers: &mut HeaderMap, outgoing: &Outgoing) -> Result<(), Error> {
    for (name, value) in outgoing.headers() {
        let (name, value) = header(name, value)?;
        headers.append(name, value);
    }
    Ok(())
}

/// Checks a header that is not an attribute.
fn header(name: &str, value: &[u8]) -> Result<(HeaderName, HeaderValue), Error> {
    let invalid = |what: &str| {
        Error::new(ErrorKind::InvalidName).with_detail(format!("the header `{}` {what}", name.escape_debug()))
    };
    let header = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("has no valid name"))?;
    if name::kind(header.as_str()) == name::Kind::Attribute || header == CONTENT_TYPE {
        return Err(invalid("would be an attribute").with_help("set the attribute of the event"));
    }
    Ok((header, HeaderValue::from_bytes(value).map_err(|_| invalid("has a value that no header may have"))?))
}
