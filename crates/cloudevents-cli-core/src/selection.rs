//! Selecting events with an expression of CESQL or with filters, and reports of their failures.

use crate::{commands::sql, console::Console, failure::Failure, filters, plain::count, report::Report};
use cloudevents_kit::{
    DecodeOptions, Error, Event, Message,
    sql::{self as cesql, ErrorKind, EvaluationError, Expression},
    subscriptions::{Evaluation, Filters, UnreadablePayload},
};
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two reports of the same filter.
const PAUSE: Duration = Duration::from_secs(60);

/// An expression of CESQL, or filters of the Subscriptions API.
///
/// An event for which the expression fails does not match (CESQL 1.2), and neither does an event whose payload a filter cannot read. These
/// events are counted, and their number is reported once a minute at most ([`due`](Self::due)). Otherwise a mistake in the filter would
/// stay hidden.
#[derive(Debug)]
pub struct Selection {
    by: By,
    failures: Mutex<Failures>,
}

#[derive(Debug)]
enum By {
    Expression(Expression),
    Filters(Filters),
}

#[derive(Debug, Default)]
struct Failures {
    /// How many were not reported.
    number: usize,
    /// The error of the last one.
    last: Option<Why>,
    told: Option<Instant>,
}

/// Why there is no match.
#[derive(Debug)]
enum Why {
    Expression(EvaluationError),
    Payload(UnreadablePayload),
}

impl Selection {
    /// Selects the events for which the expression is TRUE.
    pub fn new(expression: Expression) -> Self {
        Self { by: By::Expression(expression), failures: Mutex::default() }
    }

    /// Selects the events that pass these filters.
    pub fn of_filters(filters: Filters) -> Self {
        Self { by: By::Filters(filters), failures: Mutex::default() }
    }

    /// Selects by an argument: filters in JSON, `data.PLACE=TEXT`, or an expression of CESQL.
    pub fn of_argument(text: &str, console: &Console) -> Result<Self, Failure> {
        match filters::argument(text, console)? {
            Some(filters) => Ok(Self::of_filters(filters)),
            None => sql::expression(text, console).map(Self::new),
        }
    }

    /// Whether the event matches.
    pub fn matches(&self, event: &Event) -> bool {
        match &self.by {
            By::Expression(expression) => self.of_expression(expression.evaluate(event)),
            By::Filters(filters) => self.of_evaluation(filters.evaluate(event)),
        }
    }

    /// Whether the message matches. Errors are the errors of [`Expression::evaluate_message`] and [`Filters::evaluate_message`].
    pub fn matches_message(&self, message: &Message, with: &DecodeOptions) -> Result<bool, Error> {
        Ok(match &self.by {
            By::Expression(expression) => self.of_expression(expression.evaluate_message(message, with)?),
            By::Filters(filters) => self.of_evaluation(filters.evaluate_message(message, with)?),
        })
    }

    /// A warning with the number of events for which the filter failed. It comes for the first event, and then once a minute at most.
    pub fn due(&self) -> Option<Report> {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = failures.told.is_none_or(|told| told.elapsed() >= PAUSE);
        if is_due { failures.report() } else { None }
    }

    /// The same at the end.
    pub fn rest(&self) -> Option<Report> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner).report()
    }

    fn of_expression(&self, evaluation: cesql::Evaluation<'_>) -> bool {
        let passes = evaluation.passes();
        self.count(evaluation.errors.into_iter().next().map(Why::Expression));
        passes
    }

    fn of_evaluation(&self, evaluation: Evaluation) -> bool {
        self.count(evaluation.unreadable.filter(|_| !evaluation.passes).map(Why::Payload));
        evaluation.passes
    }

    /// Counts a failure.
    fn count(&self, why: Option<Why>) {
        if why.is_some() {
            let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
            failures.number = failures.number.saturating_add(1);
            failures.last = why;
        }
    }
}

impl Failures {
    fn report(&mut self) -> Option<Report> {
        let why = self.last.take()?;
        let number = std::mem::take(&mut self.number);
        self.told = Some(Instant::now());
        let words = format!("the filter failed for {}, so there was no match", count(number, "event"));
        let (code, detail) = match &why {
            Why::Expression(error) => (error.kind().code(), error.to_string()),
            Why::Payload(unreadable) => (unreadable.code(), unreadable.to_string()),
        };
        let report = Report::warning(words).kind(code).detail(detail);
        Some(match why {
            Why::Expression(error) if error.kind() == ErrorKind::MissingAttribute => {
                report.help("`EXISTS name AND ...` is FALSE without an error where an attribute is missing")
            }
            _ => report,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloudevents_kit::{prelude::JsonBuilderExt, subscriptions::FilterOptions};

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

    #[test]
    fn a_payload_that_cannot_be_read_is_counted() {
        let options = FilterOptions::strict().with_data();
        let filters = r#"[{"exact": {"type": "t"}}, {"data": {"a": {"exact": "x"}}}]"#;
        let selection = Selection::of_filters(Filters::parse_with(filters, &options).unwrap().value);
        let of = |ty: &str| Event::builder().id("1").source("/s").ty(ty);
        assert!(selection.matches(&of("t").json(&serde_json::json!({"a": "x"})).build().unwrap()));
        assert!(!selection.matches(&of("t").json(&serde_json::json!({"a": "y"})).build().unwrap()));
        assert!(!selection.matches(&of("other").text("x").build().unwrap()));
        assert!(selection.due().is_none());
        assert!(!selection.matches(&of("t").text("x").build().unwrap()));
        let report = selection.due().unwrap().one_line();
        assert!(
            report.contains("the filter failed for 1 event") && report.contains("is not JSON"),
            "{report}"
        );
    }
}
