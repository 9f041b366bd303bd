//! Parts of documents: payloads cut out of a document, and appended to one.

use crate::{
    Payload, TextBuffer,
    codec::scan::{Mistake, Problem, Scanner},
    payload::{Content, Kind},
};
use alloc::vec::Vec;
use bytes::{Buf, Bytes};
use core::ops::Range;

/// Reads the JSON value at `position` of `buffer` as a payload that shares the buffer, and moves `position` after the value.
///
/// `depth` is the number of nesting levels allowed. Decoders of JSON documents use this to scan a payload once without copying it.
///
/// ```
/// use cloudevents_core::{TextBuffer, codec::scan_json};
///
/// let (document, mut position) = (TextBuffer::from(r#"[{"a": 1}, 2]"#), 1);
/// assert_eq!(scan_json(&document, &mut position, 64)?.as_bytes(), r#"{"a": 1}"#);
/// assert_eq!(position, 9);
/// # Ok::<(), cloudevents_core::codec::scan::Problem>(())
/// ```
#[inline]
pub fn scan_json(buffer: &TextBuffer, position: &mut usize, depth: u32) -> Result<Payload, Problem> {
    let mut scanner = Scanner::at(buffer.as_str(), *position);
    let range = scanner.value(depth)?;
    *position = scanner.position();
    match buffer.slice(range) {
        Some(text) => Ok(Payload::of(Content::Text(text), Kind::Json)),
        None => Err(scanner.problem(Mistake::End)),
    }
}

/// Cuts a payload out of a document. The payload takes over the document's reference to the buffer.
///
/// An empty payload does not keep the buffer alive. A range beyond the end is shortened.
///
/// ```
/// let document = bytes::Bytes::from_static(b"[payload]");
/// assert_eq!(cloudevents_core::codec::cut(document, 1..8), "payload");
/// ```
#[inline]
pub fn cut(mut document: Bytes, part: Range<usize>) -> Bytes {
    if part.is_empty() {
        return Bytes::new();
    }
    document.truncate(part.end);
    document.advance(part.start.min(document.len()));
    document
}

/// How many bytes of a payload are copied at once: fewer than C libraries copy with the processor's string instruction.
const AT_ONCE: usize = 2048;

/// Writes a payload to the end of a document, a large one in pieces.
///
/// On some processors (AMD's Zen 3 and 4), the copying instruction takes up to 17 times as long when source and target have nearly the
/// same offset within their pages. That is usual for a document that is read and written again, so large copies are split.
///
/// ```
/// let mut document = b"[".to_vec();
/// cloudevents_core::codec::append_payload(b"payload", &mut document);
/// assert_eq!(document, b"[payload");
/// ```
#[inline]
pub fn append_payload(payload: &[u8], document: &mut Vec<u8>) {
    if payload.len() <= AT_ONCE {
        document.extend_from_slice(payload);
    } else {
        append_in_pieces(payload, document);
    }
}

#[inline(never)]
fn append_in_pieces(payload: &[u8], document: &mut Vec<u8>) {
    document.reserve(payload.len());
    for piece in payload.chunks(AT_ONCE) {
        document.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_of_all_sizes_are_appended() {
        for length in [0, 1, AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE, 5 * AT_ONCE + 7] {
            let payload: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let mut document = Vec::with_capacity(length + 1);
            document.push(b'[');
            append_payload(&payload, &mut document);
            assert_eq!((document[0], &document[1..], document.capacity()), (b'[', &payload[..], length + 1));
        }
    }
}
