//! Events to JSON text.

use std::io::Write;

use cloudevents_core::{
    Data, Event, Loss, LossClass, Losses, MediaType, SpecVersion, Value,
    codec::{
        self, append_payload, content_type_stated, form_lost,
        scan::{needs_escape, plain_length},
        type_lost, type_url_lost,
    },
};

/// Appends the document of an event, in one allocation unless something has to be escaped.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Losses {
    let data = event.data();
    out.reserve(length_with(event, data));
    append_with(event, data, out)
}

/// Appends the document to a buffer that has room.
#[inline]
pub(crate) fn append(event: &Event, out: &mut Vec<u8>) -> Losses {
    append_with(event, event.data(), out)
}

/// The length of an event's document if nothing needs escaping. Encoders reserve this much.
#[inline]
pub(crate) fn length(event: &Event) -> usize {
    length_with(event, event.data())
}

#[inline]
fn length_with(event: &Event, data: Option<Data<'_>>) -> usize {
    // Each attribute is a member: its name and its text, and `"":"",` around them.
    let members = event.attributes().len().saturating_mul(r#""":"","#.len());
    let mut length =
        r#"{"specversion":"1.0"}"#.len().saturating_add(codec::attributes_size(event)).saturating_add(members);
    let mut add = |name: &str, text: usize| length = length.saturating_add(name.len()).saturating_add(text);
    if event.datacontenttype().is_none()
        && let Some(content_type) = content_type(event, data)
    {
        add(r#","datacontenttype":"""#, content_type.as_str().len());
    }
    match data {
        None => {}
        Some(Data::Json(json)) => add(r#","data":"#, json.as_str().len()),
        Some(Data::Text(text) | Data::Xml(text)) => add(r#","data":"""#, text.len()),
        Some(data) => {
            add(r#","datacontentencoding":"base64","data":"""#, base64_length(data.as_bytes().len()))
        }
    }
    length
}

/// The order of members is fixed: `specversion`, the attributes in the event's order, the payload.
#[inline]
fn append_with(event: &Event, data: Option<Data<'_>>, out: &mut Vec<u8>) -> Losses {
    let version = event.specversion();
    out.extend_from_slice(match version {
        SpecVersion::V03 => b"{\"specversion\":\"0.3\",\"id\":\"",
        _ => b"{\"specversion\":\"1.0\",\"id\":\"",
    });
    text(event.id(), out);
    out.extend_from_slice(b"\",\"source\":\"");
    out.extend_from_slice(event.source().as_str().as_bytes());
    out.extend_from_slice(b"\",\"type\":\"");
    text(event.ty(), out);
    if let Some(content_type) = content_type(event, data) {
        out.extend_from_slice(b"\",\"datacontenttype\":\"");
        text(content_type.as_str(), out);
    }
    // URIs and timestamps have no characters that need escaping.
    if let Some(uri) = event.dataschema() {
        out.extend_from_slice(b"\",\"dataschema\":\"");
        out.extend_from_slice(uri.as_str().as_bytes());
    } else if let Some(reference) = event.schemaurl() {
        out.extend_from_slice(b"\",\"schemaurl\":\"");
        out.extend_from_slice(reference.as_str().as_bytes());
    }
    if let Some(subject) = event.subject() {
        out.extend_from_slice(b"\",\"subject\":\"");
        text(subject, out);
    }
    if let Some(time) = event.time() {
        out.extend_from_slice(b"\",\"time\":\"");
        out.extend_from_slice(time.as_str().as_bytes());
    }
    out.push(b'"');
    let mut keeps_types = true;
    for (name, value) in event.extensions() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b"\":");
        keeps_types &= extension(value, out);
    }
    let mut losses = payload(event, data, out);
    if !keeps_types {
        type_losses(event, &mut losses);
    }
    out.push(b'}');
    losses
}

/// Whether the type is carried (JSON format, section 2.2).
#[inline]
fn extension(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::String(text) => string(text, out),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::Integer(number) => {
            // Writing to a vector does not fail.
            let _ = write!(out, "{number}");
        }
        Value::Binary(bytes) => {
            base64(bytes, out);
            return false;
        }
        _ => {
            string(value.as_str().unwrap_or_default(), out);
            return false;
        }
    }
    true
}

#[cold]
fn type_losses(event: &Event, losses: &mut Losses) {
    for (name, value) in event.extensions() {
        if !matches!(value, Value::Boolean(_) | Value::Integer(_) | Value::String(_)) {
            losses.push(type_lost(name.as_str()));
        }
    }
}

/// The data rules (JSON format, section 3.1.1).
#[inline]
fn payload(event: &Event, data: Option<Data<'_>>, out: &mut Vec<u8>) -> Losses {
    let bytes = match data {
        None => return Losses::none(),
        Some(Data::Json(json)) => {
            out.extend_from_slice(b",\"data\":");
            match event.datacontenttype() {
                // Under another content type, the text of a JSON value is plain text.
                Some(content_type) if !content_type.is_json() => text_payload(json.as_str(), out),
                _ => {
                    append_payload(json.as_str().as_bytes(), out);
                    return white_space_losses(json.as_str());
                }
            }
            return Losses::none();
        }
        Some(Data::Text(text) | Data::Xml(text)) => {
            out.extend_from_slice(b",\"data\":");
            text_payload(text, out);
            return text_losses(event, data);
        }
        Some(data) => data.as_bytes(),
    };
    if event.specversion() == SpecVersion::V03 {
        out.extend_from_slice(b",\"datacontentencoding\":\"base64\",\"data\":");
    } else {
        out.extend_from_slice(b",\"data_base64\":");
    }
    base64(bytes, out);
    byte_losses(event, data)
}

/// `datacontenttype` as stated, or made explicit if the document would otherwise mean something else than the event.
#[inline]
fn content_type<'a>(event: &'a Event, data: Option<Data<'a>>) -> Option<MediaType<'a>> {
    event.datacontenttype().or_else(|| match data {
        Some(Data::Json(_)) => None,
        _ => event.content_type(),
    })
}

/// White space around the value is part of the document when it is read (RFC 8259, section 2).
#[inline]
fn white_space_losses(json: &str) -> Losses {
    let mut losses = Losses::none();
    let is_white_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t' | b'\r' | b'\n'));
    if is_white_space(json.as_bytes().first()) || is_white_space(json.as_bytes().last()) {
        losses.push(white_space());
    }
    losses
}

#[cold]
fn white_space() -> Loss {
    Loss::of_data(
        LossClass::Spelling,
        "white-space",
        "white space around the JSON value is not part of the payload",
    )
}

/// Text under a JSON content type, or none, reads back as a JSON string. There are no elements of XML.
fn text_losses(event: &Event, data: Option<Data<'_>>) -> Losses {
    let mut losses = Losses::none();
    let is_xml = matches!(data, Some(Data::Xml(_)));
    match event.datacontenttype() {
        Some(content_type) if content_type.is_json() => losses.push(text_as_json()),
        None if !is_xml => losses.push(text_as_json()),
        stated => {
            if stated.is_none() {
                losses.push(content_type_stated());
            }
            if is_xml {
                losses.push(form_lost("xml-as-text", "an XML element becomes text"));
            }
        }
    }
    losses
}

#[cold]
fn text_as_json() -> Loss {
    let detail = "text under a JSON content type, or none, becomes a JSON string";
    Loss::of_data(LossClass::Meaning, "text-as-json", detail)
}

fn byte_losses(event: &Event, data: Option<Data<'_>>) -> Losses {
    let mut losses = Losses::none();
    match data {
        Some(Data::Proto { type_url, .. }) => losses.push(type_url_lost(type_url)),
        Some(Data::Cbor(_)) => losses.push(form_lost("cbor-as-bytes", "a CBOR item becomes bytes")),
        _ => {}
    }
    if event.datacontenttype().is_none() && event.content_type().is_some() {
        losses.push(content_type_stated());
    }
    losses
}

/// Appends a JSON string.
#[inline]
pub(crate) fn string(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    text(value, out);
    out.push(b'"');
}

/// Like [`string`], for a payload, which may be large.
#[inline]
pub(crate) fn text_payload(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if needs_escape(value) {
        escaped(value, out)
    } else {
        append_payload(value.as_bytes(), out)
    }
    out.push(b'"');
}

/// Like [`text_payload`], for JSON text, which is not searched first: nearly every document has strings.
pub(crate) fn json_payload(value: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    escaped(value, out);
    out.push(b'"');
}

/// The contents of a JSON string.
#[inline]
fn text(value: &str, out: &mut Vec<u8>) {
    if needs_escape(value) { escaped(value, out) } else { out.extend_from_slice(value.as_bytes()) }
}

fn escaped(value: &str, out: &mut Vec<u8>) {
    let mut rest = value.as_bytes();
    loop {
        let (plain, special) = rest.split_at(plain_length(rest));
        append_payload(plain, out);
        let Some((&byte, after)) = special.split_first() else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
        }
        rest = after;
    }
}

/// Appends a JSON string of base64.
#[inline]
pub(crate) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    base64_simd::STANDARD.encode_append(bytes, out);
    out.push(b'"');
}

fn base64_length(bytes: usize) -> usize {
    bytes.div_ceil(3).saturating_mul(4)
}
