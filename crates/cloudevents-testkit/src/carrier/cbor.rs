//! The CBOR format.

use super::Became;
use cloudevents_core::{Data, Error, ErrorKind, Event, Payload, Timestamp, Uri, Value};

pub(super) fn extension(value: Value<'_>) -> Became {
    match value {
        Value::Timestamp(time) => Became::Timestamp(timestamp(time)),
        // One tag stands for both.
        Value::UriReference(reference) if Uri::parse(reference.as_str()).is_ok() => {
            Became::Uri(reference.as_str().to_owned())
        }
        _ => Became::Kept,
    }
}

/// RFC 8949 wants the upper-case letters of RFC 3339.
pub(super) fn timestamp(time: Timestamp<'_>) -> String {
    time.as_str().to_ascii_uppercase()
}

pub(super) fn payload(event: &Event, data: Data<'_>) -> Result<Payload, Error> {
    // An item, where there is no content type, is CBOR.
    let is_cbor = event.content_type().is_none_or(|content_type| content_type.is_cbor());
    match data {
        Data::Json(json) => Payload::json(json.as_str().to_owned()),
        Data::Text(text) | Data::Xml(text) if is_cbor => Payload::cbor(text_string(text)),
        Data::Text(text) | Data::Xml(text) => Ok(Payload::text(text)),
        Data::Cbor(item) if item.first().is_some_and(|first| first >> 5 == BYTE_STRING) => {
            let bytes = byte_string(item).ok_or_else(|| Error::new(ErrorKind::InvalidDocument))?;
            Ok(Payload::binary(bytes))
        }
        Data::Cbor(item) => Payload::cbor(item.to_vec()),
        _ => Ok(Payload::binary(data.as_bytes().to_vec())),
    }
}

const BYTE_STRING: u8 = 2;
const TEXT_STRING: u8 = 3;

/// A text string with the shortest head (RFC 8949, section 3).
fn text_string(text: &str) -> Vec<u8> {
    let major = TEXT_STRING << 5;
    let length = text.len();
    let mut item = match (u8::try_from(length), u16::try_from(length), u32::try_from(length)) {
        (Ok(length @ 0..24), _, _) => vec![major | length],
        (Ok(length), _, _) => vec![major | 24, length],
        (_, Ok(length), _) => [&[major | 25][..], &length.to_be_bytes()].concat(),
        (_, _, Ok(length)) => [&[major | 26][..], &length.to_be_bytes()].concat(),
        _ => [&[major | 27][..], &(length as u64).to_be_bytes()].concat(),
    };
    item.extend_from_slice(text.as_bytes());
    item
}

/// The contents of a byte string, in one piece or in chunks.
fn byte_string(item: &[u8]) -> Option<Vec<u8>> {
    let (&first, mut rest) = item.split_first()?;
    if first & 0x1f != 31 {
        return Some(piece(item)?.0.to_vec());
    }
    let mut all = Vec::new();
    while *rest.first()? != 0xff {
        let (chunk, after) = piece(rest)?;
        all.extend_from_slice(chunk);
        rest = after;
    }
    Some(all)
}

/// The contents of a byte string of known length, and the bytes after it.
fn piece(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&first, rest) = item.split_first()?;
    let more = match first & 0x1f {
        short @ 0..24 => return rest.split_at_checked(usize::from(short)),
        more @ 24..28 => 1 << (more - 24),
        _ => return None,
    };
    let (length, rest) = rest.split_at_checked(more)?;
    rest.split_at_checked(length.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings() {
        // RFC 8949, appendix A.
        assert_eq!(text_string("IETF"), b"\x64IETF");
        assert_eq!(text_string(&"x".repeat(24))[..3], *b"\x78\x18x");
        assert_eq!(text_string(&"x".repeat(300))[..4], *b"\x79\x01\x2cx");
        assert_eq!(byte_string(b"\x44\x01\x02\x03\x04").unwrap(), [1, 2, 3, 4]);
        assert_eq!(byte_string(b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff").unwrap(), [1, 2, 3, 4, 5]);
        assert_eq!(byte_string(b"\x58\x01\x07").unwrap(), [7]);
    }
}
