//! The characters of a JSON string.

use std::fmt;

/// The characters of a JSON string. Escapes can name halves of surrogate pairs, which no Rust string holds: they
/// are kept in the three bytes that UTF-8 would give them.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(Vec<u8>);

impl Text {
    /// The characters, unless half a surrogate pair is among them.
    pub(crate) fn as_str(&self) -> Option<&str> {
        str::from_utf8(&self.0).ok()
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn push_str(&mut self, text: &str) {
        self.0.extend_from_slice(text.as_bytes());
    }

    pub(super) fn push_byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    pub(super) fn push_code_point(&mut self, code: u32) {
        match char::from_u32(code) {
            Some(character) => self.push_str(character.encode_utf8(&mut [0; 4])),
            None => {
                let continuation = |shift: u32| 0x80 | (code >> shift & 0x3f) as u8;
                self.0.extend([0xe0 | (code >> 12) as u8, continuation(6), continuation(0)]);
            }
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text(text.as_bytes().to_vec())
    }
}

/// For people: half a surrogate pair shows as U+FFFD.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}
