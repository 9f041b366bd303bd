//! The side buffer: the text of an event that is not in its document.

use crate::{
    Error, TextBuffer,
    attributes::{SIDE, Span, side_span},
    codec::Piece,
    text,
};
use alloc::vec::Vec;
use bytes::Bytes;
use core::ops::Range;

/// A buffer that text is appended to. It is UTF-8, because only text is appended.
pub(crate) trait Side {
    fn bytes(&self) -> &[u8];

    /// The length of the text.
    fn length(&self) -> usize;

    /// A part of the text. Empty if the range is out of bounds.
    fn part(&self, range: Range<usize>) -> &[u8];

    /// Appends a text.
    fn append(&mut self, text: &[u8]);

    /// Moves the text to a buffer of the exact size.
    fn freeze(&mut self) -> TextBuffer;
}

impl Side for Vec<u8> {
    #[inline]
    fn bytes(&self) -> &[u8] {
        self
    }

    #[inline]
    fn length(&self) -> usize {
        self.len()
    }

    #[inline]
    fn part(&self, range: Range<usize>) -> &[u8] {
        self.get(range).unwrap_or_default()
    }

    #[inline]
    fn append(&mut self, text: &[u8]) {
        self.extend_from_slice(text);
    }

    #[inline]
    fn freeze(&mut self) -> TextBuffer {
        buffer(core::mem::take(self).into())
    }
}

/// The size of the buffer on the stack, in bytes: enough for most events.
const NEAR: usize = 512;

/// Text on the stack as long as it fits, so that freezing it makes one allocation of the right size.
// The fields are in this order so that the compiler writes zeros in place instead of copying them.
#[repr(C)]
#[derive(Clone, Debug)]
pub(crate) struct NearSide {
    near: [u8; NEAR],
    /// The length of the text on the stack; [`FAR`] once it does not fit, so that there is no room left either.
    length: usize,
    /// All of the text, once it does not fit.
    far: Option<Vec<u8>>,
}

const FAR: usize = NEAR + 1;

impl Side for NearSide {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match &self.far {
            None => self.near.get(..self.length).unwrap_or_default(),
            Some(far) => far,
        }
    }

    #[inline]
    fn length(&self) -> usize {
        match &self.far {
            None => self.length,
            Some(far) => far.len(),
        }
    }

    #[inline]
    fn part(&self, range: Range<usize>) -> &[u8] {
        let buffer = match &self.far {
            None => self.near.as_slice(),
            Some(far) => far,
        };
        buffer.get(range).unwrap_or_default()
    }

    #[inline]
    fn append(&mut self, text: &[u8]) {
        match self.room(text.len()) {
            Some(room) => room.copy_from_slice(text),
            None => self.far(text.len()).extend_from_slice(text),
        }
    }

    #[inline]
    fn freeze(&mut self) -> TextBuffer {
        match self.far.take() {
            None if self.length == 0 => TextBuffer::default(),
            None => match self.near_text() {
                Some(text) => text.into(),
                None => buffer(Bytes::copy_from_slice(self.bytes())),
            },
            Some(far) => buffer(far.into()),
        }
    }
}

impl NearSide {
    #[inline(always)] // It is not moved once it is there.
    pub(crate) const fn new() -> Self {
        Self { near: [0; NEAR], length: 0, far: None }
    }

    /// Appends bytes and checks them: bytes that are not plain may not be UTF-8.
    #[inline(always)]
    pub(crate) fn append_and_look(&mut self, bytes: &[u8]) -> Result<Piece, Error> {
        let start = self.length;
        match self.room(bytes.len()) {
            // Offsets on the stack fit a span.
            Some(room) => {
                let span = Span::new(start as u32 | SIDE, room.len() as u32);
                Ok(Piece::new(span, text::copy_plain(bytes, room)))
            }
            None => self.append_far(bytes),
        }
    }

