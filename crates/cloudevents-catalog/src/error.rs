//! Why a catalog was not read.

use cloudevents_core::Error;
use cloudevents_json::codec::kind;
use serde_json::Value;
use std::fmt;

/// Why a catalog was not read: it is not JSON, exceeds a limit, or, when read strictly, has a mistake.
///
/// ```
/// let error = cloudevents_catalog::Catalog::parse("[]").unwrap_err();
/// assert_eq!(error.to_string(), "a catalog is an object, and this is an array");
///
/// let error = cloudevents_catalog::Catalog::parse("{oops}").unwrap_err();
/// assert_eq!(error.to_string(), "key must be a string at line 1 column 2");
/// assert_eq!(error.offset(), Some(1));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    message: String,
    offset: Option<usize>,
}

impl LoadError {
    #[cold]
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), offset: None }
    }

    #[cold]
    pub(crate) fn no_object(document: &Value) -> Self {
        Self::new(format!("a catalog is an object, and this is {}", kind(document)))
    }

    /// Of a document that is not JSON.
    #[cold]
    pub(crate) fn of(error: Error) -> Self {
        let offset = error.offset().and_then(|offset| usize::try_from(offset).ok());
        Self { message: error.detail().to_owned(), offset }
    }

    /// Of a file.
    pub(crate) fn within(self, file: &str) -> Self {
        Self { message: format!("{file}: {}", self.message), ..self }
    }

    /// The byte of the document at which it is not JSON, or not YAML.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for LoadError {}
