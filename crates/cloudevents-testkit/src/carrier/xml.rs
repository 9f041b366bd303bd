//! The XML format.

use super::Became;
use cloudevents_core::{Data, Error, Payload};

/// The prefixes that a document declares, in the order in which they come out.
pub(super) const DECLARED: [(&str, &str); 3] = [
    ("ce", "http://cloudevents.io/xmlformat/V1"),
    ("xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ("xs", "http://www.w3.org/2001/XMLSchema"),
];

pub(super) fn extension(name: &str) -> Became {
    if name.starts_with(|first: char| first.is_ascii_digit()) { Became::Absent } else { Became::Kept }
}

pub(super) fn payload(data: Data<'_>) -> Result<Payload, Error> {
    match data {
        Data::Json(json) if has_all(json.as_str()) => Payload::json(json.as_str().to_owned()),
        Data::Text(text) if has_all(text) => Ok(Payload::text(text)),
        Data::Xml(element) => Ok(Payload::xml(declared(element))),
        _ => Ok(Payload::binary(data.as_bytes().to_vec())),
    }
}

/// Whether XML 1.0 has all of the characters, by the words of its production 2.
fn has_all(text: &str) -> bool {
    text.chars()
        .map(u32::from)
        .all(|code| matches!(code, 0x9 | 0xA | 0xD | 0x20..=0xD7FF | 0xE000..=0xFFFD | 0x10000..=0x10FFFF))
}

/// The element with the declarations of the document, except for prefixes that it declares itself.
fn declared(element: &str) -> String {
    let (head, tail) = start_of(element);
    let declarations: String = DECLARED
        .iter()
        .filter(|(prefix, _)| !element.contains(&format!(" xmlns:{prefix}=")))
        .map(|(prefix, uri)| format!(" xmlns:{prefix}=\"{uri}\""))
        .collect();
    format!("{head}{declarations}{tail}")
}

/// The element without the declarations that a document adds.
pub(super) fn undeclared(element: &str) -> String {
    DECLARED.iter().fold(element.to_owned(), |text, (prefix, uri)| {
        text.replacen(&format!(" xmlns:{prefix}=\"{uri}\""), "", 1)
    })
}

/// `<` and the name of an element, and the rest.
fn start_of(element: &str) -> (&str, &str) {
    element
        .find([' ', '\t', '\n', '\r', '/', '>'])
        .and_then(|end| element.split_at_checked(end))
        .unwrap_or((element, ""))
}
