//! A badge.

use serde_json::json;

use super::Summary;
use crate::verdict::Verdict;

/// The badge of a run, in the form that <https://shields.io/badges/endpoint-badge> reads: one object of JSON.
///
/// It is red for a run that fails, yellow for one that passes with known failures, and green otherwise. What the testee does not claim is not
/// counted.
///
/// ```
/// use cloudevents_conformance::{Summary, Verdict, badge};
///
/// let mut summary = Summary::default();
/// summary.counts.insert(Verdict::Passed, 3_800);
/// assert_eq!(badge(&summary), r#"{"color":"brightgreen","label":"CloudEvents","message":"3800 cases pass","schemaVersion":1}"#);
/// ```
pub fn badge(summary: &Summary) -> String {
    let number = |verdict| summary.number(verdict);
    let (passed, known) = (number(Verdict::Passed), number(Verdict::KnownFailing));
    let failed = [Verdict::Failed, Verdict::Crashed, Verdict::Declined].map(number).iter().sum::<usize>();
    let (message, color) = match (summary.is_success(), failed, known) {
        (true, _, 0) => (format!("{passed} cases pass"), "brightgreen"),
        (true, ..) => (format!("{passed} cases pass, {known} known to fail"), "yellow"),
        // A problem of the run, or a list that is not up to date.
        (false, 0, _) => ("the run failed".to_owned(), "red"),
        (false, ..) => (format!("{failed} of {} cases fail", summary.judged()), "red"),
    };
    json!({"schemaVersion": 1, "label": "CloudEvents", "message": message, "color": color}).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Problem;

    fn message(counts: &[(Verdict, usize)], problems: Vec<Problem>) -> (String, String) {
        let mut summary = Summary::new(problems);
        summary.counts.extend(counts.iter().copied());
        let badge: serde_json::Value = serde_json::from_str(&badge(&summary)).unwrap();
        (badge["message"].as_str().unwrap().to_owned(), badge["color"].as_str().unwrap().to_owned())
    }

    #[test]
    fn what_it_says() {
        use Verdict::{Failed, KnownFailing, Passed, Stale, Warning};
        let says = |counts: &[_], text: &str, color: &str| {
            assert_eq!(message(counts, Vec::new()), (text.to_owned(), color.to_owned()));
        };
        says(&[(Passed, 7), (Warning, 2)], "7 cases pass", "brightgreen");
        says(&[(Passed, 7), (KnownFailing, 2)], "7 cases pass, 2 known to fail", "yellow");
        says(&[(Passed, 7), (Failed, 2)], "2 of 9 cases fail", "red");
        says(&[(Passed, 7), (Stale, 2)], "the run failed", "red");
        let nothing = message(&[], vec![Problem::NothingJudged]);
        assert_eq!(nothing, ("the run failed".to_owned(), "red".to_owned()));
    }
}
