//! XML documents as trees of elements with their namespaces, read by quick-xml, and the differences that the XML format allows between
//! equivalent documents. An implementation's output can be compared with it.
//!
//! ```
//! use cloudevents_conformance::infoset::{normalized, parse};
//!
//! let one = parse("<e:event xmlns:e='http://cloudevents.io/xmlformat/V1'><e:id>1</e:id></e:event>")?;
//! let other = parse("<event xmlns='http://cloudevents.io/xmlformat/V1'>\n  <id><![CDATA[1]]></id></event>")?;
//! assert_ne!(one, other);
//! assert_eq!(normalized(one), normalized(other));
//! # Ok::<(), String>(())
//! ```

use std::collections::BTreeMap;

use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};

/// The namespace of the XML format.
pub(crate) const CE: &str = "http://cloudevents.io/xmlformat/V1";
const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// Levels of elements: trees are walked and freed level by level.
const DEPTH: usize = 256;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Node {
    /// An element.
    Element(Element),
    /// Text between tags, with its references resolved.
    Text(String),
    /// The text of a CDATA section.
    CData(String),
    /// A comment.
    Comment(String),
    /// A processing instruction.
    Instruction(String),
}

/// An element. Names are `{namespace}local`, or the local name alone if there is no namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element {
    /// The name.
    pub name: String,
    /// Attributes by name, without declarations of namespaces. The value of `xsi:type` is a name, too.
    pub attributes: BTreeMap<String, String>,
    /// The content between its tags.
    pub children: Vec<Node>,
}

impl Element {
    /// The child elements.
    pub fn elements(&self) -> impl Iterator<Item = &Element> {
        self.children
            .iter()
            .filter_map(|node| if let Node::Element(child) = node { Some(child) } else { None })
    }

    /// The text directly in the element, CDATA sections included.
    pub fn text(&self) -> String {
        let texts = self.children.iter().filter_map(|node| match node {
            Node::Text(text) | Node::CData(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }
}

/// The first child element of the format that has this name.
pub(crate) fn child<'a>(element: &'a Element, name: &str) -> Option<&'a Element> {
    let name = format!("{{{CE}}}{name}");
    element.elements().find(|child| child.name == name)
}

/// The same, to be changed.
pub(crate) fn child_mut<'a>(element: &'a mut Element, name: &str) -> Option<&'a mut Element> {
    let name = format!("{{{CE}}}{name}");
    let mut elements = element.children.iter_mut().filter_map(|node| match node {
        Node::Element(child) => Some(child),
        _ => None,
    });
    elements.find(|child| child.name == name)
}

/// Whether two elements say the same type.
pub(crate) fn is_of_same_type(one: &Element, other: &Element) -> bool {
    one.attributes == other.attributes
}

/// Whether two documents are the same but for their spelling.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one == other || parse(one).is_ok_and(|one| parse(other).is_ok_and(|other| one == other))
}

