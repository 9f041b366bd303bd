//! The outcomes that a case allows.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Revision;

/// One of the outcomes that a case allows.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Members")]
#[non_exhaustive]
pub struct Outcome {
    /// What the testee is to answer.
    pub expected: Expected,
    /// Names of headers that must not be in the message of the result.
    pub absent_headers: Vec<String>,
    /// The revisions that allow this outcome; `None` means all revisions of the case.
    pub revisions: Option<Vec<Revision>>,
    /// Whether the profile `verbatim` allows this outcome. One with another text of a time or of a URI is not allowed in that profile.
    pub verbatim: bool,
    /// Why this outcome is allowed, if the clauses do not make it obvious.
    pub note: Option<String>,
}

/// What the testee is to answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Expected {
    /// A result with these members.
    Result(Map<String, Value>),
    /// A refusal.
    Error(ExpectedError),
}

/// The required properties of a refusal. Without any, every refusal is allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ExpectedError {
    /// The kind, where it means something across implementations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The attribute at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The place of the event at fault in a batch, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<u64>,
}

/// An outcome as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Members {
    result: Option<Map<String, Value>>,
    error: Option<ExpectedError>,
    #[serde(default)]
    absent_headers: Vec<String>,
    revisions: Option<Vec<Revision>>,
    #[serde(default = "allowed")]
    verbatim: bool,
    note: Option<String>,
}

fn allowed() -> bool {
    true
}

impl TryFrom<Members> for Outcome {
    type Error = &'static str;

    fn try_from(members: Members) -> Result<Self, Self::Error> {
        let expected = match (members.result, members.error) {
            (Some(result), None) => Expected::Result(result),
            (None, Some(error)) => Expected::Error(error),
            _ => return Err("an outcome has either `result` or `error`"),
        };
        Ok(Outcome {
            expected,
            absent_headers: members.absent_headers,
            revisions: members.revisions,
            verbatim: members.verbatim,
            note: members.note,
        })
    }
}
