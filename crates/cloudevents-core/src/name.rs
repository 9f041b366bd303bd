//! Names of context attributes.

use crate::{Error, ErrorKind};
use core::fmt;

/// The name of a context attribute: one or more of `a` to `z` and `0` to `9`, and not `data`.
///
/// Names of more than 20 characters, and names that start with a digit, are valid: the specification only advises against them.
///
/// ```
/// use cloudevents_core::Name;
///
/// assert_eq!(Name::parse("partitionkey")?.as_str(), "partitionkey");
/// assert!(Name::parse("partition-key").is_err());
/// assert!(Name::parse("data").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// Checks the text. Errors are of kind [`InvalidName`](ErrorKind::InvalidName) (clause CE-Naming-a).
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        if is_name(text.as_bytes()) { Ok(Self(text)) } else { Err(refuse(text)) }
    }

    /// The name as text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// For the names of an event, which were checked before.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }
}

/// Whether a text is the name of a context attribute.
#[inline]
pub(crate) fn is_name(text: &[u8]) -> bool {
    !text.is_empty() && has_name_characters(text) && text != b"data" && text.len() <= MAX
}

/// Up to 16 bytes are read as two halves, which may overlap.
#[inline]
fn has_name_characters(text: &[u8]) -> bool {
    if text.len() <= 16
        && let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>())
    {
        return is_of_name(*first) & is_of_name(*last);
    }
    text.iter().fold(true, |all, byte| all & matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
}

/// Whether all of eight bytes are `a` to `z` or `0` to `9`.
#[inline(always)]
fn is_of_name(eight: [u8; 8]) -> bool {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // The highest bit of each byte is masked out, so that in a sum it shows whether the byte reaches a bound.
    let (word, splat) = (u64::from_le_bytes(eight), |byte: u8| u64::from_le_bytes([byte; 8]));
    let reaches = |byte: u8| (word & !HIGH).wrapping_add(splat(0x80_u8.wrapping_sub(byte)));
    let letters = reaches(b'a') & !reaches(b'z'.wrapping_add(1));
    let digits = reaches(b'0') & !reaches(b'9'.wrapping_add(1));
    (letters | digits) & !word & HIGH == HIGH
}

/// An event keeps the lengths of names in 16 bits.
const MAX: usize = u16::MAX as usize;

#[cold]
fn refuse(text: &str) -> Error {
    let error = Error::new(ErrorKind::InvalidName).with_clause("CE-Naming-a");
    if text == "data" {
        return error
            .with_attribute(text)
            .with_detail("`data` names the payload, not an attribute")
            .with_clause("CE-Naming-f");
    }
    if text.is_empty() {
        return error.with_detail("a name has at least one character").with_clause("CE-Naming-c");
    }
    let shown: alloc::string::String = text.chars().take(64).collect();
    error
        .with_attribute(shown)
        .with_detail("only the characters a to z and 0 to 9 are allowed")
        .with_help("use lower-case ASCII letters and digits only")
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::is_name;

    #[test]
    fn every_byte_in_every_place() {
        for length in 1..24 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    for other in [b'a', b'z', b'0', b'9'] {
                        let mut name = alloc::vec![other; length];
                        name[at] = byte;
                        let good = byte.is_ascii_lowercase() || byte.is_ascii_digit();
                        assert_eq!(is_name(&name), good, "{byte} at {at} of {length}");
                    }
                }
            }
        }
    }
}
