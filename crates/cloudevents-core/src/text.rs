//! The characters of a CloudEvents String.

use crate::{Error, ErrorKind};
use alloc::format;
use wide::u8x16;

/// Checks that a text is a CloudEvents String: no control characters and no Unicode noncharacters.
///
/// The error is of kind [`InvalidString`](ErrorKind::InvalidString) and names the character and its byte position (clauses
/// CE-Type-System-f and CE-Type-System-g).
#[inline]
pub(crate) fn check(text: &str) -> Result<(), Error> {
    if is_plain(text.as_bytes()) { Ok(()) } else { check_characters(text) }
}

/// Whether all bytes are printable ASCII or spaces. Such text is always a valid String.
#[inline]
pub(crate) fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk::<16>() {
        // Whole chunks, then the last 16 bytes, which may overlap them.
        let odd = bytes.as_chunks::<16>().0.iter().fold(odd(*last), |all, chunk| all | odd(*chunk));
        return odd.to_bitmask() == 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return !has_odd(u64::from_le_bytes(*first)) && !has_odd(u64::from_le_bytes(*last));
    }
    bytes.iter().fold(true, |plain, byte| plain & (b' '..0x7f).contains(byte))
}

/// Copies bytes to a slice of the same length, and returns whether all of them are printable ASCII or spaces.
///
/// A few bytes are copied as two halves, which may overlap.
#[inline(always)]
pub(crate) fn copy_plain(from: &[u8], to: &mut [u8]) -> bool {
    if from.len() > 64 {
        to.copy_from_slice(from);
        return is_plain(from);
    }
    if let Some((first, last)) = copy_halves::<32>(from, to) {
        return [first, last]
            .iter()
            .fold(u8x16::ZERO, |all, half| {
                all | half.as_chunks().0.iter().fold(all, |all, chunk| all | odd(*chunk))
            })
            .to_bitmask()
            == 0;
    }
    if let Some((first, last)) = copy_halves::<16>(from, to) {
        return (odd(first) | odd(last)).to_bitmask() == 0;
    }
    if let Some((first, last)) = copy_halves::<8>(from, to) {
        return !has_odd(u64::from_le_bytes(first)) && !has_odd(u64::from_le_bytes(last));
    }
    if let Some((first, last)) = copy_halves::<4>(from, to) {
        let (first, last) = (u32::from_le_bytes(first), u32::from_le_bytes(last));
        return !has_odd(u64::from(first) << 32 | u64::from(last));
    }
    // At most three bytes.
    let middle = from.len() / 2;
    if let (Some((&[first], &[last])), Some(&middle), Some(to_middle)) =
        (from.first_chunk().zip(from.last_chunk()), from.get(middle), to.get_mut(middle))
    {
        *to_middle = middle;
        copy_halves::<1>(from, to);
        return [first, middle, last].iter().all(|byte| (b' '..0x7f).contains(byte));
    }
    true
}

/// Copies bytes to a slice of the same length. A few bytes are copied as two halves, which may overlap, without a call.
#[inline(always)]
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    match from.len() {
        65.. => to.copy_from_slice(from),
        33.. => drop(copy_halves::<32>(from, to)),
        16.. => drop(copy_halves::<16>(from, to)),
        8.. => drop(copy_halves::<8>(from, to)),
        4.. => drop(copy_halves::<4>(from, to)),
        _ => to.iter_mut().zip(from).take(3).for_each(|(to, from)| *to = *from),
    }
}

/// Copies the first `N` and the last `N` bytes and returns them. `None` if there are fewer than `N`.
#[inline(always)]
fn copy_halves<const N: usize>(from: &[u8], to: &mut [u8]) -> Option<([u8; N], [u8; N])> {
    let (first, last) = (*from.first_chunk()?, *from.last_chunk()?);
    *to.first_chunk_mut()? = first;
    *to.last_chunk_mut()? = last;
    Some((first, last))
}

/// The bytes outside of printable ASCII.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects)] // Lanes wrap.
fn odd(chunk: [u8; 16]) -> u8x16 {
    let shifted = u8x16::new(chunk) - u8x16::splat(b' ');
    !shifted.min(u8x16::splat(b'~' - b' ')).simd_eq(shifted)
}

/// Whether one of eight bytes is outside of printable ASCII. A byte borrows or carries only if an earlier byte is outside.
#[inline(always)]
fn has_odd(eight: u64) -> bool {
    let below = eight.wrapping_sub(u64::from_le_bytes([b' '; 8]));
    let above = eight.wrapping_add(u64::from_le_bytes([1; 8]));
    (below | above | eight) & u64::from_le_bytes([0x80; 8]) != 0
}

#[cold]
#[inline(never)]
fn check_characters(text: &str) -> Result<(), Error> {
    for (at, character) in text.char_indices() {
        if character.is_control() {
            return Err(refuse("control character", character, at).with_clause("CE-Type-System-f"));
        }
        if is_noncharacter(character) {
            return Err(refuse("noncharacter", character, at).with_clause("CE-Type-System-g"));
        }
    }
    Ok(())
}

/// U+FDD0 to U+FDEF, and the last two code points of every plane.
fn is_noncharacter(character: char) -> bool {
    let code = u32::from(character);
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

fn refuse(what: &str, character: char, at: usize) -> Error {
    Error::new(ErrorKind::InvalidString)
        .with_detail(format!("{what} U+{:04X} at byte {at} of the text", u32::from(character)))
        .with_help("leave the character out; multi-line or binary text belongs in the payload")
}

#[cfg(test)]
mod tests {
    use super::{check, copy_plain, is_plain};

    #[test]
    fn every_byte_in_every_place() {
        for length in 0..40 {
            assert!(is_plain(&alloc::vec![b' '; length]) && is_plain(&alloc::vec![b'~'; length]), "{length}");
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut bytes = alloc::vec![b'x'; length];
                    bytes[at] = byte;
                    assert_eq!(is_plain(&bytes), (b' '..=b'~').contains(&byte), "{byte} at {at} of {length}");
                    let mut copy = alloc::vec![0; length];
                    assert_eq!(copy_plain(&bytes, &mut copy), is_plain(&bytes), "{byte} at {at} of {length}");
                    assert_eq!(copy, bytes);
                }
            }
        }
    }

    #[test]
    fn the_edges_of_what_is_allowed() {
        for good in ["", " ", "~", "\u{a0}", "é", "\u{fdcf}", "\u{fdf0}", "\u{fffd}", "\u{10fffd}", "👩‍🚀"]
        {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for bad in [
            "\0",
            "\t",
            "a\nb",
            "\u{1f}",
            "\u{7f}",
            "\u{80}",
            "\u{9f}",
            "\u{fdd0}",
            "\u{fdef}",
            "\u{fffe}",
            "\u{1ffff}",
            "\u{10ffff}",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
