//! Text of peers, for people.

use alloc::{borrow::Cow, string::String};

/// Returns the text with the characters escaped that begin another line of a log, act on a terminal, change the writing direction, or
/// cannot be seen: `\n`, `\u{1b}`.
///
/// Errors do that by themselves, as they quote text of peers.
///
/// ```
/// use cloudevents_core::codec::one_line;
///
/// assert_eq!(one_line("a\nb \u{1b}[2J"), r"a\nb \u{1b}[2J");
/// assert_eq!(one_line("größer als 5 \\"), "größer als 5 \\");
/// ```
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_active) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_active(character) { shown.extend(character.escape_default()) } else { shown.push(character) }
    }
    shown.into()
}

/// Whether a character does something on a terminal, or cannot be seen. These are control characters, characters that change the writing
/// direction (Unicode Standard Annex 9), and other characters without width. Joiners, variation selectors and marks, which scripts and
/// emoji need, are not among them.
pub fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}'
        )
}
