//! Parts that the messages of several bindings have: lists of names and values, octets as text.

use crate::tagged::{self, malformed};
use cloudevents_core::Error;
use serde_json::Value as Json;

/// The names and the values of a list of headers.
pub(crate) fn pairs<'m>(
    message: &'m Json,
    member: &str,
) -> impl Iterator<Item = Result<(&'m str, &'m Json), Error>> {
    let list = message.get(member).and_then(Json::as_array).into_iter().flatten();
    list.map(|pair| match pair.as_array().map(Vec::as_slice) {
        Some([Json::String(name), value]) => Ok((name.as_str(), value)),
        _ => Err(malformed("a header is a pair of a name and a value")),
    })
}

/// A value that is text.
pub(crate) fn text(value: &Json) -> Result<&str, Error> {
    value.as_str().ok_or_else(|| malformed(format!("{value} is no text")))
}

/// The octets whose Latin-1 text a value is.
pub(crate) fn octets(value: &Json) -> Result<Vec<u8>, Error> {
    let octets: Result<_, _> = text(value)?.chars().map(u8::try_from).collect();
    octets.map_err(|_| malformed("header values are the Latin-1 text of their octets"))
}

/// The Latin-1 text of octets.
pub(crate) fn latin1(octets: &[u8]) -> String {
    octets.iter().copied().map(char::from).collect()
}

/// A body, which is empty where there is none.
pub(crate) fn body(message: &Json, member: &str) -> Result<Vec<u8>, Error> {
    Ok(message.get(member).map(tagged::to_bytes).transpose()?.unwrap_or_default())
}
