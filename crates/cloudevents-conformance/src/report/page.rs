//! One HTML page of one or more runs side by side.

// Reading a `Value` by a missing name gives null. Counts are counts of cases.
#![allow(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use cloudevents_vectors::{Requirement, Revision};
use serde_json::Value;

use super::names::{anchors, marked, sorted, titles};
use super::record::{AreaRecord, CaseRecord, RunRecord, Share};
use crate::Suite;

/// One HTML file without anything from elsewhere: the matrix, and for each implementation its failures by cause, down to the exchange
/// and the words of the clause.
pub fn html(runs: &[RunRecord], suite: &Suite) -> String {
    page(&sorted(runs), "", suite)
}

/// The page of the runs in this order, with a part of its own between the matrix and the runs.
pub(super) fn page(runs: &[&RunRecord], part: &str, suite: &Suite) -> String {
    let areas: BTreeSet<&str> = runs.iter().flat_map(|run| run.areas().into_keys()).collect();
    let titles = titles(runs);
    let anchors = anchors(&titles);
    let mut text = String::from(HEAD);
    text += "<main><h1>CloudEvents conformance</h1>\n";
    text += "<p>Each cell shows, of the inputs that were judged, the valid ones that were accepted and understood, the invalid ones that were refused, \
             and those that may be either. Each has a bar, which is the share that is right; what was declined without a reason is not. It is green where all is right, and pale where less than \
             half of what the profile has in the area was judged. Whoever accepts nothing has no bar for what it refuses. \
             Implementations are in alphabetical order. A dash: nothing of it was judged, mostly because the implementation does not claim it. \
             A circle: the implementation has it, and the adapter does not cover it. The numbers of a run without a result show nothing.</p>\n\
             <div class=scroll><table class=matrix><thead><tr><th>";
    for area in &areas {
        let is_draft = runs.iter().any(|run| run.areas().get(area).is_some_and(AreaRecord::is_draft));
        let _ = write!(text, "<th scope=col>{}", escaped(&marked(area, is_draft)));
    }
    text += "</thead><tbody>\n";
    for ((run, title), anchor) in runs.iter().zip(&titles).zip(&anchors) {
        let _ = write!(
            text,
            "<tr><th scope=row><a href=\"#{anchor}\">{}</a><small>{}</small><small>{}</small>",
            escaped(title),
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
    for ((run, title), anchor) in runs.iter().zip(&titles).zip(&anchors) {
        section(&mut text, (title, anchor), run, suite);
    }
    text + "</main>\n"
}

/// A bar for each kind of input, because an implementation that refuses all input answers correctly for one of them.
fn cell(record: Option<&AreaRecord>, has_result: bool) -> String {
    let Some(record) = record else { return "<td class=none title=\"not run\">&ndash;".to_owned() };
    if record.answers() == 0 {
        return nothing_judged(record);
    }
    let mut text = String::from("<td>");
    for (share, what) in [
        (record.accepted, "valid input accepted"),
        (record.refused, "invalid input refused"),
        (record.either, "input that may be either"),
    ] {
        let (class, percent) = if has_result { colour(record, share) } else { ("idle", 0) };
        let style =
            if share.percent().is_some() { format!(" style=\"--share:{percent}%\"") } else { String::new() };
        let _ = write!(text, "<span class={class}{style} title=\"{what}\">{share}</span>");
    }
    if !has_result {
        text += "<small>no result</small>";
    } else if record.is_little_judged() {
        let _ = write!(text, "<small>{} of {} judged</small>", record.judged(), record.all);
    }
    if record.declined > 0 {
        let _ = write!(text, "<small>{} declined</small>", record.declined);
    }
    text
}

/// The class and the length of a bar.
fn colour(record: &AreaRecord, share: Share) -> (&'static str, usize) {
    let Some(percent) = share.percent() else { return ("idle", 0) };
    if record.accepts_nothing() && share != record.accepted {
        // An implementation that accepts nothing also refuses invalid input.
        return ("idle", 0);
    }
    let class = match percent {
        100 if record.is_little_judged() => "part",
        100 => "good",
        90.. => "most",
        50.. => "some",
        _ => "few",
    };
    (class, percent)
}

/// The cell of an area in which no case was judged, with the reason.
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

fn section(text: &mut String, (title, anchor): (&str, &str), run: &RunRecord, suite: &Suite) {
    let _ =
        writeln!(text, "<section id=\"{anchor}\"><h2>{}</h2><table class=provenance><tbody>", escaped(title));
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
            record.accepted,
            record.refused,
            record.either,
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
                exchange(text, (anchor, id), case, &run.provenance.revisions, suite);
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
            let _ = writeln!(text, "<li id=\"{0}\"><code>{1}</code>", place(anchor, id), escaped(id));
        }
        text.push_str("</ul></details>\n");
    }
    text.push_str("</section>\n");
}

