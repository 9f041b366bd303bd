//! Extensions of documents that are written as the String that is their canonical text.
//!
//! "Attribute values MAY be presented as native types or canonical strings" (`CE-Type-System-n`). An implementation that holds each value
//! as its canonical string writes Strings.

use crate::infoset::{CE, Element};
use crate::tree::json::{Json, Kind};
use crate::tree::node::Node;

use super::bytes;
use super::how::is_extension;
use super::instant::Instant;

/// The attribute of XML that names the type of an extension.
const TYPE: &str = "{http://www.w3.org/2001/XMLSchema-instance}type";

/// Whether a text of JSON is the canonical string of an Integer or a Boolean of JSON.
pub(super) fn is_canonical_string(value: &Json, text: &Json) -> bool {
    let canonical = value.to_string();
    let has_one = match value.kind {
        Kind::Bool(_) => true,
        Kind::Number(_) => canonical.parse::<i32>().is_ok(),
        _ => false,
    };
    has_one && text.as_str() == Some(&*canonical)
}

/// Gives each extension of an event in a binary notation its type, if the event has its canonical string.
///
/// `wanted` and `got` are the maps in which the notation has extensions.
pub(super) fn give_types(wanted: &Node, got: &mut Node) {
    for (name, got) in got.members_mut().filter(|(name, _)| is_extension(name) && *name != "data") {
        if let Some(wanted) = wanted.get(name)
            && string(got).is_some_and(|text| is_text_of_attribute(wanted, text))
        {
            *got = wanted.clone();
        }
    }
}

/// Whether an extension in XML has the wanted text, and the type String in place of the wanted one.
pub(super) fn is_string_of(name: &str, wanted: &Element, got: &Element) -> bool {
    let is_string = got.attributes.get(TYPE).is_some_and(|name| *name == format!("{{{CE}}}string"));
    let has_more = got.attributes.keys().any(|name| name != TYPE);
    is_extension(name) && name != "data" && is_string && !has_more && wanted.text() == got.text()
}

/// Whether two elements of XML are the same octets. In `xs:base64Binary`, white space has no meaning (XML Schema, part 2, section 3.2.16).
pub(super) fn has_same_octets(wanted: &Element, got: &Element) -> bool {
    let is_binary = |name: &String| name.ends_with("}base64Binary") || *name == format!("{{{CE}}}binary");
    let octets =
        |element: &Element| bytes::decode(&element.text().split_ascii_whitespace().collect::<String>());
    wanted.attributes.get(TYPE).is_some_and(is_binary)
        && wanted.attributes == got.attributes
        && [wanted, got].iter().all(|element| element.elements().next().is_none())
        && octets(wanted).is_some_and(|wanted| octets(got) == Some(wanted))
}

/// Whether a text is the canonical string of an attribute that has a type: a branch of Avro, a field of Protobuf, or an item of CBOR.
fn is_text_of_attribute(attribute: &Node, text: &str) -> bool {
    match attribute {
        // The Timestamp of the Avro compact format, in microseconds.
        Node::Tagged(branch, value) if branch == "long" => {
            let instant = Instant::parse(text).and_then(|instant| instant.seconds_and_nanoseconds());
            instant.is_some_and(|(seconds, nanoseconds)| {
                let microseconds = i128::from(seconds) * 1_000_000 + i128::from(nanoseconds / 1_000);
                nanoseconds % 1_000 == 0 && **value == Node::Integer(microseconds)
            })
        }
        Node::Tagged(_, value) => is_text_of(value, text),
        Node::Map(fields) if fields.len() == 1 => fields.values().all(|value| is_text_of(value, text)),
        value => is_text_of(value, text),
    }
}

/// The text of an attribute that is a String.
fn string(attribute: &Node) -> Option<&str> {
    let value = match attribute {
        Node::Tagged(branch, value) if branch == "string" => value,
        Node::Map(_) => attribute.get("ce_string")?,
        value => value,
    };
    match value {
        Node::Text(text) => Some(text),
        _ => None,
    }
}

/// Whether a text is the canonical string of a value.
fn is_text_of(value: &Node, text: &str) -> bool {
    match value {
        Node::Bool(value) => text == value.to_string(),
        Node::Integer(number) => text == number.to_string(),
        Node::Text(wanted) => text == wanted,
        Node::Bytes(wanted) => bytes::decode(text).as_ref() == Some(wanted),
        Node::Map(_) => {
            let part = |name| match value.get(name) {
                Some(Node::Integer(number)) => i64::try_from(*number).ok(),
                _ => Some(0),
            };
            Instant::parse(text).and_then(|instant| instant.seconds_and_nanoseconds())
                == part("seconds").zip(part("nanos"))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(name: &str, value: Node) -> Node {
        Node::Map([(Node::Text(name.to_owned()), value)].into())
    }

    fn text(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    fn tagged(tag: &str, value: Node) -> Node {
        Node::Tagged(tag.to_owned(), Box::new(value))
    }

    fn is_given(name: &str, wanted: &Node, got: Node) -> bool {
        let (wanted, mut got) = (attribute(name, wanted.clone()), attribute(name, got));
        give_types(&wanted, &mut got);
        wanted == got
    }

    #[test]
    fn an_extension_may_be_the_string_of_its_value_in_each_notation() {
        let avro = |string| tagged("string", text(string));
        let protobuf = |string| attribute("ce_string", text(string));
        let instant = Node::Map(
            [(text("seconds"), Node::Integer(1)), (text("nanos"), Node::Integer(5_000_000))].into(),
        );
        for (value, canonical, other) in [
            (Node::Bool(true), "true", "True"),
            (Node::Integer(-5), "-5", "-5.0"),
            (Node::Bytes(vec![0, 1, 255]), "AAH/", "AAE="),
            (instant, "1970-01-01T01:00:01.0050+01:00", "1970-01-01T00:00:01Z"),
        ] {
            assert!(is_given("x", &tagged("branch", value.clone()), avro(canonical)), "{canonical}");
            assert!(is_given("x", &attribute("ce_field", value.clone()), protobuf(canonical)), "{canonical}");
            assert!(!is_given("x", &tagged("branch", value.clone()), avro(other)), "{other}");
            assert!(!is_given("x", &attribute("ce_field", value.clone()), protobuf(other)), "{other}");
        }
        assert!(is_given("x", &Node::Bool(false), text("false")));
        let long = tagged("long", Node::Integer(1_005_000));
        assert!(
            is_given("x", &long, avro("1970-01-01T00:00:01.005Z")) && !is_given("x", &long, avro("1005000"))
        );
        // A String stays one, and attributes of the specification and the payload keep their types.
        assert!(!is_given("x", &avro("true"), tagged("boolean", Node::Bool(true))));
        assert!(!is_given("data", &Node::Integer(5), text("5")));
        assert!(!is_given("time", &attribute("ce_field", Node::Integer(5)), protobuf("5")));
    }
}
