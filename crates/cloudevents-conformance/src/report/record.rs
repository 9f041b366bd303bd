//! Reads runs from NDJSON reports.

// Reading a `Value` by a missing name gives null. Counts are counts of cases.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use crate::{Provenance, Score};

/// A run, as [`NdjsonReport`](crate::NdjsonReport) wrote it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RunRecord {
    /// The conditions of the result.
    pub provenance: Provenance,
    /// The cases, by their ids.
    pub cases: BTreeMap<String, CaseRecord>,
    /// The problems of the run itself. Failed cases are not among them.
    pub problems: Vec<String>,
    /// Why the run has no result, so that its numbers show nothing.
    pub no_result: Option<String>,
    /// How much of the suite was judged, if that is recorded.
    pub score: Option<Score>,
}

/// Why a record without a summary has no result.
const CUT_OFF: &str =
    "the record has no summary: the run did not end, or its record could not be written to the end";

/// A case of a run.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CaseRecord {
    /// The verdict, by its name.
    pub verdict: String,
    /// Whether the input must be accepted (`valid`), must be refused (`invalid`), or may be either (`acceptable`).
    pub validity: String,
    /// Whether the profile of the run judged the case.
    pub judged: bool,
    /// The cause of a failure.
    pub cause: Option<String>,
    /// Every member of the record.
    pub members: Value,
}

impl RunRecord {
    /// Reads a run. The error describes the problem of the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut record = None;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let value: Value =
                serde_json::from_str(line).map_err(|error| format!("line {}: {error}", number + 1))?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            match value["type"].as_str() {
                Some("start") => {
                    let provenance = Provenance::of_members(&value);
                    record = Some(RunRecord {
                        provenance,
                        cases: BTreeMap::new(),
                        problems: Vec::new(),
                        no_result: Some(CUT_OFF.to_owned()),
                        score: None,
                    });
                }
                Some("case") => {
                    let record =
                        record.as_mut().ok_or("there is no record of type `start` before the cases")?;
                    let case = CaseRecord {
                        verdict: text(&value["verdict"]),
                        validity: text(&value["validity"]),
                        judged: value["judged"].as_bool().unwrap_or(true),
                        cause: value["cause"]
                            .as_str()
                            .or(value["breakdown"]["kind"].as_str())
                            .map(str::to_owned),
                        members: value.clone(),
                    };
                    record.cases.insert(text(&value["id"]), case);
                }
                Some("summary") => {
                    let record =
                        record.as_mut().ok_or("there is no record of type `start` before the summary")?;
                    record.finish(&value);
                }
                _ => return Err(format!("line {}: not a record of a run", number + 1)),
            }
        }
        record.ok_or_else(|| "there is no record of type `start`".to_owned())
    }

    /// Adds the members of the summary.
    fn finish(&mut self, summary: &Value) {
        let problems = summary["problems"].as_array().into_iter().flatten();
        self.problems = problems.filter_map(Value::as_str).map(str::to_owned).collect();
        self.no_result = summary["no-result"].as_str().map(str::to_owned);
        let number = |name: &str| usize::try_from(summary["score"][name].as_u64()?).ok();
        let numbers = (number("passed"), number("judged"), number("inexpressible"), number("all"));
        self.score = match numbers {
            (Some(passed), Some(judged), Some(inexpressible), Some(all)) => {
                Some(Score { passed, judged, inexpressible, all })
            }
            _ => None,
        };
    }

    /// The result in a line, as [`Summary::result`](crate::Summary::result) writes it.
    pub fn result(&self) -> String {
        match (&self.no_result, self.score) {
            (Some(reason), _) => format!("no result: {reason}"),
            (None, Some(score)) => score.to_string(),
            (None, None) => "not recorded".to_owned(),
        }
    }

    /// The name and the version.
    pub fn title(&self) -> String {
        let who = &self.provenance.implementation;
        format!("{} {}", who.name, who.version)
    }

    /// The areas of the cases and their tallies.
    pub fn areas(&self) -> BTreeMap<&str, AreaRecord> {
        let mut areas: BTreeMap<&str, AreaRecord> = BTreeMap::new();
        for (id, case) in &self.cases {
            areas.entry(area(id)).or_default().add(case);
        }
        areas
    }

    /// The causes of failures and the ids of the cases of each, the most frequent first.
    pub fn causes(&self) -> Vec<(&str, Vec<&str>)> {
        let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (id, case) in self.cases.iter().filter(|(_, case)| case.is_wrong()) {
            causes.entry(case.cause.as_deref().unwrap_or("unknown")).or_default().push(id);
        }
        let mut causes: Vec<_> = causes.into_iter().collect();
        causes.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));
        causes
    }

    /// The cases whose verdicts differ between two runs: the id, the verdict before and the verdict after.
    ///
    /// A case that a run does not have has no verdict there.
    pub fn changes<'a>(&'a self, after: &'a RunRecord) -> Vec<(&'a str, Option<&'a str>, Option<&'a str>)> {
        let ids: std::collections::BTreeSet<&str> =
            self.cases.keys().chain(after.cases.keys()).map(String::as_str).collect();
        let verdict =
            |record: &'a RunRecord, id: &str| record.cases.get(id).map(|case| case.verdict.as_str());
        ids.into_iter()
            .map(|id| (id, verdict(self, id), verdict(after, id)))
            .filter(|(_, before, after)| before != after)
            .collect()
    }
}

