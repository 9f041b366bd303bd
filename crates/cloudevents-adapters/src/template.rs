//! Templates of attributes: text with places of a document or of an event in braces.

use crate::{change::Change, place};
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};
use std::{convert::Infallible, fmt};

/// The headers of a request: names, in any letter case, and values.
pub type Headers<'a> = &'a [(&'a str, &'a str)];

/// The text of a header for [`Headers`], of any protocol: UTF-8. `None` for other bytes, whose encoding is not known: leave the header out.
///
/// ```
/// use cloudevents_adapters::header_text;
///
/// assert_eq!(header_text("Grö".as_bytes()), Some("Grö"));
/// assert_eq!(header_text(b"Gr\xF6"), None);
/// ```
pub fn header_text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// Text with places in braces, such as `{eventSource}.{awsRegion}`.
///
/// `{a, b}` is the first of both that is there, and `{a, 'x'}` is `x` without `a`. With `{a?}`, there is no text if `a` is not there.
/// `{header.NAME}` and `{$header.NAME}` are a header, and `{.header.NAME}` is a place of the element. `{$digest}` is the SHA-256 of the
/// element in hexadecimal digits. `{$.a}` is a place of the document that the element stands in. `{a | CHANGE}` is the value with a
/// [change](Change). `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

/// The characters of a value in an error.
const LONGEST: usize = 80;

/// A place that begins so is a header. If a document has a member of this name, the place may be taken for one of the document.
const HEADER: &str = "header.";

/// A place that begins so is a header always.
const SURE_HEADER: &str = "$header.";

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    First(First),
}

/// The first of these places that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct First {
    places: Vec<Of>,
    /// Whether there is no text, and no error, if none is there.
    optional: bool,
    change: Option<Change>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Of {
    Header {
        /// In lower case.
        name: String,
        /// The name as it stands in braces: a member of a document has its letter case.
        written: String,
        /// Whether it may be taken for a place of a document.
        is_short: bool,
    },
    Digest,
    Place(String),
    /// A place of the document that the element stands in.
    Document(String),
    /// This text itself.
    Text(String),
}

/// The values of a template come from these.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) element: &'a str,
    /// The texts of places of the document that the element stands in, or why a value there has none.
    pub(crate) document: &'a [(&'a str, Result<String, String>)],
    pub(crate) headers: Headers<'a>,
    /// Whether the signature of the document was checked, so that parts without a signature are not carried.
    pub(crate) is_signed: bool,
}

/// Why a template gives no text.
#[derive(Debug)]
pub(crate) struct Lacking<'a, E> {
    first: &'a First,
    /// The error of a place that is there, and gives no text.
    error: Option<E>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            plain.push_str(before);
            if let Some(behind) = from.strip_prefix("{{").or_else(|| from.strip_prefix("}}")) {
                plain.extend(from.chars().next());
                rest = behind;
                continue;
            }
            let after = from
                .strip_prefix('{')
                .ok_or_else(|| format!("`{text}` has a brace without its beginning; `}}}}` is a brace"))?;
            let (inner, behind) = after
                .split_once('}')
                .ok_or_else(|| format!("`{text}` has a brace without its end; `{{{{` is a brace"))?;
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::First(First::parse(inner).map_err(|why| format!("`{text}` has {why}"))?));
            rest = behind;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        Ok(Self(parts))
    }

    /// The text of a document. `None` if something optional is not there. A value that has no text is an error.
    pub(crate) fn fill(&self, given: Given<'_>) -> Result<Option<String>, Lacking<'_, String>> {
        self.fill_by(|of| of.find(given).map_err(|why| format!("{} {why}", of.name())))
    }

    /// The text of a document for an error: without the places that are not there, and with the beginning of long values.
    pub(crate) fn words(&self, given: Given<'_>) -> String {
        let beginning = |text: String| -> String { text.chars().take(LONGEST).collect() };
        let filled = self.fill_by(|of| {
            let found = of.find(given).ok().flatten();
            Ok::<_, Infallible>(Some(found.map(beginning).unwrap_or_default()))
        });
        filled.ok().flatten().unwrap_or_default()
    }

    /// Fills in the texts that `find` gives. `None` if something optional is not there.
    pub(crate) fn fill_by<E>(
        &self,
        find: impl Fn(&Of) -> Result<Option<String>, E>,
    ) -> Result<Option<String>, Lacking<'_, E>> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::First(first) => match first.find(&find)? {
                    Some(found) => {
                        let changed = first.change.and_then(|change| change.apply(&found));
                        filled.push_str(changed.as_deref().unwrap_or(&found));
                    }
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(filled))
    }

    /// Why a change leaves a value as it is, for an error. `None` if there is no such value.
    pub(crate) fn unchanged(&self, given: Given<'_>) -> Option<String> {
        self.0.iter().find_map(|part| {
            let Part::First(first) = part else { return None };
            let change = first.change?;
            let found = first.find(|of| of.find(given)).ok().flatten()?;
            let beginning: String = found.chars().take(LONGEST).collect();
            change
                .apply(&found)
                .is_none()
                .then(|| format!("`{beginning}` stays as it is: it is {}", change.lacking()))
        })
    }

    /// The places in braces, in order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Of> {
        self.0.iter().flat_map(|part| match part {
            Part::Text(_) => [].as_slice(),
            Part::First(First { places, .. }) => places.as_slice(),
        })
    }

    /// The places of the template in words, for an error.
    pub(crate) fn places(&self) -> String {
        let names = self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::First(first) => Some(first.names()),
        });
        names.collect::<Vec<_>>().join(" and ")
    }

    /// The places that the text comes from, in words. Empty if it is a text of the template alone.
    pub(crate) fn used(&self, given: Given<'_>) -> String {
        let names = self.0.iter().filter_map(|part| {
            let Part::First(first) = part else { return None };
            let used = first.places.iter().find(|of| matches!(of.find(given), Ok(Some(_))))?;
            (!matches!(used, Of::Text(_))).then(|| used.name())
        });
        names.collect::<Vec<_>>().join(" and ")
    }

    /// The places within the element whose values are in the text without a loss. There is none if there is no text.
    pub(crate) fn carried(&self, given: Given<'_>) -> Vec<&str> {
        if !matches!(self.fill(given), Ok(Some(_))) {
            return Vec::new();
        }
        let places = self.0.iter().filter_map(|part| {
            let Part::First(first) = part else { return None };
            let (of, found) = first.places.iter().find_map(|of| Some((of, of.find(given).ok()??)))?;
            match of {
                Of::Place(path) if !first.change.is_some_and(|change| change.cuts(&found)) => {
                    Some(path.as_str())
                }
                _ => None,
            }
        });
        places.collect()
    }

    /// The places within the element.
    pub(crate) fn in_element(&self) -> impl Iterator<Item = &str> {
        self.all().filter_map(|of| match of {
            Of::Place(path) => Some(path.as_str()),
            _ => None,
        })
    }
}

