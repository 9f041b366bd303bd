//! A place to write to, of a length that is known before.

use crate::text;
use alloc::vec::Vec;

/// The end of a buffer, made as long as what is going to be written there was measured to be.
///
/// Encoders of binary formats write their many small pieces here. Nothing can grow on the way, so a piece costs a comparison and a
/// copy. What does not fit is not written, and neither is what comes after it; with debug assertions, it panics.
///
/// ```
/// use cloudevents_core::Room;
///
/// let mut out = vec![1];
/// let mut room = Room::new(5, 0, &mut out);
/// room.put([2, 3]);
/// room.put_slice(b"abc");
/// assert!(room.is_full());
/// assert_eq!(out, b"\x01\x02\x03abc");
/// ```
#[derive(Debug)]
pub struct Room<'a> {
    rest: &'a mut [u8],
}

impl<'a> Room<'a> {
    /// Makes a buffer so much longer, in one allocation that has room for so many bytes beyond.
    #[inline(always)]
    pub fn new(length: usize, beyond: usize, out: &'a mut Vec<u8>) -> Self {
        let whole = length.saturating_add(beyond);
        if out.capacity() == 0 {
            // Takes less than to make an allocation larger that is not there.
            *out = Vec::with_capacity(whole);
        } else {
            out.reserve(whole);
        }
        let start = out.len();
        out.resize(start.saturating_add(length), 0);
        Self { rest: out.get_mut(start..).unwrap_or_default() }
    }

    /// Writes bytes whose number is known where this is called.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((place, rest)) = core::mem::take(&mut self.rest).split_first_chunk_mut() {
            *place = bytes;
            self.rest = rest;
        } else {
            debug_assert!(false, "{N} bytes were not measured");
        }
    }

    /// Writes bytes, up to 64 of them without a call.
    #[inline(always)]
    pub fn put_slice(&mut self, bytes: &[u8]) {
        if let Some((place, rest)) = core::mem::take(&mut self.rest).split_at_mut_checked(bytes.len()) {
            text::copy(bytes, place);
            self.rest = rest;
        } else {
            debug_assert!(false, "{} bytes were not measured", bytes.len());
        }
    }

    /// Gives the room to a function that gives back what it leaves of it: so it stays in registers, where a reference to it would
    /// not.
    #[inline(always)]
    pub fn lend(&mut self, write: impl FnOnce(Room<'a>) -> Room<'a>) {
        *self = write(Room { rest: core::mem::take(&mut self.rest) });
    }

    /// Whether all of it was written.
    pub fn is_full(&self) -> bool {
        self.rest.is_empty()
    }
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
            let mut room = Room::new(length + 2, 7, &mut out);
            room.put([0xfe]);
            room.put_slice(&bytes[..length]);
            assert!(!room.is_full());
            room.lend(|mut room| {
                room.put([0xfd]);
                room
            });
            assert!(room.is_full());
            assert_eq!(
                (out[..2].to_vec(), &out[2..out.len() - 1]),
                (alloc::vec![0xff, 0xfe], &bytes[..length])
            );
            assert_eq!(out.last(), Some(&0xfd));
            assert!(out.capacity() >= out.len() + 7);
        }
    }

    #[cfg(not(debug_assertions))]
    #[test]
    fn what_does_not_fit_is_left_out_with_what_follows() {
        let mut out = Vec::new();
        let mut room = Room::new(3, 0, &mut out);
        room.put([1]);
        room.put([2, 3, 4]);
        room.put([5]);
        room.put_slice(&[6]);
        assert_eq!(out, [1, 0, 0]);
        let mut room = Room::new(2, 0, &mut out);
        room.put_slice(&[7, 8, 9]);
        room.put([5]);
        assert_eq!(out, [1, 0, 0, 0, 0]);
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "3 bytes were not measured")]
    fn what_does_not_fit_is_told() {
        let mut out = Vec::new();
        Room::new(2, 0, &mut out).put([1, 2, 3]);
    }

    #[cfg(debug_assertions)]
    #[test]
    #[should_panic(expected = "3 bytes were not measured")]
    fn what_does_not_fit_of_a_slice_is_told() {
        let mut out = Vec::new();
        Room::new(2, 0, &mut out).put_slice(&[1, 2, 3]);
    }

    #[test]
    fn one_allocation_of_the_right_size() {
        let mut out = Vec::new();
        Room::new(10, 90, &mut out);
        assert_eq!((out.len(), out.capacity()), (10, 100));
    }
}
