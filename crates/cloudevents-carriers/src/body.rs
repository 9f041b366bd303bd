//! Payloads and documents as bodies of messages.

use crate::{Body, Carrier, Empty};
use bytes::Bytes;
use cloudevents_core::{Error, ErrorKind, codec::decode_base64};

/// Reads a body as it was before [`write()`]. Empty is no payload, and no document.
pub(crate) fn read(carrier: &Carrier, body: Bytes) -> Result<Bytes, Error> {
    if carrier.empty == Empty::Nul && *body == [0] {
        return Ok(Bytes::new());
    }
    match carrier.body {
        Body::Base64 if !body.trim_ascii_start().starts_with(b"{") => {
            decode_base64(body.trim_ascii()).map(Bytes::from)
        }
        _ => Ok(body),
    }
}

/// Writes a payload or a document as the body of a message.
///
/// A payload that would be read as none is an error of kind [`Unsupported`](ErrorKind::Unsupported).
pub(crate) fn write(carrier: &Carrier, body: Bytes) -> Result<Bytes, Error> {
    if carrier.empty == Empty::Nul {
        if body.is_empty() {
            return Ok(Bytes::from_static(&[0]));
        }
        if *body == [0] {
            return Err(Error::new(ErrorKind::Unsupported)
                .with_detail(format!("one byte of value zero is no payload over {}", carrier.name))
                .with_help("send the event in structured mode"));
        }
    }
    match carrier.body {
        Body::Base64 => Ok(base64_simd::STANDARD.encode_to_string(&body).into()),
        _ => Ok(body),
    }
}
