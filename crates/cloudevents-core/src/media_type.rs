//! Media types: the values of `datacontenttype` and of content-type headers.

use crate::{Error, ErrorKind};
use alloc::format;
use core::{
    fmt,
    hash::{Hash, Hasher},
};

/// A media type with its parameters. It keeps its spelling.
///
/// RFC 2045, section 5.1, has the grammar, and RFC 2046 refers to it: `type/subtype`, then parameters `; name=value`. Spaces may stand
/// around the semicolon. A value is a token or a quoted string of printable ASCII.
///
/// Comparison with `==` follows the specification. Type, subtype and parameter names ignore case. Parameter values do not, except the
/// values of `charset`, which RFC 2046 defines to ignore it. The order of parameters does not matter.
///
/// ```
/// use cloudevents_core::MediaType;
///
/// let media_type = MediaType::parse("Application/Vnd.Order+JSON; charset=utf-8")?;
/// assert_eq!(media_type.as_str(), "Application/Vnd.Order+JSON; charset=utf-8");
/// assert_eq!(media_type.parameter("charset").as_deref(), Some("utf-8"));
/// assert!(media_type.is_json());
/// assert!(MediaType::parse("xyz").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct MediaType<'a> {
    text: &'a str,
    /// The length of `type/subtype`.
    essence: usize,
}

impl<'a> MediaType<'a> {
    /// `application/json`.
    pub const JSON: MediaType<'static> = MediaType { text: "application/json", essence: 16 };
    /// `application/cloudevents+json`.
    pub const CLOUDEVENTS_JSON: MediaType<'static> =
        MediaType { text: "application/cloudevents+json", essence: 28 };
    /// `application/cloudevents-batch+json`.
    pub const CLOUDEVENTS_BATCH_JSON: MediaType<'static> =
        MediaType { text: "application/cloudevents-batch+json", essence: 34 };
    /// `application/cbor`.
    pub const CBOR: MediaType<'static> = MediaType { text: "application/cbor", essence: 16 };
    /// `application/xml`.
    pub const XML: MediaType<'static> = MediaType { text: "application/xml", essence: 15 };
    /// `application/protobuf`.
    pub const PROTOBUF: MediaType<'static> = MediaType { text: "application/protobuf", essence: 20 };
    /// `text/plain`.
    pub const TEXT: MediaType<'static> = MediaType { text: "text/plain", essence: 10 };
    /// `application/octet-stream`.
    pub const OCTET_STREAM: MediaType<'static> = MediaType { text: "application/octet-stream", essence: 24 };

