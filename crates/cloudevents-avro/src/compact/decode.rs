//! Datums to events.

use super::value::{self, BRANCHES};
use crate::{
    datum::{Items, Reader, text_error},
    decode::{beginning, explain},
    value::{Entry, place},
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, Event, FoundAttributes, Payload, ResolvedName,
    codec::{Assembler, CoreName, Picker, cut},
};

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
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    let beginning = beginning(&document);
    event(document, with).map_err(|error| explain(error, &beginning))
}

/// Reads the attributes of these names. The document behind them is not read.
pub(crate) fn look_up(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    with.limits.check_bytes(document.len())?;
    pick(document, names, with, read).map_err(|error| explain(error, document))
}

#[inline]
fn event(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
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
    assembler.finish(payload.map(|range| Payload::body(cut(document, range))))
}

/// Whether an optional field is there.
#[inline]
fn is_there(reader: &mut Reader<'_>) -> Result<bool, Error> {
    Ok(reader.branch(2)? == 1)
}

fn pick(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    let mut picker = Picker::new(names, with);
    if picker.wants(b"specversion") {
        picker.assembler().core_text(CoreName::SpecVersion, b"1.0")?;
    }
    let mut reader = Reader::new(document, CLAUSE);
    for (name, optional) in TEXTS {
        if picker.is_done() {
            return picker.finish(read);
        }
        if optional && !is_there(&mut reader)? {
            continue;
        }
        let at = reader.position();
        let bytes = reader.bytes()?;
        if picker.wants(name.as_str().as_bytes())
            && let Err(error) = picker.assembler().core_text(name, bytes)
        {
            return Err(text_error(error.with_offset(at), reader.position(), bytes, &reader));
        }
    }
    if is_there(&mut reader)? {
        let at = reader.position();
        let micros = reader.long()?;
        if picker.wants(b"time") {
            value::timestamp("time", micros, picker.assembler()).map_err(|error| error.with_offset(at))?;
        }
    }
    let mut entries = Items::default();
    while !picker.is_done() && entries.next(&mut reader)? {
        let entry = Entry::read(&mut reader, &BRANCHES)?;
        if picker.wants(entry.name) {
            value::attribute(entry, &reader, picker.assembler())?;
        }
    }
    picker.finish(read)
}
