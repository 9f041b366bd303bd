//! What all cases come to.

use std::collections::BTreeMap;
use std::fmt;

use crate::run::CaseReport;
use crate::testee::Breakdown;
use crate::verdict::{Finding, Verdict};

/// What all cases of a run come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The number of cases of each verdict; those of no case are not there.
    pub counts: BTreeMap<Verdict, usize>,
    /// Why cases were skipped, and how many for each reason.
    pub skipped: BTreeMap<String, usize>,
    /// What is wrong with the run rather than with one of its cases.
    pub problems: Vec<Problem>,
}

/// What is wrong with a run rather than with one of its cases. Each fails the run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// A pattern or an area of the selection stands for no case of the suite.
    NoSuchCase {
        /// The pattern or the area.
        pattern: String,
    },
    /// An entry of the list of known failures stands for no case of the suite.
    NoSuchKnownFailing {
        /// The line of the entry, counted from 1.
        line: usize,
        /// Its pattern.
        pattern: String,
    },
    /// No case was selected.
    NothingSelected,
    /// The testee did not end as the protocol says.
    NotStopped(Breakdown),
}

impl Summary {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Summary { problems, ..Summary::default() }
    }

    pub(crate) fn count(&mut self, report: &CaseReport<'_>) {
        *self.counts.entry(report.verdict).or_default() += 1;
        if let Finding::Unsupported(reason) = &report.finding {
            *self.skipped.entry(reason.clone()).or_default() += 1;
        }
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

/// One line: `598 passed, 0 failed, 12 skipped (unsupported), 4 known failing`.
impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.number(Verdict::Passed), self.number(Verdict::Failed))?;
        for (verdict, words) in [
            (Verdict::Crashed, "crashed"),
            (Verdict::Warning, "warnings"),
            (Verdict::Skipped, "skipped (unsupported)"),
            (Verdict::KnownFailing, "known failing"),
            (Verdict::Stale, "known failing that pass"),
        ] {
            match self.number(verdict) {
                0 => (),
                number => write!(f, ", {number} {words}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::NoSuchCase { pattern } => write!(f, "{pattern} stands for no case of the suite"),
            Problem::NoSuchKnownFailing { line, pattern } => {
                write!(f, "known failing, line {line}: {pattern} stands for no case of the suite")
            }
            Problem::NothingSelected => f.write_str("no case was selected"),
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
        assert_eq!(summary.to_string(), "598 passed, 0 failed, 12 skipped (unsupported), 4 known failing");
        assert!(summary.is_success());
        summary.counts.insert(Verdict::Warning, 1);
        assert!(summary.is_success());
        summary.counts.extend([(Verdict::Failed, 2), (Verdict::Crashed, 3), (Verdict::Stale, 5)]);
        assert_eq!(
            summary.to_string(),
            "598 passed, 2 failed, 3 crashed, 1 warnings, 12 skipped (unsupported), 4 known failing, \
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
        assert!(!Summary::new(vec![Problem::NothingSelected]).is_success());
    }
}
