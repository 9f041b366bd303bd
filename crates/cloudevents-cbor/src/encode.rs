//! Events to CBOR documents.

use crate::{
    data::Written,
    decode::version_error,
    value,
    wire::{MAP, TEXT, head_length, put_head, put_string, string_length},
};
use cloudevents_core::{Error, Event, Losses, SpecVersion, Value};

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() == SpecVersion::V03 {
        return Err(version_error());
    }
    let data = event.data();
    let written = Written::of(event, data);
    let (members, length) = measure(event, written);
    out.reserve(length);
    put_head(MAP, members, out);
    let mut losses = written.losses(event, data);
    attributes(event, written, |name, value| {
        put_string(TEXT, name.as_bytes(), out);
        value::write(value, out);
        value::tell_losses(name, value, &mut losses);
    });
    if data.is_some() {
        put_string(TEXT, b"data", out);
        written.write(out);
    }
    Ok(losses)
}

/// How many members the document has, and its length.
#[inline]
fn measure(event: &Event, written: Written<'_>) -> (u64, usize) {
    let (mut members, mut length) = (0_u64, 0_usize);
    let mut add = |name: &str, value: usize| {
        members = members.saturating_add(1);
        length = length.saturating_add(string_length(name.len())).saturating_add(value);
    };
    attributes(event, written, |name, value| add(name, value::length(value)));
    if !matches!(written, Written::Nothing) {
        add("data", written.length());
    }
    (members, length.saturating_add(head_length(members)))
}

/// The attributes in a fixed order: `specversion`, those of the specification, the extensions by name.
#[inline]
fn attributes(event: &Event, written: Written<'_>, mut visit: impl FnMut(&str, Value<'_>)) {
    visit("specversion", Value::String("1.0"));
    visit("id", Value::String(event.id()));
    visit("source", Value::UriReference(event.source()));
    visit("type", Value::String(event.ty()));
    if let Some(content_type) = written.content_type(event) {
        visit("datacontenttype", Value::String(content_type.as_str()));
    }
    if let Some(schema) = event.dataschema() {
        visit("dataschema", Value::Uri(schema));
    }
    if let Some(subject) = event.subject() {
        visit("subject", Value::String(subject));
    }
    if let Some(time) = event.time() {
        visit("time", Value::Timestamp(time));
    }
    for (name, value) in event.extensions() {
        visit(name.as_str(), value);
    }
}
