//! The part of Avro's binary encoding that the two schemas need (Avro 1.9.0, "Binary Encoding").

use cloudevents_core::{
    Error, ErrorKind,
    codec::{Assembler, Piece, Room},
};
use std::{ops::Range, str::Utf8Error};

/// A cursor over a datum. Every method moves it behind the bytes that it read, or returns an error with the offset.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    length: usize,
    /// The clause that a malformed datum violates.
    clause: &'static str,
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) fn new(document: &'a [u8], clause: &'static str) -> Self {
        Self { rest: document, length: document.len(), clause }
    }

    /// How many bytes were read.
    #[inline]
    pub(crate) fn position(&self) -> usize {
        self.length.wrapping_sub(self.rest.len())
    }

    /// How many bytes are left.
    #[cfg(feature = "apacheavro022")]
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// The bytes between two offsets of the document, both not read yet.
    #[inline]
    pub(crate) fn ahead(&self, start: usize, end: usize) -> &'a [u8] {
        let read = self.position();
        self.rest.get(start.wrapping_sub(read)..end.wrapping_sub(read)).unwrap_or_default()
    }

    /// Reads a map entry in the usual form: a name, this byte for the branch of strings, a string, both shorter than 64 bytes. The
    /// reader does not move if the next entry has another form.
    #[inline]
    pub(crate) fn short_entry(&mut self, branch: u8) -> Option<(&'a [u8], &'a [u8])> {
        let short = |bytes: &'a [u8]| match bytes {
            // Odd numbers are negative.
            [length @ ..0x80, rest @ ..] if length & 1 == 0 => {
                rest.split_at_checked(usize::from(length >> 1))
            }
            _ => None,
        };
        let (name, rest) = short(self.rest)?;
        let (text, rest) = short(rest.strip_prefix(&[branch])?)?;
        self.rest = rest;
        Some((name, text))
    }

    /// Checks that no bytes are left.
    #[inline]
    pub(crate) fn end(&self) -> Result<(), Error> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(self
            .malformed(format!("{} bytes follow the event", self.rest.len()))
            .with_help("write the datum alone; the format has no batches"))
    }

    /// A `boolean`.
    #[inline]
    pub(crate) fn boolean(&mut self) -> Result<bool, Error> {
        match self.rest.split_first() {
            Some((&byte @ (0 | 1), rest)) => {
                self.rest = rest;
                Ok(byte == 1)
            }
            Some((byte, _)) => {
                Err(self.malformed(format!("a boolean is the byte 0 or 1, and this is {byte}")))
            }
            None => Err(self.at_end()),
        }
    }

    /// A `long`, or an `int` whose range the caller checks: a variable-length zig-zag number.
    #[inline]
    pub(crate) fn long(&mut self) -> Result<i64, Error> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(unzigzag(byte.into()))
            }
            _ => self.long_number(),
        }
    }

    fn long_number(&mut self) -> Result<i64, Error> {
        let mut rest = self.rest;
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let Some((&byte, after)) = rest.split_first() else {
                self.rest = rest;
                return Err(self.at_end());
            };
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                break;
            }
            rest = after;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                self.rest = rest;
                return Ok(unzigzag(number));
            }
        }
        Err(self.malformed("a number has more than 64 bits"))
    }

    /// A `double`.
    #[inline]
    pub(crate) fn double(&mut self) -> Result<f64, Error> {
        match self.rest.split_first_chunk() {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(f64::from_le_bytes(*bytes))
            }
            None => Err(self.at_end()),
        }
    }

    /// `bytes`, or a `string` whose UTF-8 the caller checks.
    #[inline]
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Error> {
        let before = self.rest;
        let length = self.long()?;
        match usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length)) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.too_long(before, length)),
        }
    }

    /// The same as a range of the document.
    #[inline]
    pub(crate) fn range(&mut self) -> Result<Range<usize>, Error> {
        let length = self.bytes()?.len();
        Ok(self.position().wrapping_sub(length)..self.position())
    }

    /// A `fixed` of this size, or another value of fixed size.
    #[cfg(feature = "apacheavro022")]
    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8], Error> {
        let Some((bytes, rest)) = self.rest.split_at_checked(size) else { return Err(self.at_end()) };
        self.rest = rest;
        Ok(bytes)
    }

    #[cold]
    fn too_long(&self, before: &'a [u8], length: i64) -> Error {
        let detail = format!("a length of {length}, and {} bytes are left", self.rest.len());
        Self { rest: before, ..*self }.malformed(detail)
    }

    /// A `string`.
    #[inline]
    pub(crate) fn text(&mut self) -> Result<&'a str, Error> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map_err(|error| not_utf8(error, self.position(), bytes, self))
    }

    /// The index of a branch of a union with this many branches.
    #[inline]
    pub(crate) fn branch(&mut self, branches: usize) -> Result<usize, Error> {
        let before = self.rest;
        let index = self.long()?;
        match usize::try_from(index) {
            Ok(index) if index < branches => Ok(index),
            _ => Err(self.no_branch(before, index, branches)),
        }
    }

    /// The branch of a union, of these.
    #[inline]
    pub(crate) fn branch_of<T: Copy>(&mut self, branches: &[T]) -> Result<T, Error> {
        let before = self.rest;
        let index = self.long()?;
        match usize::try_from(index).ok().and_then(|index| branches.get(index)) {
            Some(branch) => Ok(*branch),
            None => Err(self.no_branch(before, index, branches.len())),
        }
    }

    #[cold]
    fn no_branch(&self, before: &'a [u8], index: i64, branches: usize) -> Error {
        Self { rest: before, ..*self }.malformed(format!("branch {index} of a union that has {branches}"))
    }

    /// An error about the datum, at this place.
    #[cold]
    pub(crate) fn malformed(&self, detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
        Error::new(ErrorKind::InvalidDocument)
            .with_detail(detail)
            .with_offset(self.position())
            .with_clause(self.clause)
    }

    #[cold]
    fn at_end(&self) -> Error {
        Self { rest: &[], ..*self }.malformed("the document ends too early")
    }
}

