//! A report for programs.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::{AreaTally, Reporter, Start, Summary, Tally, cut, terminal::written};
use crate::verdict::{CaseReport, Finding};

/// A report for programs: one JSON object a line.
///
/// The first object is of `type` `start`, the last of `type` `summary`, and the objects between them are of `type` `case`.
#[derive(Debug)]
pub struct NdjsonReport<W> {
    out: W,
}

impl<W: Write> NdjsonReport<W> {
    /// A report to `out`.
    pub fn new(out: W) -> Self {
        NdjsonReport { out }
    }
}

impl<W: Write> Reporter for NdjsonReport<W> {
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        let mut line = start.provenance.members();
        let claims = start.capabilities;
        line.extend([
            ("type".to_owned(), json!("start")),
            (
                "claims".to_owned(),
                json!({
                    "formats": claims.formats, "bindings": claims.bindings, "ops": claims.ops,
                    "specversions": claims.specversions, "strictness": claims.strictness, "payloads": claims.payloads,
                    "options": claims.options, "reports": claims.reports, "uncovered": claims.uncovered,
                }),
            ),
            ("cases".to_owned(), json!(start.cases)),
        ]);
        let line = Value::Object(line);
        writeln!(self.out, "{line}")
    }

    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let mut line = json!({
            "type": "case",
            "id": report.case.id,
            "title": report.case.title,
            "level": report.case.level,
            "clauses": report.case.clauses,
            "validity": report.case.validity().as_str(),
            "flags": report.case.flags,
            "judged": report.judged,
            "draft": report.case.draft,
            "verdict": report.verdict.as_str(),
            "millis": u64::try_from(report.elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        let mut set = |name: &str, value: Value| {
            if let Some(members) = line.as_object_mut() {
                members.insert(name.to_owned(), value);
            }
        };
        match &report.finding {
            Finding::Passed => (),
            Finding::Unsupported(reason) => set("unsupported", json!(reason)),
            Finding::Uncovered(reason) => set("uncovered", json!(reason)),
            Finding::Unasked(reason) => set("unasked", json!(reason)),
            Finding::Declined(reason) => set("declined", json!(reason)),
            Finding::Inexpressible(reason) => {
                set("declined", json!(reason));
                set("inexpressible", json!(true));
            }
            Finding::Crashed(breakdown) => {
                set("expected", expected(report));
                set("breakdown", json!({"kind": breakdown.kind.as_str(), "detail": breakdown.detail}));
            }
            Finding::Failed(failure) => {
                let differences =
                    failure.closest().map(|attempt| attempt.differences.as_slice()).unwrap_or_default();
                let differences: Vec<_> = differences
                    .iter()
                    .map(|difference| json!({"path": difference.path, "wanted": difference.wanted, "got": difference.got}))
                    .collect();
                set("expected", expected(report));
                set("differences", json!(differences));
                set("cause", json!(failure.cause()));
            }
        }
        let is_answered = !matches!(
            report.finding,
            Finding::Passed | Finding::Unsupported(_) | Finding::Uncovered(_) | Finding::Unasked(_)
        );
        if is_answered {
            set("sent", json!(report.sent));
            set("received", json!(report.received.as_deref().map(cut)));
            set("stderr", json!(report.diagnostics));
        }
        if let Some(reason) = report.known_failing {
            set("known-failing", json!(reason));
        }
        writeln!(self.out, "{line}")
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        let counts: serde_json::Map<_, _> = summary
            .counts
            .iter()
            .map(|(verdict, number)| (verdict.as_str().to_owned(), json!(number)))
            .collect();
        let problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
        let areas: serde_json::Map<_, _> =
            summary.areas.iter().map(|(area, tally)| (area.clone(), tallies(tally))).collect();
        let causes: Vec<_> = summary
            .causes_by_size()
            .into_iter()
            .map(|(cause, ids)| json!({"cause": cause, "cases": ids}))
            .collect();
        let line = json!({
            "type": "summary", "success": summary.is_success(), "counts": counts, "areas": areas,
            "total": tallies(&summary.total()), "causes": causes, "problems": problems,
            "no-result": summary.no_result().map(ToString::to_string),
            "score": {
                "passed": summary.score.passed, "judged": summary.score.judged,
                "inexpressible": summary.score.inexpressible, "all": summary.score.all,
            },
        });
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }
}

/// The first outcomes that are allowed, for people to read.
///
/// They are the outcomes of the run, because its cases may vary, be observed, or come from elsewhere.
fn expected(report: &CaseReport<'_>) -> Value {
    report.allowed.iter().take(3).map(|outcome| written(outcome)).collect()
}

fn tallies(area: &AreaTally) -> Value {
    let tally =
        |tally: Tally| json!({"right": tally.right, "wrong": tally.wrong, "warnings": tally.warnings});
    json!({
        "valid": tally(area.valid), "invalid": tally(area.invalid), "acceptable": tally(area.acceptable),
        "declined": area.declined, "skipped": area.skipped, "uncovered": area.uncovered,
    })
}
