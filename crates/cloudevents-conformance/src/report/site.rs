//! The page of a site: the latest run of each implementation, and its earlier runs.

// Counts are counts of cases.
#![allow(clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::page::{escaped, page};
use super::record::{RunRecord, Share};
use crate::Suite;

/// One HTML file for a site: the [matrix](super::html) and the causes of the latest run of each implementation, and the history of all
/// runs. It needs nothing from elsewhere. Implementations are in the order of their names.
pub fn site(runs: &[RunRecord], suite: &Suite) -> String {
    let mut by_name: BTreeMap<(String, &str), Vec<&RunRecord>> = BTreeMap::new();
    for run in runs {
        let name = &run.provenance.implementation.name;
        by_name.entry((name.to_lowercase(), name)).or_default().push(run);
    }
    for runs in by_name.values_mut() {
        // Dates are in UTC and in one form, so that their text is in order.
        runs.sort_by_key(|run| &run.provenance.date);
    }
    let latest: Vec<_> = by_name.values().filter_map(|runs| runs.last().copied()).collect();
    let mut history = String::from(
        "<h2>History</h2>\n<div class=scroll><table class=provenance><thead><tr><th>implementation<th>date<th>judged by<th>adapter\
         <th>right<th>result<th>newly right<th>newly wrong</thead><tbody>\n",
    );
    for runs in by_name.values() {
        for (number, run) in runs.iter().enumerate().rev() {
            let before = number.checked_sub(1).and_then(|before| runs.get(before)).copied();
            row(&mut history, run, before);
        }
    }
    history += "</tbody></table></div>\n";
    page(&latest, &history, suite)
}

fn row(text: &mut String, run: &RunRecord, before: Option<&RunRecord>) {
    let by = &run.provenance;
    let areas = run.areas();
    let right = areas.values().fold(Share::default(), |sum, area| Share {
        right: sum.right + area.right(),
        judged: sum.judged + area.judged(),
        ..sum
    });
    let right = if run.no_result.is_some() { "-".to_owned() } else { right.to_string() };
    let (newly_right, newly_wrong) = before.map_or(("-".to_owned(), "-".to_owned()), |before| {
        // A case that one of the two runs does not have says nothing about the implementation.
        let both = run.cases.iter().filter_map(|(id, case)| Some((before.cases.get(id)?.is_wrong(), case)));
        let (mut right, mut wrong) = (0, 0);
        for (was_wrong, case) in both {
            right += usize::from(was_wrong && matches!(case.verdict.as_str(), "passed" | "stale"));
            wrong += usize::from(!was_wrong && case.is_wrong());
        }
        (right.to_string(), wrong.to_string())
    });
    let _ = writeln!(
        text,
        "<tr><th scope=row>{}<td>{}<td>{}<td>{}<td>{right}<td>{}<td>{newly_right}<td>{newly_wrong}",
        escaped(&run.title()),
        escaped(&by.date),
        escaped(&by.conditions()),
        escaped(by.implementation.adapter.as_deref().unwrap_or("-")),
        escaped(&run.result()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(version: &str, date: &str, verdicts: [&str; 2]) -> RunRecord {
        let mut text = format!(
            r#"{{"type":"start","implementation":{{"name":"<N>","version":"{version}","language":"L"}},"date":"{date}"}}"#
        );
        for (case, verdict) in ["a/b/c", "a/b/d"].into_iter().zip(verdicts) {
            text += &format!(
                "\n{{\"type\":\"case\",\"id\":\"{case}\",\"verdict\":\"{verdict}\",\"validity\":\"valid\",\"cause\":\"c\"}}"
            );
        }
        text +=
            "\n{\"type\":\"summary\",\"score\":{\"passed\":1,\"judged\":2,\"inexpressible\":0,\"all\":9}}";
        RunRecord::parse(&text).unwrap()
    }

    #[test]
    fn the_latest_run_is_shown_and_the_history_of_all() {
        let runs = [
            run("2", "2026-02-01T00:00:00Z", ["passed", "failed"]),
            run("1", "2026-01-01T00:00:00Z", ["failed", "passed"]),
        ];
        let text = site(&runs, &Suite::published().unwrap());
        assert_eq!(text.matches("<section id=\"n-2\">").count(), 1);
        assert!(text.contains("<h2>&lt;N&gt; 2</h2>"), "{text}");
        let latest = "<th scope=row>&lt;N&gt; 2<td>2026-02-01T00:00:00Z<td>, , vectors , as published<td>-<td>1 of 2<td>1 of 2 passed, of 9 in the suite<td>1<td>1";
        let first = "<th scope=row>&lt;N&gt; 1<td>2026-01-01T00:00:00Z<td>, , vectors , as published<td>-<td>1 of 2<td>1 of 2 passed, of 9 in the suite<td>-<td>-";
        let place = |row: &str| text.find(row).unwrap_or_else(|| panic!("{row}: {text}"));
        assert!(place(latest) < place(first));
    }
}
