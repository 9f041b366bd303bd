//! The result of a run.

use std::collections::BTreeMap;
use std::fmt;

use cloudevents_vectors::Validity;

use crate::capabilities::Capabilities;
use crate::provenance::{Provenance, now};
use crate::testee::Breakdown;
use crate::verdict::{CaseReport, Finding, Verdict};

/// The result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of cases of each verdict; verdicts without a case are left out.
    pub counts: BTreeMap<Verdict, usize>,
    /// Why cases were skipped, and how many for each reason.
    pub skipped: BTreeMap<String, usize>,
    /// Reasons for which the testee declined cases that need only claimed features, with the number of cases for each reason.
    pub declined: BTreeMap<String, usize>,
    /// Reasons for which it declined other cases, where that is neither right nor wrong, with the number of cases for each reason.
    pub abstained: BTreeMap<String, usize>,
    /// The results of the cases of each area.
    pub areas: BTreeMap<String, AreaTally>,
    /// Failed cases by their cause, known failures included.
    pub causes: BTreeMap<String, Vec<String>>,
    /// The problems of the run itself. Failed cases are not among them.
    pub problems: Vec<Problem>,
    /// How much of the suite was judged, and how much of that passed.
    pub score: Score,
    /// The conditions of the result.
    pub provenance: Provenance,
}

/// How much of the suite was judged, and how much of that passed. Counts only the cases that the profile of the run judges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Score {
    /// Cases whose answer is an allowed outcome.
    pub passed: usize,
    /// Cases that were sent to the testee and judged: they passed, failed, crashed or were declined. Known failures count, too.
    pub judged: usize,
    /// Cases whose input the API of the testee cannot be given. They are not judged. Declining them is a failure, unless they are listed.
    pub inexpressible: usize,
    /// All cases of the suite that the profile judges, selected or not.
    pub all: usize,
}

/// `3629 of 3657 passed, of 3890 in the suite`, and `, and 12 that its API cannot be given` where there are any.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} passed, of {} in the suite", self.passed, self.judged, self.all)?;
        match self.inexpressible {
            0 => Ok(()),
            number => write!(f, ", and {number} that its API cannot be given"),
        }
    }
}

/// The results of the cases of an area. Valid and invalid input are counted separately, because a testee that refuses everything passes
/// every case with invalid input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AreaTally {
    /// Cases whose input must be accepted.
    pub valid: Tally,
    /// Cases whose input must be refused.
    pub invalid: Tally,
    /// Cases whose input may be accepted or refused.
    pub acceptable: Tally,
    /// Cases that the testee declined although it claims the features that they need.
    pub declined: usize,
    /// Cases skipped because they need something that the testee does not claim.
    pub skipped: usize,
    /// Cases skipped because they need something that the implementation has and the adapter does not cover.
    pub uncovered: usize,
}

/// A number of judged cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Cases whose answer is an allowed outcome.
    pub right: usize,
    /// Judged cases whose answer is not an allowed outcome, or that crashed.
    pub wrong: usize,
    /// Cases whose answer is not an allowed outcome, but that the profile of the run does not judge.
    pub warnings: usize,
}

impl Tally {
    /// All cases that were judged.
    pub fn judged(self) -> usize {
        self.right.saturating_add(self.wrong)
    }
}

impl AreaTally {
    fn count(&mut self, report: &CaseReport<'_>) {
        let tally = match report.case.validity() {
            Validity::Valid => &mut self.valid,
            Validity::Invalid => &mut self.invalid,
            _ => &mut self.acceptable,
        };
        match &report.finding {
            // An answer that a profile does not judge does not count as right either.
            Finding::Passed => tally.right += usize::from(report.judged),
            Finding::Failed(_) if !report.judged => tally.warnings += 1,
            Finding::Failed(_) | Finding::Crashed(_) => tally.wrong += 1,
            Finding::Declined(_) | Finding::Inexpressible(_) => self.declined += 1,
            Finding::Unsupported(_) => self.skipped += 1,
            Finding::Uncovered(_) => self.uncovered += 1,
            Finding::Unasked(_) => (),
        }
    }

    fn add(&mut self, other: &AreaTally) {
        for (sum, tally) in [
            (&mut self.valid, other.valid),
            (&mut self.invalid, other.invalid),
            (&mut self.acceptable, other.acceptable),
        ] {
            sum.right += tally.right;
            sum.wrong += tally.wrong;
            sum.warnings += tally.warnings;
        }
        self.declined += other.declined;
        self.skipped += other.skipped;
        self.uncovered += other.uncovered;
    }
}

