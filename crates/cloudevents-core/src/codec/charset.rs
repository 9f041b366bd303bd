//! Text in the charset that a content type states.
//!
//! The charsets whose encoding is a rule and not a table are here. The library that browsers share has their encoders, which take
//! ISO-8859-1 and US-ASCII for windows-1252, as web pages need it, and do not write UTF-16.

use crate::MediaType;
use alloc::vec::Vec;

/// Whether text under this content type is UTF-8, as far as that says: it states no charset, UTF-8, or US-ASCII, which is a part of it.
///
/// ```
/// use cloudevents_core::{MediaType, codec::is_utf8};
///
/// let is = |text| MediaType::parse(text).is_ok_and(is_utf8);
/// assert!(is("text/plain") && is("text/plain; charset=UTF-8") && is("text/plain; charset=\"us-ascii\""));
/// assert!(!is("text/plain; charset=iso-8859-1"));
/// ```
pub fn is_utf8(content_type: MediaType<'_>) -> bool {
    takes_utf8(content_type) || has_charset(content_type, &["us-ascii"])
}

/// Whether any UTF-8 may be written under this content type: it states no charset, or UTF-8. US-ASCII lacks most characters.
///
/// ```
/// use cloudevents_core::{MediaType, codec::takes_utf8};
///
/// let takes = |text| MediaType::parse(text).is_ok_and(takes_utf8);
/// assert!(takes("text/plain") && takes("text/plain; charset=UTF-8"));
/// assert!(!takes("text/plain; charset=us-ascii"));
/// ```
pub fn takes_utf8(content_type: MediaType<'_>) -> bool {
    content_type.parameter("charset").is_none() || has_charset(content_type, &["utf-8", "utf8"])
}

/// Whether a body with this `content-encoding` of a broker's message has to be decoded before its event is read. Clients name the character
/// encoding there, too. Documents are in `utf-8`.
///
/// ```
/// use cloudevents_core::codec::is_encoded;
///
/// assert!(is_encoded("gzip") && !is_encoded("identity") && !is_encoded("UTF-8"));
/// ```
pub fn is_encoded(content_encoding: &str) -> bool {
    let plain = ["", "identity", "utf-8", "utf8", "binary"];
    !plain.iter().any(|plain| content_encoding.eq_ignore_ascii_case(plain))
}

fn has_charset(content_type: MediaType<'_>, names: &[&str]) -> bool {
    let is = |charset: &str| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
    content_type.parameter("charset").is_some_and(|charset| is(&charset))
}

/// A text as bytes of a charset.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Encoded {
    /// The bytes are the same as in UTF-8.
    Same,
    Bytes(Vec<u8>),
    /// The charset lacks a character, or is not known.
    Impossible,
}

/// Encodes a text in the charset of this name (a name or an alias of the IANA registry, in any letter case).
#[cold]
pub(super) fn encode(text: &str, charset: &str) -> Encoded {
    let is = |names: &[&str]| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
    if text.is_empty() || is(&["utf-8", "utf8"]) {
        return Encoded::Same;
    }
    // Without a byte order mark, readers take UTF-16 for big-endian; most writers put one (RFC 2781, section 4.3).
    if is(&["utf-16"]) {
        return Encoded::Bytes(utf_16(core::iter::once('\u{feff}').chain(text.chars()), u16::to_be_bytes));
    }
    if is(&["utf-16be"]) {
        return Encoded::Bytes(utf_16(text.chars(), u16::to_be_bytes));
    }
    if is(&["utf-16le"]) {
        return Encoded::Bytes(utf_16(text.chars(), u16::to_le_bytes));
    }
    if text.is_ascii() && has_ascii(charset) {
        return Encoded::Same;
    }
    if is(&["iso-8859-1", "iso_8859-1", "latin1", "l1"])
        && let Ok(bytes) = text.chars().map(u8::try_from).collect()
    {
        return Encoded::Bytes(bytes);
    }
    Encoded::Impossible
}

fn utf_16(text: impl Iterator<Item = char>, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    let mut units = [0; 2];
    let mut out = Vec::new();
    for character in text {
        character.encode_utf16(&mut units).iter().for_each(|unit| out.extend_from_slice(&bytes(*unit)));
    }
    out
}

/// Whether US-ASCII is a part of the charset, byte for byte.
fn has_ascii(charset: &str) -> bool {
    let begins =
        |start: &str| charset.get(..start.len()).is_some_and(|charset| charset.eq_ignore_ascii_case(start));
    [
        "us-ascii",
        "ascii",
        "iso-8859-",
        "iso_8859-",
        "latin",
        "l1",
        "windows-125",
        "koi8-",
        "euc-",
        "gb18030",
        "gbk",
        "gb2312",
        "big5",
    ]
    .into_iter()
    .any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets() {
        let bytes = |bytes: &[u8]| Encoded::Bytes(bytes.to_vec());
        for (text, charset, expected) in [
            ("café", "UTF-8", Encoded::Same),
            ("cafe", "us-ascii", Encoded::Same),
            ("café", "us-ascii", Encoded::Impossible),
            ("cafe", "ISO-8859-1", Encoded::Same),
            ("café", "ISO-8859-1", bytes(b"caf\xe9")),
            // No euro sign, which windows-1252 has.
            ("€", "iso-8859-1", Encoded::Impossible),
            ("\u{80}", "latin1", bytes(b"\x80")),
            ("a😀", "utf-16", bytes(b"\xfe\xff\0a\xd8\x3d\xde\x00")),
            ("a😀", "UTF-16BE", bytes(b"\0a\xd8\x3d\xde\x00")),
            ("a😀", "utf-16le", bytes(b"a\0\x3d\xd8\x00\xde")),
            ("cafe", "windows-1252", Encoded::Same),
            ("café", "windows-1252", Encoded::Impossible),
            ("cafe", "cp037", Encoded::Impossible),
        ] {
            assert_eq!(encode(text, charset), expected, "{text} in {charset}");
        }
    }
}
