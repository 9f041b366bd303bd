//! A buffer to write to whose length is known in advance.

use crate::{Error, ErrorKind, text};
use alloc::vec::Vec;
use core::mem;

/// The end of a buffer, extended by the measured length of a document.
///
/// Encoders of binary formats write their many small pieces here. The buffer does not grow, so a piece costs a comparison and a copy.
/// After a piece that does not fit, nothing more is written, and [`fill`](Self::fill) returns an error. With debug assertions, a
/// piece that does not fit panics.
///
/// ```
/// use cloudevents_core::codec::Room;
///
/// let mut out = vec![1];
/// Room::fill(5, 0, &mut out, |mut room| {
///     room.put([2, 3]);
///     room.put_slice(b"abc");
///     room
/// })?;
/// assert_eq!(out, b"\x01\x02\x03abc");
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Room<'a> {
    /// The remaining bytes plus one. It reaches zero only if too much was written, so one comparison at the end detects every overflow.
    rest: &'a mut [u8],
}

/// The byte beyond the measured length.
const GUARD: usize = 1;

impl<'a> Room<'a> {
    /// Extends a buffer by `length` bytes, in one allocation that also reserves `beyond` bytes after them, and has a function write them.
    ///
    /// Returns an error of kind [`InvalidDocument`](ErrorKind::InvalidDocument) unless exactly the measured length was written. After
    /// an error the document is unusable, and the encoder that measured it has a defect.
    #[inline(always)]
    pub fn fill(
        length: usize,
        beyond: usize,
        out: &'a mut Vec<u8>,
        write: impl for<'b> FnOnce(Room<'b>) -> Room<'b>,
    ) -> Result<(), Error> {
        let whole = length.saturating_add(beyond.max(GUARD));
        if out.capacity() == 0 {
            // Cheaper than growing an empty buffer.
            *out = Vec::with_capacity(whole);
        } else {
            out.reserve(whole);
        }
        let start = out.len();
        let end = start.saturating_add(length);
        out.resize(end.saturating_add(GUARD), 0);
        let left = write(Room { rest: out.get_mut(start..).unwrap_or_default() }).rest.len();
        out.truncate(end);
        if left == GUARD { Ok(()) } else { Err(measured_wrongly()) }
    }

    /// Writes bytes whose number is a constant.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((place, rest)) = mem::take(&mut self.rest).split_first_chunk_mut() {
            *place = bytes;
            self.rest = rest;
        }
        debug_assert!(!self.rest.is_empty(), "{N} bytes were not measured");
    }

    /// Writes bytes; up to 64 bytes are copied inline.
    #[inline(always)]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if let Some((place, rest)) = mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            text::copy(bytes, place);
            self.rest = rest;
        }
        debug_assert!(!self.rest.is_empty(), "{} bytes were not measured", bytes.len());
    }

    /// Passes the room by value to a function that returns the rest of it. So it stays in registers, unlike behind a reference.
    #[inline(always)]
    pub fn lend(&mut self, write: impl FnOnce(Room<'a>) -> Room<'a>) {
        *self = write(Room { rest: mem::take(&mut self.rest) });
    }
}

#[cold]
fn measured_wrongly() -> Error {
    Error::new(ErrorKind::InvalidDocument)
        .with_detail("the encoder has measured another length than it has written")
        .with_help("report this as a defect of the encoder, with the event")
}

#[cfg(test)]
mod tests {
    use super::Room;
    use alloc::vec::Vec;

    #[test]
    fn all_lengths() {
        let bytes: Vec<u8> = (1..=200).collect();
        for length in 0..=bytes.len() {
            let mut out = alloc::vec![0xff];
            Room::fill(length + 2, 7, &mut out, |mut room| {
                room.put([0xfe]);
                room.put_slice(&bytes[..length]);
                room.lend(|mut room| {
                    room.put([0xfd]);
                    room
                });
                room
            })
            .unwrap();
            assert_eq!(
                (out[..2].to_vec(), &out[2..out.len() - 1]),
                (alloc::vec![0xff, 0xfe], &bytes[..length])
            );
            assert_eq!(out.last(), Some(&0xfd));
            assert!(out.capacity() >= out.len() + 7);
        }
    }

    /// Writes pieces of these lengths where `measured` bytes were measured.
    #[cfg(not(debug_assertions))]
    fn write(measured: usize, pieces: &[usize]) -> (bool, Vec<u8>) {
        let mut out = Vec::new();
        let filled = Room::fill(measured, 0, &mut out, |mut room| {
            for &length in pieces {
                match length {
                    1 => room.put([1]),
                    2 => room.put([2; 2]),
                    _ => room.put_slice(&[3; 9][..length]),
                }
            }
            room
        });
        (filled.is_ok(), out)
    }

    #[cfg(not(debug_assertions))]
    #[test]
    fn what_does_not_fit_is_an_error() {
        assert_eq!(write(3, &[1, 2]), (true, alloc::vec![1, 2, 2]));
        assert_eq!(write(3, &[1, 3, 1]), (false, alloc::vec![1, 3, 3]));
        assert_eq!(write(3, &[1, 4, 2]), (false, alloc::vec![1, 0, 0]));
        assert_eq!(write(2, &[3, 0]), (false, alloc::vec![3, 3]));
        assert_eq!(write(2, &[4, 1]), (false, alloc::vec![0, 0]));
        assert_eq!(write(0, &[1]), (false, alloc::vec![]));
        assert_eq!(write(0, &[2]), (false, alloc::vec![]));
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "3 bytes were not measured")]
    fn what_does_not_fit_panics() {
        let _ = Room::fill(2, 0, &mut Vec::new(), |mut room| {
            room.put([1, 2, 3]);
            room
        });
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "4 bytes were not measured")]
    fn what_does_not_fit_of_a_slice_panics() {
        let _ = Room::fill(2, 0, &mut Vec::new(), |mut room| {
            room.put_slice(&[1, 2, 3, 4]);
            room
        });
    }

    #[test]
    fn what_is_missing_is_an_error() {
        let mut out = Vec::new();
        let filled = Room::fill(2, 0, &mut out, |mut room| {
            room.put([1]);
            room
        });
        assert!(filled.is_err());
        assert_eq!(out, [1, 0]);
        assert!(Room::fill(0, 0, &mut out, |room| room).is_ok());
    }

    #[test]
    fn one_allocation_of_the_right_size() {
        let mut out = Vec::new();
        let _ = Room::fill(10, 90, &mut out, |room| room);
        assert_eq!((out.len(), out.capacity()), (10, 100));
    }
}
