//! The encoding of CBOR items (RFC 8949): heads, strings, nesting.

use cloudevents_core::{Error, ErrorKind, codec::Room};
use std::borrow::Cow;

/// Major types.
pub(crate) const UNSIGNED: u8 = 0;
pub(crate) const NEGATIVE: u8 = 1;
pub(crate) const BYTES: u8 = 2;
pub(crate) const TEXT: u8 = 3;
const ARRAY: u8 = 4;
pub(crate) const MAP: u8 = 5;
pub(crate) const TAG: u8 = 6;
pub(crate) const SIMPLE: u8 = 7;

/// Simple values.
pub(crate) const FALSE: u64 = 20;
pub(crate) const TRUE: u64 = 21;
pub(crate) const NULL: u64 = 22;

const BREAK: u8 = 0xff;
const INDEFINITE: u8 = 31;

/// Reads items from the front of a document.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    /// The length of the document.
    end: usize,
}

/// The head of an item.
#[derive(Clone, Copy)]
pub(crate) struct Head {
    pub(crate) major: u8,
    /// The five low bits of the initial byte.
    info: u8,
    /// The number, length, tag or bits; `None` for an indefinite length.
    pub(crate) argument: Option<u64>,
    /// The offset in the document.
    pub(crate) at: usize,
}

impl Head {
    /// The number of items or pairs left in an array or map.
    #[inline]
    pub(crate) fn left(self) -> Left {
        Left(self.argument)
    }

    /// The number of a simple value that is not a floating point number.
    pub(crate) fn simple(self) -> Option<u64> {
        self.argument.filter(|_| self.major == SIMPLE && self.info <= 24)
    }
}

