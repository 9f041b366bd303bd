//! Events to CBOR documents.

use crate::{
    data::Written,
    decode::version_error,
    value,
    wire::{head_length, put_head, put_string, string_length},
};
use cloudevents_core::{
    Error, Event, Losses, SpecVersion,
    codec::{
        CoreName, Room, append_payload,
        cbor::{MAP, TEXT},
        core_bytes, core_length, extents, timestamp_respelled,
    },
};

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() == SpecVersion::V03 {
        return Err(version_error());
    }
    let data = event.data();
    let written = Written::of(event, data);
    let mut losses = written.losses(event, data);
    let text = |name| core_bytes(event, name);
    let mut content_type = text(CoreName::DataContentType);
    if content_type.is_empty() {
        // A content type that the document does not imply is made explicit.
        content_type = written.content_type(event).map_or(&[], |implied| implied.as_str().as_bytes());
    }
    let (members, length) = measure(event, content_type.len(), written);
    Room::fill(length, written.contents().len(), out, |mut room| {
        put_head(MAP, members, &mut room);
        room.put(*SPECVERSION);
        put_text(ID, text(CoreName::Id), &mut room);
        put_text(SOURCE, text(CoreName::Source), &mut room);
        put_text(TYPE, text(CoreName::Type), &mut room);
        put_text(DATACONTENTTYPE, content_type, &mut room);
        put_text(DATASCHEMA, text(CoreName::DataSchema), &mut room);
        put_text(SUBJECT, text(CoreName::Subject), &mut room);
        let time = text(CoreName::Time);
        if value::is_upper_case(time) {
            put_text(TIME, time, &mut room);
        } else {
            put_text(TIME, &time.to_ascii_uppercase(), &mut room);
            losses.push(timestamp_respelled("time"));
        }
        for (name, value) in event.extensions() {
            put_string(TEXT, name.as_str().as_bytes(), &mut room);
            value::write(value, &mut room);
            value::tell_losses(name.as_str(), value, &mut losses);
        }
        if data.is_some() {
            room.put(*DATA);
            written.put_head(&mut room);
        }
        room
    })?;
    append_payload(written.contents(), out);
    Ok(losses)
}

/// The member for the version, the only one there is.
const SPECVERSION: &[u8; 16] = b"\x6bspecversion\x631.0";
/// Names, and the tags of their values.
const ID: &[u8; 3] = b"\x62id";
const SOURCE: &[u8; 9] = b"\x66source\xd8\x20";
const TYPE: &[u8; 5] = b"\x64type";
const DATACONTENTTYPE: &[u8; 16] = b"\x6fdatacontenttype";
const DATASCHEMA: &[u8; 13] = b"\x6adataschema\xd8\x20";
const SUBJECT: &[u8; 8] = b"\x67subject";
const TIME: &[u8; 6] = b"\x64time\xc0";
const DATA: &[u8; 5] = b"\x64data";

/// Writes a member, if there is one.
#[inline(always)]
fn put_text<const N: usize>(name: &[u8; N], text: &[u8], room: &mut Room<'_>) {
    if !text.is_empty() {
        room.put(*name);
        put_string(TEXT, text, room);
    }
}

/// The number of members of the document, and its length without the contents of the payload.
#[inline(always)]
fn measure(event: &Event, content_type: usize, written: Written<'_>) -> (u64, usize) {
    let (mut members, mut length) = (1_u64, SPECVERSION.len());
    // The length of data in memory does not overflow.
    let mut add = |name: usize, value: usize| {
        members = members.wrapping_add(1);
        length = length.wrapping_add(name).wrapping_add(value);
    };
    for (name, text) in [
        (ID.len(), core_length(event, CoreName::Id)),
        (SOURCE.len(), core_length(event, CoreName::Source)),
        (TYPE.len(), core_length(event, CoreName::Type)),
        (DATACONTENTTYPE.len(), content_type),
        (DATASCHEMA.len(), core_length(event, CoreName::DataSchema)),
        (SUBJECT.len(), core_length(event, CoreName::Subject)),
        (TIME.len(), core_length(event, CoreName::Time)),
    ] {
        if text > 0 {
            add(name, string_length(text));
        }
    }
    for (name, value) in extents(event) {
        add(string_length(name), value::length(value));
    }
    if !matches!(written, Written::Nothing) {
        add(DATA.len(), written.head_length());
    }
    (members, length.wrapping_add(head_length(members)))
}
