//! Text in headers: percent-coding and quoted strings, for HTTP and bindings with the same rules.

use crate::{
    Error, ErrorKind, Repair, RepairKind,
    codec::{Assembler, AttributeName, Given},
};
use alloc::{borrow::Cow, string::String, vec::Vec};
use wide::u8x16;

/// Reads a header value as the attribute of this name and passes it to the assembler. Surrounding white space is ignored.
///
/// A mistake that leniency tolerates ([`LiteralText`](RepairKind::LiteralText)) is reported as a repair. For other errors see
/// [`decode`].
///
/// ```
/// use cloudevents_core::{DecodeOptions, codec::{Assembler, header}};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "1.0"), ("id", "%E2%82%AC"), ("source", "/s"), ("type", "t")] {
///     header::read(name, value.as_bytes(), &mut assembler)?;
/// }
/// assembler.complete()?;
/// assert_eq!(assembler.finish(None)?.value.id(), "€");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn read(name: &str, value: &[u8], assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let value = value.trim_ascii();
    if is_literal(value) {
        return assembler.text_named(AttributeName::of(name.as_bytes()), value);
    }
    let lenient = assembler.decoding().leniency.allows(RepairKind::LiteralText);
    let (text, repair) = decode(value, lenient).map_err(|error| error.with_attribute(name))?;
    if let Some(cause) = repair {
        assembler.repaired(Repair::new(RepairKind::LiteralText).with_attribute(name).with_cause(cause));
    }
    let piece = assembler.push(&text)?;
    assembler.named(name, Given::Text(piece))
}

/// Percent-encodes a text (HTTP binding, section 3.1.3.2): space, quotation mark, percent sign, and everything outside
/// U+0021 to U+007E. The result is ASCII. A text that [is literal](is_literal) need not be encoded.
///
/// ```
/// assert_eq!(cloudevents_core::codec::header::encode("100 €"), b"100%20%E2%82%AC");
/// ```
#[cold]
pub fn encode(text: &str) -> Vec<u8> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = Vec::with_capacity(text.len().saturating_add(text.len() / 2));
    let digit = |nibble: u8| HEX.get(usize::from(nibble)).copied().unwrap_or_default();
    for byte in text.bytes() {
        if is_literal_byte(byte) {
            out.push(byte);
        } else {
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    out
}

/// Reads a header value: undoes a quoted string (RFC 9110, section 5.6.4), percent-decodes once, and checks UTF-8 (HTTP binding,
/// section 3.1.3.2).
///
/// Returns the text and, if `lenient`, the first mistake that was tolerated: a malformed escape is then kept literally. Errors are of
/// kind [`InvalidEscape`](ErrorKind::InvalidEscape), or of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8), which is never tolerated.
/// Errors name the clauses of the HTTP binding; a binding with its own clauses replaces them.
///
/// ```
/// use cloudevents_core::codec::header::decode;
///
/// assert_eq!(decode(b"caf%C3%A9", false)?.0, "café");
/// assert_eq!(decode(br#""a \"quoted\" text""#, false)?.0, r#"a "quoted" text"#);
/// assert!(decode(b"100%", false).is_err());
/// let (text, mistake) = decode(b"100%", true)?;
/// assert_eq!((text.as_str(), mistake.is_some()), ("100%", true));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[cold]
#[inline(never)]
pub fn decode(value: &[u8], lenient: bool) -> Result<(String, Option<Error>), Error> {
    let mut repair = None;
    let mut forgive = |error: Error| {
        if !lenient {
            return Err(error);
        }
        repair.get_or_insert(error);
        Ok(())
    };
    let unquoted = match quoted(value) {
        Quoted::No => Cow::Borrowed(value),
        Quoted::Yes(inner) => Cow::Owned(inner),
        Quoted::Unterminated => {
            forgive(escape("the quoted string does not end", "HTTP-3.1.3.2-e"))?;
            Cow::Borrowed(value)
        }
    };
    if unquoted.iter().any(|byte| !byte.is_ascii()) {
        forgive(escape("there are octets outside ASCII, which must be percent-encoded", "HTTP-3.1.3.2-b"))?;
    }
    let mut bytes = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_ref();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = match after {
            [high, low, after @ ..] if byte == b'%' => hex(*high).zip(hex(*low)).zip(Some(after)),
            _ => None,
        };
        if let Some(((high, low), after)) = escaped {
            bytes.push(high << 4 | low);
            rest = after;
            continue;
        }
        if byte == b'%' {
            forgive(escape("a percent sign is followed by two hexadecimal digits", "HTTP-3.1.3.2-f"))?;
        }
        bytes.push(byte);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok((text, repair)),
        Err(_) => Err(Error::new(ErrorKind::InvalidUtf8)
            .with_detail("the percent-decoded value is not UTF-8")
            .with_clause("HTTP-3.1.3.2-r")),
    }
}