/// A string that ends here, as a piece of an event.
#[inline]
pub(crate) fn piece(
    bytes: &[u8],
    end: usize,
    reader: &Reader<'_>,
    assembler: &mut Assembler<'_>,
) -> Result<Piece, Error> {
    assembler.push_bytes(bytes).map_err(|error| text_error(error, end, bytes, reader))
}

/// Adds the offset to the error for a string that is not UTF-8 and ends here.
#[cold]
pub(crate) fn text_error(error: Error, end: usize, bytes: &[u8], reader: &Reader<'_>) -> Error {
    match std::str::from_utf8(bytes) {
        Ok(_) => error,
        Err(error) => not_utf8(error, end, bytes, reader),
    }
}

/// A string that ends here is not UTF-8.
#[cold]
pub(crate) fn not_utf8(error: Utf8Error, end: usize, bytes: &[u8], reader: &Reader<'_>) -> Error {
    let start = end.wrapping_sub(bytes.len());
    Error::new(ErrorKind::InvalidUtf8)
        .with_offset(start.wrapping_add(error.valid_up_to()))
        .with_clause(reader.clause)
}

/// The items of a map or an array, which come in blocks.
#[derive(Clone, Copy, Default)]
pub(crate) struct Items {
    left: u64,
    end: Option<usize>,
}

impl Items {
    /// Whether the reader is at another item. If not, it is after the map or array.
    #[inline]
    pub(crate) fn next(&mut self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        if self.left == 0 && !self.next_block(reader)? {
            return Ok(false);
        }
        self.left = self.left.wrapping_sub(1);
        Ok(true)
    }

    fn next_block(&mut self, reader: &mut Reader<'_>) -> Result<bool, Error> {
        if let Some(end) = self.end.take()
            && end != reader.position()
        {
            return Err(reader.malformed(format!("the block should have ended at byte {end}")));
        }
        let before = *reader;
        let count = reader.long()?;
        self.left = count.unsigned_abs();
        if count < 0 {
            let size = reader.long()?;
            let end = usize::try_from(size).ok().and_then(|size| reader.position().checked_add(size));
            self.end = end.filter(|end| *end <= reader.length);
            if self.end.is_none() {
                return Err(
                    before.malformed(format!("a block of {size} bytes, and {} are left", reader.rest.len()))
                );
            }
        }
        // An item takes at least one byte.
        if self.left > reader.rest.len() as u64 {
            return Err(before.malformed(format!(
                "{} items, and {} bytes are left",
                self.left,
                reader.rest.len()
            )));
        }
        Ok(self.left > 0)
    }
}

