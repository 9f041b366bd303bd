//! The wire format of protobuf: tags, variable-length integers, lengths.

use cloudevents_core::{
    Error, ErrorKind,
    codec::{Assembler, Piece, append_payload},
};
use smallvec::SmallVec;

/// Reads the fields of one message.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The offset in the document of the end of the message.
    end: usize,
    /// How deep groups may nest from here.
    levels: u32,
}

/// An unchecked text. It must be UTF-8, like every `string` of protobuf.
#[derive(Clone, Copy)]
pub(crate) struct Text<'a> {
    pub(crate) bytes: &'a [u8],
    /// The offset in the document.
    pub(crate) at: usize,
}

impl<'a> Text<'a> {
    /// The text itself.
    pub(crate) fn read(self) -> Result<&'a str, Error> {
        core::str::from_utf8(self.bytes).map_err(|error| {
            Error::new(ErrorKind::InvalidUtf8).with_offset(self.at.saturating_add(error.valid_up_to()))
        })
    }

    /// The text as a piece of an event.
    #[inline]
    pub(crate) fn push(self, assembler: &mut Assembler<'_>) -> Result<Piece, Error> {
        match assembler.push_bytes(self.bytes) {
            Ok(piece) => Ok(piece),
            Err(error) => Err(self.read().err().unwrap_or(error)),
        }
    }
}

/// One field, undecoded.
#[derive(Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u32,
    pub(crate) content: Content<'a>,
    /// The offset in the document of the content.
    pub(crate) at: usize,
}

/// The content of a field, by wire type.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Varint(u64),
    Fixed64,
    Bytes(&'a [u8]),
    /// A group, which was skipped.
    Group,
    Fixed32,
}

const VARINT: u8 = 0;
const FIXED64: u8 = 1;
const BYTES: u8 = 2;
const START_GROUP: u8 = 3;
const END_GROUP: u8 = 4;
const FIXED32: u8 = 5;

impl<'a> Reader<'a> {
    /// A message whose first byte has this offset in the document.
    #[inline]
    pub(crate) fn new(message: &'a [u8], start: usize, levels: u32) -> Self {
        let end = start.saturating_add(message.len());
        Self { rest: message, end, levels }
    }

    /// A message in a field of this one.
    #[inline]
    pub(crate) fn inner(&self, message: &'a [u8], start: usize) -> Self {
        let end = start.saturating_add(message.len());
        Self { rest: message, end, levels: self.levels.saturating_sub(1) }
    }

