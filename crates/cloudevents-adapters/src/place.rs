//! Places in a JSON document, found without reading the other parts.

use cloudevents_core::Error;
pub(crate) use cloudevents_json::codec::place::{at, is_json, or_null, payload, text};
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// The bytes of a text up to a line and a column, both counted from 1.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len);
    lines.fold(column, usize::saturating_add).min(text.len())
}

/// The offset of a part of a text.
pub(crate) fn begin(text: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(text.as_ptr().addr()).min(text.len())
}

/// Whether an event stands there, in the JSON format of a version that is read.
pub(crate) fn is_event(value: &str) -> bool {
    matches!(text(value, "specversion").as_deref(), Some("1.0" | "0.3"))
}

/// The version of an event before 0.3, which an adapter of its own reads.
pub(crate) fn older_version(document: &[u8]) -> Option<&'static str> {
    let value = std::str::from_utf8(document).ok()?;
    match text(value, "specversion").as_deref() {
        Some("0.2") => Some("0.2"),
        None if text(value, "cloudEventsVersion").as_deref() == Some("0.1") => Some("0.1"),
        _ => None,
    }
}

/// The first elements of an array, in order, up to this number. `None` if the value is no array.
pub(crate) fn elements(value: &str, most: usize) -> Option<Vec<&str>> {
    serde_json::Deserializer::from_str(value).deserialize_seq(Elements(most)).ok()
}

/// The first members of an object with such names, in order, up to this number. Empty if the value is no object.
pub(crate) fn members(value: &str, most: usize, wanted: impl Fn(&str) -> bool) -> Vec<(String, &str)> {
    serde_json::Deserializer::from_str(value).deserialize_map(Members(most, wanted)).unwrap_or_default()
}

/// The text, number or truth value at a path, as text. `None` if nothing, null or an empty text stands there. The error says why another
/// value has no text.
pub(crate) fn plain(value: &str, path: &str) -> Result<Option<String>, &'static str> {
    let Some(found) = at(value, path) else { return Ok(None) };
    match found.bytes().next() {
        Some(b'{') => Err("is an object, which has no text"),
        Some(b'[') => Err("is an array, which has no text"),
        Some(b'"') => match serde_json::from_str::<String>(found) {
            Ok(text) => Ok((!text.is_empty()).then_some(text)),
            Err(_) => Err("is not a text of Unicode"),
        },
        _ => Ok(Some(found.to_owned())),
    }
}

/// The same for documents that an adapter reads: a value on the way that has no members or elements is an error, too.
pub(crate) fn plain_of_adapter(value: &str, path: &str) -> Result<Option<String>, String> {
    match plain(value, path)? {
        None => open_way(value, path).map(|()| None),
        found => Ok(found),
    }
}

/// Refuses a value on the way to a place that has no such members or elements: it is there, and the place would not be there. Null, an
/// empty text and an empty array are not there. The error is behind the name of the place.
pub(crate) fn open_way(value: &str, path: &str) -> Result<(), String> {
    let (mut here, mut way) = (value.trim(), String::new());
    for name in path.split('.').filter(|part| !part.is_empty()) {
        let is_index = name.parse::<usize>().is_ok();
        let kind = match here.bytes().next() {
            Some(b'[') if is_index || elements(here, 1) == Some(vec![]) => None,
            Some(b'[') => Some("an array"),
            Some(b'"') if here != r#""""# => Some("a text"),
            Some(b't' | b'f') => Some("a truth value"),
            Some(b'-' | b'0'..=b'9') => Some("a number"),
            _ => None,
        };
        if let Some(kind) = kind {
            let way =
                if way.is_empty() { "the document or the element".to_owned() } else { format!("`{way}`") };
            let wanted = if is_index { "an array" } else { "an object" };
            return Err(format!("cannot be there: {way} is {kind}, and not {wanted}"));
        }
        let Some(inner) = or_null(here, name) else { break };
        if !way.is_empty() {
            way.push('.');
        }
        way.push_str(name);
        here = inner;
    }
    Ok(())
}

/// Whether members of an object may stand there: the value is an object, is absent, or is an empty array.
pub(crate) fn may_have_members(value: &str) -> bool {
    value.is_empty() || value.starts_with('{') || elements(value, 1) == Some(vec![])
}

