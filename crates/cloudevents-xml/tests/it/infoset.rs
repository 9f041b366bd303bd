//! Documents as trees, read by quick-xml: what the codec of this crate is held against.

use quick_xml::{
    NsReader, XmlVersion,
    events::{BytesStart, Event},
    name::ResolveResult,
};
use std::collections::BTreeMap;

const CE: &str = "http://cloudevents.io/xmlformat/V1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Node {
    Element(Element),
    Text(String),
    CData(String),
    Comment(String),
}

/// An element: names are `{namespace}local`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) children: Vec<Node>,
}

/// The document element.
pub(crate) fn parse(document: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(document.strip_prefix('\u{feff}').unwrap_or(document));
    reader.config_mut().check_end_names = true;
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let into = &mut open.last_mut().ok_or("too many end tags")?.children;
        match event {
            Event::Start(start) => {
                let element = element(&reader, &start)?;
                open.push(element);
            }
            Event::Empty(start) => into.push(Node::Element(element(&reader, &start)?)),
            Event::End(_) => {
                let done = open.pop().ok_or("too many end tags")?;
                open.last_mut().ok_or("too many end tags")?.children.push(Node::Element(done));
            }
            Event::Text(text) => add(into, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let name: &str = &reference;
                match reference.resolve_char_ref().map_err(|error| error.to_string())? {
                    Some(character) => add(into, &character.to_string()),
                    None => add(
                        into,
                        match name {
                            "lt" => "<",
                            "gt" => ">",
                            "amp" => "&",
                            "quot" => "\"",
                            "apos" => "'",
                            _ => return Err(format!("the entity {name}")),
                        },
                    ),
                }
            }
            Event::CData(text) => into.push(Node::CData(text.xml10_content().into_owned())),
            Event::Comment(text) => into.push(Node::Comment(text.xml10_content().into_owned())),
            Event::DocType(_) => return Err("a document type declaration".into()),
            Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => break,
        }
    }
    let [mut top] = <[Element; 1]>::try_from(open).map_err(|_| "an element is open")?;
    top.children.retain(|node| match node {
        Node::Text(text) => !is_blank(text),
        Node::Comment(_) => false,
        _ => true,
    });
    match <[Node; 1]>::try_from(top.children) {
        Ok([Node::Element(element)]) => Ok(element),
        _ => Err("not one document element".into()),
    }
}

/// The child elements.
pub(crate) fn children(element: &Element) -> Vec<Element> {
    element
        .children
        .iter()
        .filter_map(|node| if let Node::Element(child) = node { Some(child.clone()) } else { None })
        .collect()
}

/// The text of an element.
pub(crate) fn text(element: &Element) -> String {
    element
        .children
        .iter()
        .filter_map(|node| match node {
            Node::Text(text) | Node::CData(text) => Some(text.as_str()),
            _ => None,
        })
        .collect()
}

fn element(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, String> {
    let expanded = |resolved: (ResolveResult<'_>, quick_xml::name::LocalName<'_>)| {
        let local: &str = resolved.1.as_ref();
        match resolved.0 {
            ResolveResult::Unbound => Ok(local.to_owned()),
            ResolveResult::Bound(namespace) => {
                let namespace: &str = namespace.as_ref();
                let namespace = quick_xml::escape::unescape(namespace).map_err(|error| error.to_string())?;
                Ok(if namespace.is_empty() { local.to_owned() } else { format!("{{{namespace}}}{local}") })
            }
            ResolveResult::Unknown(prefix) => Err(format!("the prefix {prefix}")),
        }
    };
    let mut found =
        Element { name: expanded(reader.resolver().resolve_element(start.name()))?, ..Element::default() };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let name = expanded(reader.resolver().resolve_attribute(attribute.key))?;
        let mut value = attribute
            .normalized_value(XmlVersion::default())
            .map_err(|error| error.to_string())?
            .into_owned();
        if name == format!("{{{XSI}}}type") {
            let written = value.trim().to_owned();
            value = match expanded(reader.resolver().resolve_element(quick_xml::name::QName(&written))) {
                Ok(value) => value,
                Err(_) => match written.strip_prefix("ce:") {
                    Some(local) => format!("{{{CE}}}{local}"),
                    None => written.clone(),
                },
            };
        }
        if found.attributes.insert(name.clone(), value).is_some() {
            return Err(format!("{name} stands there twice"));
        }
    }
    Ok(found)
}

fn add(into: &mut Vec<Node>, more: &str) {
    match into.last_mut() {
        Some(Node::Text(text)) => text.push_str(more),
        _ => into.push(Node::Text(more.to_owned())),
    }
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
}
