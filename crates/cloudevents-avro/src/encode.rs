//! Events to datums.

use crate::{
    datum::{bytes_length, long_length, write_bytes, write_long},
    decode::not_v1,
    value,
};
use cloudevents_core::{
    Data, Error, Event, JsonText, Loss, Losses, MediaType, Payload, SpecVersion, Timestamp, Uri,
};

/// The map's entry for the version, the only one there is: name, branch, value. For the others: name and branch.
const SPECVERSION: &[u8] = b"\x16specversion\x06\x061.0";
const ID: &[u8] = b"\x04id\x06";
const SOURCE: &[u8] = b"\x0csource\x06";
const TYPE: &[u8] = b"\x08type\x06";
const DATACONTENTTYPE: &[u8] = b"\x1edatacontenttype\x06";
const DATASCHEMA: &[u8] = b"\x14dataschema\x06";
const SUBJECT: &[u8] = b"\x0esubject\x06";
const TIME: &[u8] = b"\x08time\x06";

/// Appends the document of an event, in one allocation.
///
/// The order of entries is fixed: `specversion`, then the attributes in the event's order.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() != SpecVersion::V1 {
        return Err(not_v1("AVRO-2.4-a"));
    }
    let data = event.data();
    // What a native payload implies is made explicit: the format itself implies nothing.
    let content_type = event.content_type();
    let id = Some(event.id());
    let source = Some(event.source().as_str());
    let ty = Some(event.ty());
    let content_type = content_type.map(MediaType::as_str);
    let schema = event.dataschema().map(Uri::as_str);
    let subject = event.subject();
    let time = event.time().map(Timestamp::as_str);
    let entries = [
        (ID, id),
        (SOURCE, source),
        (TYPE, ty),
        (DATACONTENTTYPE, content_type),
        (DATASCHEMA, schema),
        (SUBJECT, subject),
        (TIME, time),
    ];

    let mut count = 1_i64;
    let mut length = SPECVERSION.len();
    for (head, text) in entries {
        if let Some(text) = text {
            count = count.wrapping_add(1);
            length = length.saturating_add(head.len()).saturating_add(bytes_length(text.len()));
        }
    }
    for (name, value) in event.extensions() {
        count = count.wrapping_add(1);
        length = length.saturating_add(value::length(name, value));
    }
    let payload = data.map_or(0, |data| bytes_length(data.as_bytes().len()));
    reserve(long_length(count).saturating_add(length).saturating_add(2).saturating_add(payload), out);

    let mut losses = Losses::none();
    write_long(count, out);
    out.extend_from_slice(SPECVERSION);
    write_entry(ID, id, out);
    write_entry(SOURCE, source, out);
    write_entry(TYPE, ty, out);
    write_entry(DATACONTENTTYPE, content_type, out);
    write_entry(DATASCHEMA, schema, out);
    write_entry(SUBJECT, subject, out);
    write_entry(TIME, time, out);
    for (name, value) in event.extensions() {
        value::write(name, value, out);
        value::tell_losses(name, value, &mut losses);
    }
    out.push(0);
    write_payload(event, data, out, &mut losses);
    Ok(losses)
}

/// Makes room for a document.
#[inline]
pub(crate) fn reserve(length: usize, out: &mut Vec<u8>) {
    if out.capacity() == 0 {
        // Takes less than to make an allocation larger that is not there.
        *out = Vec::with_capacity(length);
    } else {
        out.reserve(length);
    }
}

/// Appends an entry, if there is one.
#[inline(always)] // The head is known where this is called, and so need not be copied by a call.
fn write_entry(head: &'static [u8], text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.extend_from_slice(head);
        write_bytes(text.as_bytes(), out);
    }
}

/// The field `data` (section 3): bytes as `bytes`, JSON too, which stays verbatim that way; character data as `string`.
#[inline]
fn write_payload(event: &Event, data: Option<Data<'_>>, out: &mut Vec<u8>, losses: &mut Losses) {
    let content_type = event.datacontenttype();
    let is_json = content_type.is_none_or(MediaType::is_json);
    match data {
        None => out.push(0x02),
        Some(Data::Text(text)) => {
            if is_json {
                losses.push(text_as_json());
            }
            string(text, out);
        }
        Some(Data::Xml(text)) => {
            // Without a content type, the one that is made explicit is that of XML.
            if is_json && content_type.is_some() {
                losses.push(text_as_json());
            }
            string(text, out);
        }
        // The text of a JSON value under another content type is text like any other.
        Some(Data::Json(json)) if !is_json => string(json.as_str(), out),
        Some(data) => {
            bytes_losses(event, data, losses);
            out.push(0x00);
            write_bytes(data.as_bytes(), out);
        }
    }
}

#[inline]
fn string(text: &str, out: &mut Vec<u8>) {
    out.push(0x0c);
    write_bytes(text.as_bytes(), out);
}

/// The text without a content type, or under that of JSON, is read as a JSON string.
#[cold]
fn text_as_json() -> Loss {
    Loss::new("data", "text-as-json", "text under a JSON content type, or none, becomes a JSON string")
}

/// What a payload is not any more, where all payloads are bytes and the content type says what they are.
#[inline]
pub(crate) fn bytes_losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    match data {
        Data::Text(_) | Data::Binary(_) => kind_losses(event, data, losses),
        Data::Proto { .. } => {
            losses.push(Loss::new("data", "type-url", "the type URL of the protobuf message is not carried"));
        }
        _ => {}
    }
}

fn kind_losses(event: &Event, data: Data<'_>, losses: &mut Losses) {
    let is_text = matches!(data, Data::Text(_));
    let is_json = || std::str::from_utf8(data.as_bytes()).is_ok_and(|text| JsonText::parse(text).is_ok());
    let is_cbor = || event.data_bytes().is_some_and(|bytes| Payload::cbor(bytes.clone()).is_ok());
    let mut lost = |kind, detail| losses.push(Loss::new("data", kind, detail));
    match event.datacontenttype() {
        Some(content_type) if content_type.is_json() && is_json() => match is_text {
            true => lost("text-as-json", "text under a JSON content type becomes JSON"),
            false => lost("bytes-as-json", "bytes that are JSON, under a JSON content type, become JSON"),
        },
        Some(content_type) if content_type.is_cbor() && is_cbor() => {
            lost("bytes-as-cbor", "bytes that are a CBOR item, under a CBOR content type, become one");
        }
        _ if is_text => lost("text-as-bytes", "text is carried as bytes"),
        _ => {}
    }
}
