//! A run that has every verdict in it, in every report.

use cloudevents_conformance::vectors::{Document, Level, Revision, VERSION};
use cloudevents_conformance::{
    JunitReport, KnownFailing, NdjsonReport, Reporter, RunError, RunRecord, Selection, Suite, Summary,
    TerminalReport, Verdict, badge, html, run,
};
use serde_json::{Value, json};

use crate::scripted::{case, suite, testee};

#[test]
fn every_verdict_is_counted() {
    let summary = run_with(&mut ());
    for verdict in [
        Verdict::Passed,
        Verdict::Failed,
        Verdict::Crashed,
        Verdict::Skipped,
        Verdict::Warning,
        Verdict::KnownFailing,
        Verdict::Stale,
        Verdict::Declined,
        Verdict::Abstained,
    ] {
        assert_eq!(summary.number(verdict), 1, "{verdict}");
    }
    assert!(!summary.is_success());
    assert_eq!(summary.skipped.get("the operation pigeons is not among its capabilities"), Some(&1));
    assert_eq!(summary.declined.get("no <pigeons>"), Some(&1));
    assert_eq!(summary.abstained.get("no <pigeons>"), Some(&1));
    // The warning is not judged, and what was skipped or abstained from neither.
    assert_eq!(summary.score.to_string(), "2 of 6 passed, of 8 in the suite");
    let problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["known failing, line 3: test/gone matches no case of the suite"]);
}

#[test]
fn the_terminal_tells_all_about_what_is_wrong() {
    let mut out = Vec::new();
    run_with(&mut TerminalReport::new(&mut out));
    let out = String::from_utf8(out).unwrap();
    let wanted = r#"Scripted 1 (Rust): 9 cases, judged by 1.0.2 and main, base, vectors 0.0.0, as published

FAILED test/scripted/failed (MUST)
  The rule of <failed>
  HTTP-3.1.3.2-f MUST: Exactly one round of percent-decoding then follows
      cloudevents/bindings/http-protocol-binding.md, 3.1.3.2 HTTP Header Values
    sent     {"cmd":"run","seq":2,"answer":{"result":{"name":"\u001b[31mred"}},"op":"script"}
    expected {"result":{"name":"right"}}
    or       {"error":{"kind":"parse"}}
    got      {"result":{"name":"\u001b[31mred"},"seq":2}
    differs  name: expected "right", got "\u001b[31mred"

CRASHED test/scripted/crashed (MUST)
  The rule of <crashed>
  HTTP-3.1.3.2-f MUST: Exactly one round of percent-decoding then follows
      cloudevents/bindings/http-protocol-binding.md, 3.1.3.2 HTTP Header Values
    sent     {"cmd":"run","seq":3,"answer":null,"op":"script"}
    got      no answer
    because  the testee crashed: it panicked: no answer in the script

warning test/scripted/warning (SHOULD)
  The rule of <warning>
  HTTP-3.1.3.2-f MUST: Exactly one round of percent-decoding then follows
      cloudevents/bindings/http-protocol-binding.md, 3.1.3.2 HTTP Header Values
    sent     {"cmd":"run","seq":4,"answer":{"error":{}},"op":"script"}
    expected {"result":{"name":"right"}}
    or       {"error":{"kind":"parse"}}
    got      {"error":{},"seq":4}
    differs  error.kind: missing: "parse"

STALE test/scripted/stale (MUST): it was wrong once
DECLINED test/scripted/declined (MUST): no <pigeons>
skipped 1: the operation pigeons is not among its capabilities
declined 1: no <pigeons>
abstained 1: no <pigeons>
failures by cause:
     1  crashed
        such as test/scripted/crashed
     1  name: differs
        such as test/scripted/failed
     1  name: missing
        such as test/scripted/known

problem: known failing, line 3: test/gone matches no case of the suite
valid input accepted and understood      1 of 1
input that may be either                 1 of 4
1 passed, 1 failed, 1 crashed, 1 declined, 1 abstained, 1 warning, 1 skipped (not claimed), 1 known failing, 1 known failing that pass
2 of 6 passed, of 8 in the suite (1.0.2 and main, base, vectors 0.0.0, as published)
"#;
    assert_eq!(out, wanted.replace("0.0.0", VERSION));
}

#[test]
fn the_terminal_can_name_every_case_in_colour() {
    let mut out = Vec::new();
    run_with(&mut TerminalReport::new(&mut out).colour(true).all(true));
    let out = String::from_utf8(out).unwrap();
    for line in [
        "\x1b[32mpassed\x1b[0m test/scripted/passed (MUST)\n",
        "\x1b[2mskipped\x1b[0m test/scripted/skipped (MUST): the operation pigeons is not among its capabilities\n",
        "\x1b[2mabstained\x1b[0m test/scripted/abstained (MUST): no <pigeons>\n",
        "\x1b[2mknown failing\x1b[0m test/scripted/known (MUST): it \"is\" wrong\n",
        "\x1b[1;31mFAILED\x1b[0m test/scripted/failed (MUST)\n",
    ] {
        assert!(out.contains(line), "{line:?} in {out}");
    }
}

