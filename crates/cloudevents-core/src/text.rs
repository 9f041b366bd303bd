//! The characters of a CloudEvents String.

use crate::{Error, ErrorKind};
use alloc::format;

/// Checks that a text is a CloudEvents String: no control characters and no Unicode noncharacters.
///
/// The error is of kind [`InvalidString`](ErrorKind::InvalidString) and names the character and its byte position (clauses
/// CE-Type-System-f and CE-Type-System-g).
pub(crate) fn check(text: &str) -> Result<(), Error> {
    if text.bytes().all(is_plain) { Ok(()) } else { check_characters(text) }
}

/// Printable ASCII and the space: what needs no closer look.
#[inline]
pub(crate) fn is_plain(byte: u8) -> bool {
    (b' '..0x7f).contains(&byte)
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
    use super::check;

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