impl First {
    fn parse(inner: &str) -> Result<Self, String> {
        let (inner, change) = match inner.split_once('|') {
            None => (inner, None),
            Some((inner, change)) => (inner, Some(Change::parse(change.trim())?)),
        };
        let (inner, optional) = match inner.trim_end().strip_suffix('?') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let places: Vec<_> = inner.split(',').map(str::trim).collect();
        if places.iter().any(|place| place.is_empty()) {
            return Err("a place without a name".to_owned());
        }
        let places = places.into_iter().map(Of::parse).collect::<Result<_, _>>()?;
        Ok(Self { places, optional, change })
    }

    fn find<E>(
        &self,
        find: impl Fn(&Of) -> Result<Option<String>, E>,
    ) -> Result<Option<String>, Lacking<'_, E>> {
        for of in &self.places {
            match find(of) {
                Ok(Some(found)) => return Ok(Some(found)),
                Ok(None) => {}
                // The value is there. A later place would leave the value out in silence.
                Err(error) => return Err(Lacking { first: self, error: Some(error) }),
            }
        }
        if self.optional { Ok(None) } else { Err(Lacking { first: self, error: None }) }
    }

    fn names(&self) -> String {
        self.places.iter().map(Of::name).collect::<Vec<_>>().join(" or ")
    }
}

impl<E> Lacking<'_, E> {
    /// The places, as they stand in braces, if none of them is there.
    pub(crate) fn absent(&self) -> Option<String> {
        let written = self.first.places.iter().map(Of::written);
        self.error.is_none().then(|| written.collect::<Vec<_>>().join(", "))
    }
}

impl<E: fmt::Display> fmt::Display for Lacking<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => error.fmt(f),
            None => write!(f, "{} is not there", self.first.names()),
        }
    }
}

