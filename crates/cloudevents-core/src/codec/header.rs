//! Text in headers: percent-coding and quoted strings, for HTTP and bindings with the same rules.

use crate::{
    Error, ErrorKind, Event, Leniency, Repair, RepairKind,
    codec::{Assembler, AttributeName, Given},
};
use alloc::{borrow::Cow, string::String, vec::Vec};
use wide::u8x16;

/// The clauses of a binding about the text of headers, for errors.
///
/// ```
/// assert_eq!(cloudevents_core::codec::header::Clauses::HTTP.escapes, "HTTP-3.1.3.2-f");
/// ```
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Clauses {
    /// A quoted string is unquoted first.
    pub quotes: &'static str,
    /// Text is printable ASCII.
    pub octets: &'static str,
    /// Text is percent-decoded once.
    pub escapes: &'static str,
    /// The percent-decoded bytes are UTF-8.
    pub utf8: &'static str,
}

impl Clauses {
    /// The clauses of the HTTP binding.
    pub const HTTP: Self = Self {
        quotes: "HTTP-3.1.3.2-e",
        octets: "HTTP-3.1.3.2-b",
        escapes: "HTTP-3.1.3.2-f",
        utf8: "HTTP-3.1.3.2-r",
    };
    /// The clauses of the NATS binding.
    pub const NATS: Self = Self {
        quotes: "NATS-3.1.3.2-e",
        octets: "NATS-3.1.3.2-b",
        escapes: "NATS-3.1.3.2-f",
        utf8: "NATS-3.1.3.2-q",
    };
}

