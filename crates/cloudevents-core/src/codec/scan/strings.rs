//! The contents of strings: their ends, and the characters of their escapes.

use super::{Mistake, Problem};
use wide::u8x16;

/// Finds the next quotation mark, backslash or control character from `at` on, 16 bytes at a time. `odd` becomes non-zero
/// when a byte outside printable ASCII lies before it.
#[inline(always)]
pub(super) fn end_of_run(bytes: &[u8], mut at: usize, odd: &mut u32) -> usize {
    while let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let x = u8x16::new(chunk);
        let stop = specials(chunk).to_bitmask();
        // The top bit of a byte is the top bit of the mask: bytes from 0x80 on count, and DEL does.
        let unusual = (x | x.simd_eq(u8x16::splat(0x7f))).to_bitmask();
        if stop != 0 {
            let run = stop.trailing_zeros();
            *odd |= unusual & !(u32::MAX << run);
            return at.wrapping_add(run as usize);
        }
        *odd |= unusual;
        at = at.wrapping_add(16);
    }
    while let Some(&byte) = bytes.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        *odd |= u32::from(byte >= 0x7f);
        at = at.wrapping_add(1);
    }
    at
}

/// Whether a text has characters that a JSON string must escape: quotation marks, backslashes, control characters.
///
/// ```
/// use cloudevents_core::codec::scan::needs_escape;
///
/// assert!(needs_escape("say \"hi\""));
/// assert!(!needs_escape("café/✓"));
/// ```
#[inline]
pub fn needs_escape(text: &str) -> bool {
    let bytes = text.as_bytes();
    if let Some(last) = bytes.last_chunk::<16>() {
        // Whole chunks, then the last 16 bytes, which may overlap them.
        let mut found = specials(*last);
        for chunk in bytes.as_chunks::<16>().0 {
            found |= specials(*chunk);
        }
        return found.to_bitmask() != 0;
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return has_special(u64::from_le_bytes(*first)) || has_special(u64::from_le_bytes(*last));
    }
    bytes.iter().any(|&b| b < 0x20 || b == b'"' || b == b'\\')
}

/// The number of bytes before the first character that a JSON string must escape: all of them, if there is none.
///
/// ```
/// use cloudevents_core::codec::scan::plain_length;
///
/// assert_eq!(plain_length(b"say \"hi\""), 4);
/// assert_eq!(plain_length("café/✓".as_bytes()), 9);
/// ```
#[inline]
pub fn plain_length(text: &[u8]) -> usize {
    // Blocks first: for each, there is one decision.
    let is_plain = |block: &&[u8; Marks::BLOCK]| match block.as_chunks::<16>() {
        ([a, b, c, d], _) => (specials(*a) | specials(*b) | specials(*c) | specials(*d)).to_bitmask() == 0,
        _ => false,
    };
    let blocks = text.as_chunks::<{ Marks::BLOCK }>().0.iter().take_while(is_plain).count();
    end_of_run(text, blocks.saturating_mul(Marks::BLOCK), &mut 0)
}

/// Whether one of eight bytes is a quotation mark, a backslash or a control character. A byte is zero exactly when it borrows from a
/// subtraction of one and had no top bit. The first such byte is always found correctly.
#[inline(always)]
fn has_special(eight: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const TOPS: u64 = u64::from_le_bytes([0x80; 8]);
    let quote = eight ^ u64::from_le_bytes([b'"'; 8]);
    let backslash = eight ^ u64::from_le_bytes([b'\\'; 8]);
    let below = |x: u64, limit: u64| x.wrapping_sub(limit) & !x;
    (below(quote, ONES) | below(backslash, ONES) | below(eight, u64::from_le_bytes([0x20; 8]))) & TOPS != 0
}

#[inline(always)]
fn specials(chunk: [u8; 16]) -> u8x16 {
    let x = u8x16::new(chunk);
    x.simd_eq(u8x16::splat(b'"')) | x.simd_eq(u8x16::splat(b'\\')) | x.min(u8x16::splat(0x1f)).simd_eq(x)
}

/// The positions of quotation marks, backslashes and control characters in a block of 64 bytes. They are found once for all strings
/// in the block, so that finding the next one does not wait for the previous one.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    /// The number of the block.
    block: usize,
    marks: u64,
}

impl Marks {
    const BLOCK: usize = 64;

