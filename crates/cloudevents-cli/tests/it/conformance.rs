//! `ce conformance`.

use crate::program::{ce, file};
use std::fs;

#[test]
fn this_toolkit_conforms() {
    let ran = ce(&["conformance", "run", "core/**", "http/**", "json/**", "--profile", "may", "--drafts"]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let lines = ran.lines();
    assert_eq!(lines[0]["type"], "start");
    assert_eq!(lines.last().unwrap()["success"], true);
    assert!(ran.err.contains(" passed, 0 failed"), "{}", ran.err);
}

#[test]
fn a_program_is_tested() {
    let testee = format!("'{}' testee", env!("CARGO_BIN_EXE_ce"));
    let junit = file("report.xml", "");
    let ran = ce(&[
        "conformance",
        "run",
        "http/batched/*",
        "--testee",
        &testee,
        "--junit",
        junit.to_str().unwrap(),
        "--output",
        "pretty",
    ]);
    assert_eq!(ran.status, 0, "{}{}", ran.out, ran.err);
    assert!(ran.out.starts_with("cloudevents-kit "), "{}", ran.out);
    assert!(fs::read_to_string(&junit).unwrap().starts_with("<?xml"));
    let ran = ce(&["conformance", "run", "--smoke", "--testee", &testee]);
    let sound = ran.lines().iter().all(|check| check["fault"].is_null());
    assert_eq!(ran.status, i32::from(!sound), "{}", ran.out);
    assert_eq!(
        (&ran.lines()[0]["name"], &ran.lines()[0]["fault"]),
        (&"start".into(), &serde_json::Value::Null)
    );
}

#[test]
fn what_does_not_conform_is_told() {
    // Something that passes and is expected to fail is stale.
    let known = file("known.txt", "http/batched/*  # not yet\n");
    let ran = ce(&["conformance", "run", "http/batched/*", "--known-failing", known.to_str().unwrap()]);
    assert_eq!(ran.status, 1);
    let ran = ce(&["conformance", "run", "no/such/case"]);
    assert_eq!(ran.status, 1);
    let bad = file("bad.txt", "http/**\n");
    let ran = ce(&["conformance", "run", "--known-failing", bad.to_str().unwrap()]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("has no reason"), "{}", ran.err);
    for testee in ["no-such-program-anywhere", "", "'unclosed"] {
        let ran = ce(&["conformance", "run", "--testee", testee]);
        assert_eq!(ran.status, 2, "{}", ran.err);
        assert!(ran.err.starts_with("error: "), "{}", ran.err);
    }
}

#[test]
fn cases_are_listed_and_shown() {
    let ran = ce(&["conformance", "list", "http/batched/*"]);
    assert_eq!(ran.status, 0);
    let lines = ran.lines();
    let id = lines[0]["id"].as_str().unwrap();
    assert!(id.starts_with("http/batched/"));
    let shown = ce(&["conformance", "show", id, "--output", "pretty"]);
    assert_eq!(shown.status, 0);
    for word in [id, "level", "clauses", "request", "has to"] {
        assert!(shown.out.contains(word), "{}", shown.out);
    }
    // A body is shown as it is sent, not as a JSON string.
    assert!(shown.out.contains("\n    [{\"specversion\":"), "{}", shown.out);
    let ran = ce(&["conformance", "show", "empty-batch"]);
    assert_eq!(ran.status, 2);
    assert!(ran.err.contains("did you mean `"), "{}", ran.err);
    assert_eq!(ce(&["conformance", "list", "nothing/**"]).status, 1);
}

#[test]
fn coverage() {
    let ran = ce(&["conformance", "coverage"]);
    assert_eq!(ran.status, 0);
    assert!(ran.lines().iter().any(|row| row["document"] == "cloudevents/spec.md" && row["must"]["clauses"].as_u64() > Some(10)));
    let ran = ce(&["conformance", "coverage", "--output", "pretty"]);
    assert!(ran.out.lines().all(|line| line.len() <= 80), "{}", ran.out);
}
