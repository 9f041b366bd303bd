//! Names of context attributes.

use crate::{Error, ErrorKind};
use core::fmt;

/// The name of a context attribute: one or more of `a` to `z` and `0` to `9`, and not `data`.
///
/// Names longer than 20 characters and names that start with a digit are against a recommendation only, and valid.
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

    /// For names that are known to be valid: those of an event.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }
}

/// Whether a text is the name of a context attribute.
#[inline]
pub(crate) fn is_name(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().fold(true, |all, byte| all & matches!(byte, b'a'..=b'z' | b'0'..=b'9'))
        && text != b"data"
        && text.len() <= MAX
}

/// Event keeps lengths of names in 16 bits. Nobody has come near.
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

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}