/// A problem of the run itself. Each problem fails the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A pattern or an area of the selection matches no case of the suite.
    NoSuchCase {
        /// The pattern or the area.
        pattern: String,
    },
    /// An entry of the list of known failures matches no case of the suite.
    NoSuchKnownFailing {
        /// The line of the entry, counted from 1.
        line: usize,
        /// Its pattern.
        pattern: String,
    },
    /// The testee did not start, or the command that runs the suite cannot be followed.
    NotStarted {
        /// Why, for people to read.
        why: String,
    },
    /// No case was selected.
    NothingSelected {
        /// Options that would select cases, for people to read, if a revision or working drafts are the reason.
        why: Option<String>,
    },
    /// Every selected case was skipped or declined.
    NothingJudged,
    /// The profile judges none of the cases that were answered.
    NothingInProfile {
        /// The profile.
        profile: String,
        /// The profiles that judge some of them.
        others: Vec<&'static str>,
    },
    /// No case passed, and each that failed is listed as known to.
    NothingPassed {
        /// The number of cases that were judged.
        judged: usize,
    },
    /// In an operation, invalid input was refused, and no valid input was judged.
    ///
    /// Cases with input that must be accepted were selected, and the testee did not claim or declined them. The problem also exists if this
    /// holds for all operations together, and for input that may be refused. Without it, an implementation that refuses everything would
    /// pass.
    NothingAccepted {
        /// The operations.
        ops: Vec<String>,
    },
    /// In an operation, valid input was understood, and no invalid input was judged.
    ///
    /// Cases with input that must be refused were sent, and the testee declined them. Without this problem, an implementation that accepts
    /// everything would pass.
    NothingRefused {
        /// The operations.
        ops: Vec<String>,
    },
    /// The testee does not state all of `ops`, `formats` and `bindings` in its capabilities, or its `specversions` do not have 1.0.
    ///
    /// This hides the features that it leaves out.
    NotStated {
        /// The lists that it omits.
        omitted: Vec<&'static str>,
    },
    /// The testee did not start again after a breakdown, or broke down too often or for too long. The remaining cases were not sent.
    GaveUp {
        /// The number of cases that were not sent.
        unasked: usize,
        /// Why it was given up, for people to read.
        why: String,
    },
    /// The testee did not end as the protocol says.
    NotStopped(Breakdown),
}

impl Problem {
    fn leaves_no_result(&self) -> bool {
        matches!(
            self,
            Problem::NotStated { .. }
                | Problem::NotStarted { .. }
                | Problem::NothingSelected { .. }
                | Problem::NothingJudged
                | Problem::NothingInProfile { .. }
                | Problem::NothingAccepted { .. }
                | Problem::NothingRefused { .. }
                | Problem::GaveUp { .. }
        )
    }
}

impl Summary {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Summary { problems, ..Summary::default() }
    }

    /// The summary of a run that could not start, for this reason: a badge or a report of it has no result.
    ///
    /// ```
    /// use cloudevents_conformance::{Summary, badge};
    ///
    /// let badge = badge(&Summary::not_started("there is no such program"));
    /// assert!(badge.contains("no result: the run could not start: there is no such program"));
    /// assert!(badge.contains("\"red\""));
    /// ```
    pub fn not_started(why: impl Into<String>) -> Self {
        let mut summary = Summary::new(vec![Problem::NotStarted { why: why.into() }]);
        summary.provenance.suite = env!("CARGO_PKG_VERSION").to_owned();
        summary.provenance.vectors = cloudevents_vectors::VERSION.to_owned();
        summary.provenance.date = now();
        summary
    }

    pub(crate) fn count(&mut self, report: &CaseReport<'_>) {
        *self.counts.entry(report.verdict).or_default() += 1;
        let area = report.case.id.split('/').next().unwrap_or_default();
        self.areas.entry(area.to_owned()).or_default().count(report);
        let mut cause = |cause: String| self.causes.entry(cause).or_default().push(report.case.id.clone());
        match &report.finding {
            Finding::Unsupported(reason) | Finding::Uncovered(reason) => {
                *self.skipped.entry(reason.clone()).or_default() += 1
            }
            Finding::Declined(reason) | Finding::Inexpressible(reason) => {
                let is_abstention = report.verdict == Verdict::Abstained;
                let reasons = if is_abstention { &mut self.abstained } else { &mut self.declined };
                *reasons.entry(reason.clone()).or_default() += 1;
            }
            Finding::Crashed(breakdown) => cause(breakdown.kind.as_str().to_owned()),
            Finding::Failed(failure) if report.judged => cause(failure.cause()),
            Finding::Failed(_) | Finding::Passed | Finding::Unasked(_) => (),
        }
        if !report.judged {
            return;
        }
        match (report.verdict, &report.finding) {
            (Verdict::Skipped | Verdict::Abstained | Verdict::Unasked, _) => (),
            (_, Finding::Inexpressible(_)) => self.score.inexpressible += 1,
            (_, finding) => {
                self.score.judged += 1;
                self.score.passed += usize::from(*finding == Finding::Passed);
            }
        }
    }

    /// The tallies of all areas together.
    pub fn total(&self) -> AreaTally {
        let mut total = AreaTally::default();
        self.areas.values().for_each(|tally| total.add(tally));
        total
    }

    /// The number of cases that were sent and neither skipped nor declined, whether the profile judges them or not.
    pub fn answered(&self) -> usize {
        let declined = self.declined.values().chain(self.abstained.values()).sum();
        let unanswered = self.number(Verdict::Skipped).saturating_add(self.number(Verdict::Unasked));
        let not = unanswered.saturating_add(declined);
        self.counts.values().sum::<usize>().saturating_sub(not)
    }

    /// The problem that leaves the run without a result. The numbers of such a run show nothing.
    pub fn no_result(&self) -> Option<&Problem> {
        self.problems.iter().find(|problem| problem.leaves_no_result())
    }

    /// The result in a line: the [`Score`], or why there is no result.
    pub fn result(&self) -> String {
        match self.no_result() {
            Some(problem) => format!("no result: {problem}"),
            None => self.score.to_string(),
        }
    }

    /// Causes of failures and the cases of each. Causes with the most cases come first.
    pub fn causes_by_size(&self) -> Vec<(&str, &[String])> {
        let mut causes: Vec<_> =
            self.causes.iter().map(|(cause, ids)| (cause.as_str(), ids.as_slice())).collect();
        causes.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
        causes
    }

    /// The number of cases of a verdict.
    pub fn number(&self, verdict: Verdict) -> usize {
        self.counts.get(&verdict).copied().unwrap_or_default()
    }

    /// Whether the testee conforms, as far as the run shows: no case and no problem fails the run.
    pub fn is_success(&self) -> bool {
        self.problems.is_empty() && !self.counts.keys().any(|verdict| verdict.fails())
    }
}

