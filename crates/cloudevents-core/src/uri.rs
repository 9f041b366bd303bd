//! URIs and URI-references that keep their spelling.

use crate::{Error, ErrorKind};
use alloc::format;
use core::fmt;
use wide::u8x16;

/// An absolute URI of RFC 3986, section 4.3: a scheme is required, a fragment is not allowed.
///
/// ```
/// use cloudevents_core::Uri;
///
/// assert_eq!(Uri::parse("https://Example.com/a%2fb?q")?.as_str(), "https://Example.com/a%2fb?q");
/// assert!(Uri::parse("https://example.com/schema#v1").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uri<'a>(&'a str);

impl<'a> Uri<'a> {
    /// Checks the text. Errors are of kind [`InvalidUri`](ErrorKind::InvalidUri) (clause CE-Type-System-j).
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        match fluent_uri::Uri::parse(text) {
            Ok(uri) if !uri.has_fragment() => Ok(Self(text)),
            Ok(_) => Err(refuse_uri(
                "it has a fragment, which an absolute URI (RFC 3986, section 4.3) does not allow",
            )),
            Err(_) => Err(why_not_uri(text)),
        }
    }

    /// The length of the text without its fragment. `None` if it has none, or is no URI.
    pub(crate) fn length_without_fragment(text: &str) -> Option<usize> {
        let uri = fluent_uri::Uri::parse(text).ok()?;
        let fragment = uri.fragment()?.as_str();
        text.len().checked_sub(fragment.len())?.checked_sub("#".len())
    }

    /// The URI exactly as it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// For the text of an event's attribute, which was checked when it came in.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }
}

/// A URI or a relative reference of RFC 3986, section 4.1.
///
/// ```
/// use cloudevents_core::UriReference;
///
/// for text in ["/cloudevents/spec/pull/123", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "1-555-123-4567", "?q"] {
///     assert_eq!(UriReference::parse(text)?.as_str(), text);
/// }
/// assert!(UriReference::parse("/straße").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UriReference<'a>(&'a str);

impl<'a> UriReference<'a> {
    /// Checks the text. Errors are of kind [`InvalidUriReference`](ErrorKind::InvalidUriReference) (clause CE-Type-System-k).
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if is_plain_reference(text.as_bytes()) || fluent_uri::UriRef::parse(text).is_ok() {
            return Ok(Self(text));
        }
        Err(why_not_reference(text))
    }

    /// The reference exactly as it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The reference as an absolute URI. `None` if it is not one.
    pub fn as_uri(self) -> Option<Uri<'a>> {
        Uri::parse(self.0).ok()
    }

    /// For the text of an event's attribute, which was checked when it came in.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }
}

/// Whether a text has only unreserved characters and slashes, after `https://` or `http://` if it begins with that. Such a text is
/// always a valid reference: a path, or an authority and a path. Most sources are of this form and need no parsing.
#[inline]
pub(crate) fn is_plain_reference(text: &[u8]) -> bool {
    is_plain_path(match text {
        [b'h', b't', b't', b'p', b's', b':', b'/', b'/', rest @ ..]
        | [b'h', b't', b't', b'p', b':', b'/', b'/', rest @ ..] => rest,
        _ => text,
    })
}

#[inline]
fn is_plain_path(text: &[u8]) -> bool {
    if let Some(last) = text.last_chunk::<16>() {
        // Whole chunks, then the last 16 bytes, which may overlap them.
        let chunks = text.as_chunks::<16>().0.iter();
        return chunks.fold(of_path(*last), |all, chunk| all & of_path(*chunk)).to_bitmask() == 0xffff;
    }
    text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~'))
}

/// The bytes that are unreserved characters or slashes.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects)] // Lanes wrap.
fn of_path(chunk: [u8; 16]) -> u8x16 {
    let chunk = u8x16::new(chunk);
    let within = |bytes: u8x16, least: u8, greatest: u8| {
        let above = bytes - u8x16::splat(least);
        above.min(u8x16::splat(greatest.wrapping_sub(least))).simd_eq(above)
    };
    let is = |byte: u8| chunk.simd_eq(u8x16::splat(byte));
    // The hyphen, the full stop, the slash and the digits are consecutive.
    within(chunk, b'-', b'9') | within(chunk | u8x16::splat(b' '), b'a', b'z') | is(b'_') | is(b'~')
}