    /// Checks the text. Errors are of kind [`InvalidMediaType`](ErrorKind::InvalidMediaType) (clause CE-datacontenttype-b).
    ///
    /// Control characters, including tabs, are refused: a CloudEvents String cannot contain them (clause CE-Type-System-f).
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if text == Self::JSON.text {
            return Ok(Self { text, essence: text.len() });
        }
        match essence_of(text) {
            Some((essence, parameters)) if Parameters(parameters).all(|p| p.is_ok()) => {
                Ok(Self { text, essence })
            }
            _ => Err(refuse(text)),
        }
    }

    /// The media type exactly as it was written.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// `type/subtype` without parameters, in the case it was written in.
    pub fn essence(self) -> &'a str {
        self.text.get(..self.essence).unwrap_or(self.text)
    }

    /// The type: the part before the slash.
    pub fn type_(self) -> &'a str {
        self.essence().split('/').next().unwrap_or_default()
    }

    /// The subtype: the part between the slash and the parameters.
    pub fn subtype(self) -> &'a str {
        self.essence().split_once('/').map_or("", |(_, subtype)| subtype)
    }

    /// The parameters in the order they were written, with their names as written.
    pub fn parameters(self) -> impl Iterator<Item = (&'a str, ParameterValue<'a>)> {
        Parameters(self.text.get(self.essence..).unwrap_or_default()).filter_map(Result::ok)
    }

    /// The value of the first parameter with this name. The case of the name does not matter.
    pub fn parameter(self, name: &str) -> Option<alloc::borrow::Cow<'a, str>> {
        self.parameters().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.unquoted())
    }

    /// Whether the content is JSON: the subtype is `json` or ends in `+json` (JSON format, clause JSON-3.1.1-f).
    #[inline]
    pub fn is_json(self) -> bool {
        self.text == Self::JSON.text || self.has_suffix("json", "+json")
    }

    /// Whether the content is CBOR: the subtype is `cbor` or ends in `+cbor` (CBOR format, section 3.1.1).
    #[inline]
    pub fn is_cbor(self) -> bool {
        self.text != Self::JSON.text && self.has_suffix("cbor", "+cbor")
    }

    /// Whether the content is XML: the subtype is `xml` or ends in `+xml` (RFC 7303).
    pub fn is_xml(self) -> bool {
        self.has_suffix("xml", "+xml")
    }

    /// Whether type and subtype equal `essence`. Case does not matter.
    pub fn is(self, essence: &str) -> bool {
        self.essence().eq_ignore_ascii_case(essence)
    }

    /// Whether a text is a media type without parameters.
    #[inline]
    pub(crate) fn is_plain(text: &[u8]) -> bool {
        let slash = token_length(text);
        let subtype = text.get(slash..).and_then(|rest| rest.strip_prefix(b"/"));
        slash > 0
            && subtype
                .is_some_and(|subtype| !subtype.is_empty() && subtype.iter().all(|&byte| is_token(byte)))
    }

    /// For the text of an event's attribute, which was checked when it came in.
    #[inline]
    pub(crate) fn known(text: &'a str) -> Self {
        let essence = if text == Self::JSON.text {
            text.len()
        } else {
            essence_of(text).map_or(text.len(), |(n, _)| n)
        };
        Self { text, essence }
    }

    /// The media type that a text states several times, with commas between: `a/b` of `a/b, a/b`. Proxies join equal headers in this way
    /// (RFC 9110, section 5.3). `None` for a text that is a media type, and for parts that differ.
    ///
    /// ```
    /// use cloudevents_core::MediaType;
    ///
    /// assert_eq!(MediaType::repeated("a/b, a/b").unwrap().as_str(), "a/b");
    /// assert!(MediaType::repeated("a/b, a/c").is_none() && MediaType::repeated("a/b").is_none());
    /// ```
    #[cold]
    pub fn repeated(text: &'a str) -> Option<Self> {
        let (first, rest) = text.split_once(',')?;
        let first = first.trim_ascii();
        let is_repeated = rest.split(',').all(|part| part.trim_ascii() == first);
        Self::parse(first).ok().filter(|_| is_repeated)
    }

    /// The text without parameters that are empty and with spaces in place of tabs: `a/b` of `a/b;`. The grammar of HTTP allows both (RFC
    /// 9110, section 5.6.6). `None` if it is no media type then.
    #[cold]
    pub(crate) fn without_empty_parameters(text: &str) -> Option<alloc::string::String> {
        let text = text.replace('\t', " ");
        let (essence, mut rest) = essence_of(&text)?;
        let mut kept = alloc::string::String::from(text.get(..essence)?);
        loop {
            rest = rest.trim_start_matches(' ');
            if rest.is_empty() {
                return Some(kept);
            }
            let separator = rest;
            rest = rest.strip_prefix(';')?.trim_start_matches(' ');
            if !rest.is_empty() && !rest.starts_with(';') {
                let (_, after) = take_parameter(rest)?;
                kept.push_str(separator.get(..separator.len().checked_sub(after.len())?)?);
                rest = after;
            }
        }
    }

    fn has_suffix(self, whole: &str, suffix: &str) -> bool {
        let subtype = self.subtype().as_bytes();
        let tail = |n: usize| subtype.len().checked_sub(n).and_then(|at| subtype.get(at..));
        subtype.eq_ignore_ascii_case(whole.as_bytes())
            || tail(suffix.len()).is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
    }
}

/// The value of a parameter as it was written: a token or a quoted string.
///
/// ```
/// let media_type = cloudevents_core::MediaType::parse(r#"text/plain; title="a \"b\"""#)?;
/// let (name, value) = media_type.parameters().next().unwrap();
/// assert_eq!((name, value.unquoted().as_ref()), ("title", r#"a "b""#));
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ParameterValue<'a>(&'a str);

impl<'a> ParameterValue<'a> {
    /// The value itself: without quotation marks and backslashes.
    pub fn unquoted(self) -> alloc::borrow::Cow<'a, str> {
        let Some(inner) = self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return self.0.into();
        };
        if !inner.contains('\\') {
            return inner.into();
        }
        let mut characters = inner.chars();
        let mut value = alloc::string::String::with_capacity(inner.len());
        while let Some(character) = characters.next() {
            value.push(if character == '\\' { characters.next().unwrap_or(character) } else { character });
        }
        value.into()
    }
}

