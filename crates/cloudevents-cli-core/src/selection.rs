//! Selecting events with an expression of CESQL, and reports of its failures.

use crate::{plain::count, report::Report};
use cloudevents_kit::{
    DecodeOptions, Error, Event, Message,
    sql::{ErrorKind, Evaluation, EvaluationError, Expression},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two reports of the same expression.
const PAUSE: Duration = Duration::from_secs(60);

/// An expression of CESQL as a filter.
///
/// An event for which the expression fails does not match (CESQL 1.2). These events are counted, and their number is reported once a minute
/// at most ([`due`](Self::due)). Otherwise a mistake in the expression would stay hidden.
#[derive(Debug)]
pub struct Selection {
    expression: Expression,
    failures: Mutex<Failures>,
}

#[derive(Debug, Default)]
struct Failures {
    /// How many were not reported.
    number: usize,
    /// The error of the last one.
    last: Option<EvaluationError>,
    told: Option<Instant>,
}

impl Selection {
    /// Selects the events for which the expression is TRUE.
    pub fn new(expression: Expression) -> Self {
        Self { expression, failures: Mutex::default() }
    }

    /// Whether the event matches.
    pub fn matches(&self, event: &Event) -> bool {
        self.passes(self.expression.evaluate(event))
    }

    /// Whether the message matches. Errors are the errors of [`Expression::evaluate_message`].
    pub fn matches_message(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        Ok(self.passes(self.expression.evaluate_message(message, with)?))
    }

    /// A warning with the number of events for which the expression failed. It comes for the first event, and then once a minute at most.
    pub fn due(&self) -> Option<Report> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = failures.told.is_none_or(|told| told.elapsed() >= PAUSE);
        if is_due { failures.report() } else { None }
    }

    /// The same at the end.
    pub fn rest(&self) -> Option<Report> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).report()
    }

    /// Counts a failure.
    fn passes(&self, evaluation: Evaluation<'_>) -> bool {
        let passes = evaluation.passes();
        if let Some(error) = evaluation.errors.into_iter().next() {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.number = failures.number.saturating_add(1);
            failures.last = Some(error);
        }
        passes
    }
}

impl Failures {
    fn report(&mut self) -> Option<Report> {
        let error = self.last.take()?;
        let number = std::mem::take(&mut self.number);
        self.told = Some(Instant::now());
        let words = format!("the filter failed for {}, so there was no match", count(number, "event"));
        let report = Report::warning(words).kind(error.kind().code()).detail(error.to_string());
        Some(match error.kind() {
            ErrorKind::MissingAttribute => {
                report.help("`EXISTS name AND ...` is FALSE without an error where an attribute is missing")
            }
            _ => report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(priority: Option<i32>) -> Event {
        let builder = Event::builder().id("1").source("/s").ty("t");
        match priority {
            Some(priority) => builder.extension("priority", priority),
            None => builder,
        }
        .build()
        .unwrap()
    }

    #[test]
    fn a_failure_is_reported_at_once_and_others_with_their_number() {
        let selection = Selection::new(Expression::parse("priority > 3").unwrap());
        assert!(selection.matches(&event(Some(5))));
        assert!(!selection.matches(&event(Some(1))));
        assert!(selection.due().is_none());
        assert!(!selection.matches(&event(None)));
        let report = selection.due().unwrap().one_line();
        assert!(
            report.contains("the filter failed for 1 event") && report.contains("`priority`"),
            "{report}"
        );
        let document = Message::Binary(event(None));
        for _ in 0..3 {
            assert!(!selection.matches_message(&document, &DecodeOptions::strict()).unwrap());
        }
        assert!(selection.due().is_none());
        assert!(selection.rest().unwrap().one_line().contains("for 3 events"));
        assert!(selection.rest().is_none());
    }
}
