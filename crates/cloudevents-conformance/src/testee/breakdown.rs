//! When a testee does not answer.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// The testee crashed, hung, or broke the protocol. This is not a refusal of the input: it always counts as a
/// failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Breakdown {
    /// The kind of breakdown.
    pub kind: BreakdownKind,
    /// More about it, for people to read.
    pub detail: String,
}

/// The kind of a breakdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BreakdownKind {
    /// It could not be started.
    NotStarted,
    /// It exited, or closed its standard output, before it answered.
    Crashed,
    /// It did not answer within the time limit.
    Hung,
    /// It answered with something that is not one line of JSON, or that the protocol does not know.
    Garbage,
}

impl Breakdown {
    /// A breakdown.
    pub fn new(kind: BreakdownKind, detail: impl Into<String>) -> Self {
        Breakdown { kind, detail: detail.into() }
    }

    pub(crate) fn hung(limit: Duration) -> Self {
        Breakdown::new(BreakdownKind::Hung, format!("no answer within {limit:?}"))
    }

    pub(crate) fn garbage(reason: impl fmt::Display) -> Self {
        Breakdown::new(BreakdownKind::Garbage, reason.to_string())
    }
}

impl BreakdownKind {
    /// A stable name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakdownKind::NotStarted => "not-started",
            BreakdownKind::Crashed => "crashed",
            BreakdownKind::Hung => "hung",
            BreakdownKind::Garbage => "garbage",
        }
    }
}

impl fmt::Display for BreakdownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for Breakdown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            BreakdownKind::NotStarted => "the testee could not be started",
            BreakdownKind::Crashed => "the testee crashed",
            BreakdownKind::Hung => "the testee does not answer",
            BreakdownKind::Garbage => "invalid reply from the testee",
        };
        write!(f, "{what}: {}", self.detail)
    }
}

impl Error for Breakdown {}
