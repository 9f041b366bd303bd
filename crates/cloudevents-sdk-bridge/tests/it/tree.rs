//! JSON as a tree that hides nothing: numbers by their text, members that come twice. Only the order of members is free.

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tree {
    /// `null`, `true`, `false`, and what `serde_json` cannot take apart.
    Text(String),
    Number(String),
    String(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn parse(text: &str) -> Self {
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        Self::read(text).unwrap_or_else(|| Self::Text(text.into()))
    }

    fn read(text: &str) -> Option<Self> {
        Some(match text.as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let mut members: Vec<_> =
                    members.into_iter().map(|(name, value)| (name, Self::parse(value.get()))).collect();
                members.sort();
                Self::Object(members)
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::Array(elements.into_iter().map(|element| Self::parse(element.get())).collect())
            }
            b'"' => Self::String(serde_json::from_str(text).ok()?),
            b'-' | b'0'..=b'9' => Self::Number(text.into()),
            _ => Self::Text(text.into()),
        })
    }

    /// The members of an object; none for anything else.
    pub(crate) fn members(&self) -> &[(String, Tree)] {
        match self {
            Self::Object(members) => members,
            _ => &[],
        }
    }

    /// Whether the two are the same but for the spelling of numbers (and what that makes of them).
    pub(crate) fn same_but_numbers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(_), Self::Number(_)) => true,
            (Self::Array(a), Self::Array(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_but_numbers(b))
            }
            (Self::Object(a), Self::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((n, a), (m, b))| n == m && a.same_but_numbers(b))
            }
            _ => self == other,
        }
    }

    /// Whether an object in here has a member twice.
    pub(crate) fn has_duplicates(&self) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(Self::has_duplicates),
            Self::Object(members) => {
                members.windows(2).any(|pair| pair[0].0 == pair[1].0)
                    || members.iter().any(|(_, value)| value.has_duplicates())
            }
            _ => false,
        }
    }

    /// Whether there is a number of more than `i64`, `u64` and `f64` hold.
    pub(crate) fn has_number_out_of_range(&self) -> bool {
        match self {
            Self::Array(elements) => elements.iter().any(Self::has_number_out_of_range),
            Self::Object(members) => members.iter().any(|(_, value)| value.has_number_out_of_range()),
            Self::Number(text) => text.parse::<f64>().is_ok_and(f64::is_infinite),
            _ => false,
        }
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}
