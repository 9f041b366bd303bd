//! A report for people.

use std::io::{self, Write};

use cloudevents_vectors::{Expected, Outcome};
use serde_json::{Value, json};

use super::{Reporter, Start, Summary};
use crate::compare::MOST;
use crate::testee::Breakdown;
use crate::verdict::{CaseReport, Failure, Finding, Verdict};

/// How much of a request or an answer is shown.
const SHOWN: usize = 2000;
/// How many causes are shown.
const CAUSES: usize = 20;
/// How many differences are shown.
const DIFFERENCES: usize = 20;

/// A report for people: details of each case that does not pass, failures by cause, and a summary at the end.
#[derive(Debug)]
pub struct TerminalReport<W> {
    out: W,
    colour: bool,
    passed: bool,
    width: usize,
}

impl<W: Write> TerminalReport<W> {
    /// A report to `out`, without colour.
    pub fn new(out: W) -> Self {
        TerminalReport { out, colour: false, passed: false, width: usize::MAX }
    }

    /// Whether to use the colours of a terminal.
    pub fn colour(mut self, colour: bool) -> Self {
        self.colour = colour;
        self
    }

    /// Whether to name the cases that pass, are skipped or are known to fail as well, in a line each.
    pub fn all(mut self, all: bool) -> Self {
        self.passed = all;
        self
    }

    /// Wraps lines to this number of columns. By default, lines are as long as they are.
    pub fn width(mut self, columns: usize) -> Self {
        self.width = columns;
        self
    }

    fn heading(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let (name, colour) = match report.verdict {
            Verdict::Passed => ("passed", "32"),
            Verdict::Failed => ("FAILED", "1;31"),
            Verdict::Crashed => ("CRASHED", "1;31"),
            Verdict::Declined => ("DECLINED", "1;31"),
            Verdict::Abstained => ("abstained", "2"),
            Verdict::Skipped => ("skipped", "2"),
            Verdict::Unasked => ("not asked", "2"),
            Verdict::Warning => ("warning", "33"),
            Verdict::KnownFailing => ("known failing", "2"),
            Verdict::Stale => ("STALE", "1;31"),
        };
        let (on, off) =
            if self.colour { (format!("\x1b[{colour}m"), "\x1b[0m") } else { (String::new(), "") };
        write!(self.out, "{on}{name}{off} {} ({})", report.case.id, report.case.level)?;
        let reason = match &report.finding {
            Finding::Unsupported(reason)
            | Finding::Uncovered(reason)
            | Finding::Unasked(reason)
            | Finding::Declined(reason)
            | Finding::Inexpressible(reason) => Some(reason.as_str()),
            _ => report.known_failing,
        };
        match reason {
            Some(reason) => writeln!(self.out, ": {}", plain(reason)),
            None => writeln!(self.out),
        }
    }

    fn rule(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        self.line(2, "", &report.case.title)?;
        for clause in &report.clauses {
            self.line(2, "", &format!("{} {}: {}", clause.id, clause.level, clause.requirement))?;
            writeln!(self.out, "      {}, {} {}", clause.document, clause.section, clause.title)?;
        }
        match &report.case.note {
            Some(note) => self.field("note", note),
            None => Ok(()),
        }
    }

    fn failure(&mut self, report: &CaseReport<'_>, failure: &Failure) -> io::Result<()> {
        let mut name = "expected";
        for attempt in &failure.attempts {
            if let Some(outcome) = report.case.expect.get(attempt.outcome) {
                self.field(name, &written(outcome))?;
                name = "or";
            }
        }
        self.answer(report)?;
        let Some(closest) = failure.closest() else {
            return self.field("differs", "no outcome is allowed by the revisions the testee is judged by");
        };
        for difference in closest.differences.iter().take(DIFFERENCES) {
            self.field("differs", &difference.to_string())?;
        }
        match closest.differences.len().saturating_sub(DIFFERENCES) {
            0 => Ok(()),
            more if closest.differences.len() < MOST => self.field("", &format!("and {more} more")),
            more => self.field("", &format!("and {more} or more")),
        }
    }

    fn breakdown(&mut self, report: &CaseReport<'_>, breakdown: &Breakdown) -> io::Result<()> {
        self.answer(report)?;
        self.field("because", &breakdown.to_string())
    }

    fn answer(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        self.field("got", report.received.as_deref().unwrap_or("no answer"))
    }

    /// Failures by their causes, where there is more than one failure.
    fn causes(&mut self, summary: &Summary) -> io::Result<()> {
        let causes = summary.causes_by_size();
        if causes.iter().map(|(_, ids)| ids.len()).sum::<usize>() < 2 {
            return Ok(());
        }
        writeln!(self.out, "failures by cause:")?;
        for (cause, ids) in causes.iter().take(CAUSES) {
            self.line(8, &format!("  {:>4}  ", ids.len()), cause)?;
            writeln!(self.out, "        such as {}", ids.first().map_or("", String::as_str))?;
        }
        if let more @ 1.. = causes.len().saturating_sub(CAUSES) {
            writeln!(self.out, "        and {more} more causes")?;
        }
        writeln!(self.out)
    }

    fn field(&mut self, name: &str, text: &str) -> io::Result<()> {
        let (on, off) = if self.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        self.line(13, &format!("    {on}{name:<9}{off}"), text)
    }

