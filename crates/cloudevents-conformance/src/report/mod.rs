//! Reports of a run.

mod badge;
mod junit;
mod matrix;
mod names;
mod ndjson;
mod page;
mod record;
mod site;
mod summary;
mod terminal;

use std::borrow::Cow;
use std::io;

use cloudevents_vectors::Revision;

use crate::capabilities::{Capabilities, Implementation};
use crate::provenance::Provenance;
use crate::verdict::CaseReport;

pub use badge::badge;
pub use junit::JunitReport;
pub use matrix::markdown;
pub use ndjson::NdjsonReport;
pub use page::html;
pub use record::{AreaRecord, CaseRecord, RunRecord, Share};
pub use site::site;
pub use summary::{AreaTally, Problem, Score, Summary, Tally};
pub use terminal::TerminalReport;

/// How many characters of an answer are in reports that are kept.
const ANSWER: usize = 64 << 10;

/// The beginning of an answer that is longer than a report should be.
pub(crate) fn cut(answer: &str) -> Cow<'_, str> {
    let Some((end, _)) = answer.char_indices().nth(ANSWER) else { return answer.into() };
    format!("{}... ({} bytes)", answer.get(..end).unwrap_or_default(), answer.len()).into()
}

/// The facts at the start of a run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Start<'a> {
    /// The implementation under test.
    pub implementation: &'a Implementation,
    /// The capabilities that it claims.
    pub capabilities: &'a Capabilities,
    /// The revisions it is judged by.
    pub revisions: &'a [Revision],
    /// The number of selected cases.
    pub cases: usize,
    /// The conditions of the result.
    pub provenance: &'a Provenance,
}

/// Receives the results of a run while it lasts.
pub trait Reporter {
    /// The testee has started.
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        let _ = start;
        Ok(())
    }

    /// A case was sent to the testee. It is reported when its turn comes.
    fn asked(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// A case has been judged.
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()>;

    /// There are no more cases.
    fn finished(&mut self, summary: &Summary) -> io::Result<()>;
}

/// Discards every result.
impl Reporter for () {
    fn case(&mut self, _: &CaseReport<'_>) -> io::Result<()> {
        Ok(())
    }

    fn finished(&mut self, _: &Summary) -> io::Result<()> {
        Ok(())
    }
}

/// Passes every result to each reporter in turn.
impl Reporter for Vec<Box<dyn Reporter + '_>> {
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        self.iter_mut().try_for_each(|reporter| reporter.started(start))
    }

    fn asked(&mut self) -> io::Result<()> {
        self.iter_mut().try_for_each(|reporter| reporter.asked())
    }

    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        self.iter_mut().try_for_each(|reporter| reporter.case(report))
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        self.iter_mut().try_for_each(|reporter| reporter.finished(summary))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_answer_is_in_reports_in_part() {
        assert_eq!(cut("a"), "a");
        let long = "é".repeat(ANSWER);
        assert_eq!(cut(&long), long);
        assert_eq!(cut(&(long.clone() + "éé")), format!("{long}... (131076 bytes)"));
    }
}