/// One line: `598 passed, 0 failed, 12 skipped (not claimed), 4 known failing`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.number(Verdict::Passed), self.number(Verdict::Failed))?;
        for (verdict, words) in [
            (Verdict::Crashed, "crashed"),
            (Verdict::Declined, "declined"),
            (Verdict::Abstained, "abstained"),
            (Verdict::Warning, "warnings"),
            (Verdict::Skipped, "skipped (not claimed)"),
            (Verdict::Unasked, "not asked"),
            (Verdict::KnownFailing, "known failing"),
            (Verdict::Stale, "known failing that pass"),
        ] {
            match self.number(verdict) {
                0 => (),
                1 if verdict == Verdict::Warning => f.write_str(", 1 warning")?,
                number => write!(f, ", {number} {words}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoSuchCase { pattern } => write!(f, "{pattern} matches no case of the suite"),
            Problem::NoSuchKnownFailing { line, pattern } => {
                write!(f, "known failing, line {line}: {pattern} matches no case of the suite")
            }
            Problem::NotStarted { why } => write!(f, "the run could not start: {why}"),
            Problem::NothingSelected { why: None } => f.write_str("no case was selected"),
            Problem::NothingSelected { why: Some(why) } => write!(f, "no case was selected: {why}"),
            Problem::NothingJudged => {
                f.write_str("no case was judged: the testee claims or answers nothing that was selected")
            }
            Problem::NothingInProfile { profile, others } => {
                write!(
                    f,
                    "no case was judged: the profile {profile} judges none of those that were answered"
                )?;
                if others.is_empty() {
                    return Ok(());
                }
                write!(f, "; --profile {} judges some", others.join(","))
            }
            Problem::NothingPassed { judged } => {
                write!(f, "no case passed: all {judged} that were judged are listed as known to fail")
            }
            Problem::NothingAccepted { ops } => write!(
                f,
                "no input that must be accepted was judged in {}, so whoever refuses everything would pass",
                ops.join(", ")
            ),
            Problem::NothingRefused { ops } => write!(
                f,
                "no input that must be refused was judged in {}, so whoever accepts everything would pass",
                ops.join(", ")
            ),
            Problem::NotStated { omitted } => f.write_str(&Capabilities::omission(omitted)),
            Problem::GaveUp { unasked: 1, why } => write!(f, "1 case was not asked: {why}"),
            Problem::GaveUp { unasked, why } => write!(f, "{unasked} cases were not asked: {why}"),
            Problem::NotStopped(breakdown) => write!(f, "{breakdown}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line() {
        let mut summary = Summary::new(Vec::new());
        assert_eq!(summary.to_string(), "0 passed, 0 failed");
        assert!(summary.is_success());
        summary.counts.extend([(Verdict::Passed, 598), (Verdict::Skipped, 12), (Verdict::KnownFailing, 4)]);
        assert_eq!(summary.to_string(), "598 passed, 0 failed, 12 skipped (not claimed), 4 known failing");
        assert!(summary.is_success());
        summary.counts.insert(Verdict::Warning, 1);
        assert!(summary.is_success());
        summary.counts.extend([(Verdict::Failed, 2), (Verdict::Crashed, 3), (Verdict::Stale, 5)]);
        assert_eq!(
            summary.to_string(),
            "598 passed, 2 failed, 3 crashed, 1 warning, 12 skipped (not claimed), 4 known failing, \
             5 known failing that pass"
        );
    }

    #[test]
    fn what_fails_a_run() {
        for verdict in [Verdict::Failed, Verdict::Crashed, Verdict::Stale] {
            assert!(
                !Summary { counts: [(verdict, 1)].into(), ..Summary::default() }.is_success(),
                "{verdict}"
            );
        }
        assert!(!Summary::new(vec![Problem::NothingSelected { why: None }]).is_success());
    }
}