impl Of {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(literal) = text.strip_prefix('\'') {
            let literal = literal.strip_suffix('\'');
            return literal.map(|text| Self::Text(text.to_owned())).ok_or_else(|| {
                format!("a text without its end, or with a comma: `{text}`; a text is `'x'`")
            });
        }
        if let Some(place) = text.strip_prefix("$.") {
            return Ok(Self::Document(place.to_owned()));
        }
        Ok(match header_place(text) {
            Some((name, is_short)) => {
                Self::Header { name: name.to_ascii_lowercase(), written: name.to_owned(), is_short }
            }
            None if text == "$digest" => Self::Digest,
            None => Self::Place(text.to_owned()),
        })
    }

    /// The name of a header, as it stands in braces, that may be taken for a place of a document.
    pub(crate) fn short_header(&self) -> Option<&str> {
        match self {
            Self::Header { written, is_short: true, .. } => Some(written),
            _ => None,
        }
    }

    /// A place of the document that the element stands in.
    pub(crate) fn in_document(&self) -> Option<&str> {
        match self {
            Self::Document(path) => Some(path),
            _ => None,
        }
    }

    fn find(&self, given: Given<'_>) -> Result<Option<String>, String> {
        match self {
            Self::Header { name, .. } => Ok(header(given.headers, name).map(str::to_owned)),
            Self::Digest => Ok(Some(digest(given.element.as_bytes()))),
            Self::Place(path) => place::plain_of_adapter(given.element, path),
            Self::Document(path) => {
                let found = given.document.iter().find(|(known, _)| known == path);
                found.map(|(_, text)| text.clone()).transpose()
            }
            Self::Text(text) => Ok(Some(text.clone())),
        }
    }

    /// As it stands in braces.
    fn written(&self) -> String {
        match self {
            Self::Header { written, is_short, .. } => {
                format!("{}{written}", if *is_short { HEADER } else { SURE_HEADER })
            }
            Self::Digest => "$digest".to_owned(),
            Self::Place(path) => path.clone(),
            Self::Document(path) => format!("$.{path}"),
            Self::Text(text) => format!("'{text}'"),
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Header { name, .. } => format!("the header `{name}`"),
            Self::Digest => "the element".to_owned(),
            Self::Place(path) => format!("`{path}`"),
            Self::Document(path) => format!("`$.{path}`"),
            Self::Text(text) => format!("`'{text}'`"),
        }
    }
}

/// The name of the header that a place is, and whether the place may be taken for one of a document.
pub(crate) fn header_place(place: &str) -> Option<(&str, bool)> {
    match place.strip_prefix(SURE_HEADER) {
        Some(name) => Some((name, false)),
        None => Some((place.strip_prefix(HEADER)?, true)),
    }
}

/// Whether a header is there twice, with different values.
pub(crate) fn differs(headers: Headers<'_>, name: &str) -> bool {
    let values = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    let mut values = values.map(|(_, value)| value.trim());
    let first = values.next();
    values.any(|value| Some(value) != first)
}

/// The value of a header, without white space around it. `None` if it is absent or empty.
pub(crate) fn header<'a>(headers: Headers<'a>, name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
}

/// The SHA-256 in hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(reader)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(template: &str, element: &str) -> Option<String> {
        let headers = &[("X-Id", " 7 "), ("x-empty", "")][..];
        Template::parse(template)
            .unwrap()
            .fill(Given { element, document: &[("b", Ok("7".to_owned()))], headers, is_signed: false })
            .ok()
            .flatten()
    }

    #[test]
    fn what_is_lacking() {
        let find = |of: &Of| match of.name().as_str() {
            "`bad`" => Err("it is bad"),
            "`good`" => Ok(Some("x".to_owned())),
            _ => Ok(None),
        };
        for (template, wanted) in [
            ("{good}{a?}", Ok(None)),
            ("{bad, good}", Err("it is bad")),
            ("{good, bad}", Ok(Some("x"))),
            ("{a}", Err("`a` is not there")),
            ("{good} {a, header.B}", Err("`a` or the header `b` is not there")),
            ("{a, bad}", Err("it is bad")),
            ("{bad?}", Err("it is bad")),
        ] {
            let template_read = Template::parse(template).unwrap();
            let found = template_read.fill_by(find).map_err(|lacking| lacking.to_string());
            assert_eq!(found.as_ref().map(Option::as_deref).map_err(String::as_str), wanted, "{template}");
        }
    }

    #[test]
    fn what_templates_give() {
        let element = r#"{"a": {"b": "x"}, "n": 1.50}"#;
        assert_eq!(fill("t.{a.b}-{n}", element).unwrap(), "t.x-1.50");
        assert_eq!(fill("{c, a.b}", element).unwrap(), "x");
        assert_eq!(fill("{header.x-empty, header.x-id}", element).unwrap(), "7");
        assert_eq!(fill("{u | without-fragment}", r#"{"u": "http://h/a#b#c"}"#).unwrap(), "http://h/a");
        assert_eq!(fill("{u | epoch-seconds}", r#"{"u": 1.5}"#).unwrap(), "1970-01-01T00:00:01.500Z");
        assert_eq!(fill("{c, $.b}{$.a, ''}", element).unwrap(), "7");
        assert_eq!(fill("{c, 'é x'}", element).unwrap(), "é x");
        assert_eq!(fill("", element).unwrap(), "");
        assert_eq!(fill("x{c}", element), None);
        assert_eq!((fill("x{c?}", element), fill("x{c, a.b ?}", element).unwrap()), (None, "xx".to_owned()));
        assert_eq!(fill("{{{a.b}}}{{}}", element).unwrap(), "{x}{}");
        // FIPS 180-2, B.1
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fill("{$digest}", "abc").unwrap(), digest);
        assert_eq!(Template::parse("{a, header.X} {b}").unwrap().places(), "`a` or the header `x` and `b`");
        for wrong in [
            "{",
            "a}",
            "{}",
            "{a,}",
            "{a}}",
            "{a|x}",
            "{?}",
            "{a|without-fragment?}",
            "{a, 'b}",
            "{a, 'b,c'}",
            "{a, '}",
        ] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
