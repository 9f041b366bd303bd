//! JSON text to events, in one pass.

use crate::{data, value, value::syntax};
use bytes::Bytes;
use cloudevents_core::{
    DecodeOptions, Decoded, Error, ErrorKind, Event, FoundAttributes, Repair, RepairKind, ResolvedName,
    TextBuffer,
    codec::{
        Assembler, Picker,
        scan::{Mistake, Scanner},
    },
};

/// A document with one event and nothing else.
#[inline]
pub(crate) fn document(document: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let (buffer, mut at) = open(document, with)?;
    let start = at;
    let mut decoded = event(&buffer, &mut at, with, 1)?;
    close(&buffer, at)?;
    if start > 0 {
        decoded.repairs.push(Repair::new(RepairKind::ByteOrderMark));
    }
    Ok(decoded)
}

/// An element of a batch, and nothing else.
pub(crate) fn element(element: Bytes, with: &DecodeOptions) -> Result<Decoded<Event>, Error> {
    let (buffer, mut at) = (TextBuffer::new(element)?, 0);
    let decoded = event(&buffer, &mut at, with, 2)?;
    close(&buffer, at)?;
    Ok(decoded)
}

/// Checks size and UTF-8. Returns where the text begins.
#[inline]
pub(crate) fn open(document: Bytes, with: &DecodeOptions) -> Result<(TextBuffer, usize), Error> {
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

/// Reads the event object at `at`, and moves `at` after it. `level` is the number of brackets around its members.
pub(crate) fn event(
    buffer: &TextBuffer,
    at: &mut usize,
    with: &DecodeOptions,
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
    assembler.finish(payload)
}

/// Reads the attributes of these names. The document behind them is not read.
pub(crate) fn look_up(
    document: &Bytes,
    names: &[ResolvedName],
    with: &DecodeOptions,
    read: &mut dyn FnMut(FoundAttributes<'_>),
) -> Result<(), Error> {
    let (buffer, at) = open(document.clone(), with)?;
    let mut scanner = Scanner::at(buffer.as_str(), at);
    if scanner.token().map_err(syntax)? != b'{' {
        return Err(not_an_event(&scanner));
    }
    scanner.expect(b'{', "`{`").map_err(syntax)?;
    let mut picker = Picker::in_buffer(buffer.clone(), names, with);
    if scanner.token().map_err(syntax)? != b'}' {
        loop {
            pick(&mut scanner, &mut picker, with)?;
            if picker.is_done() {
                break;
            }
            match scanner.token().map_err(syntax)? {
                b',' => scanner.expect(b',', "`,`").map_err(syntax)?,
                b'}' => break,
                _ => return Err(syntax(scanner.problem(Mistake::Expected("`,` or `}`")))),
            }
        }
    }
    picker.finish(read)
}

/// Reads a member if it is requested, and skips it otherwise.
fn pick(scanner: &mut Scanner<'_>, picker: &mut Picker<'_, '_>, with: &DecodeOptions) -> Result<(), Error> {
    scanner.white_space();
    let key = scanner.string().map_err(syntax)?;
    scanner.expect(b':', "`:`").map_err(syntax)?;
    scanner.white_space();
    let mut unescaped = String::new();
    let name = if key.escaped {
        scanner.unescape(key, &mut unescaped).map_err(syntax)?;
        unescaped.as_bytes()
    } else {
        scanner.text().as_bytes().get(key.range()).unwrap_or_default()
    };
    if picker.wants(name) {
        let name = value::piece(scanner, key, picker.assembler())?;
        return value::attribute(scanner, name, picker.assembler());
    }
    scanner.value(with.limits.depth.saturating_sub(1)).map_err(syntax).map(drop)
}

#[inline]
pub(crate) fn member(
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

#[cold]
fn byte_order_mark(buffer: &TextBuffer, with: &DecodeOptions) -> Result<usize, Error> {
    match buffer.as_str().strip_prefix('\u{feff}') {
        Some(_) if with.leniency.allows(RepairKind::ByteOrderMark) => Ok(3),
        Some(_) => Err(unwanted_byte_order_mark()),
        None => Ok(0),
    }
}

#[cold]
pub(crate) fn unwanted_byte_order_mark() -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail("a byte order mark comes before the JSON text")
        .with_offset(0)
        .with_help("write the document without one (RFC 8259, section 8.1)")
}

#[cold]
pub(crate) fn not_an_event(scanner: &Scanner<'_>) -> Error {
    if scanner.peek() == Ok(b'[') {
        return Error::new(ErrorKind::Batched)
            .with_offset(scanner.position())
            .with_help("a JSON array is a batch, of media type application/cloudevents-batch+json");
    }
    syntax(scanner.problem(Mistake::Expected("an event, which is a JSON object")))
}