/// Reads a header value as the attribute of this name and passes it to the assembler. Surrounding white space is ignored.
///
/// Leniency may take the text literally ([`LiteralText`](RepairKind::LiteralText), [`Latin1Text`](RepairKind::Latin1Text),
/// [`RawText`](RepairKind::RawText)), which is reported. For errors see [`decode`].
///
/// ```
/// use cloudevents_core::{DecodeOptions, codec::{Assembler, header}};
///
/// let decoding = DecodeOptions::strict();
/// let mut assembler = Assembler::new(&decoding);
/// for (name, value) in [("specversion", "1.0"), ("id", "%E2%82%AC"), ("source", "/s"), ("type", "t")] {
///     header::read(name, value.as_bytes(), &header::Clauses::HTTP, &mut assembler)?;
/// }
/// assembler.complete()?;
/// assert_eq!(assembler.finish(None)?.value.id(), "€");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[inline]
pub fn read(name: &str, value: &[u8], clauses: &Clauses, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let value = value.trim_ascii();
    if is_literal(value) {
        return assembler.text_named(AttributeName::of(name.as_bytes()), value);
    }
    // No version and no timestamp has a `%` or a quotation mark: of a peer without escapes, they are escapes all the same.
    let leniency = assembler.decoding().leniency;
    let has_none = matches!(name, "specversion" | "time");
    let leniency = if has_none { leniency.without(RepairKind::RawText) } else { leniency };
    let (text, repair) = decode(value, clauses, leniency).map_err(|error| error.with_attribute(name))?;
    if let Some(repair) = repair {
        assembler.repaired(repair.with_attribute(name));
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

/// Whether the attributes of an event arrive if their text is written as it is, without escapes: it is printable ASCII, since servers
/// differ in how they read other octets, without white space at either end, which is no part of a header's value (RFC 9110, section 5.5).
///
/// ```
/// use cloudevents_core::{Event, codec::header::arrives_raw};
///
/// let event = |subject| Event::builder().id("1").source("/s").ty("t").subject(subject).build();
/// assert!(arrives_raw(&event("100 %")?));
/// assert!(!arrives_raw(&event("100 % ")?) && !arrives_raw(&event("caf\u{e9}")?));
/// # Ok::<(), cloudevents_core::BuildError>(())
/// ```
pub fn arrives_raw(event: &Event) -> bool {
    event.attributes().all(|(_, value)| {
        value.as_str().is_none_or(|text| {
            let text = text.as_bytes();
            text.trim_ascii().len() == text.len() && text.iter().all(|byte| (b' '..0x7f).contains(byte))
        })
    })
}

/// Reads a header value: undoes a quoted string (RFC 9110, section 5.6.4), percent-decodes once, and checks UTF-8 (HTTP binding,
/// section 3.1.3.2).
///
/// Returns the text and the repair that was needed. Leniency may keep a mistake as it is ([`LiteralText`](RepairKind::LiteralText)), or the
/// whole value ([`RawText`](RepairKind::RawText), [`Latin1Text`](RepairKind::Latin1Text)). Errors are of kind
/// [`InvalidEscape`](ErrorKind::InvalidEscape), or of kind [`InvalidUtf8`](ErrorKind::InvalidUtf8). Escapes of bytes that are not UTF-8 are
/// never repaired.
///
/// ```
/// use cloudevents_core::{Leniency, codec::header::{Clauses, decode}};
///
/// let read = |value: &[u8], leniency| decode(value, &Clauses::HTTP, leniency).map(|(text, repair)| (text, repair.is_some()));
/// assert_eq!(read(b"caf%C3%A9", Leniency::strict())?.0, "café");
/// assert_eq!(read(br#""a \"quoted\" text""#, Leniency::strict())?.0, r#"a "quoted" text"#);
/// assert!(read(b"100% %41", Leniency::strict()).is_err());
/// assert_eq!(read(b"100% %41", Leniency::all())?, ("100% A".to_owned(), true));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[cold]
#[inline(never)]
pub fn decode(
    value: &[u8],
    clauses: &Clauses,
    leniency: Leniency,
) -> Result<(String, Option<Repair>), Error> {
    let repaired = |kind, text, cause: Option<Error>| {
        let repair = Repair::new(kind);
        Ok((text, Some(cause.map_or(repair.clone(), |cause| repair.with_cause(cause)))))
    };
    let mut mistake = None;
    let unescaped = unescape(value, clauses, &mut mistake);
    match core::str::from_utf8(value) {
        Ok(text) if leniency.allows(RepairKind::RawText) => {
            if mistake.is_none() && unescaped.as_ref().is_ok_and(|unescaped| unescaped == text) {
                return Ok((text.into(), None));
            }
            return repaired(RepairKind::RawText, text.into(), mistake.or(unescaped.err()));
        }
        Err(_) if leniency.allows(RepairKind::Latin1Text) => {
            let text = value.iter().copied().map(char::from).collect();
            return repaired(RepairKind::Latin1Text, text, mistake);
        }
        _ => {}
    }
    match mistake {
        None => Ok((unescaped?, None)),
        Some(mistake) if leniency.allows(RepairKind::LiteralText) => {
            repaired(RepairKind::LiteralText, unescaped?, Some(mistake))
        }
        Some(mistake) => Err(mistake),
    }
}

/// Unquotes and percent-decodes. It notes the first mistake, and keeps mistakes as they are. The error is for bytes that are not UTF-8.
fn unescape(value: &[u8], clauses: &Clauses, mistake: &mut Option<Error>) -> Result<String, Error> {
    let mut note = |detail, clause| {
        mistake.get_or_insert_with(|| escape(detail, clause));
    };
    let unquoted = match quoted(value) {
        Quoted::No => Cow::Borrowed(value),
        Quoted::Yes(inner) => Cow::Owned(inner),
        Quoted::Unterminated => {
            note("the quoted string does not end", clauses.quotes);
            Cow::Borrowed(value)
        }
    };
    if unquoted.iter().any(|byte| !byte.is_ascii()) {
        note("there are octets outside ASCII, which must be percent-encoded", clauses.octets);
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
            note("a percent sign is followed by two hexadecimal digits", clauses.escapes);
        }
        bytes.push(byte);
    }
    String::from_utf8(bytes).map_err(|_| not_utf8(clauses))
}

#[cold]
fn not_utf8(clauses: &Clauses) -> Error {
    Error::new(ErrorKind::InvalidUtf8)
        .with_detail("the percent-decoded value is not UTF-8")
        .with_clause(clauses.utf8)
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
    use alloc::borrow::ToOwned;

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
        let (text, repair) =
            decode(b"Euro%20%E2%82%AC%20%F0%9F%98%80", &Clauses::HTTP, Leniency::all()).unwrap();
        assert_eq!((text.as_str(), repair.is_some()), ("Euro € 😀", false));
    }

    /// The text, and the code of the repair.
    fn read(value: &[u8], leniency: Leniency) -> Result<(String, &'static str), ErrorKind> {
        let read = decode(value, &Clauses::HTTP, leniency);
        read.map(|(text, repair)| (text, repair.map_or("", |repair| repair.kind().code())))
            .map_err(|error| error.kind())
    }

    #[test]
    fn decoding() {
        let strict = |text: &str| read(text.as_bytes(), Leniency::strict()).map(|(text, _)| text);
        assert_eq!(strict("a%2520b").unwrap(), "a%20b");
        assert_eq!(strict(r#""a \"b\" %25""#).unwrap(), r#"a "b" %"#);
        assert_eq!(strict(r#""a" "b""#).unwrap(), r#""a" "b""#);
        assert_eq!(strict(r#"a "b" c"#).unwrap(), r#"a "b" c"#);
        assert_eq!(strict("%e2%82%ac").unwrap(), "€");
        for bad in ["%", "%zz", "%4", "100%", "é", "\"a", "\"a\\\"", "\"a\\"] {
            assert_eq!(strict(bad), Err(ErrorKind::InvalidEscape), "{bad}");
            assert_eq!(read(bad.as_bytes(), Leniency::all()), Ok((bad.to_owned(), "literal-text")));
        }
        assert_eq!(read(b"100% %41", Leniency::all()), Ok(("100% A".to_owned(), "literal-text")));
        for bad in ["%C0%A0", "%FF", "%E2%82", "%ED%A0%80"] {
            assert_eq!(strict(bad), Err(ErrorKind::InvalidUtf8), "{bad}");
            assert_eq!(read(bad.as_bytes(), Leniency::all()), Err(ErrorKind::InvalidUtf8));
        }
    }

    #[test]
    fn text_of_peers_that_never_escape() {
        let raw = Leniency::strict().with(RepairKind::RawText);
        for (text, repair) in [("a%20b", "raw-text"), ("\"a\"", "raw-text"), ("é", "raw-text"), ("a b", "")]
        {
            assert_eq!(read(text.as_bytes(), raw), Ok((text.to_owned(), repair)));
        }
        let latin1 = Leniency::strict().with(RepairKind::Latin1Text);
        assert_eq!(read(b"caf\xe9 %41", latin1), Ok(("café %41".to_owned(), "latin1-text")));
        assert_eq!(read(b"caf\xe9", raw), Err(ErrorKind::InvalidEscape));
        assert_eq!(read(b"caf\xe9", raw.union(latin1)), Ok(("café".to_owned(), "latin1-text")));
        assert_eq!(read("café".as_bytes(), latin1), Err(ErrorKind::InvalidEscape));
    }
}
