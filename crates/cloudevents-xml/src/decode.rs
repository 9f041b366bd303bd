//! XML text to events, in one pass.

use crate::{
    data::Member,
    namespaces::Namespace,
    scan::{Run, Scanner, Tag, Token},
    value,
};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, ResolvedName, TextBuffer,
    codec::{Assembler, Given, Picker},
};
use std::borrow::Cow;

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let buffer = open(document, with)?;
    let mut scanner = Scanner::new(buffer.as_str(), &with.limits)?;
    root(&mut scanner)?;
    let decoded = event(&buffer, &mut scanner, with, &mut 0)?;
    scanner.epilog()?;
    Ok(decoded)
}

/// Checks size and UTF-8.
#[inline]
pub(crate) fn open(document: Bytes, with: &DecodeOptions) -> Result<TextBuffer, Error> {
    with.limits.check_bytes(document.len())?;
    TextBuffer::new(document)
}

/// Reads the event whose start tag was read. `copied` counts the bytes that were added to payloads of the document.
pub(crate) fn event(
    buffer: &TextBuffer,
    scanner: &mut Scanner<'_>,
    with: &DecodeOptions,
    copied: &mut usize,
) -> Result<Decoded<Event>, Error> {
    let mut assembler = Assembler::in_buffer(buffer.clone(), with);
    version(scanner, &mut assembler)?;
    let mut payload = None;
    loop {
        match scanner.next()? {
            Token::Start => child(buffer, scanner, &mut assembler, &mut payload, copied)?,
            Token::End => break,
            token => scanner.blank(token, "XML-4-d")?,
        }
    }
    let end = scanner.position();
    scanner.end()?;
    assembler
        .complete()
        .map_err(|error| if error.offset().is_some() { error } else { error.with_offset(end) })?;
    let payload = payload.map(|payload: Member| payload.decide(&assembler));
    assembler.finish(payload)
}

/// Reads the attributes of these names. The document behind them is not read.
pub(crate) fn look_up(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    let buffer = open(document.clone(), with)?;
    let mut scanner = Scanner::new(buffer.as_str(), &with.limits)?;
    root(&mut scanner)?;
    let mut picker = Picker::in_buffer(buffer.clone(), names, with);
    if picker.wants(b"specversion") {
        version(&scanner, picker.assembler())?;
    }
    while !picker.is_done() {
        match scanner.next()? {
            Token::Start => {
                let tag = scanner.start()?;
                let name = tag.name.local.bytes(scanner.text());
                if tag.namespace == Namespace::Ce && name != b"data" && picker.wants(name) {
                    value::attribute(&mut scanner, tag, picker.assembler())?;
                } else {
                    scanner.skip()?;
                }
            }
            Token::End => break,
            token => scanner.blank(token, "XML-4-d")?,
        }
    }
    picker.finish(read)
}

/// An element of the event.
#[inline]
fn child(
    buffer: &TextBuffer,
    scanner: &mut Scanner<'_>,
    assembler: &mut Assembler<'_>,
    payload: &mut Option<Member>,
    copied: &mut usize,
) -> Result<(), Error> {
    let tag = scanner.start()?;
    if tag.namespace != Namespace::Ce {
        return scanner.skip();
    }
    if tag.name.local.bytes(scanner.text()) != b"data" {
        return value::attribute(scanner, tag, assembler);
    }
    if payload.is_some() {
        return Err(Error::new(ErrorKind::DuplicateAttribute)
            .with_attribute("data")
            .with_offset(tag.start)
            .with_clause("XML-3-c"));
    }
    *payload = Some(Member::read(buffer, scanner, tag, copied)?);
    Ok(())
}

/// Passes the `specversion` of the last start tag to the assembler.
#[inline]
fn version(scanner: &Scanner<'_>, assembler: &mut Assembler<'_>) -> Result<(), Error> {
    let Some((run, text)) = specversion(scanner) else { return Ok(()) };
    if text == "0.3" {
        return Err(no_03().with_offset(run.start()));
    }
    let piece = match text {
        Cow::Borrowed(_) => assembler.slice(run.range(), false)?,
        Cow::Owned(text) => assembler.push(&text)?,
    };
    assembler.named("specversion", Given::Text(piece))
}

fn specversion<'a>(scanner: &Scanner<'a>) -> Option<(Run, Cow<'a, str>)> {
    let found = scanner.attributes().iter().find(|attribute| {
        attribute.namespace == Namespace::None && attribute.name.local.bytes(scanner.text()) == b"specversion"
    })?;
    Some((found.value.run, scanner.value(found.value)))
}

/// The start tag of the document element, which is an event.
fn root(scanner: &mut Scanner<'_>) -> Result<(), Error> {
    scanner.prolog()?;
    let tag = scanner.start()?;
    match (tag.namespace, tag.name.local.of(scanner.text())) {
        (Namespace::Ce, "event") => Ok(()),
        (Namespace::Ce, "batch") => Err(Error::new(ErrorKind::Batched)
            .with_offset(tag.start)
            .with_help("this is a batch, of media type application/cloudevents-batch+xml")),
        _ => Err(other_root(scanner, tag, "an event")),
    }
}

/// The error for an unexpected document element.
#[cold]
pub(crate) fn other_root(scanner: &Scanner<'_>, tag: Tag, expected: &str) -> Error {
    let error = scanner.problem_at(tag.start, "");
    if tag.namespace == Namespace::Ce {
        return error.with_detail(format!("{expected} is expected")).with_clause("XML-4-a");
    }
    error
        .with_detail(format!("{expected} is expected, of the namespace http://cloudevents.io/xmlformat/V1"))
        .with_clause("XML-1.2-a")
}

/// The error for specversion 0.3, which has no XML format.
#[cold]
pub(crate) fn no_03() -> Error {
    Error::new(ErrorKind::UnsupportedSpecversion)
        .with_attribute("specversion")
        .with_detail("specversion 0.3 has no XML format")
        .with_help("upgrade the event first, by Event::upgrade")
}
