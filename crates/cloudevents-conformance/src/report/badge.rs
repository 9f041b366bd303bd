//! A badge.

use cloudevents_vectors::Pack;
use serde_json::json;

use super::{Score, Summary};
use crate::Provenance;
use crate::verdict::Verdict;

/// The badge of a run, in the form that <https://shields.io/badges/endpoint-badge> reads: one object of JSON.
///
/// The badge shows in short the number of cases that passed, that were judged and that there are. It shows the version of the
/// implementation and the revisions, and the profile if it is not the base profile over the whole suite. The reports show the rest. The
/// badge does not prove that the answers are answers of the implementation: an adapter that was made for the suite can get a green badge.
///
/// The color says how the run went:
///
/// - Red: the run fails, or has no result.
/// - Yellow: the run passes with known failures, with a list of input that its API cannot be given, with other documents, or with a
///   selection of the cases or of packs. A selection leaves out failing cases as well as a list does. The pack `core` by itself is no such
///   selection, because release 1.0.2 requires it of every implementation.
/// - Bright green: at least half of the suite was judged. Green: at least a tenth. Yellow-green: less.
///
/// ```
/// use cloudevents_conformance::{Summary, badge};
///
/// let mut summary = Summary::default();
/// (summary.score.passed, summary.score.judged, summary.score.all) = (1_000, 1_000, 1_900);
/// let run = &mut summary.provenance;
/// run.implementation.version = "2.2.0".to_owned();
/// run.revisions.push("1.0.2".to_owned());
/// run.profile = "base".to_owned();
/// assert!(badge(&summary).contains("1000 of 1000 passed, of 1900 (2.2.0, by 1.0.2)"));
/// ```
pub fn badge(summary: &Summary) -> String {
    let message = match summary.no_result() {
        Some(problem) => shortened(&format!("no result: {problem}")),
        None => {
            let Score { passed, judged, inexpressible, all } = summary.score;
            let beside = match inexpressible {
                0 => String::new(),
                number => format!(", {number} its API cannot be given"),
            };
            format!(
                "{passed} of {judged} passed, of {all}{beside}{} ({})",
                blemish(summary),
                made_by(&summary.provenance)
            )
        }
    };
    json!({"schemaVersion": 1, "label": "CloudEvents", "message": message, "color": color(summary)})
        .to_string()
}

fn color(summary: &Summary) -> &'static str {
    let run = &summary.provenance;
    let has_packs = run.packs.iter().all(|pack| pack.split(' ').next() == Some(Pack::Core.as_str()));
    let is_whole = summary.number(Verdict::KnownFailing) == 0 && run.selection.is_empty() && has_packs;
    let Score { judged, all, .. } = summary.score;
    match (summary.is_success(), is_whole) {
        (false, _) => "red",
        (true, false) => "yellow",
        (true, true) if judged.saturating_mul(2) >= all => "brightgreen",
        (true, true) if judged.saturating_mul(10) >= all => "green",
        (true, true) => "yellowgreen",
    }
}

/// Why a run fails in which all that was judged passed.
fn blemish(summary: &Summary) -> String {
    if summary.is_success() || summary.no_result().is_some() || summary.score.passed < summary.score.judged {
        return String::new();
    }
    let cases = [
        (Verdict::Crashed, "crashed"),
        (Verdict::Declined, "declined and not listed"),
        (Verdict::Stale, "listed that pass"),
    ];
    let mut cases = cases.into_iter().map(|(verdict, words)| (summary.number(verdict), words));
    let cases = cases.find(|(number, _)| *number > 0).map(|(number, words)| format!("{number} {words}"));
    let why = cases.or_else(|| summary.problems.first().map(ToString::to_string));
    why.map(|why| format!(", but {}", shortened(&why))).unwrap_or_default()
}

/// The version and the conditions. The base profile and the whole suite are left out.
fn made_by(run: &Provenance) -> String {
    let who = &run.implementation;
    // Of a consumer or a producer as it runs, no version is known.
    let version = if who.version.is_empty() { &who.name } else { &who.version };
    let mut parts = vec![version.clone(), format!("by {}", run.revisions.join(" and "))];
    parts.extend(run.observed.clone());
    parts.extend(Some(run.profile.clone()).filter(|profile| profile != "base"));
    parts.extend(run.packs.iter().filter_map(|pack| pack.split(' ').next()).map(str::to_owned));
    if run.drafts && run.packs.is_empty() {
        parts.push("with drafts".to_owned());
    }
    let words: Vec<_> = run.selection.iter().filter_map(|words| words.split(' ').next()).collect();
    if words.iter().any(|word| *word != "with") {
        parts.push("in part".to_owned());
    }
    if words.contains(&"with") {
        parts.push("with other cases".to_owned());
    }
    parts.join(", ")
}