/// How many items are left in an array, or pairs in a map; `None`: until a break.
#[derive(Clone, Copy)]
pub(crate) struct Left(Option<u64>);

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(document: &'a [u8]) -> Self {
        Self { rest: document, end: document.len() }
    }

    /// Creates a reader at this offset.
    #[inline]
    pub(crate) fn at(document: &'a [u8], offset: usize) -> Self {
        Self { rest: document.get(offset..).unwrap_or_default(), end: document.len() }
    }

    /// The major type of the next item.
    #[inline]
    pub(crate) fn major(&self) -> Option<u8> {
        self.rest.first().map(|initial| initial >> 5)
    }

    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    #[inline]
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the next head. A break is an error.
    #[inline]
    pub(crate) fn head(&mut self) -> Result<Head, Error> {
        let at = self.position();
        let [initial, rest @ ..] = self.rest else { return Err(self.truncated()) };
        self.rest = rest;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let argument = if info < 24 { Some(u64::from(info)) } else { self.long_argument(major, info, at)? };
        Ok(Head { major, info, argument, at })
    }

    fn long_argument(&mut self, major: u8, info: u8, at: usize) -> Result<Option<u64>, Error> {
        let argument = match info {
            24 => self.number::<1>()?,
            25 => self.number::<2>()?,
            26 => self.number::<4>()?,
            27 => self.number::<8>()?,
            INDEFINITE if matches!(major, BYTES | TEXT | ARRAY | MAP) => return Ok(None),
            INDEFINITE if major == SIMPLE => return Err(malformed("a break where an item is expected", at)),
            _ => return Err(malformed("the initial byte has a meaning that is not defined", at)),
        };
        if (major, info) == (SIMPLE, 24) && argument < 32 {
            return Err(malformed("a simple value below 32 takes one byte", at));
        }
        Ok(Some(argument))
    }

    #[inline]
    fn number<const N: usize>(&mut self) -> Result<u64, Error> {
        let Some((bytes, rest)) = self.rest.split_first_chunk::<N>() else { return Err(self.truncated()) };
        self.rest = rest;
        Ok(bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    /// Skips a break, if there is one, and returns whether there was.
    #[inline]
    fn is_break(&mut self) -> bool {
        match self.rest {
            [BREAK, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Whether another item of an array, or pair of a map, follows.
    #[inline]
    pub(crate) fn more(&mut self, left: &mut Left) -> bool {
        match &mut left.0 {
            None => !self.is_break(),
            Some(left) => {
                let more = *left > 0;
                *left = left.saturating_sub(1);
                more
            }
        }
    }

    /// Reads a text string of less than 256 bytes in one piece. The reader does not move if the next item is another.
    #[inline]
    pub(crate) fn short_text(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = match self.rest {
            [initial @ 0x60..=0x77, rest @ ..] => (initial & 0x1f, rest),
            [0x78, length, rest @ ..] => (*length, rest),
            _ => return None,
        };
        let (text, rest) = rest.split_at_checked(length.into())?;
        self.rest = rest;
        Some(text)
    }

    /// Like [`short_text`](Self::short_text), after a tag with exactly this encoding. The text must not be empty.
    #[inline]
    pub(crate) fn short_tagged(&mut self, tag: &[u8]) -> Option<&'a [u8]> {
        let mut inside = Self { rest: self.rest.strip_prefix(tag)?, end: self.end };
        let text = inside.short_text().filter(|text| !text.is_empty())?;
        *self = inside;
        Some(text)
    }

    /// The bytes of a string of definite length, whose head was read.
    #[inline]
    fn take(&mut self, length: u64, at: usize) -> Result<&'a [u8], Error> {
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(too_long(length, self.rest.len(), at)),
        }
    }

    /// The contents of a string whose head was read. Chunks are joined. UTF-8 is not checked.
    #[inline]
    pub(crate) fn bytes(&mut self, head: Head) -> Result<Cow<'a, [u8]>, Error> {
        match head.argument {
            Some(length) => self.take(length, head.at).map(Cow::Borrowed),
            None => self.chunks(head.major, |_, _| Ok(())).map(Cow::Owned),
        }
    }

    /// The contents of a text string whose head was read.
    #[inline]
    pub(crate) fn text(&mut self, head: Head) -> Result<Cow<'a, str>, Error> {
        if let Some(length) = head.argument {
            let bytes = self.take(length, head.at)?;
            return text(bytes, self.position().saturating_sub(bytes.len())).map(Cow::Borrowed);
        }
        let bytes = self.chunks(TEXT, |chunk, at| text(chunk, at).map(drop))?;
        // Chunks of UTF-8 joined are UTF-8.
        String::from_utf8(bytes).map(Cow::Owned).map_err(|_| not_utf8(head.at))
    }

    #[cold]
    fn chunks(
        &mut self,
        major: u8,
        check: impl Fn(&[u8], usize) -> Result<(), Error>,
    ) -> Result<Vec<u8>, Error> {
        let mut whole = Vec::new();
        self.each_chunk(major, |chunk, at| {
            check(chunk, at)?;
            whole.extend_from_slice(chunk);
            Ok(())
        })?;
        Ok(whole)
    }

    fn each_chunk(
        &mut self,
        major: u8,
        mut take: impl FnMut(&'a [u8], usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        while !self.is_break() {
            let head = self.head()?;
            match head.argument {
                Some(length) if head.major == major => {
                    let chunk = self.take(length, head.at)?;
                    take(chunk, self.position().saturating_sub(chunk.len()))?;
                }
                _ => {
                    return Err(malformed(
                        "the chunks of a string are strings of its type, of definite length",
                        head.at,
                    ));
                }
            }
        }
        Ok(())
    }

    /// Skips an item. Arrays, maps, tags and chunked strings count as levels.
    pub(crate) fn skip(&mut self, levels: u32) -> Result<(), Error> {
        let head = self.head()?;
        self.skip_rest(head, levels)
    }

    /// Skips an item whose head was read.
    pub(crate) fn skip_rest(&mut self, head: Head, levels: u32) -> Result<(), Error> {
        let Some(argument) = head.argument.filter(|_| head.major < ARRAY || head.major == SIMPLE) else {
            return self.skip_inner(head, levels);
        };
        match head.major {
            BYTES => self.take(argument, head.at).map(drop),
            TEXT => {
                let bytes = self.take(argument, head.at)?;
                text(bytes, self.position().saturating_sub(bytes.len())).map(drop)
            }
            _ => Ok(()),
        }
    }

    fn skip_inner(&mut self, head: Head, levels: u32) -> Result<(), Error> {
        let Some(levels) = levels.checked_sub(1) else { return Err(too_deep(head.at)) };
        match head.major {
            BYTES => self.each_chunk(BYTES, |_, _| Ok(())),
            TEXT => self.each_chunk(TEXT, |chunk, at| text(chunk, at).map(drop)),
            TAG => self.skip(levels),
            major => {
                let mut left = head.left();
                while self.more(&mut left) {
                    self.skip(levels)?;
                    if major == MAP {
                        self.skip(levels)?;
                    }
                }
                Ok(())
            }
        }
    }

    #[cold]
    fn truncated(&self) -> Error {
        malformed("the document ends within an item", self.end)
    }
}

/// The maximum number of levels that are skipped, regardless of the limits: the same as for `Payload::cbor`.
pub(crate) const MOST_LEVELS: u32 = 1000;

/// Whether an item is a byte string.
pub(crate) fn is_byte_string(item: &[u8]) -> bool {
    item.first().is_some_and(|initial| initial >> 5 == BYTES)
}