#[test]
fn programs_are_told_one_object_a_line() {
    let mut out = Vec::new();
    run_with(&mut NdjsonReport::new(&mut out));
    let lines: Vec<Value> =
        String::from_utf8(out).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 11);
    assert_eq!(lines[0]["implementation"]["name"], "Scripted");
    assert_eq!(lines[0]["cases"], 9);
    assert_eq!((&lines[0]["vectors"], &lines[0]["profile"]), (&json!(VERSION), &json!("base")));
    assert_eq!((&lines[0]["drafts"], &lines[0]["seed"]), (&json!(false), &json!(null)));
    assert_eq!(lines[0]["date"].as_str().unwrap().len(), "2026-11-22T17:04:03Z".len());
    let verdicts: Vec<_> = lines[1..10].iter().map(|line| line["verdict"].as_str().unwrap()).collect();
    let wanted = [
        "passed",
        "failed",
        "crashed",
        "skipped",
        "warning",
        "known-failing",
        "stale",
        "declined",
        "abstained",
    ];
    assert_eq!(verdicts, wanted);
    assert_eq!(
        lines[2]["differences"],
        json!([{"path": "name", "wanted": "\"right\"", "got": "\"\\u001b[31mred\""}])
    );
    assert_eq!(lines[2]["received"], "{\"result\":{\"name\":\"\\u001b[31mred\"},\"seq\":2}");
    assert_eq!(lines[3]["breakdown"]["kind"], "crashed");
    assert_eq!(lines[4]["unsupported"], "the operation pigeons is not among its capabilities");
    assert_eq!(lines[9]["declined"], "no <pigeons>");
    assert_eq!(lines[6]["known-failing"], "it \"is\" wrong");
    assert_eq!(lines[10]["success"], false);
    assert_eq!(lines[10]["counts"]["passed"], 1);
    assert_eq!(lines[10]["problems"].as_array().unwrap().len(), 1);
    assert_eq!(lines[10]["score"], json!({"passed": 2, "judged": 6, "inexpressible": 0, "all": 8}));
}

#[test]
fn junit_is_xml_that_says_the_same() {
    use quick_xml::events::Event;

    let mut out = Vec::new();
    run_with(&mut JunitReport::new(&mut out));
    let out = String::from_utf8(out).unwrap();
    assert!(!out.contains(|c: char| c.is_control() && c != '\n'));
    let mut reader = quick_xml::Reader::from_str(&out);
    let (mut cases, mut outcomes, mut depth) = (Vec::new(), Vec::new(), 0);
    let mut properties = std::collections::BTreeMap::new();
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Start(element) | Event::Empty(element) => {
                let attribute = |name: &str| {
                    let attribute = element.try_get_attribute(name).unwrap().unwrap();
                    attribute.normalized_value(quick_xml::XmlVersion::Explicit1_0).unwrap().into_owned()
                };
                match element.name().as_ref() {
                    "testsuites" => {
                        let counts = ["tests", "failures", "errors", "skipped"].map(attribute);
                        assert_eq!(counts, ["10", "3", "2", "4"]);
                    }
                    "property" => drop(properties.insert(attribute("name"), attribute("value"))),
                    "testcase" => cases.push(attribute("name")),
                    kind @ ("failure" | "error" | "skipped") => {
                        outcomes.push(format!("{kind} {}: {}", cases.last().unwrap(), attribute("message")));
                    }
                    _ => (),
                }
            }
            _ => (),
        }
        match event {
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Eof => break,
            _ => (),
        }
    }
    assert_eq!(depth, 0);
    let wanted = [
        "problem 1",
        "passed",
        "failed",
        "crashed",
        "skipped",
        "warning",
        "known",
        "stale",
        "declined",
        "abstained",
    ];
    assert_eq!(cases, wanted);
    let property = |name: &str| properties.get(name).map(String::as_str);
    assert_eq!(property("implementation"), Some("Scripted 1 (Rust)"));
    assert_eq!(property("adapter"), Some("7"));
    assert_eq!((property("vectors"), property("suite")), (Some(VERSION), Some(env!("CARGO_PKG_VERSION"))));
    assert_eq!((property("profile"), property("drafts")), (Some("base"), Some("no")));
    assert_eq!(property("seed"), Some("none, as published"));
    assert_eq!(property("result"), Some("2 of 6 passed, of 8 in the suite"));
    assert!(property("date").is_some_and(|date| date.ends_with('Z')));
    assert_eq!(
        outcomes,
        [
            "error problem 1: known failing, line 3: test/gone matches no case of the suite",
            "failure failed: name: expected \"right\", got \"\\u001b[31mred\"",
            "error crashed: the testee crashed: it panicked: no answer in the script",
            "skipped skipped: not claimed: the operation pigeons is not among its capabilities",
            "skipped warning: not judged in this profile: error.kind: missing: \"parse\"",
            "skipped known: known to fail: it \"is\" wrong",
            "failure stale: passes, but is known to fail: it was wrong once",
            "failure declined: declined, though claimed: no <pigeons>",
            "skipped abstained: abstained: no <pigeons>",
        ]
    );
}