/// The length of `type/subtype`, and the rest of the text.
fn essence_of(text: &str) -> Option<(usize, &str)> {
    let slash = token_length(text.as_bytes());
    let subtype = text.as_bytes().get(slash..)?.strip_prefix(b"/")?;
    let length = token_length(subtype);
    let essence = slash.checked_add(1)?.checked_add(length)?;
    if slash == 0 || length == 0 { None } else { Some((essence, text.get(essence..)?)) }
}

/// Walks `; name=value` pairs. An `Err` is a syntax error and ends the walk.
struct Parameters<'a>(&'a str);

impl<'a> Iterator for Parameters<'a> {
    type Item = Result<(&'a str, ParameterValue<'a>), ()>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let parameter =
            self.0.trim_start_matches(' ').strip_prefix(';').map(|rest| rest.trim_start_matches(' '));
        let Some((pair, after)) = parameter.and_then(take_parameter) else {
            self.0 = "";
            return Some(Err(()));
        };
        self.0 = after;
        Some(Ok(pair))
    }
}

fn take_parameter(text: &str) -> Option<((&str, ParameterValue<'_>), &str)> {
    let (name, rest) =
        text.split_at_checked(token_length(text.as_bytes())).filter(|(name, _)| !name.is_empty())?;
    let value = rest.strip_prefix('=')?;
    let length = if value.starts_with('"') { quoted_length(value)? } else { token_length(value.as_bytes()) };
    let (value, rest) = value.split_at_checked(length).filter(|(value, _)| !value.is_empty())?;
    Some(((name, ParameterValue(value)), rest))
}

/// The length of the quoted string at the start, quotation marks included. It has printable ASCII characters only.
fn quoted_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            ..b' ' | 0x7f.. => return None,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.checked_add(1),
            _ => {}
        }
    }
    None
}

fn token_length(bytes: &[u8]) -> usize {
    bytes.iter().position(|&b| !is_token(b)).unwrap_or(bytes.len())
}

/// A character of a `token` (RFC 2045, section 5.1): printable ASCII without the space and the `tspecials`.
#[inline]
fn is_token(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).is_some_and(|is| *is)
}

#[allow(clippy::indexing_slicing)] // Evaluated by the compiler.
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128_u8 {
        table[byte as usize] = byte.is_ascii_graphic()
            && !matches!(
                byte,
                b'(' | b')'
                    | b'<'
                    | b'>'
                    | b'@'
                    | b','
                    | b';'
                    | b':'
                    | b'\\'
                    | b'"'
                    | b'/'
                    | b'['
                    | b']'
                    | b'?'
                    | b'='
            );
        byte = byte.wrapping_add(1);
    }
    table
};

#[cold]
fn refuse(text: &str) -> Error {
    let error = Error::new(ErrorKind::InvalidMediaType).with_clause("CE-datacontenttype-b");
    if let Some((at, character)) = text.char_indices().find(|(_, c)| c.is_control()) {
        return error
            .with_detail(format!("control character U+{:04X} at byte {at} of the text", u32::from(character)))
            .with_clause("CE-Type-System-f");
    }
    if let Some((at, character)) = text.char_indices().find(|(_, c)| !c.is_ascii()) {
        return error
            .with_detail(format!("the character {character:?} at byte {at} of the text is not ASCII"));
    }
    if !text.contains('/') {
        return error
            .with_detail("it has no slash")
            .with_help("write a type and a subtype, such as application/json");
    }
    let error = error.with_detail("it does not follow the grammar type/subtype; name=value");
    match text.ends_with([' ', ';']) {
        true => error.with_help("remove the spaces and semicolons at the end"),
        false => error,
    }
}

impl PartialEq for MediaType<'_> {
    fn eq(&self, other: &Self) -> bool {
        fn covers(a: MediaType<'_>, b: MediaType<'_>) -> bool {
            a.parameters().all(|(name, value)| {
                b.parameter(name).is_some_and(|v| {
                    v == value.unquoted()
                        || name.eq_ignore_ascii_case("charset") && v.eq_ignore_ascii_case(&value.unquoted())
                })
            })
        }
        self.text == other.text || self.is(other.essence()) && covers(*self, *other) && covers(*other, *self)
    }
}

impl Eq for MediaType<'_> {}

/// Hashes the lower-cased type and subtype, which equal media types share.
impl Hash for MediaType<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.essence().bytes().for_each(|byte| state.write_u8(byte.to_ascii_lowercase()));
    }
}

impl fmt::Debug for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.text, f)
    }
}

