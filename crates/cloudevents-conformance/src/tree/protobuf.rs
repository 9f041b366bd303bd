//! Protobuf: messages of the schema that the specification publishes. Two encodings of one message may differ in the order of fields and of
//! entries of a map, in default values that are left out, and in numbers that take more bytes than they need.

use std::collections::BTreeMap;

use super::input::Input;
use super::node::{Node, insert};

/// A field of a message.
struct Field {
    number: u64,
    name: &'static str,
    kind: Kind,
    holds: Holds,
}

enum Kind {
    Bool,
    Int32,
    Int64,
    Text,
    Bytes,
    Message(&'static [Field]),
}

#[derive(PartialEq)]
enum Holds {
    /// One value; the default is the same as none.
    One,
    /// One value or none.
    Optional,
    Many,
    /// Entries of a map, in messages of two fields.
    Entries,
}

const fn field(number: u64, name: &'static str, kind: Kind, holds: Holds) -> Field {
    Field { number, name, kind, holds }
}

static EVENT: [Field; 8] = [
    field(1, "id", Kind::Text, Holds::One),
    field(2, "source", Kind::Text, Holds::One),
    field(3, "spec_version", Kind::Text, Holds::One),
    field(4, "type", Kind::Text, Holds::One),
    field(5, "attributes", Kind::Message(&VALUE), Holds::Entries),
    field(6, "binary_data", Kind::Bytes, Holds::Optional),
    field(7, "text_data", Kind::Text, Holds::Optional),
    field(8, "proto_data", Kind::Message(&ANY), Holds::Optional),
];
static VALUE: [Field; 7] = [
    field(1, "ce_boolean", Kind::Bool, Holds::Optional),
    field(2, "ce_integer", Kind::Int32, Holds::Optional),
    field(3, "ce_string", Kind::Text, Holds::Optional),
    field(4, "ce_bytes", Kind::Bytes, Holds::Optional),
    field(5, "ce_uri", Kind::Text, Holds::Optional),
    field(6, "ce_uri_ref", Kind::Text, Holds::Optional),
    field(7, "ce_timestamp", Kind::Message(&TIMESTAMP), Holds::Optional),
];
static TIMESTAMP: [Field; 2] =
    [field(1, "seconds", Kind::Int64, Holds::One), field(2, "nanos", Kind::Int32, Holds::One)];
static ANY: [Field; 2] =
    [field(1, "type_url", Kind::Text, Holds::One), field(2, "value", Kind::Bytes, Holds::One)];
static BATCH: [Field; 1] = [field(1, "events", Kind::Message(&EVENT), Holds::Many)];

/// A `CloudEvent`.
pub(crate) fn parse(document: &[u8]) -> Result<Node, String> {
    message(document, &EVENT)
}

/// A `CloudEventBatch`.
pub(crate) fn parse_batch(document: &[u8]) -> Result<Node, String> {
    message(document, &BATCH)
}

/// The fields by name. Fields that the schema does not have are kept. The schema bounds the depth.
fn message(bytes: &[u8], schema: &[Field]) -> Result<Node, String> {
    let mut members = BTreeMap::new();
    let mut lists: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    let mut maps: BTreeMap<&str, BTreeMap<Node, Node>> = BTreeMap::new();
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let tag = input.varint()?;
        let content = Content::read(tag & 7, &mut input)?;
        let Some(field) = schema.iter().find(|field| field.number == tag >> 3) else {
            lists.entry(format!("field {}", tag >> 3)).or_default().push(content.unknown());
            continue;
        };
        let place = |error: String| format!("{}: {error}", field.name);
        match field.holds {
            Holds::Entries => {
                let (key, value) = entry(content, &field.kind).map_err(place)?;
                insert(maps.entry(field.name).or_default(), key, value)?;
            }
            Holds::Many => {
                let value = content.of(&field.kind).map_err(place)?;
                lists.entry(field.name.to_owned()).or_default().push(value);
            }
            Holds::One | Holds::Optional => {
                let value = content.of(&field.kind).map_err(place)?;
                if !(field.holds == Holds::One && is_default(&value)) {
                    insert(&mut members, Node::Text(field.name.to_owned()), value)?;
                }
            }
        }
    }
    members.extend(lists.into_iter().map(|(name, items)| (Node::Text(name), Node::List(items))));
    members.extend(maps.into_iter().map(|(name, entries)| (Node::Text(name.to_owned()), Node::Map(entries))));
    Ok(Node::Map(members))
}

/// An entry of a map: key and value. Each of them may be left out.
fn entry(content: Content<'_>, kind: &Kind) -> Result<(Node, Node), String> {
    let Content::Bytes(bytes) = content else { return Err("an entry that is not a message".into()) };
    let (mut key, mut value) = (Node::Text(String::new()), Content::Bytes(&[]).of(kind)?);
    let mut input = Input::new(bytes);
    while !input.is_empty() {
        let tag = input.varint()?;
        let content = Content::read(tag & 7, &mut input)?;
        match tag >> 3 {
            1 => key = content.of(&Kind::Text)?,
            2 => value = content.of(kind)?,
            number => return Err(format!("an entry with a field {number}")),
        }
    }
    Ok((key, value))
}

