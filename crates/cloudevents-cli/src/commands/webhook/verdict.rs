//! The findings of a check, rule by rule.

use crate::plain::plain;
use crate::style::{self, Paint};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// A rule for targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The id that programs may rely on.
    pub(super) id: &'static str,
    /// The clause of the specification; empty where the rule is practice.
    pub(super) clause: &'static str,
    /// The behaviour of the target.
    pub(super) title: &'static str,
    /// How to make it do so.
    pub(super) fix: &'static str,
}

/// How a target did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Against a SHOULD, or against good practice.
    Warn,
    Fail,
    /// Not judged.
    Skip,
}

impl Verdict {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// A rule, how the target did, and the observation.
#[derive(Clone, Debug)]
pub(super) struct Finding {
    pub(super) rule: Rule,
    pub(super) verdict: Verdict,
    pub(super) found: String,
}

impl Finding {
    pub(super) fn new(rule: Rule, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { rule, verdict, found: found.into() }
    }

    pub(super) fn to_json(&self) -> Value {
        let Rule { id, clause, title, fix } = self.rule;
        let mut value =
            json!({"rule": id, "verdict": self.verdict.as_str(), "title": title, "found": self.found});
        if let Some(members) = value.as_object_mut() {
            if !clause.is_empty() {
                members.insert("clause".into(), clause.into());
            }
            if matches!(self.verdict, Verdict::Warn | Verdict::Fail) {
                members.insert("fix".into(), fix.into());
            }
        }
        value
    }

    pub(super) fn to_text(&self, paint: Paint) -> String {
        let color = match self.verdict {
            Verdict::Pass => style::GOOD,
            Verdict::Warn => style::WARNING,
            Verdict::Fail => style::ERROR,
            Verdict::Skip => style::NOTE,
        };
        let Rule { id, clause, title, fix } = self.rule;
        let clause = if clause.is_empty() { String::new() } else { format!(" [{clause}]") };
        let mut text = format!("{}  {id}: {title}{clause}\n", paint.text(color, self.verdict.as_str()));
        if self.verdict != Verdict::Pass {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "      {}", plain(&self.found));
        }
        if matches!(self.verdict, Verdict::Warn | Verdict::Fail) {
            let _ = writeln!(text, "      fix: {fix}");
        }
        text
    }
}

/// The findings as a JUnit file.
pub(super) fn junit(findings: &[Finding]) -> String {
    let number = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"ce webhook check\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
        findings.len(),
        number(Verdict::Fail),
        number(Verdict::Skip),
    );
    for finding in findings {
        let Rule { id, clause, title, fix } = finding.rule;
        let found = escaped(&finding.found);
        let inside = match finding.verdict {
            Verdict::Pass => String::new(),
            Verdict::Skip => format!("<skipped message=\"{found}\"/>"),
            Verdict::Warn => format!("<system-out>{found}. {}</system-out>", escaped(fix)),
            Verdict::Fail => {
                format!("<failure message=\"{found}\">{} {}</failure>", escaped(clause), escaped(fix))
            }
        };
        let _ = writeln!(
            text,
            "  <testcase classname=\"webhook\" name=\"{id}: {}\">{inside}</testcase>",
            escaped(title)
        );
    }
    text + "</testsuite>\n"
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // XML has no other controls.
            control if control.is_control() => escaped.push(' '),
            other => escaped.push(other),
        }
    }
    escaped
}
