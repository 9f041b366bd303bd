//! JSON text to events, in one pass.

use crate::{data, value, value::syntax};
use bytes::Bytes;
use cloudevents_core::{
    Assembler, Decoded, Decoding, Error, ErrorKind, Event, Repair, RepairKind, TextBuffer,
    scan::{Mistake, Scanner},
};

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &Decoding) -> Result<Decoded<Event>, Error> {
    let (buffer, mut at) = open(document, with)?;
    let start = at;
    let mut decoded = event(&buffer, &mut at, with, 1)?;
    close(&buffer, at)?;
    if start > 0 {
        decoded.repairs.push(Repair::new(RepairKind::ByteOrderMark));
    }
    Ok(decoded)
}

/// Checks size and UTF-8; the answer is where the text begins.
#[inline]
pub(crate) fn open(document: Bytes, with: &Decoding) -> Result<(TextBuffer, usize), Error> {
    with.limits.check_bytes(document.len())?;
    let buffer = TextBuffer::new(document)?;
    let start = if buffer.as_bytes().first() == Some(&0xEF) { byte_order_mark(&buffer, with)? } else { 0 };
    Ok((buffer, start))
}

/// Checks that only white space follows.
#[inline]
pub(crate) fn close(buffer: &TextBuffer, at: usize) -> Result<(), Error> {
    let mut scanner = Scanner::at(buffer.as_str(), at);
    scanner.white_space();
    if scanner.is_at_end() {
        Ok(())
    } else {
        Err(syntax(scanner.problem(Mistake::Expected("the end of the document"))))
    }
}

/// The event object at `at`, which moves behind it. `level` is the number of brackets around its members.
pub(crate) fn event(
    buffer: &TextBuffer,
    at: &mut usize,
    with: &Decoding,
    level: u32,
) -> Result<Decoded<Event>, Error> {
    let mut scanner = Scanner::at(buffer.as_str(), *at);
    if scanner.token().map_err(syntax)? != b'{' {
        return Err(not_an_event(&scanner));
    }
    scanner.expect(b'{', "`{`").map_err(syntax)?;
    let mut assembler = Assembler::in_buffer(buffer.clone(), with);
    let mut payload = data::Members::default();
    if scanner.token().map_err(syntax)? != b'}' {
        loop {
            member(buffer, &mut scanner, &mut assembler, &mut payload, level)?;
            match scanner.token().map_err(syntax)? {
                b',' => scanner.expect(b',', "`,`").map_err(syntax)?,
                b'}' => break,
                _ => return Err(syntax(scanner.problem(Mistake::Expected("`,` or `}`")))),
            }
        }
    }
    let end = scanner.position();
    scanner.expect(b'}', "`}`").map_err(syntax)?;
    *at = scanner.position();
    let completed = assembler
        .complete()
        .map_err(|error| if error.offset().is_some() { error } else { error.with_offset(end) })?;
    let payload = payload.decide(buffer, completed, &mut assembler)?;
    Ok(assembler.finish(payload))
}

/// One attribute of the event, as text, without reading what comes after it.
pub(crate) fn peek(document: &Bytes, name: &str, with: &Decoding) -> Result<Option<String>, Error> {
    let (buffer, at) = open(document.clone(), with)?;
    let mut scanner = Scanner::at(buffer.as_str(), at);
    scanner.expect(b'{', "an event, which is a JSON object").map_err(syntax)?;
    scanner.white_space();
    while scanner.peek().map_err(syntax)? != b'}' {
        scanner.white_space();
        let key = string(&mut scanner)?;
        scanner.expect(b':', "`:`").map_err(syntax)?;
        scanner.white_space();
        if key == name {
            return peeked(&mut scanner, with);
        }
        scanner.value(with.limits.depth.saturating_sub(1)).map_err(syntax)?;
        scanner.white_space();
        if scanner.peek().map_err(syntax)? != b'}' {
            scanner.expect(b',', "`,` or `}`").map_err(syntax)?;
            scanner.white_space();
        }
    }
    Ok(None)
}

#[inline]
fn member(
    buffer: &TextBuffer,
    scanner: &mut Scanner<'_>,
    assembler: &mut Assembler<'_>,
    payload: &mut data::Members,
    level: u32,
) -> Result<(), Error> {
    scanner.white_space();
    let key = scanner.string().map_err(syntax)?;
    scanner.expect(b':', "`:`").map_err(syntax)?;
    scanner.white_space();
    let name = value::piece(scanner, key, assembler)?;
    match assembler.bytes(name) {
        b"data" => {
            payload.data(buffer, scanner, assembler.decoding().limits.depth.saturating_sub(level), key.start)
        }
        b"data_base64" => payload.data_base64(scanner, key.start),
        _ => value::attribute(scanner, name, assembler),
    }
}

fn peeked(scanner: &mut Scanner<'_>, with: &Decoding) -> Result<Option<String>, Error> {
    let start = scanner.position();
    match scanner.peek().map_err(syntax)? {
        b'"' => string(scanner).map(Some),
        b'n' => scanner.literal("null").map(|()| None).map_err(syntax),
        _ => {
            scanner.value(with.limits.depth.saturating_sub(1)).map_err(syntax)?;
            Ok(scanner.text().get(start..scanner.position()).map(str::to_owned))
        }
    }
}

fn string(scanner: &mut Scanner<'_>) -> Result<String, Error> {
    let string = scanner.string().map_err(syntax)?;
    let mut text = String::new();
    scanner.unescape(string, &mut text).map_err(syntax)?;
    Ok(text)
}

#[cold]
fn byte_order_mark(buffer: &TextBuffer, with: &Decoding) -> Result<usize, Error> {
    match buffer.as_str().strip_prefix('\u{feff}') {
        Some(_) if with.leniency.allows(RepairKind::ByteOrderMark) => Ok(3),
        Some(_) => Err(Error::new(ErrorKind::InvalidDocument)
            .with_detail("a byte order mark comes before the JSON text")
            .with_offset(0)
            .with_help("write the document without one (RFC 8259, section 8.1)")),
        None => Ok(0),
    }
}

#[cold]
fn not_an_event(scanner: &Scanner<'_>) -> Error {
    if scanner.peek() == Ok(b'[') {
        return Error::new(ErrorKind::Batched)
            .with_offset(scanner.position())
            .with_help("a JSON array is a batch, of media type application/cloudevents-batch+json");
    }
    syntax(scanner.problem(Mistake::Expected("an event, which is a JSON object")))
}
