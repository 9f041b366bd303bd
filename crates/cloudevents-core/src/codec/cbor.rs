//! The CBOR reader: well-formed items of RFC 8949 over bytes, without building anything.
//!
//! It is here rather than in the CBOR format because [`Payload::cbor`](crate::Payload::cbor) checks an item, and every binding
//! checks whether a payload is one.

use crate::{Error, ErrorKind};
use alloc::{borrow::Cow, string::String, vec::Vec};

/// Whether the bytes are exactly one well-formed data item (RFC 8949, appendix C) whose text strings are UTF-8 (section 3.1).
///
/// The item may be nested up to [`MAX_LEVELS`] deep. Arrays, maps, tags and chunked strings count as levels.
///
/// ```
/// use cloudevents_core::codec::is_cbor_item;
///
/// assert!(is_cbor_item(b"\x82\x01\x61a"));
/// assert!(!is_cbor_item(b"\x61\xff")); // a text string that is not UTF-8
/// ```
pub fn is_cbor_item(bytes: &[u8]) -> bool {
    let mut reader = Reader::new(bytes);
    reader.skip(MAX_LEVELS).is_ok() && reader.is_at_end()
}

/// How deep an item may be nested, regardless of the limits of a decoder: no reader accepts more.
pub const MAX_LEVELS: u32 = 1000;

/// Major type 0: an unsigned integer.
pub const UNSIGNED: u8 = 0;
/// Major type 1: a negative integer.
pub const NEGATIVE: u8 = 1;
/// Major type 2: a byte string.
pub const BYTES: u8 = 2;
/// Major type 3: a text string.
pub const TEXT: u8 = 3;
/// Major type 4: an array.
const ARRAY: u8 = 4;
/// Major type 5: a map.
pub const MAP: u8 = 5;
/// Major type 6: a tag.
pub const TAG: u8 = 6;
/// Major type 7: simple values and floating-point numbers.
pub const SIMPLE: u8 = 7;

/// The simple value `false`.
pub const FALSE: u64 = 20;
/// The simple value `true`.
pub const TRUE: u64 = 21;
/// The simple value `null`.
pub const NULL: u64 = 22;

const BREAK: u8 = 0xff;
const INDEFINITE: u8 = 31;

/// Reads items from the front of a document. An error has the offset at which the document is wrong.
///
/// ```
/// use cloudevents_core::codec::cbor::{MAX_LEVELS, Reader, UNSIGNED};
///
/// let mut reader = Reader::new(b"\x82\x01\x61a\x18\x2a");
/// reader.skip(MAX_LEVELS)?;
/// let head = reader.head()?;
/// assert_eq!((head.major, head.argument, head.at), (UNSIGNED, Some(42), 4));
/// assert!(reader.is_at_end());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    /// The length of the document.
    end: usize,
}

/// The head of an item.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// The major type.
    pub major: u8,
    /// The five low bits of the initial byte.
    info: u8,
    /// The number, length, tag or bits. `None` for an indefinite length.
    pub argument: Option<u64>,
    /// The offset in the document.
    pub at: usize,
}

impl Head {
    /// The number of items or pairs left in an array or map.
    #[inline]
    pub fn left(self) -> Left {
        Left(self.argument)
    }

    /// The number of a simple value that is not a floating point number.
    pub fn simple(self) -> Option<u64> {
        self.argument.filter(|_| self.major == SIMPLE && self.info <= 24)
    }
}

/// How many items are left in an array, or pairs in a map. With `None`, items follow until a break.
#[derive(Clone, Copy, Debug)]
pub struct Left(Option<u64>);

impl<'a> Reader<'a> {
    /// Creates a reader at the beginning.
    #[inline]
    pub fn new(document: &'a [u8]) -> Self {
        Self { rest: document, end: document.len() }
    }

    /// Creates a reader at this offset.
    #[inline]
    pub fn at(document: &'a [u8], offset: usize) -> Self {
        Self { rest: document.get(offset..).unwrap_or_default(), end: document.len() }
    }

    /// The major type of the next item.
    #[inline]
    pub fn major(&self) -> Option<u8> {
        self.rest.first().map(|initial| initial >> 5)
    }

    /// The offset in the document.
    #[inline]
    pub fn position(&self) -> usize {
        self.end.saturating_sub(self.rest.len())
    }