#[cold]
fn why_not_uri(text: &str) -> Error {
    if let Some((at, character)) = first_illegal(text) {
        return refuse_uri("").with_detail(format!(
            "the character {character:?} at byte {at} of the text must be percent-encoded"
        ));
    }
    if fluent_uri::UriRef::parse(text).is_ok() {
        return refuse_uri("it has no scheme")
            .with_help("write a full URI, such as https://example.com/schema");
    }
    refuse_uri("it does not follow the grammar of RFC 3986")
}

fn refuse_uri(detail: &'static str) -> Error {
    Error::new(ErrorKind::InvalidUri).with_detail(detail).with_clause("CE-Type-System-j")
}

#[cold]
fn why_not_reference(text: &str) -> Error {
    let error = Error::new(ErrorKind::InvalidUriReference).with_clause("CE-Type-System-k");
    match first_illegal(text) {
        Some((at, character)) => error.with_detail(format!(
            "the character {character:?} at byte {at} of the text must be percent-encoded"
        )),
        None => error.with_detail("it does not follow the grammar of RFC 3986"),
    }
}

/// The first character that is not allowed anywhere in a URI.
fn first_illegal(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|(_, c)| !c.is_ascii_graphic() || "\"<>\\^`{|}".contains(*c))
}

impl fmt::Debug for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for UriReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.0, f)
    }
}

impl fmt::Display for UriReference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl<'a> From<Uri<'a>> for UriReference<'a> {
    fn from(uri: Uri<'a>) -> Self {
        Self(uri.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths() {
        for length in [1, 15, 16, 17, 31, 32, 40] {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = alloc::vec![b'a'; length];
                    text[at] = byte;
                    let plain = byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
                    assert_eq!(is_plain_path(&text), plain, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_plain_reference_follows_the_grammar() {
        let plain =
            ["https://", "http://", "https://a", "https:///a", "http://a.b-c_d~e/f//g/", "https://1.2.3/x"];
        let other = [
            "https:/",
            "https:a",
            "HTTPS://a",
            "ftp://a",
            "https://a:1",
            "https://a@b",
            "https://a?",
            "http://[::1]",
        ];
        for (text, expected) in
            plain.map(|text| (text, true)).into_iter().chain(other.map(|text| (text, false)))
        {
            assert_eq!(is_plain_reference(text.as_bytes()), expected, "{text}");
            assert!(fluent_uri::UriRef::parse(text).is_ok(), "{text}");
        }
        // Whatever stands where, an independent parser agrees with what is found plain.
        for start in ["", "/", "//", "http:/", "http://", "https://", "https://a.example/b"] {
            for end in ["", "/", "b", "/a-long-path/of-more/than/16/bytes"] {
                for byte in 0..0x80_u8 {
                    let text = alloc::format!("{start}{}{end}", char::from(byte));
                    let is_plain = is_plain_reference(text.as_bytes());
                    assert!(!is_plain || fluent_uri::UriRef::parse(text.as_str()).is_ok(), "{text}");
                }
            }
        }
    }

    #[test]
    fn references() {
        for good in [
            "",
            "/a",
            "a",
            "//host/x",
            "a/b:c",
            "../x",
            "#f",
            "?q",
            "urn:a:b",
            "HTTP://EXAMPLE.com/%7e",
            "mailto:a@b.c",
            "///",
            "1:2".get(..1).unwrap(),
        ] {
            assert!(UriReference::parse(good).is_ok(), "{good}");
        }
        for bad in ["1a:b", "/%zz", "/é", " ", "a b", "|", "{}", "a\u{0}", "/a[b]", "http://[::1"] {
            assert!(UriReference::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn absolute_uris() {
        assert!(Uri::parse("http://x/y?z").is_ok());
        assert!(Uri::parse("urn:x:y").is_ok());
        for bad in ["#", "", "/a", "http://x/y#z", "http://x y"] {
            assert_eq!(Uri::parse(bad).unwrap_err().kind(), ErrorKind::InvalidUri, "{bad}");
        }
        let length = Uri::length_without_fragment;
        assert_eq!((length("http://x/y#z"), length("urn:x:y#")), (Some(10), Some(7)));
        assert_eq!((length("http://x/y"), length("#z")), (None, None));
    }
}
