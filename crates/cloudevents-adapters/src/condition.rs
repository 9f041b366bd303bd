//! The documents that a mapping is for.

use crate::{
    place,
    template::{Headers, Of, differs, header, header_place},
};
use cloudevents_core::{Error, ErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt, marker::PhantomData};

/// Places and patterns of their values. All have to match. A pattern may begin or end with `*`; `*` alone is anything but null. The pattern
/// null is a value that is there, and is null. A place that begins with `header.` is a header.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Condition(#[serde(deserialize_with = "once")] BTreeMap<String, Option<String>>);

impl Condition {
    /// Whether a document is selected.
    ///
    /// With `either`, a place that may be a header or a place of the document is taken for both: the document is selected, so that it can
    /// be refused.
    pub(crate) fn fits(&self, document: &str, headers: Headers<'_>, either: bool) -> bool {
        self.unfit(document, headers, either).is_none()
    }

    /// The first place that does not match.
    pub(crate) fn unfit(&self, document: &str, headers: Headers<'_>, either: bool) -> Option<&str> {
        let fits = |place: &str, pattern: Option<&str>| match header_place(place) {
            None => stands(document, of_document(place), pattern),
            Some((name, is_short)) => {
                header(headers, name).zip(pattern).is_some_and(|(text, pattern)| matches(pattern, text))
                    || (either && is_short && stands(document, place, pattern))
            }
        };
        let mut places = self.0.iter().map(|(place, pattern)| (place.as_str(), pattern.as_deref()));
        places.find(|&(place, pattern)| !fits(place, pattern)).map(|(place, _)| place)
    }

    /// The places of the document.
    pub(crate) fn places(&self) -> impl Iterator<Item = &str> {
        let places = self.0.keys().filter(|place| header_place(place).is_none());
        places.map(|place| of_document(place))
    }

    /// A header with the pattern null, which no header fits, and its name.
    pub(crate) fn null_header(&self) -> Option<(&str, &str)> {
        let mut nulls = self.0.iter().filter(|(_, pattern)| pattern.is_none());
        nulls.find_map(|(place, _)| Some((place.as_str(), header_place(place)?.0)))
    }

    /// The names of the headers.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|place| header_place(place)).map(|(name, _)| name)
    }

    /// Refuses a document or an element with a member `header`, if a place may be one of the member, and is read as a header.
    ///
    /// `places` are those of templates.
    pub(crate) fn check_member_header<'p>(
        &'p self,
        value: &str,
        mut places: impl Iterator<Item = &'p Of>,
    ) -> Result<(), Error> {
        if place::at(value, "header").is_none() {
            return Ok(());
        }
        let mut own = self.0.keys().filter_map(|place| header_place(place));
        let of_own = || own.find(|(_, is_short)| *is_short).map(|(name, _)| name);
        let Some(name) = places.find_map(Of::short_header).or_else(of_own) else { return Ok(()) };
        let name: String = name.chars().take(MOST_CHARACTERS).collect();
        let detail = format!(
            "`header.{name}` is the header `{name}` of the message, or a place of the document, which has a member `header`"
        );
        let help = format!(
            "write `$header.{name}` for the header; for the place, write `.header.{name}`, or `$.header.{name}` from within `each`"
        );
        Err(invalid(detail).with_help(help))
    }

    /// Refuses a header that is read, and is there twice with different values.
    pub(crate) fn check_headers<'p>(
        &'p self,
        headers: Headers<'_>,
        places: impl Iterator<Item = &'p Of>,
    ) -> Result<(), Error> {
        let of_templates = places.filter_map(|of| match of {
            Of::Header { name, .. } => Some(name.as_str()),
            _ => None,
        });
        match self.headers().chain(of_templates).find(|name| differs(headers, name)) {
            Some(name) => {
                Err(invalid(format!("the header `{name:.80}` is there twice, with different values")))
            }
            None => Ok(()),
        }
    }
}

/// The characters of a name in an error.
const MOST_CHARACTERS: usize = 80;

/// Reads an object, none of whose names is there twice.
pub(crate) fn once<'de, D: Deserializer<'de>, V: Deserialize<'de>>(
    from: D,
) -> Result<BTreeMap<String, V>, D::Error> {
    from.deserialize_map(Once(PhantomData))
}

struct Once<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for Once<V> {
    type Value = BTreeMap<String, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            if all.contains_key(&name) {
                return Err(de::Error::custom(format_args!("`{name:.80}` is there twice")));
            }
            all.insert(name, map.next_value()?);
        }
        Ok(all)
    }
}

/// The place without the sign of a document: a condition is one of the document alone.
fn of_document(place: &str) -> &str {
    place.strip_prefix("$.").unwrap_or(place)
}

/// Whether a value that matches stands at a place.
fn stands(document: &str, place: &str, pattern: Option<&str>) -> bool {
    match pattern {
        None => place::or_null(document, place) == Some("null"),
        Some("*") => place::at(document, place).is_some(),
        Some(pattern) => place::text(document, place).is_some_and(|text| matches(pattern, &text)),
    }
}

/// Whether a text has this pattern, which may begin or end with `*`.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => text.ends_with(end),
        (None, Some(begin)) => text.starts_with(begin),
        (None, None) => text == pattern,
    }
}

#[cold]
fn invalid(detail: String) -> Error {
    Error::new(ErrorKind::InvalidData).with_detail(detail)
}