impl CaseRecord {
    /// Whether the implementation got a judged case wrong, known or not.
    pub fn is_wrong(&self) -> bool {
        match self.verdict.as_str() {
            "failed" | "crashed" => true,
            "known-failing" => self.members.get("declined").is_none() && self.judged,
            _ => false,
        }
    }

    /// Whether the implementation claims the features that the case needs, and declined to answer.
    pub fn is_declined(&self) -> bool {
        self.members.get("declined").is_some()
    }
}

/// The results of the cases of an area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct AreaRecord {
    /// Answers to input that must be accepted.
    pub accepted: Share,
    /// Answers to input that must be refused.
    pub refused: Share,
    /// Answers to input that may be accepted or refused.
    pub either: Share,
    /// Failed cases that the profile of the run does not judge.
    pub warnings: usize,
    /// Cases that were declined.
    pub declined: usize,
    /// Cases skipped because they need something that the implementation does not claim.
    pub skipped: usize,
    /// Cases skipped because they need something that the implementation has and the adapter does not cover.
    pub uncovered: usize,
    /// Cases of working drafts.
    pub drafts: usize,
    /// All cases.
    pub cases: usize,
    /// The cases that the profile of the run judges.
    pub all: usize,
}

/// Answers to one kind of input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Share {
    /// Correct answers.
    pub right: usize,
    /// All answers.
    pub judged: usize,
    /// Cases that were declined and count as wrong answers.
    ///
    /// The testee claims the features that they need, and names no input that its API cannot be given.
    pub unanswered: usize,
}

impl Share {
    /// The correct answers among all that count, in percent, rounded down; `None` if there is nothing.
    pub fn percent(self) -> Option<usize> {
        (self.right * 100).checked_div(self.judged + self.unanswered)
    }
}

/// `12 of 13`, or a dash.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.judged {
            0 => f.write_str("-"),
            judged => write!(f, "{} of {judged}", self.right),
        }
    }
}

impl AreaRecord {
    fn add(&mut self, case: &CaseRecord) {
        self.cases += 1;
        self.drafts += usize::from(case.members["draft"] == true);
        self.all += usize::from(case.judged);
        let share = match case.validity.as_str() {
            "valid" => &mut self.accepted,
            "invalid" => &mut self.refused,
            _ => &mut self.either,
        };
        if case.is_declined() {
            self.declined += 1;
            let counts = matches!(case.verdict.as_str(), "declined" | "known-failing") && case.judged;
            share.unanswered += usize::from(counts && case.members["inexpressible"] != true);
            return;
        }
        match case.verdict.as_str() {
            "skipped" if case.members.get("uncovered").is_some() => self.uncovered += 1,
            "skipped" => self.skipped += 1,
            "unasked" => (),
            "warning" => self.warnings += 1,
            "passed" | "stale" if case.judged => {
                (share.right, share.judged) = (share.right + 1, share.judged + 1)
            }
            "passed" | "stale" => (),
            _ if case.is_wrong() => share.judged += 1,
            _ => self.warnings += 1,
        }
    }

    /// Whether anything was judged.
    pub fn is_judged(&self) -> bool {
        self.judged() > 0
    }

    /// Correct answers.
    pub fn right(&self) -> usize {
        self.accepted.right + self.refused.right + self.either.right
    }

    /// All answers.
    pub fn judged(&self) -> usize {
        self.accepted.judged + self.refused.judged + self.either.judged
    }

    /// All answers, and the cases that were declined and count as wrong answers.
    pub fn answers(&self) -> usize {
        [self.accepted, self.refused, self.either].iter().map(|share| share.judged + share.unanswered).sum()
    }

    /// Whether less than half of the cases that the profile judges in the area was judged.
    pub fn is_little_judged(&self) -> bool {
        self.judged() * 2 < self.all
    }

