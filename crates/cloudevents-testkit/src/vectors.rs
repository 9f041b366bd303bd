//! The published vectors against this toolkit, in process.

use crate::testee;
use cloudevents_conformance::{
    InProcess, KnownFailing, Selection, Suite, TerminalReport, run,
    vectors::{Case, JsonComparison, Level, TimestampComparison, load_documents, load_requirements},
};

/// Runs the vectors whose ids match the pattern and panics with a report unless every one of them has the first of its outcomes:
/// the one that this toolkit stands for. JSON payloads and timestamps have to be kept to the letter, whatever the case
/// allows. Cases of every level and of working drafts run.
///
/// # Panics
///
/// When a case fails, when no case matches, or when the vectors cannot be read.
#[allow(clippy::panic)] // It is an assertion.
pub fn check(pattern: &str) {
    match report(pattern) {
        Ok((_, true)) => {}
        Ok((report, false)) => panic!("{report}"),
        Err(error) => panic!("{error}"),
    }
}

fn report(pattern: &str) -> Result<(String, bool), Box<dyn std::error::Error>> {
    let mut documents = load_documents()?;
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

/// Leaves the case its first outcome, to the letter.
fn hold_to_the_first(case: &mut Case) {
    case.expect.truncate(1);
    if let Some(outcome) = case.expect.first_mut() {
        outcome.revisions = None;
    }
    // The maps and strings of Avro are no JSON text: how they are spelled as one is nobody's rule.
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