impl fmt::Display for MediaType<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammar() {
        for good in [
            "a/b",
            "text/plain;charset=utf-8",
            "text/plain ; charset=\"u t;f\\\"\"",
            "a/b; x=1;y=2",
            "a/b ; x=1 ; y=\"\"",
            "a/b;x={1}",
            "a/b;x=\"\\\\\\\"\"",
        ] {
            assert!(MediaType::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "xyz",
            "/",
            "a/",
            "/b",
            "a/b c",
            "a b/c",
            "a/b;x",
            "a/b;=1",
            "a/b;x=\"1",
            "a/b; x=",
            "a/é",
            "a/b\n",
            " a/b",
            "a/b ",
            "a/b;",
            "a/b; ",
            "a/b;;x=1",
            "a/b;x=1 ",
            "a/b;x=1;",
            "a/b;\tx=1",
            "a/b\t;x=1",
            "a/b;x=\"\t\"",
            "a/b;x=\"\\\t\"",
            "a/b;x=\"\\\\\r\"",
            "a/b;x=\"\\\r\"",
            "a/b;x=\"\\\u{7f}\"",
            "a/b;x=\"é\"",
            "a/b;x=\"\\é\"",
            "a/b;x =1",
            "a/b;x= 1",
            "a/b;x=\"1\"2",
            "a/b;é=1",
        ] {
            assert!(MediaType::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn empty_parameters() {
        for (text, expected) in [
            ("a/b;", Some("a/b")),
            ("a/b ; ;; ", Some("a/b")),
            ("a/b;; x=1 ; ;y=\";\";", Some("a/b; x=1;y=\";\"")),
            ("a/b;\tx=1\t;\t;y=2;\t", Some("a/b; x=1;y=2")),
            ("a/b;x=\"\t\"", Some("a/b;x=\" \"")),
            ("a/b;x", None),
            ("a/b, c/d", None),
            ("b;", None),
        ] {
            assert_eq!(MediaType::without_empty_parameters(text).as_deref(), expected, "{text}");
            assert!(expected.is_none_or(|text| MediaType::parse(text).is_ok()));
        }
    }

    // With any character at any position: a valid media type contains only printable ASCII.
    #[test]
    fn no_character_but_printable_ascii_anywhere() {
        let whole = r#"a/b; x=y; z="1\2""#;
        assert!(MediaType::parse(whole).is_ok());
        for at in 0..=whole.len() {
            for character in
                ('\0'..=' ').chain(['\u{7f}', '\u{80}', '\u{85}', 'é', '\u{a0}', '\u{2028}', '\u{fffe}'])
            {
                let mut text = alloc::string::String::from(whole);
                text.insert(at, character);
                assert!(MediaType::parse(&text).is_err() || character == ' ', "{text:?}");
            }
        }
    }

    #[test]
    fn equal_ones_have_the_same_hash() {
        use std::collections::HashSet;
        let both = ["Text/Plain; charset=UTF-8", "text/plain;charset=\"utf-8\""];
        let set: HashSet<_> = both.into_iter().map(|text| MediaType::parse(text).unwrap()).collect();
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn constants_know_their_length() {
        for known in [
            MediaType::JSON,
            MediaType::CLOUDEVENTS_JSON,
            MediaType::CLOUDEVENTS_BATCH_JSON,
            MediaType::CBOR,
            MediaType::XML,
            MediaType::PROTOBUF,
            MediaType::TEXT,
            MediaType::OCTET_STREAM,
        ] {
            assert_eq!(known.essence, known.text.len(), "{known}");
            assert_eq!(MediaType::parse(known.text).unwrap().essence, known.essence);
        }
    }

    #[test]
    fn json_by_suffix() {
        for (text, json) in [
            ("application/json", true),
            ("text/JSON; a=b", true),
            ("application/vnd.a+json", true),
            ("application/json-seq", false),
            ("application/jsonfoo", false),
            ("application/notjson", false),
            ("json/plain", false),
        ] {
            assert_eq!(MediaType::parse(text).unwrap().is_json(), json, "{text}");
        }
    }

    #[test]
    fn equality_knows_case() {
        let same = |a, b| MediaType::parse(a).unwrap() == MediaType::parse(b).unwrap();
        assert!(same("TEXT/Plain; CharSet=utf-8", "text/plain;charset=\"UTF-8\""));
        assert!(same("a/b;x=1;y=2", "a/b; y=2; x=1"));
        assert!(!same("a/b;x=A", "a/b;x=a"));
        assert!(!same("a/b;x=1", "a/b"));
    }
}
