//! Filters to JSON.

use crate::data::Test;
use crate::{
    Conditions, DataConditions, DataTest, Filter, FilterOptions, Filters, Group, Invalid, Parsed, read,
};
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;
use std::fmt;

impl Filter {
    /// Reads a JSON object, strictly.
    pub fn parse(document: impl AsRef<[u8]>) -> Result<Self, Invalid> {
        Self::parse_with(document, &FilterOptions::strict()).map(|parsed| parsed.value)
    }

    /// Reads a JSON object.
    pub fn parse_with(document: impl AsRef<[u8]>, options: &FilterOptions) -> Result<Parsed<Self>, Invalid> {
        read::filter(&read::parse(document.as_ref())?, options)
    }
}

impl Serialize for Filter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        let dialect = self.dialect();
        match self {
            Self::Exact(conditions) | Self::Prefix(conditions) | Self::Suffix(conditions) => {
                map.serialize_entry(dialect, conditions)?;
            }
            Self::All(group) | Self::Any(group) => map.serialize_entry(dialect, group)?,
            Self::Not(filter) => map.serialize_entry(dialect, filter)?,
            Self::Sql(expression) => map.serialize_entry(dialect, expression.as_str())?,
            Self::Data(conditions) => map.serialize_entry(dialect, conditions)?,
        }
        map.end()
    }
}

impl Serialize for DataConditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for DataTest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        match &self.0 {
            Test::Exact(text) => map.serialize_entry("exact", text)?,
            Test::Prefix(text) => map.serialize_entry("prefix", text)?,
            Test::Suffix(text) => map.serialize_entry("suffix", text)?,
            Test::All(tests) => map.serialize_entry("all", tests)?,
            Test::Any(tests) => map.serialize_entry("any", tests)?,
            Test::Not(test) => map.serialize_entry("not", test)?,
        }
        map.end()
    }
}

impl Serialize for Conditions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl Serialize for Filters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Writes the JSON object.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(self))
    }
}

/// Writes the JSON array.
impl fmt::Display for Filters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_text(self))
    }
}

/// Maps with text keys, texts and arrays are always JSON.
fn to_text(value: &impl Serialize) -> String {
    serde_json::to_value(value).unwrap_or(Value::Null).to_string()
}
