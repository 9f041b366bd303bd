//! What becomes of a case.

use std::fmt;

use cloudevents_vectors::Level;

use crate::Difference;
use crate::testee::Breakdown;

/// What the harness found when it ran a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The answer is an allowed outcome.
    Passed,
    /// The answer is none of the allowed outcomes.
    Failed(Failure),
    /// There was no answer.
    Crashed(Breakdown),
    /// The testee does not have what the case is about, by its capabilities or by its answer; and its reason.
    Unsupported(String),
}

/// How an answer is none of the allowed outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Each outcome that was allowed.
    pub attempts: Vec<Attempt>,
}

/// How an answer is not one of the outcomes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The place of the outcome in the list of the case.
    pub outcome: usize,
    /// Whether the answer is of its sort: a result where one is wanted, a refusal where that is.
    pub same_sort: bool,
    /// In what the answer differs from it.
    pub differences: Vec<Difference>,
}

impl Failure {
    /// The outcome that the answer comes closest to: of those of its sort, if there are any, the one with the fewest
    /// differences.
    pub fn closest(&self) -> Option<&Attempt> {
        self.attempts.iter().min_by_key(|attempt| (!attempt.same_sort, attempt.differences.len()))
    }
}

/// What a finding means for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// As it has to be.
    Passed,
    /// Not an allowed outcome, at a level that fails the run.
    Failed,
    /// No answer, at a level that fails the run.
    Crashed,
    /// Not judged: the testee does not have what the case is about.
    Skipped,
    /// Failed or crashed, at a level too weak to fail the run.
    Warning,
    /// Failed or crashed, and listed as known to.
    KnownFailing,
    /// Passed, and yet listed as known to fail: the entry has to go.
    Stale,
}

impl Verdict {
    /// What a finding means, for a case of `level` in a run whose weakest failing level is `profile`. `known`: the
    /// case is listed as known to fail.
    pub(crate) fn of(finding: &Finding, level: Level, profile: Level, known: bool) -> Self {
        match finding {
            Finding::Unsupported(_) => Verdict::Skipped,
            Finding::Passed if known => Verdict::Stale,
            Finding::Passed => Verdict::Passed,
            Finding::Failed(_) | Finding::Crashed(_) if known => Verdict::KnownFailing,
            Finding::Failed(_) | Finding::Crashed(_) if level < profile => Verdict::Warning,
            Finding::Failed(_) => Verdict::Failed,
            Finding::Crashed(_) => Verdict::Crashed,
        }
    }

    /// Whether one case of this verdict fails the run.
    pub fn fails(self) -> bool {
        matches!(self, Verdict::Failed | Verdict::Crashed | Verdict::Stale)
    }

    /// A stable name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Crashed => "crashed",
            Verdict::Skipped => "skipped",
            Verdict::Warning => "warning",
            Verdict::KnownFailing => "known-failing",
            Verdict::Stale => "stale",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use crate::testee::BreakdownKind;

    use super::*;

    #[test]
    fn verdicts() {
        let failed = Finding::Failed(Failure { attempts: Vec::new() });
        let crashed = Finding::Crashed(Breakdown::new(BreakdownKind::Hung, ""));
        let skipped = Finding::Unsupported(String::new());
        use Level::{May, Must, Should};
        for (finding, level, profile, known, verdict) in [
            (&Finding::Passed, Must, Must, false, Verdict::Passed),
            (&Finding::Passed, May, Must, false, Verdict::Passed),
            (&Finding::Passed, Must, Must, true, Verdict::Stale),
            (&failed, Must, Must, false, Verdict::Failed),
            (&failed, Should, Must, false, Verdict::Warning),
            (&failed, May, Must, false, Verdict::Warning),
            (&failed, Should, Should, false, Verdict::Failed),
            (&failed, May, Should, false, Verdict::Warning),
            (&failed, May, May, false, Verdict::Failed),
            (&failed, Must, Must, true, Verdict::KnownFailing),
            (&failed, May, Must, true, Verdict::KnownFailing),
            (&crashed, Must, Must, false, Verdict::Crashed),
            (&crashed, Should, Must, false, Verdict::Warning),
            (&crashed, Must, Must, true, Verdict::KnownFailing),
            (&skipped, Must, Must, false, Verdict::Skipped),
            (&skipped, Must, Must, true, Verdict::Skipped),
        ] {
            assert_eq!(
                Verdict::of(finding, level, profile, known),
                verdict,
                "{finding:?} {level} {profile} {known}"
            );
        }
    }

    #[test]
    fn the_closest_outcome_is_of_the_same_sort_and_has_the_fewest_differences() {
        let difference = Difference { path: String::new(), wanted: String::new(), got: String::new() };
        let attempt = |outcome, same_sort, count| Attempt {
            outcome,
            same_sort,
            differences: vec![difference.clone(); count],
        };
        let closest = |attempts| Failure { attempts }.closest().map(|attempt| attempt.outcome);
        assert_eq!(closest(vec![attempt(0, true, 3), attempt(2, true, 1), attempt(3, true, 1)]), Some(2));
        assert_eq!(closest(vec![attempt(0, false, 1), attempt(1, true, 3), attempt(2, true, 2)]), Some(2));
        assert_eq!(closest(vec![attempt(0, false, 1), attempt(1, false, 1)]), Some(0));
        assert_eq!(closest(Vec::new()), None);
    }
}
