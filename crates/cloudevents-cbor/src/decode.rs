//! CBOR documents to events, in one pass.

use crate::{
    data,
    value::{self, Attribute, Found, Name},
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, ResolvedName, SpecVersion,
    codec::{
        Assembler, AttributeName, Picker,
        cbor::{Left, MAP, MAX_LEVELS, Reader, TAG, TEXT, malformed},
    },
};

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    with.limits.check_bytes(document.len())?;
    let mut assembler = Assembler::new(with);
    let payload = members(&document, &mut assembler)?;
    let completed = assembler
        .complete()
        .map_err(|error| if error.offset().is_some() { error } else { error.with_offset(document.len()) })?;
    // A name in another case, which leniency reads, may be the version too.
    if completed.specversion != SpecVersion::V1 {
        return Err(version_error().with_offset(document.len()));
    }
    let payload = match payload {
        Some(payload) => Some(payload.decide(document, &mut assembler)?),
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
    let mut reader = Reader::new(document);
    let mut left = open(&mut reader)?;
    let levels = levels(with);
    while !picker.is_done() && reader.more(&mut left) {
        let (name, at) = key(&mut reader)?;
        if matches!(name, Name::Data) || !picker.wants(name.as_str().as_bytes()) {
            reader.skip(levels)?;
            continue;
        }
        attribute(name, at, &mut reader, levels)?.assemble(picker.assembler())?;
    }
    picker.finish(read)
}

/// Reads all members and passes the attributes to the assembler. Returns the payload.
#[inline]
fn members(document: &[u8], assembler: &mut Assembler<'_>) -> Result<Option<data::Found>, Error> {
    let levels = levels(assembler.decoding());
    let mut payload = None;
    let mut reader = Reader::new(document);
    let mut left = open(&mut reader)?;
    while reader.more(&mut left) {
        let at = reader.position();
        let is_data = match usual(&mut reader, levels, assembler)? {
            Usual::Given => continue,
            Usual::Data => true,
            Usual::Other => {
                let (name, at) = key(&mut reader)?;
                let is_data = matches!(name, Name::Data);
                if !is_data {
                    attribute(name, at, &mut reader, levels)?.assemble(assembler)?;
                }
                is_data
            }
        };
        if is_data {
            if payload.is_some() {
                return Err(data::duplicate(at));
            }
            payload = Some(data::Found::read(&mut reader, levels)?);
        }
    }
    if !reader.is_at_end() {
        return Err(malformed("bytes follow the document", reader.position()));
    }
    Ok(payload)
}

/// The result of reading a member that may have the usual form.
enum Usual {
    /// An attribute, which was passed to the assembler.
    Given,
    /// The payload. The reader is after its name.
    Data,
    /// Another member. The reader did not move.
    Other,
}

/// Passes the attribute at the reader to the assembler, if it has the usual form.
#[inline]
fn usual(reader: &mut Reader<'_>, levels: u32, assembler: &mut Assembler<'_>) -> Result<Usual, Error> {
    let mut ahead = *reader;
    let Some(name) = ahead.short_text() else { return Ok(Usual::Other) };
    if name == b"data" {
        *reader = ahead;
        return Ok(Usual::Data);
    }
    let name = AttributeName::of(name);
    let Some(text) = value::usual_text(&mut ahead, name.core()) else { return Ok(Usual::Other) };
    if let Err(error) = assembler.text_named(name, text) {
        return Err(located(*reader, levels, error));
    }
    *reader = ahead;
    Ok(Usual::Given)
}

/// Adds the offset of the member at the reader to its error.
#[cold]
fn located(mut reader: Reader<'_>, levels: u32, error: Error) -> Error {
    let attribute = key(&mut reader).and_then(|(name, at)| attribute(name, at, &mut reader, levels));
    match attribute {
        Ok(attribute) => attribute.located(error),
        // The text is not UTF-8.
        Err(error) => error,
    }
}

/// Steps into the map.
#[inline]
fn open(reader: &mut Reader<'_>) -> Result<Left, Error> {
    match reader.major() {
        Some(MAP) | None => Ok(reader.head()?.left()),
        Some(major) => Err(not_a_map(major)),
    }
}

/// The name of a member, with its offset.
#[inline]
fn key<'a>(reader: &mut Reader<'a>) -> Result<(Name<'a>, usize), Error> {
    if reader.major().is_some_and(|major| major != TEXT) {
        return Err(not_a_name(reader.position()));
    }
    let head = reader.head()?;
    Ok((Name::read(reader, head)?, head.at))
}

#[inline]
fn attribute<'a>(
    name: Name<'a>,
    key: usize,
    reader: &mut Reader<'a>,
    levels: u32,
) -> Result<Attribute<'a>, Error> {
    let at = reader.position();
    let value = Found::read(reader, levels)?;
    if let (Name::Core("specversion"), Found::Text(version)) = (&name, &value)
        && version == "0.3"
    {
        return Err(version_error().with_offset(at));
    }
    Ok(Attribute { name, value, key, at })
}

/// The levels of nesting that the value of a member may have.
fn levels(with: &DecodeOptions) -> u32 {
    with.limits.depth.saturating_sub(1).min(MAX_LEVELS)
}

/// The error for an event of specversion 0.3.
#[cold]
pub(crate) fn version_error() -> Error {
    Error::new(ErrorKind::UnsupportedSpecversion)
        .with_attribute("specversion")
        .with_detail("the CBOR format has 1.0 only")
        .with_help("upgrade the event before it is written in this format")
        .with_clause("CE-specversion-c")
}

#[cold]
fn not_a_map(major: u8) -> Error {
    let error = Error::new(ErrorKind::InvalidDocument)
        .with_detail("an event is a CBOR map")
        .with_offset(0)
        .with_clause("CBOR-3-a");
    if major == TAG { error.with_help("write the map without a tag before it") } else { error }
}

#[cold]
fn not_a_name(at: usize) -> Error {
    Error::new(ErrorKind::InvalidName)
        .with_detail("the keys of the map are text strings")
        .with_offset(at)
        .with_clause("CBOR-3-c")
}
