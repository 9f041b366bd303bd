//! A badge.

use cloudevents_vectors::Pack;
use serde_json::json;

use super::{Problem, Summary};
use crate::Provenance;
use crate::verdict::Verdict;

/// The badge of a run, in the form that <https://shields.io/badges/endpoint-badge> reads: one object of JSON.
///
/// It shows how many cases passed, of how many that were judged, of how many there are, and by what: the [`Score`](crate::Score), the
/// versions of the implementation, the adapter and the suite, the [conditions](crate::Provenance::conditions), and the day. It is red for a
/// run that fails, and for one without a result; yellow for one that passes with known failures, with a list of what its API cannot be
/// given, with a selection of the cases or of packs, which leaves out what fails as well as a list does, or with other documents; and green
/// otherwise. It does not prove that the answers are those of the implementation: an adapter that was made for the suite has what it takes
/// to be green. `names and order by seed 7` says that the cases were not asked as they are published. The pack `core` by itself is green:
/// it is what release 1.0.2 requires of every implementation.
///
/// ```
/// use cloudevents_conformance::{Summary, badge};
///
/// let mut summary = Summary::default();
/// (summary.score.passed, summary.score.judged, summary.score.all) = (1_000, 1_000, 3_800);
/// let run = &mut summary.provenance;
/// run.implementation.version = "2.2.0".to_owned();
/// run.implementation.adapter = Some("1.2".to_owned());
/// run.revisions.push("1.0.2".to_owned());
/// (run.profile, run.vectors, run.suite) = ("base".to_owned(), "0.1.0".to_owned(), "0.1.0".to_owned());
/// run.date = "2026-11-22T17:04:03Z".to_owned();
/// let badge = badge(&summary);
/// assert!(badge.contains(
///     "1000 of 1000 passed, of 3800 in the suite (version 2.2.0, adapter 1.2; 1.0.2, base, vectors 0.1.0, as published; suite 0.1.0, 2026-11-22)"
/// ));
/// ```
pub fn badge(summary: &Summary) -> String {
    let run = &summary.provenance;
    let has_packs = run.packs.iter().all(|pack| pack.split(' ').next() == Some(Pack::Core.as_str()));
    let is_whole = summary.number(Verdict::KnownFailing) == 0 && run.selection.is_empty() && has_packs;
    let color = match (summary.is_success(), is_whole) {
        (true, true) => "brightgreen",
        (true, false) => "yellow",
        (false, _) => "red",
    };
    let message = match summary.no_result() {
        // Nothing is known of the testee.
        Some(Problem::NotStarted { .. }) => summary.result(),
        _ => format!("{}{} ({})", summary.result(), blemish(summary), made_by(run)),
    };
    json!({"schemaVersion": 1, "label": "CloudEvents", "message": message, "color": color}).to_string()
}

/// Why a run fails in which all that was judged passed.
fn blemish(summary: &Summary) -> String {
    if summary.is_success() || summary.no_result().is_some() || summary.score.passed < summary.score.judged {
        return String::new();
    }
    let cases = [
        (Verdict::Crashed, "crashed"),
        (Verdict::Declined, "declined that are on no list"),
        (Verdict::Stale, "known failing that pass"),
    ];
    let mut cases = cases.into_iter().map(|(verdict, words)| (summary.number(verdict), words));
    let cases = cases.find(|(number, _)| *number > 0).map(|(number, words)| format!("{number} {words}"));
    let why = cases.or_else(|| summary.problems.first().map(ToString::to_string));
    why.map(|why| format!(", but {why}")).unwrap_or_default()
}

fn made_by(run: &Provenance) -> String {
    let who = &run.implementation;
    let adapter = who.adapter.as_ref().map(|version| format!(", adapter {version}")).unwrap_or_default();
    let day = run.date.split('T').next().unwrap_or_default();
    // Of a consumer or a producer as it runs, no version is known.
    let version = if who.version.is_empty() { who.name.clone() } else { format!("version {}", who.version) };
    format!("{version}{adapter}; {}; suite {}, {day}", run.conditions(), run.suite)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Score;

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
        let score = Score { passed: 7, judged: 9, inexpressible: 0, all: 20 };
        let says = |counts: &[_], color: &str| {
            let (message, shown) = shown(score, counts, Vec::new());
            assert_eq!(
                message,
                "7 of 9 passed, of 20 in the suite (version 2; main, base, vectors 1, as published; suite 3, 2026-11-22)"
            );
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
            (&[(Verdict::Crashed, 1)][..], vec![problem()], ", but 1 crashed (version 2;"),
            (&[(Verdict::Stale, 2)], vec![], ", but 2 known failing that pass (version 2;"),
            (&[], vec![problem()], ", but a/* matches no case of the suite (version 2;"),
        ] {
            let (message, color) = shown(score, counts, problems);
            assert!(message.contains(&format!("7 of 7 passed, of 20 in the suite{reason}")), "{message}");
            assert_eq!(color, "red");
        }
        // What its API cannot be given is not judged, but belongs on a list.
        let score = Score { inexpressible: 2, ..score };
        let (message, _) = shown(score, &[(Verdict::Declined, 2)], vec![]);
        let reason = ", and 2 that its API cannot be given, but 2 declined that are on no list (version 2;";
        assert!(message.contains(reason), "{message}");
    }

    #[test]
    fn what_is_left_out_shows() {
        let score = Score { passed: 7, judged: 7, inexpressible: 0, all: 20 };
        let mut summary = Summary::new(Vec::new());
        summary.score = score;
        summary.counts.insert(Verdict::Passed, 7);
        assert!(badge(&summary).contains("brightgreen"));
        summary.provenance.selection = vec!["without kafka/**".to_owned()];
        let badge = badge(&summary);
        assert!(badge.contains("\"yellow\"") && badge.contains("without kafka/**"), "{badge}");
        summary.provenance.selection.clear();
        for (packs, color) in
            [(&["core 0.1.0"][..], "brightgreen"), (&["core 0.1.0", "main 0.1.0"], "yellow")]
        {
            summary.provenance.packs = packs.iter().map(|&pack| pack.to_owned()).collect();
            let badge = super::badge(&summary);
            assert!(badge.contains(color) && badge.contains(&packs.join(" and ")), "{badge}");
        }
        let some = Score { inexpressible: 4, ..score };
        assert_eq!(some.to_string(), "7 of 7 passed, of 20 in the suite, and 4 that its API cannot be given");
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
