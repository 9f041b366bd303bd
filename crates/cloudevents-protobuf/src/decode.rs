//! Protobuf documents to events, in one pass.

use crate::{
    data,
    value::{Attribute, place},
    wire::{Content, Field, Reader, wrong_wire_type},
};
use bytes::Bytes;
use cloudevents_core::{Assembler, Decoded, Decoding, Error, ErrorKind, Event};
use smallvec::SmallVec;

/// A document with one event.
#[inline]
pub(crate) fn document(document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    event(document, 0, with, 1)
}

/// The message of an event that begins at `start` of the document. `level` counts the messages around its fields.
///
/// The messages that make up an event nest as the schema says; only the groups of unknown fields may go deeper, as far as the limit
/// allows.
#[inline]
pub(crate) fn event(part: Bytes, start: usize, with: &Decoding, level: u32) -> Result<Decoded<Event>, Error> {
    let end = start.saturating_add(part.len());
    let mut assembler = Assembler::new(with);
    let levels = with.limits.depth.saturating_sub(level);
    let payload = attributes(Reader::new(&part, start, levels), start, &mut assembler)?;
    assembler.complete().map_err(|error| place(error, end))?;
    let payload = match payload {
        Some(payload) => Some(payload.cut(part, start, assembler.content_type())?),
        None => None,
    };
    Ok(assembler.finish(payload))
}

/// One attribute of the event in its canonical string, without reading what comes after it.
pub(crate) fn peek(document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
    with.limits.check_bytes(document.len())?;
    let mut message = Reader::new(document, 0, with.limits.depth.saturating_sub(1));
    while let Some(field) = message.field()? {
        let Some(attribute) = attribute(&message, field)? else { continue };
        if attribute.name.bytes == name.as_bytes() {
            return attribute.value.to_canonical().map_err(|error| attribute.located(error));
        }
    }
    Ok(None)
}

/// Gives all attributes to the assembler. The answer is the payload.
#[inline]
fn attributes(
    mut message: Reader<'_>,
    start: usize,
    assembler: &mut Assembler<'_>,
) -> Result<Option<data::Found>, Error> {
    // The assembler refuses what is beyond the limit, so no more than one beyond is kept.
    let most = assembler.decoding().limits.attributes.saturating_add(1);
    let mut found: SmallVec<[Attribute<'_>; 16]> = SmallVec::new();
    let mut payload: Option<data::Found> = None;
    let mut text = 0_usize;
    while let Some(field) = message.field()? {
        if let 6..=8 = field.number {
            if payload.is_some() {
                return Err(data::conflicting(field.at));
            }
            let read = data::Found::read(&message, field, start)?;
            text = text.saturating_add(read.text_length());
            payload = Some(read);
        } else if let Some(attribute) = attribute(&message, field)?
            && found.len() < most
        {
            text = text.saturating_add(attribute.text_length());
            found.push(attribute);
        }
    }
    assembler.reserve(text);
    for attribute in &found {
        attribute.assemble(assembler)?;
    }
    Ok(payload)
}

/// The attribute that a field is, if it is one.
#[inline]
fn attribute<'a>(message: &Reader<'a>, field: Field<'a>) -> Result<Option<Attribute<'a>>, Error> {
    Ok(Some(match (field.number, field.content) {
        (1, _) => Attribute::field("id", field)?,
        (2, _) => Attribute::field("source", field)?,
        (3, Content::Bytes(b"0.3")) => return Err(version_03(field.at)),
        (3, _) => Attribute::field("specversion", field)?,
        (4, _) => Attribute::field("type", field)?,
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
