//! Reports of one or more runs side by side: Markdown, and one HTML file.

// Reading a `Value` by a name that is not there gives null; counts are those of cases.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cloudevents_vectors::Revision;
use serde_json::Value;

use super::record::{AreaRecord, CaseRecord, RunRecord};
use crate::Suite;

/// The matrix of implementations by area, and the causes of failures, as Markdown. Implementations are in the order of their names.
pub fn markdown(runs: &[RunRecord]) -> String {
    let mut text = String::new();
    let runs = sorted(runs);
    let titles: Vec<_> = runs.iter().map(|run| in_cell(&run.title())).collect();
    text += "| implementation | area | valid accepted | invalid refused | either | warnings | declined | not claimed | not covered |\n";
    text += "|---|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for (run, title) in runs.iter().zip(&titles) {
        for (area, record) in run.areas() {
            let _ = writeln!(
                text,
                "| {title} | {} | {} | {} | {} | {} | {} | {} | {} |",
                in_cell(&marked(area, record.is_draft())),
                share(record.accepted),
                share(record.refused),
                share(record.either),
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

/// Text in a cell of a table, which it does not end: it may be an implementation's.
fn in_cell(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().replace('|', "\\|")
}

/// One HTML file without anything from elsewhere: the matrix, and for each implementation its failures by cause, down to the exchange
/// and the words of the clause.
pub fn html(runs: &[RunRecord], suite: &Suite) -> String {
    page(&sorted(runs), "", suite)
}

/// The page of the runs in this order, with a part of its own between the matrix and the runs.
pub(super) fn page(runs: &[&RunRecord], part: &str, suite: &Suite) -> String {
    let areas: BTreeSet<&str> = runs.iter().flat_map(|run| run.areas().into_keys()).collect();
    let mut text = String::from(HEAD);
    text += "<main><h1>CloudEvents conformance</h1>\n";
    text += "<p>Each cell shows, of the inputs that were judged, the valid ones that were accepted and understood, the invalid ones that were refused, \
             and those that may be either. The bar is the share of all three that is right; what was declined without a reason is not. \
             Implementations are in alphabetical order. A dash: nothing of it was judged, mostly because the implementation does not claim it. \
             A circle: the implementation has it, and the adapter does not cover it. The numbers of a run without a result show nothing.</p>\n\
             <div class=scroll><table class=matrix><thead><tr><th>";
    for area in &areas {
        let is_draft = runs.iter().any(|run| run.areas().get(area).is_some_and(AreaRecord::is_draft));
        let _ = write!(text, "<th scope=col>{}", escaped(&marked(area, is_draft)));
    }
    text += "</thead><tbody>\n";
    for (number, run) in runs.iter().enumerate() {
        let _ = write!(
            text,
            "<tr><th scope=row><a href=\"#run{number}\">{}</a><small>{}</small><small>{}</small>",
            escaped(&run.title()),
            escaped(&run.provenance.implementation.language),
            escaped(&run.result())
        );
        let found = run.areas();
        for area in &areas {
            text += &cell(found.get(area), run.no_result.is_none());
        }
        text += "\n";
    }
    text += "</tbody></table></div>\n";
    text += part;
    for (number, run) in runs.iter().enumerate() {
        section(&mut text, number, run, suite);
    }
    text + "</main>\n"
}

fn sorted(runs: &[RunRecord]) -> Vec<&RunRecord> {
    let mut runs: Vec<_> = runs.iter().collect();
    runs.sort_by_key(|run| {
        let who = &run.provenance.implementation;
        (who.name.to_lowercase(), who.version.clone())
    });
    runs
}

/// An area with what its document is, where that is no released document of CloudEvents.
fn marked(area: &str, is_draft: bool) -> String {
    match (area, is_draft) {
        ("rabbitmq", true) => format!("{area} (Knative, draft)"),
        ("rabbitmq", false) => format!("{area} (Knative)"),
        (_, true) => format!("{area} (draft)"),
        (_, false) => area.to_owned(),
    }
}

pub(super) fn share((right, all): (usize, usize)) -> String {
    if all == 0 { "-".to_owned() } else { format!("{right} of {all}") }
}

fn cell(record: Option<&AreaRecord>, has_result: bool) -> String {
    let Some(record) = record else { return "<td class=none title=\"not run\">&ndash;".to_owned() };
    let Some(percent) = (record.right() * 100).checked_div(record.judged() + record.unanswered) else {
        return nothing_judged(record);
    };
    let (percent, shown) =
        if has_result { (percent, format!("{percent} %")) } else { (0, "no result".to_owned()) };
    let class = match percent {
        100 => "good",
        90.. => "most",
        50.. => "some",
        _ => "few",
    };
    let mut text = format!(
        "<td class={class} style=\"--share:{percent}%\">{}<br>{}<br>{}<small>{shown}</small>",
        share(record.accepted),
        share(record.refused),
        share(record.either)
    );
    if record.declined > 0 {
        let _ = write!(text, "<small>{} declined</small>", record.declined);
    }
    text
}

/// The cell of an area of which nothing was judged, with the reason.
fn nothing_judged(record: &AreaRecord) -> String {
    if record.declined > 0 {
        format!("<td class=none title=declined>&ndash;<small>{} declined</small>", record.declined)
    } else if record.uncovered > 0 {
        "<td class=none title=\"the adapter does not cover it\">&#9675;<small>not covered</small>".to_owned()
    } else if record.skipped > 0 {
        "<td class=none title=\"not claimed\">&ndash;".to_owned()
    } else {
        "<td class=none title=\"the profile judges none of it\">&ndash;".to_owned()
    }
}

fn section(text: &mut String, number: usize, run: &RunRecord, suite: &Suite) {
    let _ = writeln!(
        text,
        "<section id=run{number}><h2>{}</h2><table class=provenance><tbody>",
        escaped(&run.title())
    );
    let problems = run.problems.iter().map(|problem| ("problem", problem.clone()));
    for (name, value) in [("result", run.result())].into_iter().chain(problems).chain(run.provenance.rows()) {
        let _ = writeln!(text, "<tr><th scope=row>{name}<td>{}", escaped(&value));
    }
    text.push_str("</tbody></table>\n<div class=scroll><table><thead><tr><th>area<th>valid accepted<th>invalid refused<th>either<th>warnings<th>declined<th>not claimed<th>not covered</thead><tbody>");
    for (area, record) in run.areas() {
        let _ = writeln!(
            text,
            "<tr><th scope=row>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}<td>{}",
            escaped(&marked(area, record.is_draft())),
            share(record.accepted),
            share(record.refused),
            share(record.either),
            record.warnings,
            record.declined,
            record.skipped,
            record.uncovered
        );
    }
    text.push_str("</tbody></table></div>\n");
    let causes = run.causes();
    if !causes.is_empty() {
        text.push_str("<h3>Failures by cause</h3>\n");
    }
    for (cause, ids) in causes {
        let _ = writeln!(text, "<details><summary><b>{}</b> {}</summary>", ids.len(), escaped(cause));
        for id in ids {
            if let Some(case) = run.cases.get(id) {
                exchange(text, id, case, &run.provenance.revisions, suite);
            }
        }
        text.push_str("</details>\n");
    }
    let mut declined: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (id, case) in run.cases.iter().filter(|(_, case)| case.is_declined()) {
        declined.entry(case.members["declined"].as_str().unwrap_or_default()).or_default().push(id);
    }
    if !declined.is_empty() {
        text.push_str("<h3>Declined although claimed</h3>\n");
    }
    for (reason, ids) in declined {
        let _ = writeln!(text, "<details><summary><b>{}</b> {}</summary><ul>", ids.len(), escaped(reason));
        for id in ids {
            let _ = writeln!(text, "<li><code>{}</code>", escaped(id));
        }
        text.push_str("</ul></details>\n");
    }
    text.push_str("</section>\n");
}

/// One case: the rule, the clause, what was sent, what is expected, what came, and where the two differ.
fn exchange(text: &mut String, id: &str, case: &CaseRecord, revisions: &[String], suite: &Suite) {
    let _ = writeln!(text, "<article><h4><code>{}</code></h4>", escaped(id));
    if let Some(known) = suite.case(id) {
        let _ = writeln!(
            text,
            "<p>{} <small>({}, {})</small></p>",
            escaped(&known.title),
            known.level,
            known.validity()
        );
        let revisions: Vec<_> = revisions.iter().filter_map(|name| Revision::from_name(name)).collect();
        for clause in suite.clauses(known, &revisions) {
            let _ = writeln!(
                text,
                "<blockquote><b>{}</b> {}: {} <small>{}, {} {}</small></blockquote>",
                escaped(&clause.id),
                clause.level,
                escaped(&clause.requirement),
                escaped(&clause.document),
                escaped(&clause.section),
                escaped(&clause.title)
            );
        }
    } else {
        let title = case.members["title"].as_str().unwrap_or_default();
        let _ = writeln!(text, "<p>{} <small>(not in the published suite)</small></p>", escaped(title));
    }
    text.push_str("<dl>");
    let mut field = |name: &str, value: &str| {
        let _ = writeln!(text, "<dt>{name}<dd><pre>{}</pre>", escaped(value));
    };
    if let Some(sent) = case.members["sent"].as_str() {
        field("sent", sent);
    }
    // As the run had them: in the suite, they may have other names, or none.
    let expected = case.members["expected"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for (number, outcome) in expected.enumerate() {
        field(if number == 0 { "expected" } else { "or" }, outcome);
    }
    field("received", case.members["received"].as_str().unwrap_or("no answer"));
    for difference in case.members["differences"].as_array().into_iter().flatten() {
        let part = |name: &str| difference[name].as_str().unwrap_or_default();
        field("difference", &format!("{}: expected {}, got {}", part("path"), part("wanted"), part("got")));
    }
    if let Value::String(detail) = &case.members["breakdown"]["detail"] {
        field("breakdown", detail);
    }
    text.push_str("</dl></article>\n");
}

pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe += "&amp;",
            '<' => safe += "&lt;",
            '>' => safe += "&gt;",
            '"' => safe += "&quot;",
            _ if character.is_control() && !matches!(character, '\n' | '\t') => safe.push('\u{fffd}'),
            _ => safe.push(character),
        }
    }
    safe
}

const HEAD: &str = r#"<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>CloudEvents conformance</title>
<style>
:root { color-scheme: light dark; --line: #8884; --good: #2a7d4f; --most: #5a7300; --some: #9a6200; --few: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #5fc68f; --most: #b5c94f; --some: #e0a94a; --few: #f2857b; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0; }
main { max-width: 72rem; margin: auto; padding: 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .35rem .7rem; border-bottom: 1px solid var(--line); white-space: nowrap; vertical-align: top; }
th:first-child { text-align: left; position: sticky; left: 0; background: Canvas; }
thead th { white-space: normal; vertical-align: bottom; }
.matrix th:first-child { white-space: normal; min-width: 6.5rem; max-width: 10rem; }
@media (max-width: 40rem) { th, td { padding: .3rem .4rem; font-size: .85rem; } }
th small, td small { display: block; font-weight: normal; opacity: .75; }
td.good { color: var(--good); } td.most { color: var(--most); } td.some { color: var(--some); } td.few { color: var(--few); } td.none { opacity: .5; }
.matrix td[style] { background: linear-gradient(90deg, currentColor var(--share), var(--line) 0) bottom / 100% 4px no-repeat; }
.provenance td { text-align: left; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; } summary b { display: inline-block; min-width: 3rem; }
article { border-top: 1px solid var(--line); margin-top: .8rem; }
h4 { margin: .8rem 0 .2rem; overflow-wrap: anywhere; }
blockquote { margin: .3rem 0; padding-left: .8rem; border-left: 3px solid var(--line); }
dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; background: #8881; padding: .4rem; border-radius: .3rem; }
</style>
"#;

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

    #[test]
    fn a_run_without_a_result_looks_like_none() {
        let text = concat!(
            r#"{"type":"start","implementation":{"name":"N","version":"1","language":"L"},"revisions":["1.0.2"]}"#,
            "\n",
            r#"{"type":"case","id":"http/x/y","verdict":"passed","validity":"valid"}"#,
            "\n",
            r#"{"type":"case","id":"json/x/y","verdict":"passed","validity":"valid","judged":false}"#,
            "\n",
        );
        let with = |summary: &str| RunRecord::parse(&format!("{text}{summary}")).unwrap();
        let score = r#""score":{"passed":1,"judged":1,"inexpressible":0,"all":90}"#;
        let problem = r#""problems":["no ops"],"no-result":"no ops","#;
        let suite = Suite::published().unwrap();
        let good = "<td class=good style=\"--share:100%\">1 of 1";
        let right = html(&[with(&format!(r#"{{"type":"summary",{score}}}"#))], &suite);
        assert!(right.contains(good) && right.contains("1 of 1 passed, of 90 in the suite"), "{right}");
        assert!(right.contains("title=\"the profile judges none of it\""), "{right}");
        for none in [with(&format!(r#"{{"type":"summary",{problem}{score}}}"#)), with("")] {
            let text = html(std::slice::from_ref(&none), &suite);
            assert!(!text.contains(good) && text.contains("<small>no result</small>"), "{text}");
            assert!(text.contains("<th scope=row>result<td>no result: "), "{text}");
            assert!(!text.contains("1 of 1 judged"), "{text}");
            assert!(markdown(std::slice::from_ref(&none)).contains("| N 1 | no result: "));
        }
    }

    #[test]
    fn a_decliner_is_not_all_right() {
        let text = concat!(
            r#"{"type":"start","implementation":{"name":"N","version":"1","language":"L"},"revisions":["1.0.2"]}"#,
            "\n",
            r#"{"type":"case","id":"http/x/y","verdict":"passed","validity":"valid"}"#,
            "\n",
            r#"{"type":"case","id":"http/x/z","verdict":"declined","validity":"valid","declined":"no"}"#,
            "\n",
            r#"{"type":"summary"}"#,
        );
        let text = html(&[RunRecord::parse(text).unwrap()], &Suite::published().unwrap());
        assert!(text.contains("<td class=some style=\"--share:50%\">1 of 1"), "{text}");
    }

    #[test]
    fn html_is_one_file_that_acts_on_nothing_it_shows() {
        let text = html(&[run()], &Suite::published().unwrap());
        for part in [
            "&lt;N&gt; 1",
            "&lt;s&gt;",
            "no &lt;time&gt;",
            "HTTP-3.1.3.2-f",
            "no answer",
            "p: expected w, got g",
            "rabbitmq (Knative, draft)",
            "<td class=none title=\"the adapter does not cover it\">",
            "<td class=none title=\"not claimed\">",
            // A failure where either is allowed shows, and nothing right does not look like nearly all right.
            "<td class=few style=\"--share:0%\">-<br>-<br>0 of 1",
            "<th scope=row>vectors<td>0.9.0",
            "<th scope=row>suite<td>0.8.0",
            "<th scope=row>adapter<td>3",
            "<th scope=row>seed<td>7",
            "<th scope=row>date<td>2026-01-01T00:00:00Z",
            "<th scope=row>result<td>0 of 3 passed, of 90 in the suite",
            "<th scope=row>problem<td>an &lt;odd&gt; list",
        ] {
            assert!(text.contains(part), "{part}");
        }
        for foreign in ["<N>", "<s>", "<script", "<link", "href=\"http", "src=", "url("] {
            assert!(!text.contains(foreign), "{foreign}");
        }
    }
}