    #[inline(always)]
    pub(super) fn none() -> Self {
        Self { block: usize::MAX, marks: 0 }
    }

    /// The next mark from `at` on, or the end.
    #[inline(always)]
    pub(super) fn next(&mut self, bytes: &[u8], at: usize) -> usize {
        if at / Self::BLOCK == self.block {
            let behind = self.marks >> (at % Self::BLOCK);
            if behind != 0 {
                return at.wrapping_add(behind.trailing_zeros() as usize);
            }
        }
        let (found, at) = self.seek(bytes, at);
        *self = found;
        at
    }

    /// Not inlined and by value, so that the cursor stays in registers.
    #[inline(never)]
    fn seek(self, bytes: &[u8], mut at: usize) -> (Self, usize) {
        let mut block = at / Self::BLOCK;
        if block == self.block {
            block = block.wrapping_add(1);
            at = block.wrapping_mul(Self::BLOCK);
        }
        loop {
            let start = block.wrapping_mul(Self::BLOCK);
            let rest = bytes.get(start..).unwrap_or_default();
            let marks = match rest.first_chunk() {
                Some(whole) => Self::of(whole),
                // The end of the text counts as a mark.
                None => {
                    let mut last = [b'"'; Self::BLOCK];
                    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                    Self::of(&last)
                }
            };
            let behind = marks >> (at % Self::BLOCK);
            if behind != 0 {
                return (Self { block, marks }, at.wrapping_add(behind.trailing_zeros() as usize));
            }
            block = block.wrapping_add(1);
            at = block.wrapping_mul(Self::BLOCK);
        }
    }

    #[inline(always)]
    fn of(block: &[u8; Self::BLOCK]) -> u64 {
        let ([a, b, c, d], _) = block.as_chunks::<16>() else { return u64::MAX };
        let of = |chunk: &[u8; 16]| u64::from(specials(*chunk).to_bitmask());
        of(a) | of(b) << 16 | of(c) << 32 | of(d) << 48
    }
}

/// From a backslash, a control character, or the end, to the end of the string. `odd` is that of [`end_of_run`].
///
/// Cold and by value, so that the cursor stays in registers.
#[cold]
#[inline(never)]
pub(super) fn rest_of_string(bytes: &[u8], mut at: usize, mut odd: u32) -> Result<(usize, u32), Problem> {
    let end = bytes.len();
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let escape = match rest {
            [] => return Err(Problem::new(at, end, Mistake::End)),
            [b'"', ..] => return Ok((at, odd)),
            [b'\\', escape @ ..] => escape,
            _ => return Err(Problem::new(at, end, Mistake::ControlCharacter)),
        };
        let length = match escape {
            [] => return Err(Problem::new(end, end, Mistake::End)),
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) => 6,
            _ => return Err(Problem::new(at, end, Mistake::Escape)),
        };
        at = end_of_run(bytes, at.wrapping_add(length), &mut odd);
    }
}

/// The character that follows a backslash, and how many bytes it takes.
pub(super) fn escaped_character(text: &str) -> Result<(char, usize), Mistake> {
    Ok(match text.as_bytes().first().ok_or(Mistake::End)? {
        b'b' => ('\u{8}', 1),
        b'f' => ('\u{c}', 1),
        b'n' => ('\n', 1),
        b'r' => ('\r', 1),
        b't' => ('\t', 1),
        b'u' => {
            let unit = hex(text, 1)?;
            match unit {
                0xD800..0xDC00 => {
                    let low = if text.get(5..7) == Some("\\u") { hex(text, 7)? } else { 0 };
                    if !(0xDC00..0xE000).contains(&low) {
                        return Err(Mistake::LoneSurrogate);
                    }
                    let code = 0x10000_u32.wrapping_add((unit & 0x3FF) << 10).wrapping_add(low & 0x3FF);
                    (char::from_u32(code).ok_or(Mistake::LoneSurrogate)?, 11)
                }
                _ => (char::from_u32(unit).ok_or(Mistake::LoneSurrogate)?, 5),
            }
        }
        &byte @ (b'"' | b'\\' | b'/') => (char::from(byte), 1),
        _ => return Err(Mistake::Escape),
    })
}

fn hex(text: &str, at: usize) -> Result<u32, Mistake> {
    let digits =
        text.get(at..at.wrapping_add(4)).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or(Mistake::Escape)
}
