//! Escapes that peers write.

use std::collections::VecDeque;

/// The meaning of an escape.
enum Code {
    Character(char),
    /// Of UTF-8 or Latin-1.
    Byte(u8),
    /// Of UTF-16.
    Unit(u16),
}

/// A text without the escapes of any language, however often it was escaped: `%XX`, `%uXXXX`, `&#38;`, `&#x26;`, `&amp;`, `\uXXXX`,
/// `\u{XX}`, `\UXXXXXXXX`, `\xXX`, `\ooo` and `\n`. Named characters of HTML other than `&amp;`, and control characters, are blanks. Other
/// backslashes stay.
pub(super) fn undone(text: &str) -> String {
    if !text.contains(['%', '&', '\\']) {
        return text.to_owned();
    }
    let mut rest: VecDeque<char> = text.chars().collect();
    let mut undone = String::with_capacity(text.len());
    let (mut bytes, mut units) = (Vec::new(), Vec::new());
    loop {
        let escape = escape(&rest);
        if !matches!(escape, Some((_, Code::Byte(_)))) {
            undone.push_str(&text_of(std::mem::take(&mut bytes)));
        }
        if !matches!(escape, Some((_, Code::Unit(_)))) {
            undone.extend(char::decode_utf16(units.drain(..)).flatten());
        }
        let Some((length, code)) = escape else {
            let Some(character) = rest.pop_front() else { return undone };
            undone.push(character);
            continue;
        };
        rest.drain(..length);
        match code {
            // The character may begin another escape.
            Code::Character(character) => rest.push_front(character),
            Code::Byte(byte) => bytes.push(byte),
            Code::Unit(unit) => units.push(unit),
        }
    }
}

/// The escape at the beginning, and its length. ASCII is always a character.
fn escape(rest: &VecDeque<char>) -> Option<(usize, Code)> {
    let at = |index: usize| rest.get(index).copied();
    // A number of so many digits.
    let number = |from: usize, digits: usize, radix: u32| {
        (from..from.saturating_add(digits)).try_fold(0_u32, |number, index| {
            number.checked_mul(radix)?.checked_add(at(index)?.to_digit(radix)?)
        })
    };
    // A number up to this character.
    let number_until = |end: char, from: usize, radix: u32| {
        let digits =
            (from..from.saturating_add(10)).map_while(at).take_while(|digit| digit.is_digit(radix)).count();
        let behind = from.saturating_add(digits);
        let number = number(from, digits, radix).filter(|_| digits > 0 && at(behind) == Some(end))?;
        Some((behind.saturating_add(1), character(number)))
    };
    let byte = |number: u32| match u8::try_from(number) {
        Ok(byte) if !byte.is_ascii() => Code::Byte(byte),
        _ => character(number),
    };
    let unit = |number: u32| match u16::try_from(number) {
        Ok(unit @ 0x80..) => Code::Unit(unit),
        _ => character(number),
    };
    match (at(0)?, at(1)?) {
        ('%', 'u' | 'U') => Some((6, unit(number(2, 4, 16)?))),
        ('%', _) => Some((3, byte(number(1, 2, 16)?))),
        ('&', '#') if matches!(at(2), Some('x' | 'X')) => number_until(';', 3, 16),
        ('&', '#') => number_until(';', 2, 10),
        ('&', _) => {
            let name: String = (1..10).map_while(at).take_while(char::is_ascii_alphanumeric).collect();
            let behind = name.len().saturating_add(1);
            let is_one = name.len() > 1 && at(behind) == Some(';');
            let character = if name.eq_ignore_ascii_case("amp") { '&' } else { ' ' };
            is_one.then_some((behind.saturating_add(1), Code::Character(character)))
        }
        ('\\', 'u' | 'x') if at(2) == Some('{') => number_until('}', 3, 16),
        ('\\', 'u') => Some((6, unit(number(2, 4, 16)?))),
        ('\\', 'U') => Some((10, character(number(2, 8, 16)?))),
        ('\\', 'x') => Some((4, byte(number(2, 2, 16)?))),
        ('\\', '0'..='3') => Some((4, byte(number(1, 3, 8)?))),
        ('\\', 'a' | 'b' | 'e' | 'f' | 'n' | 'r' | 't' | 'v') => Some((2, Code::Character(' '))),
        _ => None,
    }
}

fn character(number: u32) -> Code {
    Code::Character(char::from_u32(number).filter(|character| !character.is_control()).unwrap_or(' '))
}

fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|bytes| super::latin1(bytes.as_bytes()))
}