/// Parses a document and returns its document element. Errors: the text is not well-formed XML, has a document type declaration, or
/// nests elements more than 256 levels deep.
pub fn parse(document: &str) -> Result<Element, String> {
    let mut reader = NsReader::from_str(document.strip_prefix('\u{feff}').unwrap_or(document));
    reader.config_mut().check_end_names = true;
    let mut open = vec![Element::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let into = &mut open.last_mut().ok_or("too many end tags")?.children;
        match event {
            Event::Start(start) => {
                let element = element(&reader, &start)?;
                if open.len() > DEPTH {
                    return Err(format!("more than {DEPTH} levels of elements"));
                }
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
            Event::PI(instruction) => into.push(Node::Instruction((*instruction).to_owned())),
            Event::Decl(_) => {}
            Event::Eof => break,
        }
    }
    let [mut top] = <[Element; 1]>::try_from(open).map_err(|_| "an element is open")?;
    top.children.retain(|node| match node {
        Node::Text(text) => !is_blank(text),
        Node::Comment(_) | Node::Instruction(_) => false,
        _ => true,
    });
    match <[Node; 1]>::try_from(top.children) {
        Ok([Node::Element(element)]) => Ok(element),
        _ => Err("not one document element".into()),
    }
}

/// Returns a normal form that is equal for equivalent documents of the XML format.
///
/// It ignores the order of attributes, comments, white space between elements, CDATA, and the right type of an attribute whose type the
/// format defines. It ignores elements of other namespaces in an event, and attributes that the format does not describe: both "MAY
/// appear" (XML format, section 1.2). It keeps misplaced text and elements of the format, so that a document with them is different.
pub fn normalized(mut element: Element) -> Element {
    let is_event = element.name == format!("{{{CE}}}event");
    element
        .attributes
        .retain(|name, _| if is_event { name == "specversion" } else { *name == format!("{{{XSI}}}type") });
    match element.name.strip_prefix(&format!("{{{CE}}}")) {
        Some("batch") => {
            element.children = children(element.children, normalized);
        }
        Some("event") => {
            element.children = children(element.children, |child| untyped(normalized(child)));
            element.children.retain(|node| match node {
                Node::Element(child) => child.name.starts_with(&format!("{{{CE}}}")),
                _ => true,
            });
            element.children.sort();
        }
        _ if element
            .attributes
            .get(&format!("{{{XSI}}}type"))
            .is_some_and(|ty| ty.ends_with("XMLSchema}any")) =>
        {
            element.children = children(element.children, |child| child);
        }
        _ => {
            let mut content = vec![Node::Text(element.text())];
            content.extend(element.elements().cloned().map(Node::Element));
            element.children = content;
        }
    }
    element
}

/// Child elements, each changed, and the text between them, without comments and white space.
fn children(nodes: Vec<Node>, change: impl Fn(Element) -> Element) -> Vec<Node> {
    let kept = nodes.into_iter().filter_map(|node| match node {
        Node::Element(child) => Some(Node::Element(change(child))),
        Node::Text(text) | Node::CData(text) if !is_blank(&text) => Some(Node::Text(text)),
        _ => None,
    });
    kept.collect()
}

/// Removes the type of an attribute whose type the format defines, if it is that type.
fn untyped(mut element: Element) -> Element {
    let of_type = match element.name.strip_prefix(&format!("{{{CE}}}")) {
        Some("id" | "type" | "datacontenttype" | "subject") => "string",
        Some("source") => "uriRef",
        Some("dataschema") => "uri",
        Some("time") => "timestamp",
        _ => return element,
    };
    let name = format!("{{{XSI}}}type");
    if element.attributes.get(&name).is_some_and(|stated| *stated == format!("{{{CE}}}{of_type}")) {
        element.attributes.remove(&name);
    }
    element
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
            return Err(format!("{name} appears twice"));
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

#[cfg(test)]
mod tests {
    use super::*;

    fn same(one: &str, other: &str) -> bool {
        normalized(parse(one).unwrap()) == normalized(parse(other).unwrap())
    }

    #[test]
    fn what_two_documents_may_differ_in() {
        let event = |attributes: &str| {
            format!(
                "<c:event xmlns:c='{CE}' xmlns:xsi='{XSI}' xmlns:xs='http://www.w3.org/2001/XMLSchema' specversion='1.0'>{attributes}</c:event>"
            )
        };
        let plain = format!("<event xmlns=\"{CE}\" specversion=\"1.0\"><type>t</type><id>1</id></event>");
        assert!(same(&event("<c:id>1</c:id><c:type>t</c:type>"), &plain));
        assert!(same(
            &event("\n <c:type xsi:type='c:string'><![CDATA[t]]></c:type><!-- x --><c:id>&#49;</c:id>"),
            &plain
        ));
        assert!(!same(&event("<c:id>1</c:id><c:type>T</c:type>"), &plain));
        assert!(!same(&event("<c:id>1</c:id><c:type> t</c:type>"), &plain));
        assert!(!same(&event("<c:id>1</c:id>"), &plain));
        assert!(!same(&event("stray<c:id>1</c:id><c:type>t</c:type>"), &plain));
        assert!(!same(&event("<c:id>1</c:id><c:type>t<c:x/></c:type>"), &plain));
        let payload = |text: &str| event(&format!("<c:data xsi:type='xs:any'>{text}</c:data>"));
        assert!(same(&payload("<a x='1' y='2'/>"), &payload("<a y='2' x='1'></a>")));
        assert!(!same(&payload("<a>b</a>"), &payload("<a><b/></a>")));
        assert!(!same(&payload("<a/>"), &payload("<a xmlns='urn:a'/>")));
        assert!(!same(
            &event("<c:x xsi:type='c:string'>1</c:x>"),
            &event("<c:x xsi:type='c:integer'>1</c:x>")
        ));
    }

    #[test]
    fn what_is_no_document() {
        for bad in ["", "<a>", "<a/><b/>", "<a>&x;</a>", "<x:a/>", "<!DOCTYPE a><a/>", "<a b='1' b='2'/>"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_err());
    }
}