/// Appends a `long` or an `int`.
#[inline]
pub(crate) fn write_long(number: i64, out: &mut Vec<u8>) {
    each_byte(zigzag(number), |byte| out.push(byte));
}

/// Writes a `long` or an `int` into space that was reserved for it.
#[inline(always)]
pub(crate) fn put_long(number: i64, room: &mut Room<'_>) {
    match zigzag(number) {
        number @ ..0x80 => room.put([number as u8]),
        number => room.lend(|room| with_number(number, room)),
    }
}

#[inline(never)]
fn with_number(number: u64, mut room: Room<'_>) -> Room<'_> {
    each_byte(number, |byte| room.put([byte]));
    room
}

#[inline(always)]
fn each_byte(mut number: u64, mut take: impl FnMut(u8)) {
    while number >= 0x80 {
        take(number as u8 | 0x80);
        number >>= 7;
    }
    take(number as u8);
}

/// The length of a `long` or an `int`.
#[inline]
pub(crate) fn long_length(number: i64) -> usize {
    match zigzag(number) {
        ..0x80 => 1,
        0x80..0x4000 => 2,
        number => (64_u32.wrapping_sub(number.leading_zeros())).div_ceil(7) as usize,
    }
}

/// Appends `bytes`, or a `string` as its bytes.
#[inline]
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    // No slice is longer than i64::MAX bytes.
    write_long(bytes.len() as i64, out);
    out.extend_from_slice(bytes);
}

/// Writes `bytes`, or a `string` as its bytes, into space that was reserved for them.
#[inline(always)]
pub(crate) fn put_bytes(bytes: &[u8], room: &mut Room<'_>) {
    room.lend(|room| with_bytes(bytes, room));
}

#[inline(never)]
fn with_bytes<'a>(bytes: &[u8], mut room: Room<'a>) -> Room<'a> {
    match bytes.len() {
        length @ ..64 => room.put([(length as u8) << 1]),
        _ => return with_many(bytes, room),
    }
    room.put_slice(bytes);
    room
}

#[inline(never)]
fn with_many<'a>(bytes: &[u8], mut room: Room<'a>) -> Room<'a> {
    // No slice is longer than i64::MAX bytes.
    put_long(bytes.len() as i64, &mut room);
    room.put_slice(bytes);
    room
}

/// The length of `bytes` with their own length before them.
#[inline]
pub(crate) fn bytes_length(length: usize) -> usize {
    // The length of data in memory does not overflow.
    long_length(length as i64).wrapping_add(length)
}

#[inline]
fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

#[inline]
fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ (number & 1).cast_signed().wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        // Avro 1.9.0, "Binary Encoding", and the edges.
        for (number, encoded) in [
            (0, &b"\x00"[..]),
            (-1, b"\x01"),
            (1, b"\x02"),
            (-2, b"\x03"),
            (-64, b"\x7f"),
            (64, b"\x80\x01"),
            (8191, b"\xfe\x7f"),
            (8192, b"\x80\x80\x01"),
            (i64::MAX, b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            (i64::MIN, b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
        ] {
            let mut out = Vec::new();
            write_long(number, &mut out);
            assert_eq!(out, encoded, "{number}");
            let mut out = Vec::new();
            let filled = Room::fill(encoded.len(), 0, &mut out, |mut room| {
                put_long(number, &mut room);
                room
            });
            assert!(filled.is_ok(), "{number}");
            assert_eq!(out, encoded, "{number}");
            assert_eq!(long_length(number), encoded.len(), "{number}");
            let mut reader = Reader::new(encoded, "");
            assert_eq!(reader.long().unwrap(), number);
            assert!(reader.end().is_ok());
        }
        for bad in [
            &b""[..],
            b"\x80",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00",
        ] {
            assert!(Reader::new(bad, "").long().is_err(), "{bad:x?}");
        }
        // Longer than needed is still that number.
        assert_eq!(Reader::new(b"\x82\x80\x00", "").long().unwrap(), 1);
    }
}
