//! Integers. Features of `serde_json` make no difference.

use crate::codec::NUMBER;
use serde::{
    Deserialize, Deserializer,
    de::{self, Error, IntoDeserializer},
};
use std::fmt;

/// Reads an Integer.
///
/// With the feature `arbitrary_precision`, which any crate of a program can enable, `serde_json` puts numbers as maps into the buffers of
/// `flatten` and of untagged enums. The `Deserialize` of `i32` does not know these maps.
pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    // Formats that are not text may not know the type of the next value.
    if deserializer.is_human_readable() {
        deserializer.deserialize_any(Number)
    } else {
        i32::deserialize(deserializer)
    }
}

struct Number;

impl<'de> de::Visitor<'de> for Number {
    type Value = i32;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("i32")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i32, E> {
        i32::deserialize(number.into_deserializer())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i32, E> {
        i32::deserialize(number.into_deserializer())
    }

    /// Formats in which everything is text give it.
    fn visit_str<E: Error>(self, text: &str) -> Result<i32, E> {
        text.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<i32, A::Error> {
        match map.next_key::<String>()? {
            Some(name) if name == NUMBER => self.visit_str(&map.next_value::<String>()?),
            _ => Err(A::Error::invalid_type(de::Unexpected::Map, &self)),
        }
    }
}
