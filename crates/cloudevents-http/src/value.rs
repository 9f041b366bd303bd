//! Attribute values as header values: percent-coding and quoted strings, to the letter.

use cloudevents_core::{Assembler, Error, ErrorKind, Event, Given, Repair, RepairKind, Value};
use http::HeaderValue;
use std::borrow::Cow;
use wide::u8x16;

/// Reads a header as the attribute of this name and gives it to the assembler.
#[inline]
pub(crate) fn read(name: &str, value: &[u8], assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let value = value.trim_ascii();
    let piece = if is_literal(value)
        && let Ok(text) = std::str::from_utf8(value)
    {
        assembler.push_plain(text)?
    } else {
        let lenient = assembler.decoding().leniency.allows(RepairKind::LiteralText);
        let (text, repair) = decode(value, lenient).map_err(|error| error.with_attribute(name))?;
        if let Some(cause) = repair {
            assembler.repaired(Repair::new(RepairKind::LiteralText).with_attribute(name).with_cause(cause));
        }
        assembler.push(&text)?
    };
    assembler.named(name, Given::Text(piece))
}

/// The header value of an attribute, sharing the event's buffer where nothing has to be encoded.
#[inline]
pub(crate) fn write(event: &Event, value: Value<'_>) -> Result<HeaderValue, Error> {
    if let Some(text) = value.as_str()
        && is_literal(text.as_bytes())
        && let Some(shared) = event.share(text)
    {
        return HeaderValue::from_maybe_shared(shared).map_err(|_| unreachable_value());
    }
    HeaderValue::from_maybe_shared(encode(&value.to_canonical())).map_err(|_| unreachable_value())
}

/// Percent-encodes a text (HTTP binding, section 3.1.3.2): space, quotation mark, percent sign, and everything outside
/// U+0021 to U+007E.
#[cold]
pub(crate) fn encode(text: &str) -> bytes::Bytes {
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
    out.into()
}

/// Undoes a quoted string, then percent-decodes once, then checks UTF-8. The second part of the answer is the mistake that
/// leniency passed over.
#[cold]
#[inline(never)]
fn decode(value: &[u8], lenient: bool) -> Result<(String, Option<Error>), Error> {
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
    /// Not a quoted string: quotation marks stand for themselves.
    No,
    /// A quoted string; its contents with the backslashes undone.
    Yes(Vec<u8>),
    /// Begins like one and does not end.
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

/// Whether a value stands for itself: U+0021 to U+007E without quotation marks and percent signs.
#[inline]
fn is_literal(value: &[u8]) -> bool {
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

/// What is percent-encoded is printable ASCII, which every header may have.
#[cold]
fn unreachable_value() -> Error {
    Error::new(ErrorKind::InvalidString).with_detail("the value cannot be written in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literal_bytes_alike_one_by_one_and_sixteen_at_a_time() {
        for byte in 0..=255_u8 {
            for length in [1, 5, 15, 16, 17, 40] {
                for at in [0, length / 2, length - 1] {
                    let mut value = vec![b'a'; length];
                    value[at] = byte;
                    assert_eq!(is_literal(&value), is_literal_byte(byte), "{byte:#x} at {at} of {length}");
                }
            }
        }
        assert!(is_literal(b""));
    }

    #[test]
    fn the_specification_s_example() {
        assert_eq!(encode("Euro € 😀").as_ref(), b"Euro%20%E2%82%AC%20%F0%9F%98%80");
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
