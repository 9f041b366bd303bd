//! No file says the same member twice: parsers of JSON differ in what they make of it.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

#[test]
fn no_member_is_there_twice() {
    for (path, text) in crate::documents().chain(crate::requirements()).chain(crate::samples()) {
        serde_json::from_str::<Distinct>(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[test]
fn a_member_that_is_there_twice_is_seen() {
    assert!(serde_json::from_str::<Distinct>(r#"[{"a": 1, "b": [null, true, "x", 1.5, -1]}]"#).is_ok());
    assert!(serde_json::from_str::<Distinct>(r#"[{"a": 1, "a": 1}]"#).is_err());
}

struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DistinctVisitor)
    }
}

struct DistinctVisitor;

impl<'de> Visitor<'de> for DistinctVisitor {
    type Value = Distinct;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_str<E>(self, _: &str) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_unit<E>(self) -> Result<Distinct, E> {
        Ok(Distinct)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
        while items.next_element::<Distinct>()?.is_some() {}
        Ok(Distinct)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Distinct, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            members.next_value::<Distinct>()?;
            if let Some(name) = names.replace(name) {
                return Err(A::Error::custom(format!("{name:?} is there twice")));
            }
        }
        Ok(Distinct)
    }
}
