//! Datums to events.

use super::value::{self, BRANCHES};
use crate::{
    datum::{Items, Reader, text_error},
    decode::{beginning, explain},
    value::{Entry, place},
};
use bytes::Bytes;
use cloudevents_core::{Assembler, CoreName, Decoded, Decoding, Error, Event, Payload, cut};

/// The clause of every datum: its encoding is that of the schema.
const CLAUSE: &str = "AVROC-2.2-a";

/// The fields that are text, in the order of the schema, and whether they may be null.
const TEXTS: [(CoreName, bool); 6] = [
    (CoreName::Id, false),
    (CoreName::Source, false),
    (CoreName::Type, false),
    (CoreName::DataContentType, true),
    (CoreName::DataSchema, true),
    (CoreName::Subject, true),
];

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    let beginning = beginning(&document);
    event(document, with).map_err(|error| explain(error, &beginning))
}

/// One attribute of the event, as text, without reading what comes after it.
pub(crate) fn peek(document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
    with.limits.check_bytes(document.len())?;
    peek_at(document, name).map_err(|error| explain(error, document))
}

#[inline]
fn event(document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    let mut reader = Reader::new(&document, CLAUSE);
    let mut assembler = Assembler::new(with);
    assembler.core_text(CoreName::SpecVersion, b"1.0")?;
    for (name, optional) in TEXTS {
        if optional && !is_there(&mut reader)? {
            continue;
        }
        let at = reader.position();
        let bytes = reader.bytes()?;
        if let Err(error) = assembler.core_text(name, bytes) {
            return Err(text_error(error.with_offset(at), reader.position(), bytes, &reader));
        }
    }
    if is_there(&mut reader)? {
        let at = reader.position();
        value::timestamp("time", reader.long()?, &mut assembler).map_err(|error| error.with_offset(at))?;
    }
    let mut entries = Items::default();
    while entries.next(&mut reader)? {
        value::attribute(Entry::read(&mut reader, &BRANCHES)?, &reader, &mut assembler)?;
    }
    let end = reader.position();
    assembler.complete().map_err(|error| place(error, end))?;
    let payload = match reader.branch(2)? {
        0 => Some(reader.range()?),
        _ => None,
    };
    reader.end()?;
    // The bytes lie in the document.
    Ok(assembler.finish(payload.map(|range| Payload::body(cut(document, range)))))
}

/// Whether an optional field is there.
#[inline]
fn is_there(reader: &mut Reader<'_>) -> Result<bool, Error> {
    Ok(reader.branch(2)? == 1)
}

fn peek_at(document: &Bytes, name: &str) -> Result<Option<String>, Error> {
    if name == "specversion" {
        return Ok(Some("1.0".to_owned()));
    }
    let mut reader = Reader::new(document, CLAUSE);
    for (field, optional) in TEXTS {
        if !optional || is_there(&mut reader)? {
            let text = reader.text()?;
            if field.as_str() == name {
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
