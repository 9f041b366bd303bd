//! JSON documents other than events, as trees. Crates of this toolkit read settings and catalogs with it.
//!
//! **Weaker promises**, as of [`cloudevents_core::codec`]: this module may change in a minor release of the toolkit.

pub mod place;

use cloudevents_core::{Error, ErrorKind};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The name under which `serde_json` shows the text of a number to every visitor, when its feature `arbitrary_precision` is on.
///
/// Any crate of a program can enable this feature.
pub(crate) const NUMBER: &str = "$serde_json::private::Number";

/// A value of JSON without duplicate members.
struct Tree(Value);

/// Parses a document, and refuses duplicate members. Its nesting is limited to 128 levels.
///
/// The detail of an error names line and column. Numbers are of the types `i64`, `u64` and `f64`. Features of `serde_json` that a program
/// enables make no difference.
///
/// ```
/// let error = cloudevents_json::codec::parse(br#"{"a": 1, "a": 2}"#).unwrap_err();
/// assert_eq!(error.detail(), "the member \"a\" is there twice at line 1 column 12");
/// assert_eq!(error.offset(), Some(11));
/// ```
pub fn parse(text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice::<Tree>(text).map(|tree| tree.0).map_err(|error| {
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
        // The column counts the bytes up to the one at fault.
        let offset = before.saturating_add(error.column().saturating_sub(1)).min(text.len());
        Error::new(ErrorKind::InvalidDocument).with_detail(error.to_string()).with_offset(offset)
    })
}

/// A token of a JSON Pointer (RFC 6901), with its slash.
pub fn token(name: &str) -> String {
    format!("/{}", name.replace('~', "~0").replace('/', "~1"))
}

/// The JSON Pointer of a member below this place.
pub fn below(place: &str, name: &str) -> String {
    format!("{place}{}", token(name))
}

/// The kind of a value, for messages: `an array`.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader).map(Tree)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Tree(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(A::Error::custom(format!("the member {name:?} is there twice")));
            }
            let Tree(value) = members.next_value()?;
            if let (NUMBER, Value::String(text)) = (name.as_str(), &value) {
                return number(text).ok_or_else(|| A::Error::custom("number out of range"));
            }
            map.insert(name, value);
        }
        Ok(map.into())
    }
}

/// The number that `serde_json` makes of this text without `arbitrary_precision`.
fn number(text: &str) -> Option<Value> {
    // A negative zero is no integer.
    let integer = |text: &str| {
        text.parse::<u64>().map(Number::from).or_else(|_| text.parse::<i64>().map(Number::from)).ok()
    };
    let integer = integer(text).filter(|_| text != "-0");
    integer.or_else(|| text.parse().ok().and_then(Number::from_f64)).map(Value::Number)
}
