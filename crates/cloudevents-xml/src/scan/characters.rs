//! Character classes, and searching for characters.

use crate::glance::is_character;
use wide::u8x16;

/// The byte that [`Scanner::peek`] returns at the end. No document has such a byte.
pub(super) const END: u8 = 0;

/// May begin a name.
pub(super) const START: u8 = 1;

/// May be part of a qualified name.
pub(super) const NAME: u8 = 2;

/// Not ASCII.
pub(super) const HIGH: u8 = 4;

pub(super) const COLON: u8 = 8;

/// Tab, line feed, carriage return.
pub(super) const BREAK: u8 = 16;

/// `<`
pub(super) const STOP: u8 = 32;

/// `&`
pub(super) const REFERENCE: u8 = 64;

/// Delete, which is not printable, and `]`, which may begin `]]>`, which is not allowed in text.
pub(super) const ODD: u8 = 128;

pub(super) const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut at = 0_u8;
    loop {
        #[allow(clippy::indexing_slicing)] // A byte is within 256, and this is constant.
        {
            table[at as usize] = match at {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => START | NAME,
                b'0'..=b'9' | b'-' | b'.' => NAME,
                b':' => NAME | COLON,
                b'\t' | b'\n' | b'\r' => BREAK,
                b'<' => STOP,
                b'&' => REFERENCE,
                b']' | 0x7f => ODD,
                0x80.. => HIGH,
                _ => 0,
            };
        }
        match at.checked_add(1) {
            Some(next) => at = next,
            None => break table,
        }
    }
};

#[inline]
pub(super) fn class(byte: u8) -> u8 {
    CLASS.get(usize::from(byte)).copied().unwrap_or(0)
}

#[inline]
pub(super) fn is_white(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// The distance to a byte or to `<`, and the classes of the bytes before it that are not plain.
#[inline(always)]
pub(super) fn until(bytes: &[u8], stop: u8) -> Option<(usize, u8)> {
    let mut at = 0_usize;
    let mut odd = 0;
    let length = loop {
        let Some(&chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) else {
            // The last bytes of a document.
            let rest = bytes.get(at..)?;
            let length = rest.iter().position(|&byte| byte == stop || byte == b'<')?;
            odd = 1;
            break at.wrapping_add(length);
        };
        let x = u8x16::new(chunk);
        let is = |byte| x.simd_eq(u8x16::splat(byte));
        let unusual =
            (x | is(0x7f) | is(b']') | is(b'&') | x.min(u8x16::splat(0x1f)).simd_eq(x)).to_bitmask();
        let ends = (is(stop) | is(b'<')).to_bitmask();
        if ends != 0 {
            let run = ends.trailing_zeros();
            odd |= unusual & !(u32::MAX << run);
            break at.wrapping_add(run as usize);
        }
        odd |= unusual;
        at = at.wrapping_add(16);
    };
    if odd == 0 {
        return Some((length, 0));
    }
    Some((length, bytes.get(..length)?.iter().fold(0, |seen, &byte| seen | class(byte))))
}

/// The character of a numeric reference: `10`, `x1F600`.
pub(super) fn character(number: &str) -> Option<char> {
    let (digits, radix) = match number.strip_prefix('x') {
        Some(digits) => (digits, 16),
        None => (number, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let code = digits.chars().try_fold(0_u32, |code, digit| {
        Some(code.saturating_mul(radix).saturating_add(digit.to_digit(radix)?))
    })?;
    char::from_u32(code).filter(|character| is_character(*character))
}

/// A name without a colon (Namespaces, production 4).
pub(super) fn is_ncname(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(is_name_start)
        && characters.all(|character| {
            is_name_start(character)
                || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
        })
}

/// `NameStartChar` of XML 1.0, production 4, but for the colon.
pub(super) fn is_name_start(character: char) -> bool {
    matches!(character,
        'a'..='z' | 'A'..='Z' | '_' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}'
        | '\u{370}'..='\u{37d}' | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}'
        | '\u{2c00}'..='\u{2fef}' | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}'
        | '\u{10000}'..='\u{effff}')
}
