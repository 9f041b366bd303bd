//! Datums to events.

use crate::{
    data,
    datum::{Items, Reader},
    value::{BRANCHES, Entry, STRING, place},
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, ResolvedName, SpecVersion,
    codec::{Assembler, AttributeName, Picker},
};

/// The clause of every datum: its encoding is that of the schema.
pub(crate) const CLAUSE: &str = "AVRO-2.4-a";

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    let beginning = beginning(&document);
    event(document, with).map_err(|error| explain(error, &beginning))
}

/// The first bytes of a document, which may show that it is not a bare datum.
#[inline]
pub(crate) fn beginning(document: &[u8]) -> [u8; 4] {
    std::array::from_fn(|at| document.get(at).copied().unwrap_or_default())
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

/// Adds help to the error if the document is not a bare datum.
#[cold]
pub(crate) fn explain(error: Error, document: &[u8]) -> Error {
    match document {
        [b'O', b'b', b'j', 1, ..] => {
            error.with_help("write the bare datum: this is an Avro object container file, as a capture of Event Hubs writes it; a program such as `avro-tools tojson` writes its records as JSON, and a map reads each of them")
        }
        [0xC3, 0x01, ..] => {
            error.with_help("write the bare datum, without the mark and fingerprint of a single object")
        }
        _ => error,
    }
}

/// The formats are defined for specversion 1.0.
#[cold]
pub(crate) fn not_v1(clause: &'static str) -> Error {
    Error::new(ErrorKind::UnsupportedSpecversion)
        .with_attribute("specversion")
        .with_detail("the Avro formats carry 1.0 only")
        .with_help("upgrade the event to 1.0 first")
        .with_clause(clause)
}

#[inline]
fn event(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let mut reader = Reader::new(&document, CLAUSE);
    let mut assembler = Assembler::new(with);
    let mut entries = Items::default();
    while entries.next(&mut reader)? {
        let at = reader;
        match reader.short_entry(STRING) {
            Some((name, text)) => {
                assembler.text_named(AttributeName::of(name), text).map_err(|error| located(at, error))?
            }
            None => Entry::read(&mut reader, &BRANCHES)?.give(&reader, &mut assembler)?,
        }
    }
    let end = reader.position();
    let completed = assembler.complete().map_err(|error| place(error, end))?;
    if completed.specversion != SpecVersion::V1 {
        return Err(not_v1("CE-specversion-c").with_offset(end));
    }
    let payload = data::Found::read(&mut reader, &mut assembler)?;
    let ended = reader.end();
    let payload = payload.cut(document)?;
    ended?;
    assembler.finish(payload)
}

/// Adds the offset of the entry at the reader to its error.
#[cold]
fn located(mut reader: Reader<'_>, error: Error) -> Error {
    match Entry::read(&mut reader, &BRANCHES) {
        Ok(entry) => entry.explain(error, &reader),
        Err(error) => error,
    }
}

fn pick(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    let mut reader = Reader::new(document, CLAUSE);
    let mut picker = Picker::new(names, with);
    let mut entries = Items::default();
    while !picker.is_done() && entries.next(&mut reader)? {
        let entry = Entry::read(&mut reader, &BRANCHES)?;
        if picker.wants(entry.name) {
            entry.give(&reader, picker.assembler())?;
        }
    }
    picker.finish(read)
}