/// The beginning of a text that is too long for a badge.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// How many characters of a reason a badge shows.
const LONGEST: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Problem;

    fn shown(score: Score, counts: &[(Verdict, usize)], problems: Vec<Problem>) -> (String, String) {
        let mut summary = Summary::new(problems);
        summary.score = score;
        summary.counts.extend(counts.iter().copied());
        summary.provenance.revisions = vec!["main".to_owned()];
        summary.provenance.profile = "base".to_owned();
        summary.provenance.vectors = "1".to_owned();
        summary.provenance.suite = "3".to_owned();
        summary.provenance.implementation.version = "2".to_owned();
        summary.provenance.date = "2026-11-22T17:04:03Z".to_owned();
        let badge: serde_json::Value = serde_json::from_str(&badge(&summary)).unwrap();
        (badge["message"].as_str().unwrap().to_owned(), badge["color"].as_str().unwrap().to_owned())
    }

    #[test]
    fn what_it_says() {
        use Verdict::{Abstained, Declined, Failed, KnownFailing, Passed, Stale, Warning};
        let score = Score { passed: 7, judged: 9, inexpressible: 0, all: 14 };
        let says = |counts: &[_], color: &str| {
            let (message, shown) = shown(score, counts, Vec::new());
            assert_eq!(message, "7 of 9 passed, of 14 (2, by main)");
            assert_eq!(shown, color, "{counts:?}");
        };
        says(&[(Passed, 7), (Warning, 2), (Abstained, 4)], "brightgreen");
        says(&[(Passed, 7), (KnownFailing, 2)], "yellow");
        says(&[(Passed, 7), (Failed, 2)], "red");
        says(&[(Passed, 7), (Declined, 2)], "red");
        says(&[(Passed, 7), (Stale, 2)], "red");
    }

    #[test]
    fn full_marks_that_are_red_have_a_reason() {
        let score = Score { passed: 7, judged: 7, inexpressible: 0, all: 20 };
        let problem = || Problem::NoSuchCase { pattern: "a/*".to_owned() };
        for (counts, problems, reason) in [
            (&[(Verdict::Crashed, 1)][..], vec![problem()], ", but 1 crashed (2, "),
            (&[(Verdict::Stale, 2)], vec![], ", but 2 listed that pass (2, "),
            (&[], vec![problem()], ", but a/* matches no case of the suite (2, "),
        ] {
            let (message, color) = shown(score, counts, problems);
            assert!(message.contains(&format!("7 of 7 passed, of 20{reason}")), "{message}");
            assert_eq!(color, "red");
        }
        // What its API cannot be given is not judged, but belongs on a list.
        let score = Score { inexpressible: 2, ..score };
        let (message, _) = shown(score, &[(Verdict::Declined, 2)], vec![]);
        let reason = ", 2 its API cannot be given, but 2 declined and not listed (2, ";
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn what_is_left_out_shows() {
        let score = Score { passed: 7, judged: 7, inexpressible: 0, all: 20 };
        let mut summary = Summary::new(Vec::new());
        summary.score = score;
        summary.counts.insert(Verdict::Passed, 7);
        summary.score.all = 14;
        assert!(badge(&summary).contains("brightgreen"));
        summary.provenance.selection =
            vec!["without kafka/**".to_owned(), "with 1 case of another document".to_owned()];
        let badge = badge(&summary);
        assert!(badge.contains("\"yellow\"") && badge.contains("in part, with other cases"), "{badge}");
        summary.provenance.selection.clear();
        for (packs, color) in
            [(&["core 0.1.0"][..], "brightgreen"), (&["core 0.1.0", "main 0.1.0"], "yellow")]
        {
            summary.provenance.packs = packs.iter().map(|&pack| pack.to_owned()).collect();
            let badge = super::badge(&summary);
            assert!(
                badge.contains(color) && badge.contains(&packs.join(", ").replace(" 0.1.0", "")),
                "{badge}"
            );
        }
        let some = Score { inexpressible: 4, ..score };
        assert_eq!(some.to_string(), "7 of 7 passed, of 20 in the suite, and 4 that its API cannot be given");
    }

    #[test]
    fn what_was_judged_little_is_no_bright_green() {
        for (judged, color) in [(500, "brightgreen"), (499, "green"), (100, "green"), (99, "yellowgreen")] {
            let score = Score { passed: judged, judged, inexpressible: 0, all: 1000 };
            assert_eq!(shown(score, &[(Verdict::Passed, judged)], Vec::new()).1, color, "{judged}");
        }
    }

    #[test]
    fn it_is_short() {
        let score = Score { passed: 1000, judged: 1000, inexpressible: 7, all: 1900 };
        let why = "after an earlier breakdown it did not start again: no answer".repeat(9);
        for problem in
            [None, Some(Problem::NotStarted { why: why.clone() }), Some(Problem::NoSuchCase { pattern: why })]
        {
            let (message, _) = shown(score, &[(Verdict::Passed, 1000)], problem.into_iter().collect());
            assert!(message.chars().count() < 140, "{message}");
        }
    }

    #[test]
    fn a_run_without_a_result_says_so() {
        let score = Score { passed: 1, judged: 1, inexpressible: 0, all: 20 };
        for problem in [
            Problem::NothingJudged,
            Problem::NothingSelected { why: None },
            Problem::NothingInProfile { profile: "base".to_owned(), others: vec!["should"] },
            Problem::NothingAccepted { ops: vec!["decode".to_owned()] },
            Problem::NothingRefused { ops: vec!["decode".to_owned()] },
            Problem::NotStated { omitted: vec!["bindings"] },
            Problem::GaveUp { unasked: 3, why: "given up".to_owned() },
        ] {
            let (message, color) = shown(score, &[(Verdict::Passed, 1)], vec![problem]);
            assert!(message.starts_with("no result: ") && !message.contains("1 of 1"), "{message}");
            assert_eq!(color, "red");
        }
    }
}
