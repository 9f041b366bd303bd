//! Reports of one or more runs side by side, as Markdown.

use std::fmt::Write as _;

use super::names::{marked, sorted, titles};
use super::record::RunRecord;

/// The matrix of implementations by area, and the causes of failures, as Markdown. Implementations are in the order of their names.
pub fn markdown(runs: &[RunRecord]) -> String {
    let mut text = String::new();
    let runs = sorted(runs);
    let titles: Vec<_> = titles(&runs).iter().map(|title| in_cell(title)).collect();
    text += "| implementation | area | valid accepted | invalid refused | either | warnings | declined | not claimed | not covered |\n";
    text += "|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for (run, title) in runs.iter().zip(&titles) {
        for (area, record) in run.areas() {
            let _ = writeln!(
                text,
                "| {title} | {} | {} | {} | {} | {} | {} | {} | {} |",
                in_cell(&marked(area, record.is_draft())),
                record.accepted,
                record.refused,
                record.either,
                record.warnings,
                record.declined,
                record.skipped,
                record.uncovered
            );
        }
    }
    text += "\n| implementation | result | judged by | vectors | suite | adapter | date |\n|---|---|---|---|---|---|---|\n";
    for (run, title) in runs.iter().zip(&titles) {
        let by = &run.provenance;
        let adapter = by.implementation.adapter.as_deref().unwrap_or("-");
        let cells = [&run.result(), &by.conditions(), &by.vectors, &by.suite, adapter, &by.date].map(in_cell);
        let _ = writeln!(text, "| {title} | {} |", cells.join(" | "));
    }
    for (run, title) in runs.iter().zip(&titles) {
        let causes = run.causes();
        if causes.is_empty() {
            continue;
        }
        let _ = writeln!(text, "\n### {title}\n\n| cases | cause | such as |\n|---:|---|---|");
        for (cause, ids) in causes {
            let example = in_cell(ids.first().copied().unwrap_or_default());
            let _ = writeln!(text, "| {} | {} | `{example}` |", ids.len(), in_cell(cause));
        }
    }
    text
}

/// Text in a cell of a table. It does not end the cell: it may be text of an implementation.
fn in_cell(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunRecord {
        let text = concat!(
            r#"{"type":"start","implementation":{"name":"<N>","version":"1","language":"L","adapter":"3"},"revisions":["1.0.2"],"profile":"base","drafts":true,"vectors":"0.9.0","suite":"0.8.0","seed":7,"date":"2026-01-01T00:00:00Z"}"#,
            "\n",
            r#"{"type":"case","id":"http/header-values-decode/percent-escapes","verdict":"failed","validity":"valid","cause":"a|b","sent":"<s>","received":null,"differences":[{"path":"p","wanted":"w","got":"g"}]}"#,
            "\n",
            r#"{"type":"case","id":"json/x/y","verdict":"declined","validity":"valid","declined":"no <time>"}"#,
            "\n",
            r#"{"type":"case","id":"rabbitmq/x/y","verdict":"skipped","validity":"valid","draft":true,"uncovered":"the binding"}"#,
            "\n",
            r#"{"type":"case","id":"kafka/x/y","verdict":"failed","validity":"acceptable","cause":"c"}"#,
            "\n",
            r#"{"type":"case","id":"nats/x/y","verdict":"skipped","validity":"valid","unsupported":"the binding"}"#,
            "\n",
            r#"{"type":"summary","problems":["an <odd> list"],"score":{"passed":0,"judged":3,"inexpressible":0,"all":90}}"#,
            "\n",
        );
        RunRecord::parse(text).unwrap()
    }

    #[test]
    fn markdown_has_a_row_for_each_area_and_each_cause() {
        let text = markdown(&[run()]);
        assert!(text.contains("| <N> 1 | http | 0 of 1 | - | - | 0 | 0 | 0 | 0 |"), "{text}");
        assert!(text.contains("| <N> 1 | rabbitmq (Knative, draft) | - | - | - | 0 | 0 | 0 | 1 |"), "{text}");
        let by = "| <N> 1 | 0 of 3 passed, of 90 in the suite | 1.0.2, base, with drafts, vectors 0.9.0, names and order by seed 7 | 0.9.0 | 0.8.0 | 3 | 2026-01-01T00:00:00Z |";
        assert!(text.contains(by), "{text}");
        assert!(text.contains("| 1 | a\\|b | `http/header-values-decode/percent-escapes` |"), "{text}");
    }

    #[test]
    fn a_name_makes_no_rows_of_another_implementation() {
        let mut run = run();
        run.provenance.implementation.name = "N 1 | http | 9 of 9 |\n| M".to_owned();
        let text = markdown(&[run]);
        assert!(text.contains("| N 1 \\| http \\| 9 of 9 \\| \\| M 1 | http | 0 of 1 |"), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("| M")), "{text}");
    }
}
