//! The events of a case.

use bytes::Bytes;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Events `0..count` with payloads of one size. Each is of one of `keys` keys, by turns, so that its number also says its place among those
/// of its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) count: usize,
    pub(crate) size: usize,
    pub(crate) keys: usize,
}

impl Load {
    pub(crate) fn key(self, number: usize) -> usize {
        number.checked_rem(self.keys).unwrap_or(0)
    }

    /// The attributes of an event, but for the content type.
    pub(crate) fn attributes(self, number: usize) -> [(&'static str, String); 5] {
        [
            ("specversion", "1.0".to_owned()),
            ("id", number.to_string()),
            ("source", "/scale".to_owned()),
            ("type", "com.example.scale".to_owned()),
            ("partitionkey", self.key_text(number)),
        ]
    }

    pub(crate) fn key_text(self, number: usize) -> String {
        format!("k{}", self.key(number))
    }

    /// A JSON text.
    pub(crate) fn payload(self) -> Bytes {
        format!("\"{}\"", "x".repeat(self.size.saturating_sub(2))).into()
    }

    /// The events in the JSON format, one after the other.
    pub(crate) fn documents(self) -> impl Iterator<Item = String> {
        let payload = String::from_utf8_lossy(&self.payload()).into_owned();
        (0..self.count).map(move |number| {
            let attributes =
                self.attributes(number).map(|(name, value)| format!("\"{name}\":\"{value}\"")).join(",");
            format!("{{{attributes},\"datacontenttype\":\"application/json\",\"data\":{payload}}}")
        })
    }
}

/// The number of an event in the JSON format. `jsonb` of Postgres has a space behind the colon.
pub(crate) fn number(document: &[u8]) -> Option<usize> {
    let before = b"\"id\":";
    let rest = document.get(memchr::memmem::find(document, before)?.checked_add(before.len())?..)?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    digits(rest.get(..memchr::memchr(b'"', rest)?)?)
}

/// A number in digits.
pub(crate) fn digits(text: &[u8]) -> Option<usize> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

/// A name that no place and no reader has.
pub(crate) fn fresh(name: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_document_is_found() {
        let documents: Vec<String> = Load { count: 12, size: 10, keys: 3 }.documents().collect();
        assert_eq!(documents.last().map(|last| number(last.as_bytes())), Some(Some(11)));
        assert_eq!(number(br#"{"id": "7", "data": "x"}"#), Some(7));
        assert_eq!(number(br#"{"id": 7}"#), None);
    }
}