    /// Whether the document ends here.
    #[inline]
    pub fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Reads the next head. A break is an error.
    #[inline]
    pub fn head(&mut self) -> Result<Head, Error> {
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
    pub fn more(&mut self, left: &mut Left) -> bool {
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
    pub fn short_text(&mut self) -> Option<&'a [u8]> {
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
    pub fn short_tagged(&mut self, tag: &[u8]) -> Option<&'a [u8]> {
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
    pub fn bytes(&mut self, head: Head) -> Result<Cow<'a, [u8]>, Error> {
        match head.argument {
            Some(length) => self.take(length, head.at).map(Cow::Borrowed),
            None => self.chunks(head.major, |_, _| Ok(())).map(Cow::Owned),
        }
    }

    /// The contents of a text string whose head was read.
    #[inline]
    pub fn text(&mut self, head: Head) -> Result<Cow<'a, str>, Error> {
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
    pub fn skip(&mut self, levels: u32) -> Result<(), Error> {
        let head = self.head()?;
        self.skip_rest(head, levels)
    }

    /// Skips an item whose head was read.
    pub fn skip_rest(&mut self, head: Head, levels: u32) -> Result<(), Error> {
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

/// UTF-8, as every text string is.
#[inline]
fn text(bytes: &[u8], at: usize) -> Result<&str, Error> {
    core::str::from_utf8(bytes).map_err(|error| not_utf8(at.saturating_add(error.valid_up_to())))
}

/// The error for bytes that are not CBOR.
#[cold]
pub fn malformed(detail: &'static str, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument).with_detail(detail).with_offset(at)
}

#[cold]
fn too_long(length: u64, left: usize, at: usize) -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail(alloc::format!("a length of {length} bytes, and {left} are left"))
        .with_offset(at)
}

#[cold]
fn too_deep(at: usize) -> Error {
    Error::new(ErrorKind::TooDeep).with_detail("items within items").with_offset(at)
}

/// The error for text that is not UTF-8.
#[cold]
pub fn not_utf8(at: usize) -> Error {
    Error::new(ErrorKind::InvalidUtf8).with_detail("text strings are UTF-8").with_offset(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVELS: usize = MAX_LEVELS as usize;

    #[test]
    fn well_formed_and_not() {
        // Examples of RFC 8949, appendix A.
        for good in [
            &b"\x00"[..],
            b"\x18\x64",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xf9\x3c\x00",
            b"\xf6",
            b"\xf8\xff",
            b"\xc1\x1a\x51\x4b\x67\xb0",
            b"\x44\x01\x02\x03\x04",
            b"\x60",
            b"\x83\x01\x82\x02\x03\x82\x04\x05",
            b"\xa2\x61a\x01\x61b\x82\x02\x03",
            b"\x5f\x42\x01\x02\x43\x03\x04\x05\xff",
            b"\x9f\xff",
            b"\x9f\x01\x82\x02\x03\x9f\x04\x05\xff\xff",
            b"\xbf\x61a\x01\xff",
            b"\x80",
            b"\xa0",
            b"\xfb\0\0\0\0\0\0\0\0",
            b"\xd8\x18\x41\x05",
            b"\x7f\x61a\x60\xff",
            b"\xbf\x61a\x9f\xff\xff",
        ] {
            assert!(is_cbor_item(good), "{good:x?}");
        }
        // Of appendix F, and more.
        for bad in [
            &b""[..],
            b"\x18",
            b"\x1b\x00",
            b"\x42\x01",
            b"\x81",
            b"\xa1\x01",
            b"\xa2\x01\x02",
            b"\xff",
            b"\x9f",
            b"\xbf\x01\xff",
            b"\x5f\x61a\xff",
            b"\x5f\x5f\x41\x00\xff\xff",
            b"\x1c",
            b"\xf8\x18",
            b"\xf8\x00",
            b"\x00\x00",
            b"\x81\xff",
            b"\xc0",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00",
            b"\x1f",
            b"\xbf\x00\xff",
            b"\x81\x7f\x61\xff\xff",
            b"\xdf",
            // Text strings that are not UTF-8, as a whole and chunk by chunk.
            b"\x61\xff",
            b"\x82\x01\x62\xc3\x28",
            b"\x7f\x61\xc3\x61\xa9\xff",
        ] {
            assert!(!is_cbor_item(bad), "{bad:x?}");
        }
        for (depth, well_formed) in [(LEVELS, true), (LEVELS + 1, false), (100_000, false)] {
            let mut deep = std::vec![0x81; depth];
            assert!(!is_cbor_item(&deep));
            deep.push(0);
            assert_eq!(is_cbor_item(&deep), well_formed, "{depth}");
            deep.pop();
            deep.pop();
            deep.push(0x80);
            assert_eq!(is_cbor_item(&deep), well_formed, "{depth}, the last one empty");
        }
    }

    #[test]
    fn the_deepest_item_needs_little_stack() {
        let mut deep = std::vec![0x81; LEVELS];
        deep.push(0);
        let check = move || is_cbor_item(&deep);
        assert!(std::thread::Builder::new().stack_size(512 << 10).spawn(check).unwrap().join().unwrap());
    }
}
