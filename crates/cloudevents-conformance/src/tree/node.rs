//! Values of the notations that are bytes: Protobuf, Avro and CBOR, once order and lengths are out of the way.

use std::collections::BTreeMap;
use std::fmt;

use crate::compare::{Difference, MOST, Path};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Null,
    Bool(bool),
    Integer(i128),
    /// The bits of a double. There is one NaN.
    Double(u64),
    Text(String),
    Bytes(Vec<u8>),
    /// A simple value of CBOR without a meaning of its own.
    Simple(u8),
    /// A tag of CBOR, or a branch of a union in Avro, with its content.
    Tagged(String, Box<Node>),
    List(Vec<Node>),
    /// In no order, each key once.
    Map(BTreeMap<Node, Node>),
}

impl Node {
    /// A double.
    pub(crate) fn double(number: f64) -> Self {
        Node::Double(if number.is_nan() { f64::NAN } else { number }.to_bits())
    }

    /// Text, or why the bytes are none.
    pub(crate) fn text(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|error| format!("text that is not UTF-8: {error}"))?;
        Ok(Node::Text(text.to_owned()))
    }

    /// The value of a map under this name.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(members) => members.get(&Node::Text(name.to_owned())),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Option<&mut Node> {
        match self {
            Node::Map(members) => members.get_mut(&Node::Text(name.to_owned())),
            _ => None,
        }
    }

    /// Removes the value of a map under this name.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Node::Map(members) = self {
            members.remove(&Node::Text(name.to_owned()));
        }
    }

    /// The members of a map that have names, to be changed.
    pub(crate) fn members_mut(&mut self) -> impl Iterator<Item = (&str, &mut Node)> {
        let members = match self {
            Node::Map(members) => Some(members),
            _ => None,
        };
        members.into_iter().flatten().filter_map(|(name, value)| match name {
            Node::Text(name) => Some((name.as_str(), value)),
            _ => None,
        })
    }
}

/// Adds a member to a map, whose keys are all different.
pub(crate) fn insert(members: &mut BTreeMap<Node, Node>, key: Node, value: Node) -> Result<(), String> {
    match members.insert(key.clone(), value) {
        None => Ok(()),
        Some(_) => Err(format!("{key} appears twice")),
    }
}

/// Notes where a value is not the wanted one.
pub(crate) fn diff(path: &Path, wanted: &Node, got: &Node, differences: &mut Vec<Difference>) {
    match (wanted, got) {
        (Node::Map(wanted), Node::Map(got)) => {
            for (key, value) in wanted {
                match got.get(key) {
                    Some(got) => diff(&member(path, key), value, got, differences),
                    None => differences.push(member(path, key).differs(value, "nothing")),
                }
            }
            for (key, value) in got.iter().filter(|(key, _)| !wanted.contains_key(key)).take(MOST) {
                differences.push(member(path, key).differs("nothing", value));
            }
        }
        (Node::List(wanted), Node::List(got)) if wanted.len() == got.len() => {
            for (index, (wanted, got)) in wanted.iter().zip(got).enumerate() {
                diff(&path.item(index), wanted, got, differences);
            }
        }
        (Node::Tagged(tag, wanted), Node::Tagged(other, got)) if tag == other => {
            diff(path, wanted, got, differences);
        }
        _ if wanted == got => (),
        _ => differences.push(path.differs(wanted, got)),
    }
}

fn member(path: &Path, key: &Node) -> Path {
    match key {
        Node::Text(name) => path.member(name),
        other => path.member(&other.to_string()),
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Node::Null => f.write_str("null"),
            Node::Bool(value) => write!(f, "{value}"),
            Node::Integer(number) => write!(f, "{number}"),
            Node::Double(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Node::Text(text) => write!(f, "{text:?}"),
            Node::Bytes(bytes) => {
                f.write_str("bytes")?;
                bytes.iter().try_for_each(|byte| write!(f, " {byte:02x}"))
            }
            Node::Simple(number) => write!(f, "simple({number})"),
            Node::Tagged(tag, value) => write!(f, "{tag}({value})"),
            Node::List(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Node::Map(members) => {
                f.write_str("{")?;
                for (index, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}
