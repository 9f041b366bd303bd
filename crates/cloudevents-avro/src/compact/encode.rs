//! Events to datums.

use super::value;
use crate::{
    datum::{bytes_length, long_length, write_bytes, write_long},
    decode::not_v1,
    encode::{bytes_losses, stated_losses},
};
use cloudevents_core::{
    Error, Event, Losses, MediaType, SpecVersion,
    codec::{append_payload, other_charset, timestamp_losses},
};

/// Appends the document of an event, in one allocation.
#[inline]
pub(crate) fn event(event: &Event, out: &mut Vec<u8>) -> Result<Losses, Error> {
    if event.specversion() != SpecVersion::V1 {
        return Err(not_v1("AVROC-1-a"));
    }
    let required = [event.id(), event.source().as_str(), event.ty()];
    // The content type that a native payload implies is made explicit: the format itself implies none.
    let optional = [
        event.content_type().map(MediaType::as_str),
        event.dataschema().map(|uri| uri.as_str()),
        event.subject(),
    ];
    let time = event.time().and_then(value::to_micros);
    let extensions = event.extensions();
    let count = extensions.len() as i64;
    let other_charset = other_charset(event);
    let payload = other_charset.as_ref().or(event.data_bytes());

    // The branches of three texts, of the time and of the payload, and the end of the map.
    let mut length = 6_usize;
    for text in required.into_iter().chain(optional.into_iter().flatten()) {
        length = length.saturating_add(bytes_length(text.len()));
    }
    if count > 0 {
        length = length.saturating_add(long_length(count));
    }
    for (name, value) in extensions.clone() {
        length = length.saturating_add(value::length(name, value));
    }
    let payload_length = payload.map_or(0, |bytes| bytes_length(bytes.len()));
    reserve(length.saturating_add(time.map_or(0, long_length)).saturating_add(payload_length), out);

    for text in required {
        write_bytes(text.as_bytes(), out);
    }
    for text in optional {
        match text {
            None => out.push(0x00),
            Some(text) => {
                out.push(0x02);
                write_bytes(text.as_bytes(), out);
            }
        }
    }
    match time {
        None => out.push(0x00),
        Some(micros) => {
            out.push(0x02);
            write_long(micros, out);
        }
    }
    if count > 0 {
        write_long(count, out);
    }
    for (name, value) in extensions {
        value::write(name, value, out);
    }
    out.push(0x00);
    match payload {
        None => out.push(0x02),
        Some(bytes) => {
            out.push(0x00);
            // No slice is longer than i64::MAX bytes.
            write_long(bytes.len() as i64, out);
            append_payload(bytes, out);
        }
    }
    Ok(losses(event, time))
}

/// Makes room for a document.
#[inline]
fn reserve(length: usize, out: &mut Vec<u8>) {
    if out.capacity() == 0 {
        // Cheaper than growing an empty buffer.
        *out = Vec::with_capacity(length);
    } else {
        out.reserve(length);
    }
}

#[inline]
fn losses(event: &Event, micros: Option<i64>) -> Losses {
    let mut losses = Losses::none();
    match (event.time(), micros) {
        (None, _) => {}
        (Some(_), None) => losses.push(value::time_lost()),
        (Some(time), Some(_)) => timestamp_losses("time", time, 6, &mut losses),
    }
    for (name, value) in event.extensions() {
        value::tell_losses(name, value, &mut losses);
    }
    if let Some(data) = event.data() {
        bytes_losses(event, data, &mut losses);
        stated_losses(event, &mut losses);
    }
    losses
}
