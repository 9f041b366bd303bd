//! Datums to events.

use super::value::{self, BRANCHES};
use crate::{
    datum::{Items, Reader, piece, text_at_the_beginning},
    decode::explain,
    value::{Entry, place},
};
use bytes::Bytes;
use cloudevents_core::{Assembler, Decoded, Decoding, Error, Event, Given, Payload};

/// The clause of every datum: its encoding is that of the schema.
const CLAUSE: &str = "AVROC-2.2-a";

/// The fields that are text, in the order of the schema, and whether they may be null.
const TEXTS: [(&str, bool); 6] = [
    ("id", false),
    ("source", false),
    ("type", false),
    ("datacontenttype", true),
    ("dataschema", true),
    ("subject", true),
];

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    event(&document, with).map_err(|error| explain(error, &document))
}

/// One attribute of the event, as text, without reading what comes after it.
pub(crate) fn peek(document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
    with.limits.check_bytes(document.len())?;
    peek_at(document, name).map_err(|error| explain(error, document))
}

#[inline]
fn event(document: &Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    let mut reader = Reader::new(document, CLAUSE);
    let buffer = text_at_the_beginning(document)?;
    let text = buffer.as_str();
    let mut assembler = Assembler::in_buffer(buffer.clone(), with);
    assembler.reserve(text_length(reader, text, with)?);
    let version = assembler.push_plain("1.0")?;
    assembler.named("specversion", Given::Text(version))?;
    for (name, optional) in TEXTS {
        if optional && !is_there(&mut reader)? {
            continue;
        }
        let at = reader.position();
        let bytes = reader.bytes()?;
        let value = piece(bytes, reader.position(), text, &reader, &mut assembler)?;
        assembler.named(name, Given::Text(value)).map_err(|error| error.with_offset(at))?;
    }
    if is_there(&mut reader)? {
        let at = reader.position();
        value::timestamp("time", reader.long()?, &mut assembler).map_err(|error| error.with_offset(at))?;
    }
    let mut entries = Items::default();
    while entries.next(&mut reader)? {
        value::attribute(Entry::read(&mut reader, &BRANCHES)?, text, &reader, &mut assembler)?;
    }
    let end = reader.position();
    assembler.complete().map_err(|error| place(error, end))?;
    let payload = match reader.branch(2)? {
        // The bytes lie in the document.
        0 => Some(Payload::body(document.slice_ref(reader.bytes()?))),
        _ => None,
    };
    reader.end()?;
    Ok(assembler.finish(payload))
}

/// Whether an optional field is there.
#[inline]
fn is_there(reader: &mut Reader<'_>) -> Result<bool, Error> {
    Ok(reader.branch(2)? == 1)
}

/// How much text the assembler is going to copy, so that it takes one allocation.
#[inline]
fn text_length(mut reader: Reader<'_>, text: &str, with: &Decoding) -> Result<usize, Error> {
    let mut length = "1.0".len();
    for (_, optional) in TEXTS {
        if !optional || is_there(&mut reader)? {
            let bytes = reader.bytes()?.len();
            if reader.position() > text.len() {
                length = length.saturating_add(bytes);
            }
        }
    }
    if is_there(&mut reader)? {
        length = length.saturating_add(value::timestamp_length(reader.long()?));
    }
    let mut entries = Items::default();
    // More attributes than allowed are for the assembler to refuse.
    for _ in 0..with.limits.attributes {
        if !entries.next(&mut reader)? {
            break;
        }
        let entry = Entry::read(&mut reader, &BRANCHES)?;
        length = length.saturating_add(value::text_length(entry, &reader, text));
    }
    Ok(length)
}

fn peek_at(document: &Bytes, name: &str) -> Result<Option<String>, Error> {
    if name == "specversion" {
        return Ok(Some("1.0".to_owned()));
    }
    let mut reader = Reader::new(document, CLAUSE);
    for (field, optional) in TEXTS {
        if !optional || is_there(&mut reader)? {
            let text = reader.text()?;
            if field == name {
                return Ok(Some(text.to_owned()));
            }
        }
    }
    if is_there(&mut reader)? {
        let at = reader.position();
        let micros = reader.long()?;
        if name == "time" {
            return value::timestamp_text(micros).map(Some).map_err(|error| error.with_offset(at));
        }
    }
    let mut entries = Items::default();
    while entries.next(&mut reader)? {
        let entry = Entry::read(&mut reader, &BRANCHES)?;
        if entry.name == name.as_bytes() {
            return value::canonical(entry, &reader);
        }
    }
    Ok(None)
}
