//! What is wrong with a document.

use std::error::Error;
use std::fmt;

/// A text that is not a vector document or a list of requirements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidData {
    path: Option<String>,
    message: String,
}

impl InvalidData {
    pub(crate) fn new(error: &serde_json::Error) -> Self {
        InvalidData { path: None, message: error.to_string() }
    }

    pub(crate) fn at(self, path: &str) -> Self {
        InvalidData { path: Some(path.to_owned()), ..self }
    }

    /// The path of the embedded file, when the text came from one.
    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }
}

impl fmt::Display for InvalidData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.path {
            Some(path) => write!(f, "{path}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for InvalidData {}