#[test]
fn several_can_be_told_at_once() {
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let mut all: Vec<Box<dyn Reporter + '_>> =
        vec![Box::new(NdjsonReport::new(&mut one)), Box::new(TerminalReport::new(&mut other))];
    run_with(&mut all);
    drop(all);
    assert!(one.starts_with(b"{") && other.starts_with(b"Scripted"));
}

#[test]
fn only_the_revisions_that_judge_are_quoted() {
    let mut one = case("failed", "MUST", json!({"result": {}}), json!([{"result": {"name": "right"}}]));
    one["clauses"] = json!(["HTTP-3.3.2-b", "CE-Message-b"]);
    let told = |revision: Revision| {
        let mut out = Vec::new();
        let selection = Selection::default().revision(revision);
        let report = &mut TerminalReport::new(&mut out);
        run(&suite(vec![one.clone()]), &selection, &KnownFailing::default(), &mut testee(), report).unwrap();
        String::from_utf8(out).unwrap()
    };
    let (released, main) = (told(Revision::V1_0_2), told(Revision::Main));
    assert!(released.contains("HTTP-3.3.2-b") && !released.contains("CE-Message-b"), "{released}");
    assert!(!main.contains("HTTP-3.3.2-b") && main.contains("CE-Message-b"), "{main}");
}

#[test]
fn a_report_of_a_run_that_varied_has_the_names_of_that_run() {
    let failing = case(
        "failed",
        "MUST",
        json!({"result": {"name": "A-1"}}),
        json!([{"result": {"name": "not A-1"}}, {"error": {}}]),
    );
    let mut out = Vec::new();
    let report = &mut NdjsonReport::new(&mut out);
    let varied = suite(vec![failing]).varied(7);
    run(&varied, &Selection::default(), &KnownFailing::default(), &mut testee(), report).unwrap();
    let record = RunRecord::parse(&String::from_utf8(out).unwrap()).unwrap();
    // The published suite knows other names, and nothing of some cases.
    for suite in [suite(vec![]), Suite::published().unwrap()] {
        let page = html(std::slice::from_ref(&record), &suite);
        assert!(!page.contains("A-1"), "{page}");
        let expected = "<dt>expected<dd><pre>{&quot;result&quot;:{&quot;name&quot;:&quot;not ";
        assert!(page.contains(expected) && page.contains("The rule of &lt;failed&gt;"), "{page}");
        assert!(page.contains("<dt>or<dd><pre>{&quot;error&quot;:{}}, any refusal</pre>"), "{page}");
    }
}

#[test]
fn a_case_without_an_answer_expects_what_its_run_allows() {
    let mut crashed = case(
        "crashed",
        "MUST",
        Value::Null,
        json!([{"result": {"name": "main"}, "revisions": ["main"]}, {"result": {"name": "both"}}, {"error": {}, "verbatim": false}]),
    );
    crashed["flags"] = json!(["verbatim"]);
    let expected = |selection: Selection| {
        let mut out = Vec::new();
        let report = &mut NdjsonReport::new(&mut out);
        run(&suite(vec![crashed.clone()]), &selection, &KnownFailing::default(), &mut testee(), report)
            .unwrap();
        let record = RunRecord::parse(&String::from_utf8(out).unwrap()).unwrap();
        record.cases["test/scripted/crashed"].members["expected"].clone()
    };
    let [main, both, refusal] = [
        "{\"result\":{\"name\":\"main\"}}",
        "{\"result\":{\"name\":\"both\"}}",
        "{\"error\":{}}, any refusal",
    ];
    let released = Selection::default().revision(Revision::V1_0_2);
    assert_eq!(expected(Selection::default()), json!([main, both, refusal]));
    assert_eq!(expected(released.clone()), json!([both, refusal]));
    assert_eq!(expected(released.verbatim(true)), json!([both]));
}

#[test]
fn what_is_left_out_is_recorded() {
    let selection = Selection::default().skip("**/failed".parse().unwrap()).shard(1, 1);
    let mut out = Vec::new();
    let report = &mut JunitReport::new(&mut out);
    let summary = run(&every_verdict(), &selection, &KnownFailing::default(), &mut testee(), report).unwrap();
    assert_eq!(summary.provenance.selection, ["without **/failed", "part 1 of 1"]);
    let out = String::from_utf8(out).unwrap();
    let property = "<property name=\"selection\" value=\"without **/failed, part 1 of 1\"/>";
    assert!(out.contains(property), "{out}");
}

