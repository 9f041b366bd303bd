//! Runs the published vectors against this toolkit, in process.

use crate::testee;
use cloudevents_conformance::{
    InProcess, KnownFailing, Selection, Suite, TerminalReport, run,
    vectors::{
        Case, Document, JsonComparison, Level, TimestampComparison, load_documents, load_requirements,
    },
};

/// Runs the vectors whose ids match the pattern. Panics with a report unless every case has the first of its allowed outcomes, which is
/// this toolkit's choice. JSON payloads and timestamps must be kept verbatim, even where the case allows more. Includes cases of every
/// level and of working drafts.
///
/// # Panics
///
/// If a case fails, if no case matches, or if the vectors cannot be read.
pub fn check(pattern: &str) {
    judge(load_documents().map_err(Into::into).and_then(|documents| report(documents, pattern)));
}

/// Like [`check`], for other cases, such as imported ones. Returns the number of cases.
///
/// # Panics
///
/// If a case fails, or if there are no cases.
pub fn check_documents(documents: Vec<Document>) -> usize {
    let cases = documents.iter().map(|document| document.cases.len()).sum();
    judge(report(documents, "**"));
    cases
}

#[allow(clippy::panic)] // It is an assertion.
fn judge(report: Result<(String, bool), Box<dyn std::error::Error>>) {
    match report {
        Ok((_, true)) => {}
        Ok((report, false)) => panic!("{report}"),
        Err(error) => panic!("{error}"),
    }
}

fn report(mut documents: Vec<Document>, pattern: &str) -> Result<(String, bool), Box<dyn std::error::Error>> {
    documents.iter_mut().flat_map(|document| &mut document.cases).for_each(hold_to_the_first);
    let suite = Suite::new(documents, load_requirements()?);
    let selection = Selection::default().run(pattern.parse()?).profile(Level::May).drafts(true);
    let mut testee = InProcess::new(|request: &str| testee::answer(request).unwrap_or_default());
    let mut text = Vec::new();
    let mut reporter = TerminalReport::new(&mut text);
    let summary = run(&suite, &selection, &KnownFailing::default(), &mut testee, &mut reporter)?;
    let everything = summary.is_success() && summary.skipped.is_empty();
    Ok((String::from_utf8_lossy(&text).into_owned(), everything))
}

/// Reduces the case to its first outcome, compared verbatim.
fn hold_to_the_first(case: &mut Case) {
    case.expect.truncate(1);
    if let Some(outcome) = case.expect.first_mut() {
        outcome.revisions = None;
    }
    // The maps and strings of Avro are not JSON text, so no rule defines their spelling as JSON.
    if !case.id.starts_with("avro/") {
        case.compare.json = JsonComparison::Text;
    }
    case.compare.timestamp = TimestampComparison::Text;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_held_to_the_letter_of_its_first_outcome() {
        let mut documents = load_documents().unwrap();
        let mut cases = documents.iter_mut().flat_map(|document| &mut document.cases);
        let case = cases.find(|case| case.expect.len() > 1 && case.compare.json == JsonComparison::Double);
        let case = case.expect("no case that allows much");
        let first = case.expect[0].expected.clone();
        hold_to_the_first(case);
        assert_eq!(case.expect.len(), 1);
        assert_eq!(case.expect[0].expected, first);
        assert_eq!(case.compare.json, JsonComparison::Text);
        assert_eq!(case.compare.timestamp, TimestampComparison::Text);
    }
}
