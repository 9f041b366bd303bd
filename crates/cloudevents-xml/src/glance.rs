//! Vectorised checks: whether all characters of a text exist in XML, and whether any has to be escaped.

use memchr::{memchr3, memmem};
use wide::u8x16;

/// The number of bytes checked per step.
const STRIP: usize = 256;

/// The kinds of bytes, besides printable ASCII, that a text has and XML treats specially.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Glance {
    /// Control characters that XML does not have.
    controls: bool,
    /// Carriage returns.
    pub(crate) returns: bool,
    /// Bytes that may begin U+FFFE or U+FFFF, the only other characters that XML does not have.
    high: bool,
}

impl Glance {
    /// Checks a whole text.
    #[inline]
    pub(crate) fn of(text: &str) -> Self {
        let mut glance = Self::default();
        let (strips, rest) = text.as_bytes().as_chunks::<STRIP>();
        for strip in strips {
            if has_unusual(strip) {
                glance.add(strip);
            }
        }
        // Fewer than 16 bytes are checked one by one.
        let plain = rest.last_chunk::<16>().is_some_and(|last| {
            let chunks = rest.as_chunks::<16>().0.iter();
            chunks.fold(unusual(*last), |all, chunk| all | unusual(*chunk)).to_bitmask() == 0
        });
        if !plain {
            glance.add(rest);
        }
        glance
    }

    /// The offset and the first character that XML does not have. `text` is the text that was checked.
    #[inline]
    pub(crate) fn foreign(self, text: &str) -> Option<(usize, char)> {
        if !self.controls && !self.high { None } else { self.find_foreign(text) }
    }

    /// Whether the text has characters that must be escaped in an element. `text` is the text that was checked.
    #[inline]
    pub(crate) fn special(self, text: &str) -> bool {
        match text.as_bytes() {
            short if short.len() < STRIP => has_special(short),
            long => self.returns || memchr3(b'<', b'>', b'&', long).is_some(),
        }
    }

    #[cold]
    fn find_foreign(self, text: &str) -> Option<(usize, char)> {
        let bytes = text.as_bytes();
        let beyond = |at: usize| bytes.get(at.saturating_add(2)).is_some_and(|&last| last >= 0xBE);
        if !self.controls && !memmem::find_iter(bytes, b"\xEF\xBF").any(beyond) {
            return None;
        }
        text.char_indices().find(|(_, character)| !is_character(*character))
    }

    #[inline(never)]
    fn add(&mut self, bytes: &[u8]) {
        // The compiler vectorises this loop.
        let (mut controls, mut returns, mut high) = (0_u8, 0_u8, 0_u8);
        for &byte in bytes {
            controls |= u8::from((byte < b' ') & (byte != b'\t') & (byte != b'\n') & (byte != b'\r'));
            returns |= u8::from(byte == b'\r');
            high |= u8::from(byte == 0xEF);
        }
        self.controls |= controls != 0;
        self.returns |= returns != 0;
        self.high |= high != 0;
    }
}

/// Whether a strip has control characters or non-ASCII characters.
#[inline(always)]
fn has_unusual(strip: &[u8; STRIP]) -> bool {
    // Two at a time, so that fewer steps depend on each other.
    let (mut even, mut odd) = (u8x16::ZERO, u8x16::ZERO);
    for pair in strip.as_chunks::<32>().0 {
        let ([a, b], _) = pair.as_chunks::<16>() else { continue };
        even |= unusual(*a);
        odd |= unusual(*b);
    }
    (even | odd).to_bitmask() != 0
}

/// Less a space, control characters and the first bytes of characters outside of ASCII have the top bit set.
#[inline(always)]
#[allow(clippy::arithmetic_side_effects)] // Lanes wrap.
fn unusual(chunk: [u8; 16]) -> u8x16 {
    u8x16::new(chunk) - u8x16::splat(b' ')
}

/// The characters of XML 1.0 (production 2).
pub(crate) fn is_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// Whether there are characters that must be escaped in an element.
#[inline]
pub(crate) fn has_special(bytes: &[u8]) -> bool {
    let Some(last) = bytes.last_chunk::<16>() else {
        return bytes.iter().any(|byte| matches!(byte, b'<' | b'>' | b'&' | b'\r'));
    };
    // Whole chunks, then the last 16 bytes, which may overlap them.
    let chunks = bytes.as_chunks::<16>().0.iter();
    chunks.fold(special(*last), |all, chunk| all | special(*chunk)).to_bitmask() != 0
}

/// The positions of characters that must be escaped in an element, as a bit mask.
#[inline]
pub(crate) fn specials(block: &[u8; 64]) -> u64 {
    let ([a, b, c, d], _) = block.as_chunks::<16>() else { return u64::MAX };
    let of = |chunk: &[u8; 16]| u64::from(special(*chunk).to_bitmask());
    of(a) | of(b) << 16 | of(c) << 32 | of(d) << 48
}

#[inline(always)]
fn special(chunk: [u8; 16]) -> u8x16 {
    let x = u8x16::new(chunk);
    // They differ in one bit.
    let angles = (x | u8x16::splat(b'<' ^ b'>')).simd_eq(u8x16::splat(b'<' | b'>'));
    angles | x.simd_eq(u8x16::splat(b'&')) | x.simd_eq(u8x16::splat(b'\r'))
}
