//! A report for the test views of CI systems.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use super::terminal::written;
use super::{Reporter, Summary, cut};
use crate::verdict::{CaseReport, Failure, Finding, Verdict};

/// A report in the XML format of JUnit, as the test views of CI systems read it. It is written at the end of the run.
///
/// A test suite is a topic, a test case is a case. The properties of the test suite `run` are the conditions of the result. Failed,
/// declined and stale cases are failures, whose message is the first difference. Crashed cases are errors. Known failures, skipped cases,
/// abstentions and warnings are skipped, with their reason.
#[derive(Debug)]
pub struct JunitReport<W> {
    out: W,
    suites: BTreeMap<String, TestSuite>,
}

#[derive(Debug, Default)]
struct TestSuite {
    properties: String,
    cases: String,
    counts: Counts,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl<W: Write> JunitReport<W> {
    /// A report to `out`.
    pub fn new(out: W) -> Self {
        JunitReport { out, suites: BTreeMap::new() }
    }
}

impl<W: Write> Reporter for JunitReport<W> {
    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let (topic, name) = report.case.id.rsplit_once('/').unwrap_or(("cases", &report.case.id));
        let suite = self.suites.entry(topic.to_owned()).or_default();
        suite.counts.tests += 1;
        let element = match report.verdict {
            Verdict::Passed => None,
            Verdict::Failed | Verdict::Declined | Verdict::Stale => {
                suite.counts.failures += 1;
                Some("failure")
            }
            Verdict::Crashed => {
                suite.counts.errors += 1;
                Some("error")
            }
            Verdict::Skipped
            | Verdict::Unasked
            | Verdict::Abstained
            | Verdict::KnownFailing
            | Verdict::Warning => {
                suite.counts.skipped += 1;
                Some("skipped")
            }
        };
        let seconds = report.elapsed.as_secs_f64();
        suite.cases += &format!(
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds:.3}\"",
            escaped(topic),
            escaped(name)
        );
        suite.cases += &match element {
            None => "/>\n".to_owned(),
            Some(element) => {
                let (message, detail) = (escaped(&message(report)), escaped(&detail(report)));
                format!(">\n      <{element} message=\"{message}\">{detail}</{element}>\n    </testcase>\n")
            }
        };
        Ok(())
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        {
            let suite = self.suites.entry("run".to_owned()).or_default();
            suite.properties = "    <properties>\n".to_owned();
            let result = ("result", summary.result());
            for (name, value) in summary.provenance.rows().into_iter().chain([result]) {
                let value = escaped(&value);
                suite.properties += &format!("      <property name=\"{name}\" value=\"{value}\"/>\n");
            }
            suite.properties += "    </properties>\n";
            for problem in &summary.problems {
                suite.counts.tests += 1;
                suite.counts.errors += 1;
                suite.cases += &format!(
                    "    <testcase classname=\"run\" name=\"problem {}\">\n      <error message=\"{}\"/>\n    </testcase>\n",
                    suite.counts.tests,
                    escaped(&problem.to_string())
                );
            }
        }
        let mut all = Counts::default();
        for TestSuite { counts, .. } in self.suites.values() {
            all.tests += counts.tests;
            all.failures += counts.failures;
            all.errors += counts.errors;
            all.skipped += counts.skipped;
        }
        writeln!(self.out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
        writeln!(self.out, "<testsuites name=\"CloudEvents\"{}>", attributes(all))?;
        for (topic, suite) in &self.suites {
            writeln!(self.out, "  <testsuite name=\"{}\"{}>", escaped(topic), attributes(suite.counts))?;
            write!(self.out, "{}{}", suite.properties, suite.cases)?;
            writeln!(self.out, "  </testsuite>")?;
        }
        writeln!(self.out, "</testsuites>")?;
        self.out.flush()
    }
}

fn attributes(counts: Counts) -> String {
    let Counts { tests, failures, errors, skipped } = counts;
    format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
}

/// The case in one line.
fn message(report: &CaseReport<'_>) -> String {
    let known = report.known_failing.unwrap_or_default();
    match (report.verdict, &report.finding) {
        (Verdict::Stale, _) => format!("passes, but is known to fail: {known}"),
        (Verdict::KnownFailing, _) => format!("known to fail: {known}"),
        (_, Finding::Unsupported(reason)) => format!("not claimed: {reason}"),
        (_, Finding::Uncovered(reason)) => format!("not covered: {reason}"),
        (_, Finding::Unasked(reason)) => format!("not asked: {reason}"),
        (Verdict::Abstained, Finding::Declined(reason) | Finding::Inexpressible(reason)) => {
            format!("abstained: {reason}")
        }
        (_, Finding::Inexpressible(reason)) => {
            format!("declined, as the API cannot be given the input: {reason}")
        }
        (_, Finding::Declined(reason)) => format!("declined, though claimed: {reason}"),
        (_, Finding::Crashed(breakdown)) => breakdown.to_string(),
        (Verdict::Warning, Finding::Failed(failure)) => {
            format!("not judged in this profile: {}", first(failure))
        }
        (_, Finding::Failed(failure)) => first(failure),
        _ => report.case.title.clone(),
    }
}

/// The first difference.
fn first(failure: &Failure) -> String {
    let difference = failure.closest().and_then(|attempt| attempt.differences.first());
    difference.map_or_else(|| "no outcome is allowed".to_owned(), ToString::to_string)
}

/// The details of a case that did not pass.
fn detail(report: &CaseReport<'_>) -> String {
    let mut text = format!("\n{}", report.case.title);
    let mut line = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n{name}: {value}");
    };
    for clause in &report.clauses {
        line(&clause.id, &format!("{}: {}", clause.level, clause.requirement));
    }
    if let Some(sent) = &report.sent {
        line("sent", sent);
    }
    if let Finding::Failed(failure) = &report.finding {
        for (number, attempt) in failure.attempts.iter().enumerate() {
            let name = if number == 0 { "expected" } else { "or" };
            line(name, &report.case.expect.get(attempt.outcome).map(written).unwrap_or_default());
        }
    }
    if let Some(received) = &report.received {
        line("got", &cut(received));
    }
    if let Finding::Failed(failure) = &report.finding {
        for difference in failure.closest().map(|attempt| attempt.differences.as_slice()).unwrap_or_default()
        {
            line("differs", &difference.to_string());
        }
    }
    if !report.diagnostics.trim().is_empty() {
        line("stderr", report.diagnostics.trim_end());
    }
    text
}

/// Escapes text for an element or an attribute. Replaces characters that XML 1.0 does not have.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            '\t' | '\n' => safe.push(character),
            '\u{0}'..'\u{20}' | '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escaped("<a b=\"c\">&amp;'\t\n"), "&lt;a b=&quot;c&quot;&gt;&amp;amp;'\t\n");
        assert_eq!(escaped("\0\u{1b}\r\u{ffff}é"), "\u{fffd}\u{fffd}\u{fffd}\u{fffd}é");
    }
}
