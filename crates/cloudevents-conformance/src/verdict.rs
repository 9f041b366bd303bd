//! The result of a case.

use std::fmt;
use std::time::Duration;

use cloudevents_vectors::{Case, Outcome, Requirement};

use crate::Difference;
use crate::testee::Breakdown;

/// The result of one case.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaseReport<'a> {
    /// The case.
    pub case: &'a Case,
    /// The clauses that the case cites.
    ///
    /// Clauses that the suite does not contain are left out. So are clauses that are in no revision by which the testee is judged.
    pub clauses: Vec<&'a Requirement>,
    /// The outcomes of the case that are allowed.
    ///
    /// An outcome of a revision by which the testee is not judged is not allowed. If times have to keep their text, an outcome that loses
    /// it is not allowed either.
    pub allowed: Vec<&'a Outcome>,
    /// The result of comparing the answer.
    pub finding: Finding,
    /// The consequence of the finding for the run.
    pub verdict: Verdict,
    /// Whether the profile of the run judges the case.
    pub judged: bool,
    /// Why the case is known to fail, if it is listed.
    pub known_failing: Option<&'a str>,
    /// The request as it was sent; `None` if none was.
    pub sent: Option<String>,
    /// The raw answer; `None` if none came.
    pub received: Option<String>,
    /// The end of the testee's standard error during this case.
    pub diagnostics: String,
    /// How long the testee took.
    pub elapsed: Duration,
}

/// The harness's finding for a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// The response is an allowed outcome.
    Passed,
    /// The response differs from every allowed outcome.
    Failed(Failure),
    /// There was no answer.
    Crashed(Breakdown),
    /// The testee had been given up before, for this reason: nothing was sent.
    Unasked(String),
    /// The case needs something that the testee does not claim, for this reason.
    Unsupported(String),
    /// The case needs something that the implementation has and the adapter does not cover, as the testee says.
    Uncovered(String),
    /// The testee claims the features that the case needs, but answered `unsupported`, for this reason.
    Declined(String),
    /// As `Declined`. The testee also named the part of the input that its API cannot be given.
    Inexpressible(String),
}

/// How an answer differs from each allowed outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// One entry for each allowed outcome.
    pub attempts: Vec<Attempt>,
}

/// How an answer differs from one outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The index of the outcome in the case's list, from 0.
    pub outcome: usize,
    /// Whether both are results, or both are refusals.
    pub same_sort: bool,
    /// The differences between the answer and the outcome; of more than a hundred, the first ones.
    pub differences: Vec<Difference>,
}

impl Failure {
    /// Returns the cause: the place where the answer differs. All cases that fail for the same reason have the same words.
    ///
    /// The place has no indices and no header names, because these vary from case to case.
    pub fn cause(&self) -> String {
        let Some(closest) = self.closest() else { return "no outcome is allowed".to_owned() };
        match closest.differences.first() {
            Some(difference) => difference.cause(),
            None => "no difference".to_owned(),
        }
    }

    /// Returns the closest outcome: the one with the fewest differences, and one of the same sort (result or refusal) before
    /// any other.
    pub fn closest(&self) -> Option<&Attempt> {
        self.attempts.iter().min_by_key(|attempt| (!attempt.same_sort, attempt.differences.len()))
    }
}

/// The consequence of a finding for the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// The response is an allowed outcome.
    Passed,
    /// Not an allowed outcome, at a level that fails the run.
    Failed,
    /// No answer, at a level that fails the run.
    Crashed,
    /// The testee claims the features that the case needs, and declined to answer where that is a failure.
    Declined,
    /// The testee claims the features that the case needs, and declined to answer where that is neither right nor wrong.
    ///
    /// The input may be accepted or refused, or the profile does not judge the case.
    Abstained,
    /// Not judged: the testee does not claim the features that the case needs.
    Skipped,
    /// Not judged: the testee had been given up before. The run has no result.
    Unasked,
    /// Failed, in a case that the profile of the run does not judge.
    Warning,
    /// Failed, crashed or declined, and listed as known to.
    KnownFailing,
    /// Passed, but is listed as known to fail, and the profile of the run judges the case. Remove the entry.
    Stale,
}

impl Verdict {
    /// The consequence of a finding.
    ///
    /// `judged`: the profile of the run judges the case. `either`: the input may be accepted or refused. `known`: the case is listed as
    /// known to fail.
    pub(crate) fn of(finding: &Finding, judged: bool, either: bool, known: bool) -> Self {
        match finding {
            Finding::Unsupported(_) | Finding::Uncovered(_) => Verdict::Skipped,
            Finding::Unasked(_) => Verdict::Unasked,
            Finding::Declined(_) | Finding::Inexpressible(_) if either || !judged => Verdict::Abstained,
            // Another profile may compare more, and fail the case.
            Finding::Passed if known && judged => Verdict::Stale,
            Finding::Passed => Verdict::Passed,
            _ if known => Verdict::KnownFailing,
            // A conforming implementation answers every request.
            Finding::Crashed(_) => Verdict::Crashed,
            Finding::Declined(_) | Finding::Inexpressible(_) => Verdict::Declined,
            Finding::Failed(_) if judged => Verdict::Failed,
            Finding::Failed(_) => Verdict::Warning,
        }
    }

    /// Whether one case of this verdict fails the run.
    pub fn fails(self) -> bool {
        matches!(self, Verdict::Failed | Verdict::Crashed | Verdict::Declined | Verdict::Stale)
    }

    /// A stable name in kebab-case.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Crashed => "crashed",
            Verdict::Declined => "declined",
            Verdict::Abstained => "abstained",
            Verdict::Skipped => "skipped",
            Verdict::Unasked => "unasked",
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
        let declined = Finding::Declined(String::new());
        let inexpressible = Finding::Inexpressible(String::new());
        for (finding, judged, known, verdict) in [
            (&Finding::Passed, true, false, Verdict::Passed),
            (&Finding::Passed, false, false, Verdict::Passed),
            (&Finding::Passed, true, true, Verdict::Stale),
            (&Finding::Passed, false, true, Verdict::Passed),
            (&failed, true, false, Verdict::Failed),
            (&failed, false, false, Verdict::Warning),
            (&failed, true, true, Verdict::KnownFailing),
            (&failed, false, true, Verdict::KnownFailing),
            (&crashed, true, false, Verdict::Crashed),
            (&crashed, false, false, Verdict::Crashed),
            (&crashed, true, true, Verdict::KnownFailing),
            (&declined, true, false, Verdict::Declined),
            (&declined, false, false, Verdict::Abstained),
            (&inexpressible, true, false, Verdict::Declined),
            (&inexpressible, false, false, Verdict::Abstained),
            (&inexpressible, true, true, Verdict::KnownFailing),
            (&declined, true, true, Verdict::KnownFailing),
            (&skipped, true, false, Verdict::Skipped),
            (&skipped, true, true, Verdict::Skipped),
            (&Finding::Unasked(String::new()), true, true, Verdict::Unasked),
        ] {
            assert_eq!(Verdict::of(finding, judged, false, known), verdict, "{finding:?} {judged} {known}");
        }
        for declined in [&declined, &inexpressible] {
            assert_eq!(Verdict::of(declined, true, true, false), Verdict::Abstained);
        }
        assert_eq!(Verdict::of(&failed, true, true, false), Verdict::Failed);
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