/// Whether the value is an empty text or an empty array, which is not there for a place.
pub(crate) fn is_empty(value: &str) -> bool {
    value == "\"\"" || elements(value, 1) == Some(vec![])
}

/// Calls a function with the name and the value of each member of an object, or with the index and the value of each element of an array.
pub(crate) fn each<'a>(value: &'a str, with: impl FnMut(&str, &'a str)) {
    serde_json::Deserializer::from_str(value).deserialize_any(Each(with)).unwrap_or_default();
}

/// Whether a place is the member of this name of an object, or is within the member.
pub(crate) fn is_within(known: &str, object: &str, name: &str) -> bool {
    let (known, object) = (known.trim_start_matches('.'), object.trim_start_matches('.'));
    let known = match object {
        "" => Some(known),
        _ => known.strip_prefix(object).and_then(|behind| behind.strip_prefix('.')),
    };
    known.is_some_and(|known| known.split('.').next() == Some(name))
}

/// The first member on the way to one of these places that is there twice. Other members are not looked at.
pub(crate) fn twice(value: &str, places: &[&str]) -> Option<String> {
    let mut heads: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in places {
        let place = place.trim_start_matches('.');
        let (head, rest) = place.split_once('.').unwrap_or((place, ""));
        if !head.is_empty() {
            heads.entry(head).or_default().push(rest);
        }
    }
    if heads.is_empty() {
        return None;
    }
    let within =
        |name: &str, inner: &str, rest: &[&str]| twice(inner, rest).map(|place| format!("{name}.{place}"));
    if value.trim_start().starts_with('[') {
        return heads.iter().find_map(|(index, rest)| within(index, at(value, index)?, rest));
    }
    // One more than there are names shows a name that is there twice.
    let found = members(value, heads.len().saturating_add(1), |name| heads.contains_key(name));
    if let Some(name) = name_twice(&found) {
        return Some(name.to_owned());
    }
    found.iter().find_map(|(name, inner)| within(name, inner, heads.get(name.as_str())?))
}

/// The first name that is there twice.
pub(crate) fn name_twice<'m>(members: &'m [(String, &str)]) -> Option<&'m str> {
    let mut seen = BTreeSet::new();
    members.iter().map(|(name, _)| name.as_str()).find(|name| !seen.insert(*name))
}

/// The same value in one line, without white space between its parts.
pub(crate) fn compact(value: &str) -> String {
    let (mut in_text, mut escaped) = (false, false);
    let kept = value.chars().filter(|&character| {
        let is_end = character == '"' && !escaped;
        escaped = in_text && character == '\\' && !escaped;
        in_text ^= is_end;
        in_text || !character.is_ascii_whitespace()
    });
    kept.collect()
}

struct Each<W>(W);

impl<'de, W: FnMut(&str, &'de str)> Visitor<'de> for Each<W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            (self.0)(&name, map.next_value::<&'de RawValue>()?.get());
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut index = 0_usize;
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            (self.0)(&index.to_string(), element.get());
            index = index.saturating_add(1);
        }
        Ok(())
    }
}

struct Elements(usize);

impl<'de> Visitor<'de> for Elements {
    type Value = Vec<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while all.len() < self.0
            && let Some(element) = seq.next_element::<&'de RawValue>()?
        {
            all.push(element.get());
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(all)
    }
}

struct Members<W>(usize, W);

