//! Events to CBOR documents.

use crate::{
    data::Written,
    decode::version_error,
    value,
    wire::{MAP, TEXT, head_length, put_head, put_string, string_length},
};
use cloudevents_core::{Error, Event, Losses, MediaType, SpecVersion, Timestamp, Uri};

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() == SpecVersion::V03 {
        return Err(version_error());
    }
    let data = event.data();
    let written = Written::of(event, data);
    let id = Some(event.id());
    let source = Some(event.source().as_str());
    let ty = Some(event.ty());
    // What is not said otherwise is made explicit.
    let content_type = written.content_type(event).map(MediaType::as_str);
    let schema = event.dataschema().map(Uri::as_str);
    let subject = event.subject();
    let time = event.time().map(Timestamp::as_str);
    let texts = [
        (ID, id),
        (SOURCE, source),
        (TYPE, ty),
        (DATACONTENTTYPE, content_type),
        (DATASCHEMA, schema),
        (SUBJECT, subject),
        (TIME, time),
    ];
    let (members, length) = measure(event, &texts, written);
    if out.capacity() == 0 {
        // Takes less than to make an allocation larger that is not there.
        *out = Vec::with_capacity(length);
    } else {
        out.reserve(length);
    }
    put_head(MAP, members, out);
    let mut losses = written.losses(event, data);
    out.extend_from_slice(SPECVERSION);
    put_text(ID, id, out);
    put_text(SOURCE, source, out);
    put_text(TYPE, ty, out);
    put_text(DATACONTENTTYPE, content_type, out);
    put_text(DATASCHEMA, schema, out);
    put_text(SUBJECT, subject, out);
    put_text(TIME, time, out);
    if let Some(time) = time {
        value::upper_case_timestamp(time, out);
    }
    for (name, value) in event.extensions() {
        put_string(TEXT, name.as_str().as_bytes(), out);
        value::write(value, out);
        value::tell_losses(name.as_str(), value, &mut losses);
    }
    if data.is_some() {
        out.extend_from_slice(DATA);
        written.write(out);
    }
    Ok(losses)
}

/// The member for the version, the only one there is.
const SPECVERSION: &[u8] = b"\x6bspecversion\x631.0";
/// Names, and the tags of their values.
const ID: &[u8] = b"\x62id";
const SOURCE: &[u8] = b"\x66source\xd8\x20";
const TYPE: &[u8] = b"\x64type";
const DATACONTENTTYPE: &[u8] = b"\x6fdatacontenttype";
const DATASCHEMA: &[u8] = b"\x6adataschema\xd8\x20";
const SUBJECT: &[u8] = b"\x67subject";
const TIME: &[u8] = b"\x64time\xc0";
const DATA: &[u8] = b"\x64data";

/// Appends a member, if there is one.
#[inline(always)] // The name is known where this is called, and so need not be copied by a call.
fn put_text(name: &'static [u8], text: Option<&str>, out: &mut Vec<u8>) {
    if let Some(text) = text {
        out.extend_from_slice(name);
        put_string(TEXT, text.as_bytes(), out);
    }
}

/// How many members the document has, and its length.
#[inline]
fn measure(event: &Event, texts: &[(&[u8], Option<&str>)], written: Written<'_>) -> (u64, usize) {
    let (mut members, mut length) = (1_u64, SPECVERSION.len());
    let mut add = |name: usize, value: usize| {
        members = members.saturating_add(1);
        length = length.saturating_add(name).saturating_add(value);
    };
    for (name, text) in texts {
        if let Some(text) = text {
            add(name.len(), string_length(text.len()));
        }
    }
    for (name, value) in event.extensions() {
        add(string_length(name.as_str().len()), value::length(value));
    }
    if !matches!(written, Written::Nothing) {
        add(DATA.len(), written.length());
    }
    (members, length.saturating_add(head_length(members)))
}
