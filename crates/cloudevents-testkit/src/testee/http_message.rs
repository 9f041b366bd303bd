//! HTTP messages as the protocol writes them: header values are the Latin-1 text of their octets.

use crate::tagged::{self, malformed};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

/// The headers and the body of the HTTP message that the message of a request describes.
pub fn read(message: &Json) -> Result<(HeaderMap, Bytes), Error> {
    let mut headers = HeaderMap::new();
    for pair in message.get("headers").and_then(Json::as_array).into_iter().flatten() {
        let (Some(name), Some(value)) =
            (pair.get(0).and_then(Json::as_str), pair.get(1).and_then(Json::as_str))
        else {
            return Err(malformed("a header is a pair of texts"));
        };
        let octets: Vec<u8> = value
            .chars()
            .map(u8::try_from)
            .collect::<Result<_, _>>()
            .map_err(|_| malformed("header values are the Latin-1 text of their octets"))?;
        let name = match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => name,
            // What is no header name in HTTP is no attribute either, unless it has the prefix of one.
            Err(_) if name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce-")) => {
                return Err(not_http(name));
            }
            Err(_) => continue,
        };
        // What an HTTP parser does: the white space around a value is not part of it.
        let value = HeaderValue::from_bytes(octets.trim_ascii()).map_err(|_| not_http(name.as_str()))?;
        headers.append(name, value);
    }
    let body = message.get("body").map(tagged::to_bytes).transpose()?.unwrap_or_default();
    Ok((headers, body.into()))
}

pub(crate) fn write(headers: &HeaderMap, body: &Bytes) -> Json {
    let headers: Vec<Json> = headers
        .iter()
        .map(|(name, value)| {
            json!([name.as_str(), value.as_bytes().iter().copied().map(char::from).collect::<String>()])
        })
        .collect();
    json!({"headers": headers, "body": tagged::from_bytes(body)})
}

#[cold]
fn not_http(name: &str) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(format!("HTTP has no such header: `{name}`"))
}