impl<'de, W: Fn(&str) -> bool> Visitor<'de> for Members<W> {
    type Value = Vec<(String, &'de str)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if all.len() < self.0 && (self.1)(&name) {
                all.push((name.into_owned(), map.next_value::<&'de RawValue>()?.get()));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(all)
    }
}

/// An error of an event in an envelope, with the offset within the element. The offset within a text would count without its escapes, so
/// it is the beginning of the text.
pub(crate) fn of_element(error: Error, raw: &str, element: &str) -> Error {
    let inner = match raw.starts_with('"') {
        true => 0,
        false => error.offset().and_then(|inner| usize::try_from(inner).ok()).unwrap_or_default(),
    };
    match error.offset() {
        Some(_) => error.with_offset(begin(element, raw).saturating_add(inner)),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_in_one_line() {
        let value = "{ \"a b\" : [ 1.50 ,\n\t\"x \\\" y\\\\\", { } ] }";
        assert_eq!(compact(value), r#"{"a b":[1.50,"x \" y\\",{}]}"#);
    }

    #[test]
    fn a_value_without_a_text_is_an_error() {
        let value =
            r#"{"o": {"n": 1.50}, "a": [], "e": "", "n": null, "t": "\u00e9", "b": true, "h": "\ud800"}"#;
        for (path, wanted) in [
            ("o.n", Ok(Some("1.50"))),
            ("t", Ok(Some("é"))),
            ("b", Ok(Some("true"))),
            ("e", Ok(None)),
            ("n", Ok(None)),
            ("x", Ok(None)),
            ("o", Err("is an object, which has no text")),
            ("a", Err("is an array, which has no text")),
            ("h", Err("is not a text of Unicode")),
        ] {
            assert_eq!(
                plain(value, path),
                wanted.map(|text: Option<&str>| text.map(str::to_owned)),
                "{path}"
            );
        }
    }

    #[test]
    fn a_value_on_the_way_is_not_dropped() {
        let value = r#"{"t": "Bob", "a": [{"n": 1}], "i": 7, "b": true, "n": null, "e": "", "l": [], "o": {"t": "x"}}"#;
        for there in ["n.x", "e.x", "l.x", "x.y", "o.x.y", "a.1.n", "a.0.x", "o.0", "t", ""] {
            assert_eq!(
                plain_of_adapter(value, there).unwrap_or_default(),
                plain(value, there).unwrap_or_default()
            );
            assert_eq!(open_way(value, there), Ok(()), "{there}");
        }
        for (path, why) in [
            ("t.name", "cannot be there: `t` is a text, and not an object"),
            ("t.0.name", "cannot be there: `t` is a text, and not an array"),
            ("a.n", "cannot be there: `a` is an array, and not an object"),
            ("i.x", "cannot be there: `i` is a number, and not an object"),
            ("b.x", "cannot be there: `b` is a truth value, and not an object"),
            ("o.t.x", "cannot be there: `o.t` is a text, and not an object"),
            ("a.0.n.x", "cannot be there: `a.0.n` is a number, and not an object"),
        ] {
            assert_eq!(plain_of_adapter(value, path).unwrap_err(), why);
            assert_eq!(plain(value, path), Ok(None));
        }
        assert!(open_way("\"x\"", "name").unwrap_err().contains("the document or the element is a text"));
    }

    #[test]
    fn a_member_on_the_way_to_a_place_is_there_once() {
        let value = r#"{"a": {"b": 1, "b": 2, "c": 3}, "l": [{"x": 1, "x": 1}], "\u0064": 1, "d": 2, "e": {"z": 1, "z": 2}}"#;
        for (places, wanted) in [
            (&["a.b"][..], Some("a.b")),
            (&[".a.b"], Some("a.b")),
            (&["a.c", "e", "l.0", ""], None),
            (&["x.y", "a.b.c"], Some("a.b")),
            (&["l.0.x"], Some("l.0.x")),
            (&["l.1.x"], None),
            (&["e.y.z", "d"], Some("d")),
            (&[], None),
        ] {
            assert_eq!(twice(value, places).as_deref(), wanted, "{places:?}");
        }
        assert_eq!((twice("1", &["a"]), twice("[1]", &["a.b"])), (None, None));
    }

    #[test]
    fn elements_and_members() {
        assert_eq!(
            (elements("[1, {}]", 9).unwrap(), elements("[1, {}]", 1).unwrap()),
            (vec!["1", "{}"], vec!["1"])
        );
        assert_eq!((elements("{}", 9), members("[]", 9, |_| true)), (None, vec![]));
        let object = r#"{"a":1,"b":[2],"c":3}"#;
        let names_and_values = |value| {
            let mut all = String::new();
            each(value, |name, inner| all.extend([name, "=", inner, " "]));
            all
        };
        assert_eq!(names_and_values(object), "a=1 b=[2] c=3 ");
        assert_eq!((names_and_values("[7, {}]"), names_and_values("7")), ("0=7 1={} ".into(), String::new()));
        assert_eq!(members(object, 9, |name| name != "b"), [("a".to_owned(), "1"), ("c".to_owned(), "3")]);
        assert_eq!(members(object, 1, |_| true), [("a".to_owned(), "1")]);
    }
}
