//! Bytes as the protocol writes them: `{"text": ...}` or `{"base64": ...}`.

use std::fmt::Write;

use crate::tree::json::Json;

use super::{Difference, Path};

/// Bytes, or why a value is none.
pub(crate) fn read(value: &Json) -> Result<Vec<u8>, String> {
    match value.members() {
        [(name, text)] if name.as_str() == Some("text") => {
            text.as_str().map(|text| text.as_bytes().to_vec()).ok_or_else(|| format!("no UTF-8 text: {text}"))
        }
        [(name, text)] if name.as_str() == Some("base64") => base64(text),
        _ => Err(format!("no bytes: {value}")),
    }
}

/// The bytes of a base64 string, or why it is none.
pub(crate) fn base64(value: &Json) -> Result<Vec<u8>, String> {
    value.as_str().and_then(decode).ok_or_else(|| format!("no base64: {value}"))
}

/// Notes that bytes are not the wanted ones.
pub(crate) fn diff(path: &Path, wanted: &[u8], got: &[u8], differences: &mut Vec<Difference>) {
    if wanted != got {
        differences.push(path.differs(show(wanted), show(got)));
    }
}

/// Bytes for people: as text if they are text, otherwise in hexadecimal.
pub(crate) fn show(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) => format!("{text:?}"),
        Err(_) => bytes.iter().fold("bytes".to_owned(), |mut shown, byte| {
            // Writing to a string cannot fail.
            let _ = write!(shown, " {byte:02x}");
            shown
        }),
    }
}

/// Bytes in base64.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS.get((bits & 0x3f) as usize).copied().unwrap_or(b'='));
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for (index, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if index <= chunk.len() { digit(bits >> shift) } else { '=' });
        }
    }
    text
}

/// Strict base64: the standard alphabet, padded, no bits left over.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let text = text.as_bytes();
    if !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.strip_suffix(b"==").or_else(|| text.strip_suffix(b"=")).unwrap_or(text);
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut bits, mut count) = (0u32, 0);
    for digit in digits {
        bits = bits << 6 | u32::from(sextet(*digit)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
        bits &= (1 << count) - 1;
    }
    (bits == 0).then_some(bytes)
}

fn sextet(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::json::parse;

    use super::*;

    #[test]
    fn base64_is_decoded() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("AP+/", &[0, 0xff, 0xbf]),
        ] {
            assert_eq!(decode(text).as_deref(), Some(bytes), "{text}");
            assert_eq!(encode(bytes), text);
        }
    }

    #[test]
    fn other_spellings_of_base64_are_none() {
        for text in ["Zg", "Zg=", "Z", "Z===", "====", "Zh==", "Zm9=", "-_-_", "Zm 9v", "Zg==Zg==", "é=="] {
            assert_eq!(decode(text), None, "{text}");
        }
    }

    #[test]
    fn both_spellings_are_the_same_bytes() {
        let bytes = |text: &str| read(&parse(text).unwrap());
        assert_eq!(bytes(r#"{"text":"foo"}"#), bytes(r#"{"base64":"Zm9v"}"#));
        for none in
            [r#""foo""#, "{}", r#"{"text":1}"#, r#"{"base64":"x"}"#, r#"{"text":"a","base64":"YQ=="}"#]
        {
            assert!(bytes(none).is_err(), "{none}");
        }
    }

    #[test]
    fn bytes_are_shown_as_text_where_they_are() {
        assert_eq!(show("é\n".as_bytes()), "\"é\\n\"");
        assert_eq!(show(&[0xff, 0]), "bytes ff 00");
    }
}
