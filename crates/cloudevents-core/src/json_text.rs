//! JSON text: checked, never rewritten.

use crate::{Error, ErrorKind, codec::scan::Scanner};
use core::fmt;

/// A text that is one JSON value (RFC 8259), kept verbatim. White space may surround the value.
///
/// ```
/// use cloudevents_core::JsonText;
///
/// let json = JsonText::parse(r#"{"total": 1.10, "id": 12345678901234567890123}"#)?;
/// assert_eq!(json.as_str(), r#"{"total": 1.10, "id": 12345678901234567890123}"#);
/// assert!(JsonText::parse("{oops").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct JsonText<'a>(&'a str);

impl<'a> JsonText<'a> {
    /// Checks the text, at any depth of nesting. Errors are of kind [`InvalidDocument`](ErrorKind::InvalidDocument) and
    /// carry the offset.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let mut scanner = Scanner::new(text);
        let problem = match scanner.value(u32::MAX) {
            Ok(_) => {
                scanner.white_space();
                if scanner.is_at_end() {
                    return Ok(Self(text));
                }
                scanner.problem(crate::codec::scan::Mistake::Expected("the end of the JSON text"))
            }
            Err(problem) => problem,
        };
        Err(Error::new(ErrorKind::InvalidDocument)
            .with_detail(alloc::format!("not JSON: {}", problem.what))
            .with_offset(problem.at))
    }

    /// The text exactly as it was written.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// For text that was checked before.
    pub(crate) fn known(text: &'a str) -> Self {
        Self(text)
    }
}

impl AsRef<str> for JsonText<'_> {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl<'a> TryFrom<&'a str> for JsonText<'a> {
    type Error = Error;

    fn try_from(text: &'a str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl fmt::Debug for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for JsonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}
