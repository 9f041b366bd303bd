//! Events to XML text.

use crate::{
    data::Written,
    decode::no_03,
    glance::{has_special, specials},
    value::name_of,
};
use cloudevents_core::{
    Error, Event, Loss, LossClass, Losses, SpecVersion, Value,
    codec::{append_payload, content_type_stated},
};
use std::io::Write;

/// The XML declaration of a document.
pub(crate) const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// The namespaces that are declared on the document element. The types of attributes need `ce`, payloads need `xs`.
pub(crate) const NAMESPACES: &str = concat!(
    r#" xmlns="http://cloudevents.io/xmlformat/V1" xmlns:ce="http://cloudevents.io/xmlformat/V1""#,
    r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema""#,
);

/// Appends the document of an event, in one allocation unless something has to be escaped.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    let length = length(event)?;
    out.reserve(length.saturating_add(DECLARATION.len()).saturating_add(NAMESPACES.len()));
    out.extend_from_slice(DECLARATION.as_bytes());
    append(event, NAMESPACES, out)
}

/// The length of an event's element if nothing needs escaping. Encoders reserve this much. Events of specversion 0.3 are refused.
#[inline]
pub(crate) fn length(event: &Event) -> Result<usize, Error> {
    if event.specversion() == SpecVersion::V03 {
        return Err(no_03());
    }
    let mut length = r#"<event specversion="1.0"></event>"#.len();
    let mut add = |tags: usize, text: usize| length = length.saturating_add(tags).saturating_add(text);
    for (name, value) in event.attributes() {
        let text = match value {
            Value::Boolean(_) | Value::Integer(_) => 11,
            Value::Binary(bytes) => base64_length(bytes.len()),
            _ => value.as_str().map_or(0, str::len),
        };
        add(r#"< xsi:type="ce:timestamp"></>"#.len(), name.as_str().len().saturating_mul(2));
        add(0, text);
    }
    if event.datacontenttype().is_none() {
        add("<datacontenttype>application/protobuf</datacontenttype>".len(), 0);
    }
    if let Some(bytes) = event.data_bytes() {
        // The payload may be written as bytes, but text is more frequent.
        add(
            r#"<ce:data xmlns="" xsi:type="xs:base64Binary"></ce:data>"#.len(),
            payload_length(event, bytes.len()),
        );
    }
    Ok(length)
}

/// Appends the element. The order of its children is fixed: the attributes in the event's order, the payload.
#[inline]
pub(crate) fn append(event: &Event, namespaces: &str, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() == SpecVersion::V03 {
        return Err(no_03());
    }
    let (written, mut losses) = Written::of(event.data(), event);
    out.extend_from_slice(b"<event");
    out.extend_from_slice(namespaces.as_bytes());
    out.extend_from_slice(b" specversion=\"1.0\"><id>");
    text(event.id(), out);
    out.extend_from_slice(b"</id><source>");
    text(event.source().as_str(), out);
    out.extend_from_slice(b"</source><type>");
    text(event.ty(), out);
    out.extend_from_slice(b"</type>");
    if let Some(content_type) = written.content_type(event) {
        element("datacontenttype", content_type.as_str(), out);
        if event.datacontenttype().is_none() {
            losses.push(content_type_stated());
        }
    }
    if let Some(uri) = event.dataschema() {
        element("dataschema", uri.as_str(), out);
    }
    if let Some(subject) = event.subject() {
        element("subject", subject, out);
    }
    if let Some(time) = event.time() {
        element("time", time.as_str(), out);
    }
    for (name, value) in event.extensions() {
        if name.as_str().starts_with(|first: char| first.is_ascii_digit()) {
            losses.push(unnameable(name.as_str()));
        } else {
            extension(name.as_str(), value, out);
        }
    }
    payload(written, out);
    out.extend_from_slice(b"</event>");
    Ok(losses)
}

#[inline]
fn element(name: &'static str, value: &str, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
    text(value, out);
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

#[inline]
fn extension(name: &str, value: Value<'_>, out: &mut Vec<u8>) {
    out.push(b'<');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b" xsi:type=\"ce:");
    out.extend_from_slice(name_of(value.attribute_type()).as_bytes());
    out.extend_from_slice(b"\">");
    match value {
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => {
            // Writing to a vector does not fail.
            let _ = write!(out, "{number}");
        }
        Value::Binary(bytes) => base64_simd::STANDARD.encode_append(bytes, out),
        _ => text(value.as_str().unwrap_or_default(), out),
    }
    out.extend_from_slice(b"</");
    out.extend_from_slice(name.as_bytes());
    out.push(b'>');
}

#[inline]
fn payload(written: Written<'_>, out: &mut Vec<u8>) {
    match written {
        Written::Nothing => {}
        Written::Characters(characters, special) => {
            out.extend_from_slice(b"<data xsi:type=\"xs:string\">");
            if special {
                escaped(characters, out)
            } else {
                append_payload(characters.as_bytes(), out)
            }
            out.extend_from_slice(b"</data>");
        }
        Written::Bytes(bytes) => {
            out.extend_from_slice(b"<data xsi:type=\"xs:base64Binary\">");
            base64_simd::STANDARD.encode_append(bytes, out);
            out.extend_from_slice(b"</data>");
        }
        // The default namespace of the document must not become that of the payload.
        Written::Element(element) => {
            out.extend_from_slice(b"<ce:data xmlns=\"\" xsi:type=\"xs:any\">");
            append_payload(element.as_bytes(), out);
            out.extend_from_slice(b"</ce:data>");
        }
    }
}

#[cold]
fn unnameable(name: &str) -> Loss {
    Loss::new(
        LossClass::Meaning,
        name,
        "attribute-name",
        "the name begins with a digit, which no XML name does; the attribute is left out",
    )
}

/// Character data. All of its characters exist in XML.
#[inline]
fn text(value: &str, out: &mut Vec<u8>) {
    if has_special(value.as_bytes()) { escaped(value, out) } else { out.extend_from_slice(value.as_bytes()) }
}

/// Copies literal characters in runs. Carriage returns are escaped, because a literal one would be read as a line feed.
#[cold]
fn escaped(value: &str, out: &mut Vec<u8>) {
    const BLOCK: usize = 64;
    let bytes = value.as_bytes();
    let (mut block, mut written) = (0_usize, 0_usize);
    for chunk in bytes.chunks(BLOCK) {
        let mut marks = match chunk.first_chunk() {
            Some(whole) => specials(whole),
            None => {
                let mut last = [0; BLOCK];
                last.iter_mut().zip(chunk).for_each(|(to, from)| *to = *from);
                specials(&last)
            }
        };
        while marks != 0 {
            let at = block.wrapping_add(marks.trailing_zeros() as usize);
            marks &= marks.wrapping_sub(1);
            out.extend_from_slice(bytes.get(written..at).unwrap_or_default());
            out.extend_from_slice(match bytes.get(at) {
                Some(b'<') => b"&lt;",
                Some(b'>') => b"&gt;",
                Some(b'&') => b"&amp;",
                _ => b"&#13;",
            });
            written = at.wrapping_add(1);
        }
        block = block.wrapping_add(BLOCK);
    }
    out.extend_from_slice(bytes.get(written..).unwrap_or_default());
}

fn payload_length(event: &Event, length: usize) -> usize {
    use cloudevents_core::Data;
    match event.data() {
        Some(Data::Json(_) | Data::Text(_) | Data::Xml(_)) => length,
        _ => base64_length(length),
    }
}

fn base64_length(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}