    /// The next field, `None` at the end.
    #[inline(always)] // The usual field, with a tag and a length of one byte each, is read inline.
    pub(crate) fn field(&mut self) -> Result<Option<Field<'a>>, Error> {
        if let [tag @ 8..=0x7f, length @ ..0x80, rest @ ..] = self.rest
            && tag & 7 == BYTES
            && let Some((bytes, rest)) = rest.split_at_checked(usize::from(*length))
        {
            self.rest = rest;
            let at = self.position().wrapping_sub(bytes.len());
            return Ok(Some(Field { number: u32::from(tag >> 3), content: Content::Bytes(bytes), at }));
        }
        self.any_field()
    }

    fn any_field(&mut self) -> Result<Option<Field<'a>>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        let at = self.position();
        let content = self.content(number, wire_type, at)?;
        let at = match content {
            Content::Bytes(bytes) => self.position().saturating_sub(bytes.len()),
            _ => at,
        };
        Ok(Some(Field { number, content, at }))
    }

    /// The offset in the document of the next field.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        // `rest` is at most as long as the document.
        self.end.wrapping_sub(self.rest.len())
    }

    /// Field number and wire type.
    #[inline]
    fn tag(&mut self) -> Result<(u32, u8), Error> {
        if let [tag @ 8..=0x7f, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok((u32::from(tag >> 3), tag & 7));
        }
        let start = self.position();
        let tag = self.varint()?;
        match u32::try_from(tag) {
            // The mask keeps three bits.
            Ok(tag) if tag >> 3 != 0 => Ok((tag >> 3, (tag & 7) as u8)),
            _ => Err(malformed("the number of a field is between 1 and 536870911", start)),
        }
    }

    #[inline]
    fn content(&mut self, number: u32, wire_type: u8, at: usize) -> Result<Content<'a>, Error> {
        Ok(match wire_type {
            VARINT => Content::Varint(self.varint()?),
            FIXED64 => {
                self.skip(8)?;
                Content::Fixed64
            }
            BYTES => Content::Bytes(self.bytes()?),
            START_GROUP => {
                self.group(number, at)?;
                Content::Group
            }
            END_GROUP => return Err(malformed("a group ends that did not begin", at)),
            FIXED32 => {
                self.skip(4)?;
                Content::Fixed32
            }
            _ => return Err(malformed("6 and 7 are no wire types", at)),
        })
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, Error> {
        if let [byte @ ..0x80, rest @ ..] = self.rest {
            self.rest = rest;
            return Ok(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        let mut rest = self.rest;
        for shift in (0..64).step_by(7) {
            let [byte, after @ ..] = rest else {
                return Err(malformed("the message ends within a number", self.end));
            };
            rest = after;
            if shift == 63 && *byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if *byte < 0x80 {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(malformed("a number of more than 64 bits", self.position()))
    }

    #[inline]
    fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let start = self.position();
        let length = self.varint()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(too_long(length, self.rest.len(), start)),
        }
    }

    fn skip(&mut self, count: usize) -> Result<(), Error> {
        match self.rest.split_at_checked(count) {
            Some((_, rest)) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(malformed("the message ends within a number", self.end)),
        }
    }

    /// Skips a group and nested groups, up to its end tag. A vector holds the open groups.
    #[cold]
    fn group(&mut self, number: u32, at: usize) -> Result<(), Error> {
        let mut open: SmallVec<[u32; 8]> = SmallVec::new();
        let mut begun = (number, at);
        loop {
            if u32::try_from(open.len()).unwrap_or(u32::MAX) >= self.levels {
                return Err(too_deep(begun.1));
            }
            open.push(begun.0);
            begun = loop {
                if self.rest.is_empty() {
                    return Err(malformed("the message ends within a group", self.end));
                }
                let at = self.position();
                let (number, wire_type) = self.tag()?;
                match wire_type {
                    START_GROUP => break (number, at),
                    END_GROUP if open.pop() != Some(number) => {
                        return Err(malformed("a group ends that did not begin", at));
                    }
                    END_GROUP if open.is_empty() => return Ok(()),
                    END_GROUP => {}
                    _ => {
                        self.content(number, wire_type, at)?;
                    }
                }
            };
        }
    }
}

/// A number of at most five bytes, and the bytes behind it.
#[inline]
pub(crate) fn short_varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << at.wrapping_mul(7);
        if *byte < 0x80 {
            return Some((value, bytes.get(at.wrapping_add(1)..)?));
        }
    }
    None
}

/// Appends a number.
#[inline]
pub(crate) fn put_varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        // The mask keeps seven bits.
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Appends a length.
#[inline]
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    put_varint(length as u64, out);
}

