//! Places in a JSON document, found without reading the other parts.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The value at a path, with full stops between names and indices; the value itself for an empty path. `None` also for null.
pub(crate) fn at<'a>(value: &'a str, path: &str) -> Option<&'a str> {
    let parts = path.split('.').filter(|part| !part.is_empty());
    let found = parts.into_iter().try_fold(value, |value, name| child(value, name))?;
    Some(found.trim()).filter(|found| *found != "null")
}

/// The text, number or truth value at a path, as text, if it is not empty.
pub(crate) fn text(value: &str, path: &str) -> Option<String> {
    let found = at(value, path)?;
    match found.as_bytes().first()? {
        b'"' => serde_json::from_str(found).ok().filter(|text: &String| !text.is_empty()),
        b'{' | b'[' => None,
        _ => Some(found.to_owned()),
    }
}

/// The bytes of a text up to a line and a column, both counted from 1.
pub(crate) fn offset(text: &str, line: usize, column: usize) -> usize {
    let lines = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len);
    lines.fold(column, usize::saturating_add).min(text.len())
}

/// Whether an event stands there, in the JSON format of a version that is read.
pub(crate) fn is_event(value: &str) -> bool {
    matches!(text(value, "specversion").as_deref(), Some("1.0" | "0.3"))
}

/// Whether this is one value of JSON, and nothing behind it.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The first elements of an array, in order, up to this number. `None` if the value is no array.
pub(crate) fn elements(value: &str, most: usize) -> Option<Vec<&str>> {
    serde_json::Deserializer::from_str(value).deserialize_seq(Elements(most)).ok()
}

/// The first members of an object with such names, in order, up to this number. Empty if the value is no object.
pub(crate) fn members(value: &str, most: usize, wanted: impl Fn(&str) -> bool) -> Vec<(String, &str)> {
    serde_json::Deserializer::from_str(value).deserialize_map(Members(most, wanted)).unwrap_or_default()
}

fn child<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let mut reader = serde_json::Deserializer::from_str(value);
    Child(name).deserialize(&mut reader).ok().flatten()
}

/// Finds the last member of this name, or the element with this index.
struct Child<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Child<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Child<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or an array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value::<&'de RawValue>()?.get());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let index: Option<usize> = self.0.parse().ok();
        let (mut found, mut count) = (None, 0_usize);
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            if index == Some(count) {
                found = Some(element.get());
            }
            count = count.saturating_add(1);
        }
        Ok(found)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_at_a_path() {
        let value = r#" {"a": {"b": [1.50, "x", {"c": "\u00e9"}], "n": null}, "a-b": true, "e": "", "d": 1, "d": 2} "#;
        assert_eq!(at(value, "a.b.0"), Some("1.50"));
        assert_eq!(at(value, "a.b"), Some(r#"[1.50, "x", {"c": "\u00e9"}]"#));
        assert_eq!(at(value, ""), Some(value.trim()));
        assert_eq!(text(value, "a.b.2.c").unwrap(), "é");
        assert_eq!((text(value, "a-b").unwrap(), text(value, "d").unwrap()), ("true".into(), "2".to_owned()));
        for none in ["a.n", "e", "a", "x", "a.b.3", "a.b.-1", "a.b.c", "d.e"] {
            assert_eq!(text(value, none), None, "{none}");
        }
        assert_eq!(
            (elements("[1, {}]", 9).unwrap(), elements("[1, {}]", 1).unwrap()),
            (vec!["1", "{}"], vec!["1"])
        );
        assert_eq!((elements("{}", 9), members("[]", 9, |_| true), at("{", "a")), (None, vec![], None));
        let object = r#"{"a":1,"b":[2],"c":3}"#;
        assert_eq!(members(object, 9, |name| name != "b"), [("a".to_owned(), "1"), ("c".to_owned(), "3")]);
        assert_eq!(members(object, 1, |_| true), [("a".to_owned(), "1")]);
        assert!(is_json("[1] ") && !is_json("[1] 2") && !is_json("{") && !is_json(""));
    }
}
