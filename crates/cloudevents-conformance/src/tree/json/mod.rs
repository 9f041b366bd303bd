//! JSON trees that keep the text of numbers, the order of members, and duplicate members.

mod diff;
mod double;
mod parse;
mod text;
mod write;

use std::ops::Range;

use serde_json::Value;

pub(crate) use diff::diff;
pub(crate) use double::{spell_doubles_alike, spell_numbers_alike};
pub(crate) use parse::parse;
pub(crate) use text::Text;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Json {
    pub(crate) kind: Kind,
    /// The position of the value in the text that it was parsed from. Empty for a value that was not parsed.
    pub(crate) span: Range<usize>,
}

/// The kind of a JSON value, with its content.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number(String),
    String(Text),
    Array(Vec<Json>),
    Object(Vec<(Text, Json)>),
}

impl Json {
    /// The first member of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Json> {
        self.members().iter().find(|(member, _)| member.as_str() == Some(name)).map(|(_, value)| value)
    }

    /// The members of an object; nothing for any other value.
    pub(crate) fn members(&self) -> &[(Text, Json)] {
        match &self.kind {
            Kind::Object(members) => members,
            _ => &[],
        }
    }

    /// The items of an array.
    pub(crate) fn items(&self) -> Option<&[Json]> {
        match &self.kind {
            Kind::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The characters of a string.
    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => text.as_str(),
            _ => None,
        }
    }

    /// The characters of a string with half a surrogate pair, each in the bytes that UTF-8 would give it.
    pub(crate) fn unpaired(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::String(text) if text.as_str().is_none() => Some(text.octets()),
            _ => None,
        }
    }

    pub(crate) fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.kind, Kind::Null)
    }

    /// The name of a member that some object in this value has more than once.
    pub(crate) fn duplicate(&self) -> Option<&Text> {
        match &self.kind {
            Kind::Array(items) => items.iter().find_map(Json::duplicate),
            Kind::Object(members) => {
                let mut names: Vec<_> = members.iter().map(|(name, _)| name).collect();
                names.sort_unstable();
                let twice = names.windows(2).find_map(|pair| match pair {
                    [first, second] if first == second => Some(*first),
                    _ => None,
                });
                twice.or_else(|| members.iter().find_map(|(_, value)| value.duplicate()))
            }
            _ => None,
        }
    }
}

impl From<&Value> for Json {
    fn from(value: &Value) -> Self {
        let kind = match value {
            Value::Null => Kind::Null,
            Value::Bool(value) => Kind::Bool(*value),
            Value::Number(number) => Kind::Number(number.to_string()),
            Value::String(text) => Kind::String(Text::from(text.as_str())),
            Value::Array(items) => Kind::Array(items.iter().map(Json::from).collect()),
            Value::Object(members) => Kind::Object(
                members.iter().map(|(name, value)| (Text::from(name.as_str()), Json::from(value))).collect(),
            ),
        };
        Json { kind, span: 0..0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_is_found_at_any_depth() {
        let tree = parse(r#"{"a": [{"b": 1, "c": 2, "\u0062": 3}]}"#).unwrap();
        assert_eq!(tree.duplicate().and_then(Text::as_str), Some("b"));
        assert!(parse(r#"[{"a": 1}, {"a": 1}]"#).unwrap().duplicate().is_none());
    }

    #[test]
    fn a_value_becomes_the_tree_of_its_text() {
        let text = r#"{"a":[null,true,1,-2.5,"x"]}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(Json::from(&value).to_string(), text);
    }
}