enum Quoted {
    /// Not a quoted string: quotation marks are literal.
    No,
    /// The contents of a quoted string, unescaped.
    Yes(Vec<u8>),
    /// Begins like a quoted string and does not end.
    Unterminated,
}

/// Whether the whole value is one quoted string of RFC 9110, section 5.6.4.
fn quoted(value: &[u8]) -> Quoted {
    let Some(inner) = value.strip_prefix(b"\"") else { return Quoted::No };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'"' if bytes.as_slice().is_empty() => return Quoted::Yes(text),
            b'"' => return Quoted::No,
            b'\\' => match bytes.next() {
                Some(&escaped) => text.push(escaped),
                None => return Quoted::Unterminated,
            },
            _ => text.push(byte),
        }
    }
    Quoted::Unterminated
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Whether a value is literal, without escapes: U+0021 to U+007E except quotation marks and percent signs. Checks 16 bytes at a time.
///
/// ```
/// use cloudevents_core::codec::header::is_literal;
///
/// assert!(is_literal(b"/orders/42"));
/// assert!(!is_literal(b"100%") && !is_literal(b"a b"));
/// ```
#[inline]
pub fn is_literal(value: &[u8]) -> bool {
    let Some(last) = value.last_chunk::<16>() else { return value.iter().all(|&byte| is_literal_byte(byte)) };
    // Whole chunks, then the last 16 bytes, which may overlap them.
    let mut other = not_literal(*last);
    for chunk in value.as_chunks::<16>().0 {
        other |= not_literal(*chunk);
    }
    other.to_bitmask() == 0
}

#[inline(always)]
fn not_literal(chunk: [u8; 16]) -> u8x16 {
    let x = u8x16::new(chunk);
    let outside = x.min(u8x16::splat(0x20)).simd_eq(x) | x.max(u8x16::splat(0x7f)).simd_eq(x);
    outside | x.simd_eq(u8x16::splat(b'"')) | x.simd_eq(u8x16::splat(b'%'))
}

#[inline]
fn is_literal_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'"' && byte != b'%'
}

#[cold]
fn escape(detail: &'static str, clause: &'static str) -> Error {
    Error::new(ErrorKind::InvalidEscape).with_detail(detail).with_clause(clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_bytes_alike_one_by_one_and_sixteen_at_a_time() {
        for byte in 0..=255_u8 {
            for length in [1, 5, 15, 16, 17, 40] {
                for at in [0, length / 2, length - 1] {
                    let mut value = alloc::vec![b'a'; length];
                    value[at] = byte;
                    assert_eq!(is_literal(&value), is_literal_byte(byte), "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(is_literal(b""));
    }

    #[test]
    fn the_specification_s_example() {
        assert_eq!(encode("Euro € 😀"), b"Euro%20%E2%82%AC%20%F0%9F%98%80");
        assert_eq!(decode(b"Euro%20%E2%82%AC%20%F0%9F%98%80", false).unwrap().0, "Euro € 😀");
    }

    #[test]
    fn decoding() {
        let read =
            |text: &str| decode(text.as_bytes(), false).map(|(text, _)| text).map_err(|error| error.kind());
        assert_eq!(read("a%2520b").unwrap(), "a%20b");
        assert_eq!(read(r#""a \"b\" %25""#).unwrap(), r#"a "b" %"#);
        assert_eq!(read(r#""a" "b""#).unwrap(), r#""a" "b""#);
        assert_eq!(read(r#"a "b" c"#).unwrap(), r#"a "b" c"#);
        assert_eq!(read("%e2%82%ac").unwrap(), "€");
        for bad in ["%", "%zz", "%4", "100%", "é", "\"a", "\"a\\\"", "\"a\\"] {
            assert_eq!(read(bad), Err(ErrorKind::InvalidEscape), "{bad}");
            let (text, repair) = decode(bad.as_bytes(), true).unwrap();
            assert_eq!(text, bad);
            assert!(repair.is_some());
        }
        for bad in ["%C0%A0", "%FF", "%E2%82", "%ED%A0%80"] {
            assert_eq!(read(bad), Err(ErrorKind::InvalidUtf8), "{bad}");
            assert!(decode(bad.as_bytes(), true).is_err());
        }
    }
}