    /// Text after a head. The head is as wide as the indent of further lines. Without a head, all lines are indented.
    fn line(&mut self, indent: usize, head: &str, text: &str) -> io::Result<()> {
        let space = " ".repeat(indent);
        for (number, line) in wrapped(&plain(text), self.width.saturating_sub(indent)).iter().enumerate() {
            let head = if number == 0 && !head.is_empty() { head } else { &space };
            writeln!(self.out, "{head}{line}")?;
        }
        Ok(())
    }
}

impl<W: Write> Reporter for TerminalReport<W> {
    fn started(&mut self, start: &Start<'_>) -> io::Result<()> {
        let who = start.implementation;
        writeln!(
            self.out,
            "{} {} ({}): {} cases, judged by {}\n",
            plain(&who.name),
            plain(&who.version),
            plain(&who.language),
            start.cases,
            start.provenance.conditions()
        )
    }

    fn case(&mut self, report: &CaseReport<'_>) -> io::Result<()> {
        let in_detail = matches!(report.verdict, Verdict::Failed | Verdict::Crashed | Verdict::Warning);
        let named = matches!(report.verdict, Verdict::Stale | Verdict::Declined);
        if !in_detail && !named && !self.passed {
            return Ok(());
        }
        self.heading(report)?;
        if !in_detail {
            return Ok(());
        }
        self.rule(report)?;
        if let Some(sent) = &report.sent {
            self.field("sent", sent)?;
        }
        match &report.finding {
            Finding::Failed(failure) => self.failure(report, failure)?,
            Finding::Crashed(breakdown) => self.breakdown(report, breakdown)?,
            _ => (),
        }
        for line in report.diagnostics.lines() {
            self.field("stderr", line)?;
        }
        writeln!(self.out)
    }

    fn finished(&mut self, summary: &Summary) -> io::Result<()> {
        for (word, reasons) in [
            ("skipped", &summary.skipped),
            ("declined", &summary.declined),
            ("abstained", &summary.abstained),
        ] {
            for (reason, number) in reasons {
                writeln!(self.out, "{word} {number}: {}", plain(reason))?;
            }
        }
        self.causes(summary)?;
        for problem in &summary.problems {
            writeln!(self.out, "problem: {}", plain(&problem.to_string()))?;
        }
        let (on, off) = match (self.colour, summary.is_success()) {
            (false, _) => ("", ""),
            (true, true) => ("\x1b[32m", "\x1b[0m"),
            (true, false) => ("\x1b[31m", "\x1b[0m"),
        };
        let total = summary.total();
        for (what, tally) in [
            ("valid input accepted and understood", total.valid),
            ("invalid input refused", total.invalid),
            ("input that may be either", total.acceptable),
        ] {
            if tally.judged() > 0 {
                writeln!(self.out, "{what:<36} {:>5} of {}", tally.right, tally.judged())?;
            }
        }
        writeln!(self.out, "{on}{summary}{off}")?;
        writeln!(self.out, "{} ({})", summary.result(), summary.provenance.conditions())?;
        self.out.flush()
    }
}

/// Breaks a text into lines of at most this number of characters, if that is possible.
///
/// Lines end after spaces and commas. Words that are too long are broken after brackets and colons.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = 0;
    let within = |word: &str| match word.trim_end().chars().count() > width {
        true => ['{', '[', ':'].as_slice(),
        false => &[],
    };
    let words = text.split_inclusive([' ', ',']);
    for word in words.flat_map(|word| word.split_inclusive(within(word))) {
        let length = word.chars().count();
        if column > 0 && column + word.trim_end().chars().count() > width {
            lines.push(String::new());
            column = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
        column += length;
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// The outcome as vectors write it.
///
/// A refusal without members is a weaker rule than a refusal with some members, which may stand before it.
pub(super) fn written(outcome: &Outcome) -> String {
    let mut value = match &outcome.expected {
        Expected::Result(result) => json!({"result": result}),
        Expected::Error(error) => json!({"error": error}),
    };
    if let (Value::Object(members), false) = (&mut value, outcome.absent_headers.is_empty()) {
        members.insert("absent-headers".to_owned(), json!(outcome.absent_headers));
    }
    if value == json!({"error": {}}) { format!("{value}, any refusal") } else { value.to_string() }
}

/// Text that a terminal shows and does not act on, and not too much of it: it may be the testee's.
fn plain(text: &str) -> String {
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == SHOWN {
            shown += &format!("... ({} bytes)", text.len());
            break;
        }
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_after_words_and_members() {
        assert_eq!(wrapped("one two three", 9), ["one two", "three"]);
        assert_eq!(wrapped("{\"a\":1,\"b\":2}", 8), ["{\"a\":1,", "\"b\":2}"]);
        assert_eq!(wrapped("a word-that-is-too-long b", 5), ["a", "word-that-is-too-long", "b"]);
        assert_eq!(wrapped("{\"a\":{\"b\":[1,2]}}", 8), ["{\"a\":{", "\"b\":[1,", "2]}}"]);
        assert_eq!(wrapped("", 5), [""]);
    }

    #[test]
    fn text_of_a_testee_cannot_act_on_the_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
        assert_eq!(plain(&"é".repeat(SHOWN)), "é".repeat(SHOWN));
        assert_eq!(plain(&"é".repeat(SHOWN + 1)), format!("{}... (4002 bytes)", "é".repeat(SHOWN)));
    }
}
