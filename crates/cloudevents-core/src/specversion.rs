//! The versions of the specification.

use crate::{Error, ErrorKind};
use core::{fmt, str::FromStr};

/// The `specversion` of an event.
///
/// ```
/// use cloudevents_core::SpecVersion;
///
/// assert_eq!(SpecVersion::parse("1.0")?, SpecVersion::V1);
/// assert_eq!(SpecVersion::V03.as_str(), "0.3");
/// assert!(SpecVersion::parse("1.0.2").is_err());
/// # Ok::<(), cloudevents_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
// A word, though a byte would do: moves of an event are made of whole words then (see `Span`).
#[repr(usize)]
pub enum SpecVersion {
    /// 0.3. [`Event::upgrade`](crate::Event::upgrade) turns it into 1.0.
    V03,
    /// 1.0, at any patch level of the document.
    #[default]
    V1,
}

impl SpecVersion {
    /// Reads the attribute. Errors are of kind [`UnsupportedSpecversion`](ErrorKind::UnsupportedSpecversion) (clause
    /// CE-specversion-c).
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "1.0" => Ok(Self::V1),
            "0.3" => Ok(Self::V03),
            _ => Err(Error::new(ErrorKind::UnsupportedSpecversion)
                .with_attribute("specversion")
                .with_detail("1.0 and 0.3 are supported; patch levels are not written")
                .with_clause("CE-specversion-c")),
        }
    }

    /// The attribute's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V03 => "0.3",
            Self::V1 => "1.0",
        }
    }
}

impl FromStr for SpecVersion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for SpecVersion {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self, Error> {
        Self::parse(text)
    }
}

impl AsRef<str> for SpecVersion {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for SpecVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
