//! Whether each operation was judged by both kinds of input.

use std::collections::BTreeMap;

use cloudevents_vectors::{Case, Expected, Validity};
use serde_json::Value;

use crate::report::Problem;
use crate::verdict::{CaseReport, Finding};

/// Counts, for each operation, the answers to input that must be accepted and to input that must be refused.
///
/// An implementation that refuses all input answers correctly for invalid input. An implementation that accepts all input answers correctly
/// for valid input. So correct answers of an operation to one kind show nothing if no input of the other kind was judged. Each operation
/// counts by itself, because a simple operation, such as `name`, says nothing about another.
#[derive(Default)]
pub(crate) struct Balance<'a>(BTreeMap<&'a str, Sides>);

#[derive(Default)]
struct Sides {
    valid: Side,
    invalid: Side,
    either: Side,
}

/// Counts of the answers to one kind of input.
#[derive(Default)]
struct Side {
    /// Answers that are right.
    right: usize,
    /// All answers.
    judged: usize,
    /// Cases that were declined.
    declined: usize,
    /// Cases that were skipped, because the testee does not claim the features that they need.
    skipped: usize,
}

impl<'a> Balance<'a> {
    pub(crate) fn count(&mut self, report: &CaseReport<'a>) {
        let op = report.case.op().unwrap_or_default();
        let sides = self.0.entry(op).or_default();
        if !report.judged || matches!(report.finding, Finding::Unasked(_)) {
            return;
        }
        let is_valid = report.case.validity() == Validity::Valid;
        let side = match report.case.validity() {
            // An empty batch shows of no event that it is accepted.
            Validity::Valid if has_no_event(report.case) => &mut sides.either,
            Validity::Valid => &mut sides.valid,
            Validity::Invalid => &mut sides.invalid,
            _ => &mut sides.either,
        };
        match &report.finding {
            Finding::Unsupported(_) | Finding::Uncovered(_) => side.skipped += 1,
            // These answers hide nothing: a test cannot request an event that an API cannot express. Every input can be handed over for
            // reading.
            Finding::Declined(_) | Finding::Inexpressible(_) if !is_valid && op == "encode" => (),
            Finding::Declined(_) | Finding::Inexpressible(_) => side.declined += 1,
            _ => {
                side.judged += 1;
                side.right += usize::from(report.finding == Finding::Passed);
            }
        }
    }

    /// The problems of the run. Empty if there are none.
    pub(crate) fn problems(self) -> Vec<Problem> {
        // Claims can hide input that must be accepted, because it has events of a version or payloads of a kind. Input that must be refused
        // has neither.
        let hides =
            |shown: &Side, other: &Side, hidden: usize| shown.right > 0 && other.judged == 0 && hidden > 0;
        let named = |chosen: &dyn Fn(&Sides) -> bool| -> Vec<String> {
            self.0.iter().filter(|(_, sides)| chosen(sides)).map(|(op, _)| (*op).to_owned()).collect()
        };
        let mut accepted =
            named(&|Sides { valid, invalid, .. }| hides(invalid, valid, valid.declined + valid.skipped));
        // A refusal is also a right answer to input that may be refused.
        let sum = |number: &dyn Fn(&Sides) -> usize| self.0.values().map(number).sum::<usize>();
        let hidden = sum(&|sides| sides.valid.declined + sides.valid.skipped);
        let right = sum(&|sides| sides.invalid.right + sides.either.right);
        if accepted.is_empty() && sum(&|sides| sides.valid.judged) == 0 && right > 0 && hidden > 0 {
            accepted = named(&|sides| sides.invalid.judged + sides.either.judged > 0);
        }
        let refused = named(&|Sides { valid, invalid, .. }| hides(valid, invalid, invalid.declined));
        let mut problems = Vec::new();
        if !accepted.is_empty() {
            problems.push(Problem::NothingAccepted { ops: accepted });
        }
        if !refused.is_empty() {
            problems.push(Problem::NothingRefused { ops: refused });
        }
        problems
    }
}

/// Whether the first outcome of a case that reads is no event at all.
fn has_no_event(case: &Case) -> bool {
    let Some(Expected::Result(result)) = case.expect.first().map(|outcome| &outcome.expected) else {
        return false;
    };
    result.get("events").and_then(Value::as_array).is_some_and(Vec::is_empty)
}
