//! HTTP messages as the protocol writes them: header values are the Latin-1 text of their octets.

use super::{Codec, Wanted, body, latin1, octets, pairs};
use crate::tagged;
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind};
use cloudevents_http::{Encoding, encode, encode_batch};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value as Json, json};

pub(super) const CODEC: Codec = Codec {
    name: "http",
    options: &["peer"],
    decode: |message, with| {
        let (headers, body) = read(message)?;
        cloudevents_http::decode_message(&headers, body, with)
    },
    encode: |to| {
        let mut headers = HeaderMap::new();
        let (body, losses) = match to.wanted() {
            Ok(Wanted::One(mode)) => {
                let with = Encoding::new(mode);
                let with = to.peer()?.map_or(with, |peer| with.for_peer(peer));
                encode(to.one()?, with, &mut headers)?
            }
            Ok(Wanted::Batch(format)) => encode_batch(to.events, format, &mut headers)?,
            Err(unsupported) => return Ok(Err(unsupported)),
        };
        Ok(Ok((write(&headers, &body), losses)))
    },
};

/// The headers and the body of the HTTP message that the message of a request describes.
pub fn read(message: &Json) -> Result<(HeaderMap, Bytes), Error> {
    let mut headers = HeaderMap::new();
    for pair in pairs(message, "headers") {
        let (name, value) = pair?;
        let octets = octets(value)?;
        let name = match HeaderName::from_bytes(name.as_bytes()) {
            Ok(name) => name,
            // A name that is no header name in HTTP is no attribute either, unless it has the prefix of one.
            Err(_) if name.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("ce-")) => {
                return Err(not_http(name));
            }
            Err(_) => continue,
        };
        // As an HTTP parser does: the white space around a value is not part of it.
        let value = HeaderValue::from_bytes(octets.trim_ascii()).map_err(|_| not_http(name.as_str()))?;
        headers.append(name, value);
    }
    Ok((headers, body(message, "body")?.into()))
}

pub(crate) fn write(headers: &HeaderMap, body: &Bytes) -> Json {
    let headers: Vec<Json> =
        headers.iter().map(|(name, value)| json!([name.as_str(), latin1(value.as_bytes())])).collect();
    json!({"headers": headers, "body": tagged::from_bytes(body)})
}

#[cold]
fn not_http(name: &str) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(format!("HTTP has no such header: `{name}`"))
}