    #[cold]
    fn append_far(&mut self, bytes: &[u8]) -> Result<Piece, Error> {
        let far = self.far(bytes.len());
        let start = far.len();
        far.extend_from_slice(bytes);
        Ok(Piece::new(side_span(start, bytes.len())?, text::is_plain(bytes)))
    }

    /// Appends a text of at most `LONGEST` bytes that a function writes in place. `None` if the function returns `None`.
    #[inline]
    pub(crate) fn append_written<const LONGEST: usize>(
        &mut self,
        write: impl FnOnce(&mut [u8; LONGEST]) -> Option<u8>,
    ) -> Option<()> {
        let rest = self.near.get_mut(self.length..).unwrap_or_default();
        if let Some(place) = rest.first_chunk_mut() {
            self.length = self.length.wrapping_add(write(place)?.into());
        } else {
            let mut text = [0; LONGEST];
            let length = write(&mut text)?;
            self.append(text.get(..length.into()).unwrap_or_default());
        }
        Some(())
    }

    /// The text on the stack, checked in whole blocks, which is faster than to the exact byte. The bytes after it are usually zeros.
    #[inline]
    fn near_text(&self) -> Option<&str> {
        let blocks = self.near.get(..self.length.next_multiple_of(64))?;
        core::str::from_utf8(blocks).ok()?.get(..self.length)
    }

    /// Shortens the text to this length.
    #[cold]
    pub(crate) fn truncate(&mut self, length: usize) {
        match &mut self.far {
            None => self.length = length,
            Some(far) => far.truncate(length),
        }
    }

    /// Reserves this many more bytes.
    #[inline]
    pub(crate) fn reserve(&mut self, bytes: usize) {
        if self.far.is_some() || self.length.saturating_add(bytes) > NEAR {
            self.far(bytes).reserve_exact(bytes);
        }
    }

    /// The place on the stack for this many bytes, if they fit.
    #[inline(always)]
    fn room(&mut self, bytes: usize) -> Option<&mut [u8]> {
        let end = self.length.wrapping_add(bytes);
        let room = self.near.get_mut(self.length..end)?;
        self.length = end;
        Some(room)
    }

    /// The text on the heap, with room for this many more bytes.
    #[cold]
    fn far(&mut self, bytes: usize) -> &mut Vec<u8> {
        let near = self.near.get(..self.length).unwrap_or_default();
        self.length = FAR;
        self.far.get_or_insert_with(|| {
            let mut far = Vec::with_capacity(near.len().saturating_add(bytes));
            far.extend_from_slice(near);
            far
        })
    }
}

#[inline]
fn buffer(text: Bytes) -> TextBuffer {
    // It is UTF-8. It is checked once, as a whole, because appending works on bytes.
    if text.is_empty() { TextBuffer::default() } else { TextBuffer::new(text).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_and_far() {
        for first in [0, 1, NEAR - 1, NEAR, NEAR + 1] {
            for second in [0, 1, 2, NEAR + 1] {
                let mut side = NearSide::new();
                let (one, two) = ("a".repeat(first), "b".repeat(second));
                side.append(one.as_bytes());
                for (text, at, plain) in [(two.as_str(), first, true), ("ä", first + second, false)] {
                    let piece = side.append_and_look(text.as_bytes()).unwrap();
                    assert_eq!((piece.span().range(), piece.is_plain()), (at..at + text.len(), plain));
                    assert!(piece.span().is_in_side());
                }
                let whole = alloc::format!("{one}{two}ä");
                assert_eq!((side.bytes(), side.length()), (whole.as_bytes(), whole.len()));
                side.truncate(first + second);
                assert_eq!(side.freeze().as_str(), one + &two);
            }
        }
    }

    #[test]
    fn what_is_reserved_is_allocated_once() {
        let mut side = NearSide::new();
        side.append(b"abc");
        side.reserve(NEAR);
        let capacity = side.far.as_ref().map(Vec::capacity);
        side.append(&[b'x'; NEAR]);
        assert_eq!((capacity, side.far.as_ref().map(Vec::len)), (Some(NEAR + 3), Some(NEAR + 3)));
    }
}