/// The fragment of the address of a case.
fn place(anchor: &str, id: &str) -> String {
    format!("{anchor}/{}", escaped(id))
}

/// One case, folded: the rule, the clause, the request, the expected answer, the answer, and the differences.
fn exchange(
    text: &mut String,
    (anchor, id): (&str, &str),
    case: &CaseRecord,
    revisions: &[String],
    suite: &Suite,
) {
    let known = suite.case(id);
    let title =
        known.map(|known| known.title.as_str()).or(case.members["title"].as_str()).unwrap_or_default();
    let place = place(anchor, id);
    let _ = writeln!(
        text,
        "<details class=case id=\"{place}\"><summary><code>{}</code> {} <a href=\"#{place}\" title=\"the address of this case\">#</a></summary>",
        escaped(id),
        escaped(title)
    );
    if let Some(known) = known {
        let _ = writeln!(text, "<p><small>{}, {}</small></p>", known.level, known.validity());
        let revisions: Vec<_> = revisions.iter().filter_map(|name| Revision::from_name(name)).collect();
        for clause in suite.clauses(known, &revisions) {
            quote(text, clause, &revisions);
        }
    } else {
        text.push_str("<p><small>not in the published suite</small></p>\n");
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
    text.push_str("</dl></details>\n");
}

/// A clause, with a link to the text of the first revision that has it.
fn quote(text: &mut String, clause: &Requirement, revisions: &[Revision]) {
    let revision = revisions.iter().find(|revision| clause.revisions.contains(revision));
    let link = clause.link(revision.copied().unwrap_or(Revision::Main));
    let _ = writeln!(
        text,
        "<blockquote><a href=\"{}\"><b>{}</b></a> {}: {} <small>{}, {} {}</small></blockquote>",
        escaped(&link),
        escaped(&clause.id),
        clause.level,
        escaped(&clause.requirement),
        escaped(&clause.document),
        escaped(&clause.section),
        escaped(&clause.title)
    );
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
:root { color-scheme: light dark; --line: #8884; --good: #1f8a4c; --part: #6b8f7a; --most: #5a7300; --some: #9a6200; --few: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --good: #5fd68f; --part: #8fae9c; --most: #b5c94f; --some: #e0a94a; --few: #f2857b; } }
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
.good { color: var(--good); } .part { color: var(--part); } .most { color: var(--most); } .some { color: var(--some); } .few { color: var(--few); } .none, .idle { opacity: .5; }
.matrix td span { display: block; padding-bottom: 4px; }
.matrix td span[style] { background: linear-gradient(90deg, currentColor var(--share), var(--line) 0) bottom / 100% 3px no-repeat; }
.provenance td { text-align: left; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; overflow-wrap: anywhere; } summary b { display: inline-block; min-width: 3rem; }
.case:target { outline: 2px solid var(--some); }
blockquote { margin: .3rem 0; padding-left: .8rem; border-left: 3px solid var(--line); }
dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85rem; background: #8881; padding: .4rem; border-radius: .3rem; }
</style>
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown;

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
        let good = "<span class=good style=\"--share:100%\" title=\"valid input accepted\">1 of 1";
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

    /// The page of a run of cases with these ids, verdicts and validities.
    fn page_of(cases: &[(&str, &str, &str)]) -> String {
        let start = r#"{"type":"start","implementation":{"name":"N","version":"1","language":"L"},"revisions":["1.0.2"]}"#;
        let mut text = start.to_owned();
        for (id, verdict, validity) in cases {
            let case =
                serde_json::json!({"type": "case", "id": id, "verdict": verdict, "validity": validity});
            text += &format!("\n{case}");
        }
        html(&[RunRecord::parse(&(text + "\n{\"type\":\"summary\"}")).unwrap()], &Suite::published().unwrap())
    }

    #[test]
    fn whoever_refuses_everything_has_no_bar() {
        let text = page_of(&[
            ("http/x/a", "failed", "valid"),
            ("http/x/b", "passed", "invalid"),
            ("http/x/c", "passed", "acceptable"),
        ]);
        assert!(
            text.contains("<span class=few style=\"--share:0%\" title=\"valid input accepted\">0 of 1"),
            "{text}"
        );
        for kind in ["invalid input refused", "input that may be either"] {
            assert!(
                text.contains(&format!("<span class=idle style=\"--share:0%\" title=\"{kind}\">1 of 1")),
                "{text}"
            );
        }
        assert!(!text.contains("--share:1") && !text.contains("<span class=good"), "{text}");
    }

    #[test]
    fn what_is_little_judged_is_no_bright_green() {
        let cases = [
            ("http/x/a", "passed", "valid"),
            ("http/x/b", "skipped", "valid"),
            ("http/x/c", "skipped", "valid"),
        ];
        let text = page_of(&cases);
        assert!(
            text.contains("<span class=part style=\"--share:100%\" title=\"valid input accepted\">1 of 1"),
            "{text}"
        );
        assert!(
            text.contains("<small>1 of 3 judged</small>") && !text.contains("<span class=good"),
            "{text}"
        );
        let text = page_of(&cases[..2]);
        assert!(text.contains("<span class=good") && !text.contains(" judged</small>"), "{text}");
    }

    #[test]
    fn runs_of_one_version_have_names_and_addresses_of_their_own() {
        let run = |profile: &str| {
            let text = format!(
                r#"{{"type":"start","implementation":{{"name":"N","version":"1","language":"L"}},"profile":"{profile}"}}"#
            );
            RunRecord::parse(&text).unwrap()
        };
        let text = html(&[run("base"), run("strict")], &Suite::published().unwrap());
        for part in [
            "<a href=\"#n-1-profile-base\">N 1 (profile base)</a>",
            "<section id=\"n-1-profile-strict\"><h2>N 1 (profile strict)</h2>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
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
        assert!(
            text.contains("<span class=some style=\"--share:50%\" title=\"valid input accepted\">1 of 1"),
            "{text}"
        );
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
            "<span class=few style=\"--share:0%\" title=\"input that may be either\">0 of 1",
            "<a href=\"https://github.com/cloudevents/spec/blob/ce@v1.0.2/cloudevents/bindings/http-protocol-binding.md#3132-http-header-values\"><b>HTTP-3.1.3.2-f</b></a>",
            "<details class=case id=\"n-1/http/header-values-decode/percent-escapes\"><summary><code>http/header-values-decode/percent-escapes</code>",
            "<a href=\"#n-1/http/header-values-decode/percent-escapes\"",
            "<li id=\"n-1/json/x/y\">",
            "<a href=\"#n-1\">&lt;N&gt; 1</a>",
            "<section id=\"n-1\">",
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
        for foreign in ["<N>", "<s>", "<script", "<link", "src=", "url("] {
            assert!(!text.contains(foreign), "{foreign}");
        }
        let links = text.matches("href=\"http").count();
        assert_eq!(links, text.matches("href=\"https://github.com/cloudevents/spec/blob/").count());
    }
}