/// Appends a field that has a length. `tag` is a tag of one byte.
#[inline(always)] // It is known where this is called.
pub(crate) fn put_bytes(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    put_head(tag, bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Like [`put_bytes`], for the payload.
pub(crate) fn put_payload(tag: u8, bytes: &[u8], out: &mut Vec<u8>) {
    put_head(tag, bytes.len(), out);
    append_payload(bytes, out);
}

#[inline(always)]
fn put_head(tag: u8, length: usize, out: &mut Vec<u8>) {
    match short(length) {
        Some(length) => out.extend_from_slice(&[tag, length]),
        None => {
            out.push(tag);
            put_length(length, out);
        }
    }
}

/// A length that takes one byte.
#[inline]
pub(crate) fn short(length: usize) -> Option<u8> {
    u8::try_from(length).ok().filter(|length| *length < 0x80)
}

/// Bytes that a number takes.
#[inline]
pub(crate) fn varint_length(value: u64) -> usize {
    if value < 0x80 {
        return 1;
    }
    64_u32.saturating_sub(value.leading_zeros()).div_ceil(7) as usize
}

/// The encoded length of a content of this length, with its length prefix and a tag of one byte.
#[inline]
pub(crate) fn field_length(content: usize) -> usize {
    // The length of data in memory does not overflow.
    varint_length(content as u64).wrapping_add(content).wrapping_add(1)
}

/// The one-byte tag of a field that has a length.
pub(crate) const fn bytes_tag(number: u8) -> u8 {
    number << 3 | BYTES
}

/// The one-byte tag of a field that is a number.
pub(crate) const fn varint_tag(number: u8) -> u8 {
    number << 3 | VARINT
}

/// The error for bytes that are not a protobuf message.
#[cold]
pub(crate) fn malformed(detail: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(detail).with_offset(at)
}

/// The error for a field whose wire type is not the type of the schema.
#[cold]
pub(crate) fn wrong_wire_type(field: &'static str, content: Content<'_>, at: usize) -> Error {
    let found = match content {
        Content::Varint(_) => "a variable-length number",
        Content::Fixed64 => "a 64-bit number",
        Content::Bytes(_) => "bytes with a length",
        Content::Group => "a group",
        Content::Fixed32 => "a 32-bit number",
    };
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(format!("the field `{field}` is written as {found}"))
        .with_offset(at)
        .with_help("write the document by the schema cloudevents.proto")
        .with_clause("PROTO-2.1-a")
}

#[cold]
fn too_long(length: u64, left: usize, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(format!("a length of {length} bytes, and {left} are left"))
        .with_offset(at)
}

#[cold]
fn too_deep(at: usize) -> Error {
    Error::new(ErrorKind::TooDeep).with_detail("groups in an unknown field").with_offset(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for value in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([u64::MAX]) {
            let mut out = vec![8];
            put_varint(value, &mut out);
            assert_eq!(varint_length(value), out.len() - 1, "{value}");
            let field = Reader::new(&out, 0, 1).field().unwrap().unwrap();
            assert!(matches!(field.content, Content::Varint(read) if read == value), "{value}");
        }
    }

    #[test]
    fn numbers_that_are_none() {
        let seen = |bytes: &[u8]| Reader::new(bytes, 0, 1).field().map(|_| ()).unwrap_err().to_string();
        assert!(seen(&[8, 0x80]).contains("ends within a number"));
        assert!(
            seen(&[8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]).contains("more than 64 bits")
        );
        assert!(seen(&[0]).contains("the number of a field"));
        assert!(seen(&[0x86, 0x80, 0x80, 0x80, 0x10]).contains("the number of a field"));
        assert!(seen(&[0x0e]).contains("no wire types"));
        assert!(seen(&[0x0c]).contains("did not begin"));
        assert!(seen(&[0x0a, 2, 0]).contains("2 bytes, and 1 are left"));
        assert!(seen(&[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]).contains("are left"));
        assert!(seen(&[0x09, 0, 0, 0, 0, 0, 0, 0]).contains("ends within a number"));
    }

    #[test]
    fn groups_are_stepped_over() {
        let fields = |bytes: &[u8], levels| {
            let mut reader = Reader::new(bytes, 0, levels);
            let mut numbers = Vec::new();
            while let Some(field) = reader.field()? {
                numbers.push(field.number);
            }
            Ok::<_, Error>(numbers)
        };
        let nested = [0x0b, 0x10, 1, 0x1b, 0x1a, 1, 0x0c, 0x1c, 0x25, 0, 0, 0, 0, 0x0c, 0x08, 1];
        assert_eq!(fields(&nested, 2).unwrap(), [1, 1]);
        assert_eq!(fields(&nested, 1).unwrap_err().kind(), ErrorKind::TooDeep);
        assert!(fields(&[0x0b, 0x14], 9).unwrap_err().to_string().contains("did not begin"));
        assert!(fields(&[0x0b, 0x0b, 0x0c], 9).unwrap_err().to_string().contains("ends within a group"));
    }
}