/// Writes a head in the shortest form.
#[inline(always)]
pub(crate) fn put_head(major: u8, argument: u64, room: &mut Room<'_>) {
    let initial = major << 5;
    match u8::try_from(argument) {
        Ok(argument @ ..24) => room.put([initial | argument]),
        Ok(argument) => room.put([initial | 24, argument]),
        Err(_) => room.lend(|room| long_head(initial, argument, room)),
    }
}

#[inline(never)]
fn long_head(initial: u8, argument: u64, mut room: Room<'_>) -> Room<'_> {
    let [a, b, c, d, e, f, g, h] = argument.to_be_bytes();
    match argument {
        ..0x1_0000 => room.put([initial | 25, g, h]),
        0x1_0000..0x1_0000_0000 => room.put([initial | 26, e, f, g, h]),
        _ => room.put([initial | 27, a, b, c, d, e, f, g, h]),
    }
    room
}

/// Writes a string.
#[inline(always)]
pub(crate) fn put_string(major: u8, contents: &[u8], room: &mut Room<'_>) {
    room.lend(|room| string(major, contents, room));
}

#[inline(never)]
fn string<'a>(major: u8, contents: &[u8], mut room: Room<'a>) -> Room<'a> {
    let initial = major << 5;
    match contents.len() {
        length @ ..24 => room.put([initial | length as u8]),
        length @ ..65 => room.put([initial | 24, length as u8]),
        _ => return long_string(major, contents, room),
    }
    room.put_slice(contents);
    room
}

#[inline(never)]
fn long_string<'a>(major: u8, contents: &[u8], mut room: Room<'a>) -> Room<'a> {
    put_head(major, contents.len() as u64, &mut room);
    room.put_slice(contents);
    room
}

/// Bytes that a head takes.
#[inline]
pub(crate) fn head_length(argument: u64) -> usize {
    match argument {
        ..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

/// Bytes that a string of this length takes.
#[inline]
pub(crate) fn string_length(contents: usize) -> usize {
    // The length of data in memory does not overflow.
    head_length(contents as u64).wrapping_add(contents)
}

/// UTF-8, as every text string is.
#[inline]
fn text(bytes: &[u8], at: usize) -> Result<&str, Error> {
    core::str::from_utf8(bytes).map_err(|error| not_utf8(at.saturating_add(error.valid_up_to())))
}

/// The error for bytes that are not CBOR.
#[cold]
pub(crate) fn malformed(detail: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(detail).with_offset(at)
}

#[cold]
fn too_long(length: u64, left: usize, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(format!("a length of {length} bytes, and {left} are left"))
        .with_offset(at)
}

#[cold]
fn too_deep(at: usize) -> Error {
    Error::new(ErrorKind::TooDeep).with_detail("items within items").with_offset(at)
}

/// The error for text that is not UTF-8.
#[cold]
pub(crate) fn not_utf8(at: usize) -> Error {
    Error::new(ErrorKind::InvalidUtf8).with_detail("text strings are UTF-8").with_offset(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_they_are_written() {
        for argument in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit]).chain([23, 24, u64::MAX]) {
            for major in [UNSIGNED, NEGATIVE, TAG] {
                let mut out = Vec::new();
                let filled = Room::fill(head_length(argument), 0, &mut out, |mut room| {
                    put_head(major, argument, &mut room);
                    room
                });
                assert!(filled.is_ok(), "{argument}");
                let mut reader = Reader::new(&out);
                let head = reader.head().unwrap();
                assert_eq!((head.major, head.argument, reader.is_at_end()), (major, Some(argument), true));
            }
        }
    }

    #[test]
    fn what_is_valid() {
        for (item, valid) in [
            (&b"\x00"[..], true),
            (b"\xbf\x61a\x9f\xff\xff", true),
            (b"\x7f\x61a\x60\xff", true),
            (b"\xd8\x18\x41\x05", true),
            (b"\xf8\xff", true),
            (b"\xfb\0\0\0\0\0\0\0\0", true),
            (b"", false),
            (b"\x00\x00", false),
            (b"\x61\xff", false),
            (b"\x81\x7f\x61\xff\xff", false),
            (b"\xa1\x00", false),
            (b"\xbf\x00\xff", false),
            (b"\xff", false),
            (b"\xdf\x00", false),
            (b"\x1f", false),
        ] {
            let mut reader = Reader::new(item);
            assert_eq!(reader.skip(MOST_LEVELS).is_ok() && reader.is_at_end(), valid, "{item:x?}");
            // The two that check items agree.
            assert_eq!(cloudevents_core::codec::is_cbor_item(item), valid, "{item:x?}");
        }
    }
}
