//! quick-xml as the oracle: it reads what is written here, and whatever is accepted here says the same there.

use base64_simd::STANDARD;
use cloudevents_conformance::infoset::{self, Element};
use cloudevents_core::{Data, Event, SpecVersion};
use cloudevents_testkit::{any, tagged};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const CE: &str = "{http://cloudevents.io/xmlformat/V1}";
const TYPE: &str = "{http://www.w3.org/2001/XMLSchema-instance}type";
const XS: &str = "{http://www.w3.org/2001/XMLSchema}";

/// The attributes as type-tagged JSON, read off the tree by the words of the specification.
fn attributes(event: &Element) -> Json {
    let mut found = serde_json::Map::new();
    for child in event.elements() {
        let Some(name) = child.name.strip_prefix(CE) else { continue };
        let text = child.text();
        let ty = match (name, child.attributes.get(TYPE)) {
            ("data", _) => continue,
            ("id" | "type" | "subject" | "datacontenttype", _) => "string",
            ("source", _) => "uriRef",
            ("dataschema", _) => "uri",
            ("time", _) => "timestamp",
            (_, Some(ty)) => ty.strip_prefix(CE).unwrap(),
            (_, None) => panic!("{name} has no type"),
        };
        let (ty, value) = match ty {
            "string" => ("String", json!(text)),
            "uri" => ("URI", json!(text)),
            "uriRef" => ("URI-reference", json!(text)),
            "timestamp" => ("Timestamp", json!(text)),
            "binary" => ("Binary", json!(text)),
            "integer" => ("Integer", json!(text.parse::<i32>().unwrap())),
            "boolean" => ("Boolean", json!(text.parse::<bool>().unwrap())),
            _ => panic!("{ty}"),
        };
        assert!(found.insert(name.to_owned(), json!({"type": ty, "value": value})).is_none(), "{name}");
    }
    found.into()
}

/// Panics unless the tree says of the event what was decoded.
pub(crate) fn agree(tree: &Element, event: &Event) {
    assert_eq!(tree.name, format!("{CE}event"));
    assert_eq!(tree.attributes.get("specversion").map(String::as_str), Some("1.0"));
    assert_eq!(attributes(tree), tagged::from_event(event)["attributes"]);
    let payloads: Vec<&Element> = tree.elements().filter(|child| child.name == format!("{CE}data")).collect();
    let Some(data) = event.data() else { return assert!(payloads.is_empty()) };
    let [payload] = payloads.as_slice() else { panic!("{} payloads", payloads.len()) };
    let kind = payload.attributes[TYPE].strip_prefix(XS).unwrap();
    match data {
        Data::Json(json) => assert_eq!((kind, payload.text().as_str()), ("string", json.as_str())),
        Data::Text(text) => assert_eq!((kind, payload.text().as_str()), ("string", text)),
        Data::Xml(element) => {
            assert_eq!(kind, "any");
            assert_eq!(Some(&infoset::parse(element).unwrap()), payload.elements().next());
        }
        _ => {
            assert_eq!(kind, "base64Binary");
            let text: String = payload.text().split_ascii_whitespace().collect();
            assert_eq!(STANDARD.decode_to_vec(text).unwrap(), data.as_bytes());
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    any::event()
        .prop_filter("specversion 0.3 has no XML format", |event| event.specversion() == SpecVersion::V1)
}

proptest! {
    #[test]
    fn what_is_written_is_read_alike(event in event()) {
        let document = String::from_utf8(cloudevents_xml::encode_lossy(&event)?).unwrap();
        agree(&infoset::parse(&document).unwrap(), &cloudevents_xml::decode(document)?);
    }

    #[test]
    fn batches_are_read_alike(events in proptest::collection::vec(event(), 0..3)) {
        let document = String::from_utf8(cloudevents_xml::encode_batch(&events)?.0).unwrap();
        let tree = infoset::parse(&document).unwrap();
        prop_assert_eq!(&tree.name, &format!("{}batch", CE));
        let trees: Vec<&Element> = tree.elements().collect();
        let events = cloudevents_xml::decode_batch(document)?;
        prop_assert_eq!(trees.len(), events.len());
        trees.iter().zip(&events).for_each(|(tree, event)| agree(tree, event));
    }

    #[test]
    fn mutated_documents_say_the_same(event in event(), at in any::<prop::sample::Index>(), with in prop::sample::select(vec![
        "", "<", ">", "/", "&", ";", "&lt;", "&#13;", "&#x41;", "\r", "\r\n", " ", "\"", "'", "=", "]]>", "<!--c-->", "<![CDATA[<x]]>", "<a/>",
        "<p:a xmlns:p='u'>x</p:a>", "xmlns=''", "xmlns:ce='x'", ":", "<?pi x?>", "é", "\u{1}", "x", "<event>", "</event>", "ce:string",
    ]), remove in 0..3_usize) {
        let document = String::from_utf8(cloudevents_xml::encode_lossy(&event)?).unwrap();
        let characters: Vec<char> = document.chars().collect();
        let at = at.index(characters.len() + 1);
        let mutated: String = characters[..at].iter().collect::<String>()
            + with
            + &characters[(at + remove).min(characters.len())..].iter().collect::<String>();
        if let Ok(event) = cloudevents_xml::decode(mutated.clone()) {
            agree(&infoset::parse(&mutated).unwrap(), &event);
        }
    }
}