    /// Whether none of the input that must be accepted was.
    pub fn accepts_nothing(&self) -> bool {
        self.accepted.percent() == Some(0)
    }

    /// Whether every case is one of a working draft.
    pub fn is_draft(&self) -> bool {
        self.drafts == self.cases && self.cases > 0
    }
}

/// The first component of an id.
pub(crate) fn area(id: &str) -> &str {
    id.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdicts: &[(&str, &str, &str)]) -> RunRecord {
        let mut text =
            r#"{"type":"start","implementation":{"name":"n","version":"1","language":"l"},"revisions":["main"]}"#.to_owned();
        for (id, verdict, validity) in verdicts {
            text += &format!(
                "\n{{\"type\":\"case\",\"id\":\"{id}\",\"verdict\":\"{verdict}\",\"validity\":\"{validity}\",\"cause\":\"c\"}}"
            );
        }
        RunRecord::parse(&(text + "\n{\"type\":\"summary\"}\n")).unwrap()
    }

    #[test]
    fn a_run_is_read_and_counted() {
        let run = record(&[
            ("a/b/c", "passed", "valid"),
            ("a/b/d", "failed", "valid"),
            ("b/b/c", "skipped", "invalid"),
        ]);
        assert_eq!(run.title(), "n 1");
        assert_eq!(run.areas()["a"].accepted, Share { right: 1, judged: 2, unanswered: 0 });
        assert_eq!(run.areas()["b"].skipped, 1);
        assert_eq!(run.causes(), [("c", vec!["a/b/d"])]);
    }

    #[test]
    fn what_the_profile_does_not_judge_is_no_share() {
        let text = concat!(
            r#"{"type":"start","implementation":{"name":"n","version":"1","language":"l"}}"#,
            "\n",
            r#"{"type":"case","id":"a/b/c","verdict":"passed","validity":"acceptable","judged":false}"#,
            "\n",
            r#"{"type":"case","id":"a/b/d","verdict":"failed","validity":"acceptable","judged":true}"#,
            "\n",
            r#"{"type":"case","id":"a/b/e","verdict":"declined","validity":"valid","judged":true,"declined":"no"}"#,
            "\n",
            r#"{"type":"case","id":"a/b/f","verdict":"known-failing","validity":"valid","judged":true,"declined":"no","inexpressible":true}"#,
            "\n",
            r#"{"type":"case","id":"a/b/g","verdict":"abstained","validity":"valid","judged":false,"declined":"no"}"#,
        );
        let area = RunRecord::parse(text).unwrap().areas()["a"];
        let share = |judged, unanswered| Share { right: 0, judged, unanswered };
        assert_eq!((area.either, area.accepted, area.warnings), (share(1, 0), share(0, 1), 0));
        assert_eq!((area.declined, area.all), (3, 3));
    }

    #[test]
    fn a_record_has_its_result() {
        let start = r#"{"type":"start","implementation":{"name":"n","version":"1","language":"l"}}"#;
        let result = |summary: &str| RunRecord::parse(&format!("{start}\n{summary}")).unwrap().result();
        let score = r#""score":{"passed":1,"judged":2,"inexpressible":0,"all":9}"#;
        assert_eq!(result(&format!(r#"{{"type":"summary",{score}}}"#)), "1 of 2 passed, of 9 in the suite");
        let problem = r#""no-result":"no case was judged""#;
        assert_eq!(
            result(&format!(r#"{{"type":"summary",{problem},{score}}}"#)),
            "no result: no case was judged"
        );
        assert!(result("").starts_with("no result: the record has no summary"));
        assert_eq!(result(r#"{"type":"summary"}"#), "not recorded");
    }

    #[test]
    fn changes_between_runs() {
        let before = record(&[("a/b/c", "passed", "valid"), ("a/b/d", "failed", "valid")]);
        let after = record(&[
            ("a/b/c", "passed", "valid"),
            ("a/b/d", "passed", "valid"),
            ("a/b/e", "failed", "valid"),
        ]);
        assert_eq!(
            before.changes(&after),
            [("a/b/d", Some("failed"), Some("passed")), ("a/b/e", None, Some("failed"))]
        );
    }

    #[test]
    fn what_is_not_a_run_is_refused() {
        for (text, reason) in [
            ("", "no record"),
            ("{", "line 1"),
            ("{\"type\":\"x\"}", "line 1: not a record"),
            ("{\"type\":\"case\"}", "no record"),
        ] {
            assert!(RunRecord::parse(text).unwrap_err().contains(reason), "{text}");
        }
    }
}
