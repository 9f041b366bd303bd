//! The errors of filters and subscriptions, and the results of reading with repairs.

use crate::Leniency;
use std::borrow::Cow;
use std::fmt;

/// Why a document is not a filter or a subscription: the place of the mistake, and a description.
///
/// ```
/// use cloudevents_subscriptions::Filters;
///
/// let error = Filters::parse(r#"[{"all": [{"prefix": {"type": ""}}]}]"#).unwrap_err();
/// assert_eq!(error.path(), "/0/all/0/prefix/type");
/// assert_eq!(error.to_string(), "/0/all/0/prefix/type: the value is empty");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    path: String,
    message: Cow<'static, str>,
    clause: Option<&'static str>,
}

impl Invalid {
    #[cold]
    pub(crate) fn new(path: impl fmt::Display, message: impl Into<Cow<'static, str>>) -> Self {
        Self { path: path.to_string(), message: message.into(), clause: None }
    }

    pub(crate) fn with_clause(mut self, clause: &'static str) -> Self {
        self.clause = Some(clause);
        self
    }

    /// The same error in a document around this one.
    pub(crate) fn below(mut self, path: impl fmt::Display) -> Self {
        self.path.insert_str(0, &path.to_string());
        self
    }

    /// The place as a JSON Pointer (RFC 6901): `/filters/0/exact/type`. Empty for the document as a whole.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Describes the mistake, as a sentence without a full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The id of the broken clause, as the requirement inventory of the test vectors has it.
    pub fn clause(&self) -> Option<&'static str> {
        self.clause
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for Invalid {}

/// A deviation that was accepted, because a leniency allows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The leniency that allows it.
    pub kind: Leniency,
    /// The place as a JSON Pointer.
    pub path: String,
}

/// The value that was read, and its repairs. Strict reading repairs nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed<T> {
    /// The value that was read.
    pub value: T,
    /// The repairs.
    pub repairs: Vec<Repair>,
}
