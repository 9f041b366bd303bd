//! Places in JSON documents, found without reading the other parts.
//!
//! A place has full stops between names of members and indices of arrays: `order.items.0.id`. A member whose name has a full stop has no
//! place. If a member is there twice, the last one counts.

use cloudevents_core::{Data, Event, MediaType};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The value at a path, with full stops between names and indices; the value itself for an empty path. `None` also for null.
pub fn at<'a>(value: &'a str, path: &str) -> Option<&'a str> {
    or_null(value, path).filter(|found| *found != "null")
}

/// The value at a path, as [`at`] finds it, and null if null stands there.
pub fn or_null<'a>(value: &'a str, path: &str) -> Option<&'a str> {
    let mut parts = path.split('.').filter(|part| !part.is_empty());
    parts.try_fold(value, |value, name| child(value, name)).map(str::trim)
}

/// The text, number or truth value at a path, as text, if it is not empty.
pub fn text(value: &str, path: &str) -> Option<String> {
    let found = at(value, path)?;
    match found.as_bytes().first()? {
        b'"' => serde_json::from_str(found).ok().filter(|text: &String| !text.is_empty()),
        b'{' | b'[' => None,
        _ => Some(found.to_owned()),
    }
}

/// Whether this is one value of JSON, and nothing behind it.
pub fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// The payload of an event as a text of JSON. `None` if there is no payload, or if the payload is not JSON.
///
/// Bytes are JSON with a content type of JSON, such as those of `data_base64`. Bytes without a content type may be anything.
pub fn payload(event: &Event) -> Option<&str> {
    match event.data()? {
        Data::Json(json) => Some(json.as_str()),
        Data::Binary(bytes) if event.datacontenttype().is_some_and(MediaType::is_json) => {
            std::str::from_utf8(bytes).ok().filter(|text| is_json(text))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_core::Payload;

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
        assert_eq!((or_null(value, "a.n"), or_null(value, "a.x")), (Some("null"), None));
        assert_eq!(or_null(value, "a.b.0"), Some("1.50"));
        assert_eq!(at("{", "a"), None);
        assert!(is_json("[1] ") && !is_json("[1] 2") && !is_json("{") && !is_json(""));
    }

    #[test]
    fn which_payloads_are_json() {
        let of = |ty: &str, data: &[u8]| {
            let event = Event::builder().id("1").source("/s").ty("t");
            let event = event.payload(ty, Payload::binary(data.to_vec())).build().unwrap();
            payload(&event).map(str::to_owned)
        };
        assert_eq!(of("application/json", b"[1]").unwrap(), "[1]");
        assert_eq!(of("application/vnd.x+json", b"[1]").unwrap(), "[1]");
        for (ty, data) in
            [("application/json", &b"["[..]), ("text/plain", b"[1]"), ("application/json", b"\"\xff\"")]
        {
            assert_eq!(of(ty, data), None, "{ty}");
        }
        assert_eq!(payload(&Event::builder().id("1").source("/s").ty("t").build().unwrap()), None);
    }
}
