//! Templates of attributes: text with places of the document in braces.

use crate::{Headers, place};
use serde::{Deserialize, Deserializer, de};
use sha2::{Digest, Sha256};

/// Text with places in braces, such as `{eventSource}.{awsRegion}`.
///
/// `{a, b}` is the first of both that is there. `{header.NAME}` is a header. `{$digest}` is the SHA-256 of the element in hexadecimal
/// digits. `{a | without-fragment}` ends before `#`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    First(First),
}

/// The first of these places that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct First {
    places: Vec<Of>,
    /// Whether it ends before `#`.
    without_fragment: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Of {
    Header(String),
    Digest,
    Place(String),
}

/// The values of a template come from these.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) element: &'a str,
    pub(crate) headers: Headers<'a>,
}

impl Template {
    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (inner, behind) =
                after.split_once('}').ok_or_else(|| format!("`{text}` has a brace without its end"))?;
            if !before.is_empty() {
                parts.push(Part::Text(before.to_owned()));
            }
            let (inner, without_fragment) = match inner.split_once('|') {
                None => (inner, false),
                Some((inner, change)) if change.trim() == "without-fragment" => (inner, true),
                Some((_, change)) => {
                    return Err(format!("`{text}` has an unknown change: `{}`", change.trim()));
                }
            };
            let places: Vec<_> = inner.split(',').map(str::trim).collect();
            if places.iter().any(|place| place.is_empty()) {
                return Err(format!("`{text}` has a place without a name"));
            }
            let places = places.into_iter().map(Of::parse).collect();
            parts.push(Part::First(First { places, without_fragment }));
            rest = behind;
        }
        if rest.contains('}') {
            return Err(format!("`{text}` has a brace without its beginning"));
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        Ok(Self(parts))
    }

    /// `None` if something of it is not there.
    pub(crate) fn fill(&self, given: Given<'_>) -> Option<String> {
        let mut filled = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::First(First { places, without_fragment }) => {
                    let found = places.iter().find_map(|of| of.find(given))?;
                    let cut = found.split('#').next().filter(|_| *without_fragment);
                    filled.push_str(cut.unwrap_or(&found));
                }
            }
        }
        Some(filled)
    }

    /// The places of the template in words, for an error.
    pub(crate) fn places(&self) -> String {
        let names = self.0.iter().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::First(First { places, .. }) => {
                let names: Vec<_> = places.iter().map(Of::name).collect();
                Some(names.join(" or "))
            }
        });
        names.collect::<Vec<_>>().join(" and ")
    }

    /// The member of the element itself that it begins with, if it is of one place.
    pub(crate) fn members(&self) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .flat_map(|part| match part {
                Part::Text(_) => [].as_slice(),
                Part::First(First { places, .. }) => places.as_slice(),
            })
            .filter_map(|of| match of {
                Of::Place(path) => path.split('.').next(),
                _ => None,
            })
    }
}

impl Of {
    fn parse(text: &str) -> Self {
        match text.strip_prefix("header.") {
            Some(name) => Self::Header(name.to_ascii_lowercase()),
            None if text == "$digest" => Self::Digest,
            None => Self::Place(text.to_owned()),
        }
    }

    fn find(&self, given: Given<'_>) -> Option<String> {
        match self {
            Self::Header(name) => {
                let mut found = given.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
                found.next().map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty())
            }
            Self::Digest => {
                Some(Sha256::digest(given.element).iter().map(|byte| format!("{byte:02x}")).collect())
            }
            Self::Place(path) => place::text(given.element, path),
        }
    }

    fn name(&self) -> String {
        match self {
            Self::Header(name) => format!("the header `{name}`"),
            Self::Digest => "the element".to_owned(),
            Self::Place(path) => format!("`{path}`"),
        }
    }
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
        Template::parse(template).unwrap().fill(Given { element, headers })
    }

    #[test]
    fn what_templates_give() {
        let element = r#"{"a": {"b": "x"}, "n": 1.50}"#;
        assert_eq!(fill("t.{a.b}-{n}", element).unwrap(), "t.x-1.50");
        assert_eq!(fill("{c, a.b}", element).unwrap(), "x");
        assert_eq!(fill("{header.x-empty, header.x-id}", element).unwrap(), "7");
        assert_eq!(fill("{u | without-fragment}", r#"{"u": "http://h/a#b#c"}"#).unwrap(), "http://h/a");
        assert_eq!(fill("", element).unwrap(), "");
        assert_eq!(fill("x{c}", element), None);
        // FIPS 180-2, B.1
        let digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(fill("{$digest}", "abc").unwrap(), digest);
        assert_eq!(Template::parse("{a, header.X} {b}").unwrap().places(), "`a` or the header `x` and `b`");
        for wrong in ["{", "a}", "{}", "{a,}", "{a}}", "{a|x}"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
