//! Protobuf documents to events, in one pass.

use crate::{
    data,
    value::{self, Attribute, Usual, place},
    wire::{Content, Field, Reader, wrong_wire_type},
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, Leniency, ResolvedName,
    codec::{Assembler, CoreName, Given, Picker},
};

/// A document with one event.
#[inline]
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    event(document, 0, with, 1)
}

/// Reads the message of an event that begins at `start` of the document. `level` counts the messages around its fields.
///
/// The messages of an event nest as in the schema. Only groups in unknown fields may nest deeper, up to the limit.
#[inline]
pub(crate) fn event(
    part: Bytes,
    start: usize,
    with: &DecodeOptions,
    level: u32,
) -> Result<Decoded<Event>, Error> {
    let end = start.saturating_add(part.len());
    let mut assembler = Assembler::new(with);
    let levels = with.limits.depth.saturating_sub(level);
    let payload = attributes(Reader::new(&part, start, levels), start, &mut assembler)?;
    assembler.complete().map_err(|error| place(error, end))?;
    let payload = match payload {
        Some(payload) => Some(payload.cut(part, start, assembler.content_type())?),
        None => None,
    };
    assembler.finish(payload)
}

/// Reads the attributes of these names. The document behind them is not read.
pub(crate) fn look_up(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    with.limits.check_bytes(document.len())?;
    let mut picker = Picker::new(names, with);
    let mut message = Reader::new(document, 0, with.limits.depth.saturating_sub(1));
    while !picker.is_done()
        && let Some(field) = message.field()?
    {
        if let Some(attribute) = attribute(&message, field)?
            && picker.wants(attribute.name.bytes)
        {
            attribute.assemble(picker.assembler())?;
        }
    }
    picker.finish(read)
}

/// Passes all attributes to the assembler. Returns the payload.
#[inline]
fn attributes(
    mut message: Reader<'_>,
    start: usize,
    assembler: &mut Assembler<'_>,
) -> Result<Option<data::Found>, Error> {
    let mut payload: Option<data::Found> = None;
    while let Some(field) = message.field()? {
        if let 6..=8 = field.number {
            if payload.is_some() {
                return Err(data::conflicting(field.at));
            }
            payload = Some(data::Found::read(&message, field, start)?);
        } else {
            give(&message, field, assembler)?;
        }
    }
    Ok(payload)
}

/// Passes the field to the assembler, if it is an attribute.
#[inline]
fn give(message: &Reader<'_>, field: Field<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let taken = match (field.number, field.content) {
        (1, Content::Bytes(text)) => assembler.core_text(CoreName::Id, text),
        (2, Content::Bytes(text)) => assembler.core_text(CoreName::Source, text),
        (3, Content::Bytes(text)) if text != b"0.3" => assembler.core_text(CoreName::SpecVersion, text),
        (4, Content::Bytes(text)) => assembler.core_text(CoreName::Type, text),
        (5, Content::Bytes(entry)) if assembler.decoding().leniency == Leniency::strict() => {
            match value::usual(entry) {
                Some(Usual::String(name, text)) => assembler.text_named(name, text),
                Some(Usual::Timestamp(name, native)) => match native.push(assembler)? {
                    Some(piece) => assembler.named(name, Given::Timestamp(piece)),
                    None => return give_any(message, field, assembler),
                },
                None => return give_any(message, field, assembler),
            }
        }
        (1..=5, _) => return give_any(message, field, assembler),
        _ => return Ok(()),
    };
    taken.map_err(|error| located(message, field, error))
}

fn give_any(message: &Reader<'_>, field: Field<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    match attribute(message, field)? {
        Some(attribute) => attribute.assemble(assembler),
        None => Ok(()),
    }
}

/// The error of a text with its place.
#[cold]
fn located(message: &Reader<'_>, field: Field<'_>, error: Error) -> Error {
    match attribute(message, field) {
        Ok(Some(attribute)) => attribute.located(attribute.check_text().err().unwrap_or(error)),
        _ => error,
    }
}

/// Reads the field as an attribute, if it is one.
#[inline]
fn attribute<'a>(message: &Reader<'a>, field: Field<'a>) -> Result<Option<Attribute<'a>>, Error> {
    Ok(Some(match (field.number, field.content) {
        (1, _) => Attribute::field(CoreName::Id, field)?,
        (2, _) => Attribute::field(CoreName::Source, field)?,
        (3, Content::Bytes(b"0.3")) => return Err(version_03(field.at)),
        (3, _) => Attribute::field(CoreName::SpecVersion, field)?,
        (4, _) => Attribute::field(CoreName::Type, field)?,
        (5, Content::Bytes(entry)) => Attribute::entry(message, entry, field.at)?,
        (5, other) => return Err(wrong_wire_type("attributes", other, field.at)),
        _ => return Ok(None),
    }))
}

#[cold]
fn version_03(at: usize) -> Error {
    version_error().with_offset(at)
}

/// The error for an event of specversion 0.3.
#[cold]
pub(crate) fn version_error() -> Error {
    Error::new(ErrorKind::UnsupportedSpecversion)
        .with_attribute("specversion")
        .with_detail("the Protobuf format has 1.0 only")
        .with_help("upgrade the event before it is written in this format")
        .with_clause("CE-specversion-c")
}