fn is_default(value: &Node) -> bool {
    match value {
        Node::Integer(number) => *number == 0,
        Node::Text(text) => text.is_empty(),
        Node::Bytes(bytes) => bytes.is_empty(),
        _ => false,
    }
}

/// The content of a field, as its wire type determines it.
#[derive(Clone, Copy)]
enum Content<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed64([u8; 8]),
    Fixed32([u8; 4]),
}

impl<'a> Content<'a> {
    fn read(wire_type: u64, input: &mut Input<'a>) -> Result<Self, String> {
        Ok(match wire_type {
            0 => Content::Varint(input.varint()?),
            1 => Content::Fixed64(input.array()?),
            2 => {
                let length = input.varint()?;
                Content::Bytes(input.take_long(length)?)
            }
            5 => Content::Fixed32(input.array()?),
            other => return Err(format!("a field of wire type {other}")),
        })
    }

    fn of(self, kind: &Kind) -> Result<Node, String> {
        match (kind, self) {
            (Kind::Bool, Content::Varint(number)) => Ok(Node::Bool(number != 0)),
            (Kind::Int32, Content::Varint(number)) => {
                let narrow = i32::try_from(number.cast_signed());
                // Some write a negative number in 32 bits, which readers accept.
                let narrow = narrow.or_else(|_| u32::try_from(number).map(u32::cast_signed));
                Ok(Node::Integer(narrow.map_err(|_| format!("an int32 of {number}"))?.into()))
            }
            (Kind::Int64, Content::Varint(number)) => Ok(Node::Integer(number.cast_signed().into())),
            (Kind::Text, Content::Bytes(bytes)) => Node::text(bytes),
            (Kind::Bytes, Content::Bytes(bytes)) => Ok(Node::Bytes(bytes.to_vec())),
            (Kind::Message(schema), Content::Bytes(bytes)) => message(bytes, schema),
            _ => Err("a wire type that is not that of the schema".into()),
        }
    }

    fn unknown(self) -> Node {
        match self {
            Content::Varint(number) => Node::Integer(number.into()),
            Content::Bytes(bytes) => Node::Bytes(bytes.to_vec()),
            Content::Fixed64(bytes) => Node::Bytes(bytes.to_vec()),
            Content::Fixed32(bytes) => Node::Bytes(bytes.to_vec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::hex;

    /// Two serialisations of one message by Google's runtime for Python, one of which is said to be deterministic.
    const SAME: [&str; 2] = [
        "0a013112022f731a03312e302201742a080a016112031a01782a100a0162120b10ffffffffffffffffff01\
         2a0e0a0474696d6512063a04080510073a026869",
        "0a013112022f731a03312e302201742a0e0a0474696d6512063a04080510072a080a016112031a0178\
         2a100a0162120b10ffffffffffffffffff013a026869",
    ];

    #[test]
    fn what_two_encodings_may_differ_in() {
        let [one, other] = SAME.map(|text| parse(&hex(text)).unwrap());
        assert_eq!(one, other);
        assert_eq!(
            one.to_string(),
            "{\"attributes\": {\"a\": {\"ce_string\": \"x\"}, \"b\": {\"ce_integer\": -1}, \
             \"time\": {\"ce_timestamp\": {\"nanos\": 7, \"seconds\": 5}}}, \
             \"id\": \"1\", \"source\": \"/s\", \"spec_version\": \"1.0\", \"text_data\": \"hi\", \"type\": \"t\"}"
        );
        let same = |one: &str, other: &str| parse(&hex(one)).unwrap() == parse(&hex(other)).unwrap();
        // Fields in another order; numbers of more bytes; defaults; an entry without a value; members of the oneof.
        assert!(same("0a0131 120173", "120173 0a0131"));
        assert!(same("0a0131", "8a00 8100 31"));
        assert!(same("", "0a00 1200"));
        assert!(same("2a03 0a0161", "2a05 0a0161 1200"));
        assert!(same("2a07 0a0161 1202 3a00", "2a0b 0a0161 1206 3a04 0800 1000"));
        assert!(same("2a10 0a0162 120b 10feffffffffffffffff01", "2a0b 0a0162 1206 10feffffff0f"));
        assert!(!same("", "3200"));
        assert!(!same("2a05 0a0161 1200", "2a07 0a0161 1202 0800"));
        assert!(!same("3200", "3a00"));
        assert!(!same("", "480a"));
        assert!(!same("4805", "4806"));
    }

    #[test]
    fn events_of_a_batch_have_an_order() {
        let (one, two) = ("0a03 0a0131", "0a03 0a0132");
        let batch = |text: &str| parse_batch(&hex(text)).unwrap();
        assert_ne!(batch(&format!("{one}{two}")), batch(&format!("{two}{one}")));
        assert_eq!(batch(one).to_string(), "{\"events\": [{\"id\": \"1\"}]}");
        assert_ne!(batch(one), batch(""));
    }

    #[test]
    fn what_is_no_message() {
        for bad in [
            "0a",
            "0a02 31",
            "0a01 ff",
            "08 01",
            "0b 0c",
            "0f",
            "0a0131 0a0131",
            "2a0161",
            "2a03 0a0161 2a03 0a0161",
            "2a02 1801",
            "ffffffffffffffffffff01",
            "ffffffffffffffffff02",
        ] {
            assert!(parse(&hex(bad)).is_err(), "{bad}");
        }
    }
}