#[test]
fn what_is_added_is_recorded_and_makes_a_badge_yellow() {
    let passing = |name: &str| {
        case(name, "MUST", json!({"result": {"name": "right"}}), json!([{"result": {"name": "right"}}]))
    };
    let judged = |suite: &Suite| {
        run(suite, &Selection::default(), &KnownFailing::default(), &mut testee(), &mut ()).unwrap()
    };
    let own = suite(vec![passing("own")]);
    assert!(badge(&judged(&own)).contains("\"brightgreen\""));
    let cases = ["more", "yet-more"].map(passing);
    let document = json!({"area": "test", "topic": "more", "title": "More", "cases": cases});
    let added = own.with([Document::parse(&document.to_string()).unwrap()]);
    for suite in [&added, &added.varied(7)] {
        let badge = badge(&judged(suite));
        assert!(badge.contains("\"yellow\"") && badge.contains(", with other cases"), "{badge}");
    }
}

#[test]
fn a_stronger_profile_turns_warnings_into_failures() {
    let selection = Selection::default().profile(Level::Should).run("**/warning".parse().unwrap());
    let summary =
        run(&every_verdict(), &selection, &KnownFailing::default(), &mut testee(), &mut ()).unwrap();
    assert_eq!(summary.number(Verdict::Failed), 1);
}

#[test]
fn in_the_profile_verbatim_an_outcome_with_another_text_is_not_allowed() {
    let either = json!([{"result": {"name": "right"}}, {"error": {}, "verbatim": false}]);
    let [mut refused, mut declined] =
        [("refused", json!({"error": {}})), ("declined", json!({"unsupported": "no"}))]
            .map(|(name, answer)| case(name, "MUST", answer, either.clone()));
    for case in [&mut refused, &mut declined] {
        case["flags"] = json!(["verbatim"]);
    }
    let suite = suite(vec![refused, declined]);
    let selection = Selection::default().verbatim(true);
    let summary = run(&suite, &selection, &KnownFailing::default(), &mut testee(), &mut ()).unwrap();
    // Declining is no better than refusing.
    assert_eq!((summary.number(Verdict::Failed), summary.number(Verdict::Declined)), (1, 1), "{summary}");
}

#[test]
fn a_selection_of_nothing_is_no_success() {
    let selection = Selection::default().run("no/such/case".parse().unwrap());
    let summary =
        run(&every_verdict(), &selection, &KnownFailing::default(), &mut testee(), &mut ()).unwrap();
    assert!(!summary.is_success());
    let problems: Vec<_> = summary.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["no/such/case matches no case of the suite", "no case was selected"]);
}

#[test]
fn known_failures_outside_the_selection_are_no_problem() {
    let selection = Selection::default().run("**/passed".parse().unwrap());
    let known = "test/scripted/known # reason".parse().unwrap();
    assert!(run(&every_verdict(), &selection, &known, &mut testee(), &mut ()).unwrap().is_success());
}

#[test]
fn a_report_that_cannot_be_written_ends_the_run() {
    let full: &mut [u8] = &mut [];
    let ended = run(
        &every_verdict(),
        &Selection::default(),
        &KnownFailing::default(),
        &mut testee(),
        &mut NdjsonReport::new(full),
    );
    assert!(matches!(ended, Err(RunError::Report(_))));
}

fn run_with(reporter: &mut dyn Reporter) -> Summary {
    let known = "test/scripted/known  # it \"is\" wrong\ntest/scripted/stale  # it was wrong once\ntest/gone # reason";
    run(&every_verdict(), &Selection::default(), &known.parse().unwrap(), &mut testee(), reporter).unwrap()
}

fn every_verdict() -> Suite {
    let right = || json!({"result": {"name": "right"}});
    let expect = || json!([right(), {"error": {"kind": "parse"}}]);
    let unsupported = || json!({"unsupported": "no <pigeons>"});
    let mut skipped = case("skipped", "MUST", Value::Null, expect());
    skipped["request"]["op"] = json!("pigeons");
    suite(vec![
        case("passed", "MUST", right(), json!([right()])),
        case("failed", "MUST", json!({"result": {"name": "\x1b[31mred"}}), expect()),
        case("crashed", "MUST", Value::Null, expect()),
        skipped,
        case("warning", "SHOULD", json!({"error": {}}), expect()),
        case("known", "MUST", json!({"result": {}}), expect()),
        case("stale", "MUST", right(), expect()),
        case("declined", "MUST", unsupported(), json!([right()])),
        case("abstained", "MUST", unsupported(), expect()),
    ])
}
