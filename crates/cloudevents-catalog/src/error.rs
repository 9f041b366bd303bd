//! Why a catalog was not read.

use std::fmt;

/// Why a catalog was not read: it is not JSON, exceeds a limit, or, when read strictly, has a mistake.
///
/// ```
/// let error = cloudevents_catalog::Catalog::parse("[]").unwrap_err();
/// assert_eq!(error.to_string(), "a catalog is an object, and this is an array");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl LoadError {
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LoadError {}
