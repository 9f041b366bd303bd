//! Payloads: the members `data` and `data_base64`.

use crate::value::syntax;
use cloudevents_core::{
    Error, ErrorKind, MediaType, Payload, Repair, RepairKind, SpecVersion, TextBuffer,
    codec::{
        Assembler, Completed, decode_base64,
        scan::{RawString, Scanner},
        scan_json,
    },
};

/// The payload members of an event, until all attributes are known.
#[derive(Default)]
pub(crate) struct Members {
    data: Option<Member>,
    base64: Option<(RawString, usize)>,
    base64_seen: bool,
}

enum Member {
    /// The string, and the position of its quotation mark.
    String(RawString, usize),
    Other(Payload, usize),
}

impl Members {
    /// The cursor is at the value of `data`.
    #[inline]
    pub(crate) fn data(
        &mut self,
        buffer: &TextBuffer,
        scanner: &mut Scanner<'_>,
        depth: u32,
        key: usize,
    ) -> Result<(), Error> {
        if self.data.is_some() {
            return Err(duplicate("data", key));
        }
        let start = scanner.position();
        self.data = Some(if scanner.peek().map_err(syntax)? == b'"' {
            Member::String(scanner.long_string().map_err(syntax)?, start)
        } else {
            let mut at = start;
            let payload = scan_json(buffer, &mut at, depth).map_err(syntax)?;
            *scanner = Scanner::at(scanner.text(), at);
            Member::Other(payload, start)
        });
        Ok(())
    }

    /// The cursor is at the value of `data_base64`.
    #[inline]
    pub(crate) fn data_base64(&mut self, scanner: &mut Scanner<'_>, key: usize) -> Result<(), Error> {
        if self.base64_seen {
            return Err(duplicate("data_base64", key));
        }
        self.base64_seen = true;
        let start = scanner.position();
        match scanner.peek().map_err(syntax)? {
            b'"' => self.base64 = Some((scanner.unchecked_string().map_err(syntax)?, start)),
            b'n' => scanner.literal("null").map_err(syntax)?,
            _ => {
                return Err(Error::new(ErrorKind::InvalidType)
                    .with_detail("data_base64 is a JSON string")
                    .with_offset(start)
                    .with_clause("JSON-3.1.1-b"));
            }
        }
        Ok(())
    }

    /// The payload, now that version and content type are known.
    #[inline]
    pub(crate) fn decide(
        self,
        buffer: &TextBuffer,
        completed: Completed,
        assembler: &mut Assembler<'_>,
    ) -> Result<Option<Payload>, Error> {
        if self.base64_seen && completed.specversion == SpecVersion::V03 {
            return Err(no_base64_in_03());
        }
        let is_json = assembler.content_type().is_none_or(MediaType::is_json);
        match (self.data, self.base64) {
            (None, None) => Ok(None),
            (Some(_), Some((_, at))) => Err(Error::new(ErrorKind::ConflictingData)
                .with_detail("data and data_base64 cannot both be there")
                .with_offset(at)
                .with_clause("JSON-3.1.1-m")),
            (None, Some((string, at))) => decode_string(buffer, string, at).map(Some),
            (Some(Member::String(string, at)), None) if completed.base64 => {
                decode_string(buffer, string, at).map(Some)
            }
            (Some(Member::String(_, mut at)), None) if is_json => {
                scan_json(buffer, &mut at, u32::MAX).map(Some).map_err(syntax)
            }
            (Some(Member::Other(payload, _)), None) if is_json => Ok(Some(payload)),
            (Some(Member::String(string, _)), None) => text(buffer, string).map(Some),
            (Some(Member::Other(payload, at)), None) => data_as_text(payload, at, assembler).map(Some),
        }
    }
}

#[inline]
fn decode_string(buffer: &TextBuffer, string: RawString, at: usize) -> Result<Payload, Error> {
    let refuse =
        |error: Error| error.with_offset(at).with_detail("data_base64 is not base64 of RFC 4648 section 4");
    if string.escaped {
        let mut text = String::new();
        Scanner::new(buffer.as_str()).unescape(string, &mut text).map_err(syntax)?;
        return Ok(Payload::binary(decode_base64(text).map_err(refuse)?));
    }
    let text = buffer.as_bytes().get(string.range()).unwrap_or_default();
    match decode_base64(text) {
        Ok(bytes) => Ok(Payload::binary(bytes)),
        // Escapes were not searched for: base64 does not need them, but `\/` is allowed.
        Err(_) if text.contains(&b'\\') => {
            let string = Scanner::at(buffer.as_str(), at).string().map_err(syntax)?;
            decode_string(buffer, string, at)
        }
        Err(error) => Err(refuse(error)),
    }
}

fn text(buffer: &TextBuffer, string: RawString) -> Result<Payload, Error> {
    if !string.escaped
        && let Some(text) = buffer.slice(string.range())
    {
        return Ok(Payload::text(text));
    }
    let mut text = String::new();
    Scanner::new(buffer.as_str()).unescape(string, &mut text).map_err(syntax)?;
    Ok(Payload::text(text))
}

#[cold]
fn data_as_text(payload: Payload, at: usize, assembler: &mut Assembler<'_>) -> Result<Payload, Error> {
    let error = Error::new(ErrorKind::InvalidData)
        .with_detail("data is not a string, and datacontenttype is not JSON")
        .with_offset(at)
        .with_help("correct datacontenttype, or write the payload as a string or as data_base64")
        .with_clause("JSON-3.1.1-k");
    if !assembler.decoding().leniency.allows(RepairKind::DataAsText) {
        return Err(error);
    }
    assembler.repaired(Repair::new(RepairKind::DataAsText).with_cause(error));
    Ok(Payload::text(TextBuffer::new(payload.as_bytes().clone())?))
}

#[cold]
fn duplicate(member: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::DuplicateAttribute)
        .with_attribute(member)
        .with_offset(at)
        .with_clause("JSON-3.1.1-m")
}

#[cold]
fn no_base64_in_03() -> Error {
    Error::new(ErrorKind::InvalidName).with_attribute("data_base64").with_detail(
        "specversion 0.3 has no such member: there, `datacontentencoding` says that `data` is base64",
    )
}
