//! Catalogs that events are judged by: `--catalog` of `ce validate`, `ce send`, `ce listen` and `ce bridge`.

use crate::catalog::SHOP;
use crate::program::{Listener, Ran, ce, ce_with, file};
use serde_json::json;

fn event(id: &str, source: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"com.example.order","subject":"s","data":{data}}}"#
    )
}

/// A schema with a mistake would let every payload pass.
#[test]
fn a_catalog_with_mistakes_is_no_contract() {
    let path = file("broken.json", SHOP.replace("\"integer\"", "\"int\"")).display().to_string();
    let input = event("1", "/shops/7", r#"{"number":"1"}"#);
    let all = |flags: &[&str]| -> Vec<Ran> {
        let run = |command: &[&str]| ce_with(&[command, &["--catalog", &path], flags].concat(), &input);
        vec![
            run(&["validate"]),
            run(&["send", "-"]),
            run(&["send", "http://localhost:1/", "--dry-run"]),
            run(&["listen", "-"]),
            run(&["bridge", "http://127.0.0.1:0/", "http://localhost:1/", "--check"]),
        ]
    };
    // A deviation that is allowed is no mistake that is.
    for ran in all(&[]).into_iter().chain(all(&["--lenient-catalog=wide-placeholder"])) {
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{}", ran.err);
        assert!(ran.err.contains("broken.json:2") && ran.err.contains("error: "), "{}", ran.err);
        assert!(
            ran.err.contains("[schema-invalid]") && ran.err.contains("has 1 mistake [catalog-mistakes]"),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("--lenient-catalog uses it anyway"), "{}", ran.err);
    }
    for ran in all(&["--lenient-catalog"]) {
        assert_eq!(ran.status, 0, "{}", ran.err);
        assert!(ran.err.contains("warning: ") && ran.err.contains("[schema-invalid]"), "{}", ran.err);
        assert!(!ran.err.contains("error: "), "{}", ran.err);
    }
}

/// What is allowed is reported once for each rule, not once for each place.
#[test]
fn an_allowed_deviation_is_reported_once() {
    let path = file("spelled.json", SHOP.replace("JsonSchema/draft-07", "JSONSchema/7"));
    let input = event("1", "/shops/7", r#"{"number":1}"#);
    let validate = |flag: &str| ce_with(&["validate", "--catalog", path.to_str().unwrap(), flag], &input);
    for flag in ["--lenient-catalog", "--lenient-catalog=format-name"] {
        let ran = validate(flag);
        assert_eq!((ran.status, ran.err.matches("[format-name]").count()), (0, 1), "{}", ran.err);
        assert!(ran.err.contains("1 more of them"), "{}", ran.err);
    }
    let ran = validate("--lenient-catalog=x");
    assert!(ran.status == 2 && ran.err.contains("format-name"), "{}", ran.err);
    assert_eq!(validate("--lenient-catalog=earlier-name").status, 2);
}

#[test]
fn what_is_valid_by_a_deviation_alone_is_named() {
    let path = file("shop.xreg.json", SHOP).display().to_string();
    let input = event("1", "/shops/7/8", r#"{"number":1}"#);
    let ran = ce_with(&["validate", "--catalog", &path], &input);
    assert!(ran.status == 1 && ran.err.contains("[template]"), "{}", ran.err);
    let ran = ce_with(&["validate", "--catalog", &path, "--lenient-catalog=wide-placeholder"], &input);
    assert!(ran.status == 0 && ran.err.contains("[wide-placeholder]"), "{}", ran.err);
    assert_eq!(ran.lines()[0]["repairs"], json!(["wide-placeholder"]));
}

/// An event whose payload is not judged is valid by its attributes alone.
#[test]
fn payloads_that_are_not_judged_are_reported_by_their_reasons() {
    let catalog = r#"{"messagegroups": {"g": {"messages": {"com.example.order": {
        "envelope": "CloudEvents/1.0", "dataschemaformat": "XSD/1.1", "dataschema": "<schema/>"}}}}}"#;
    let path = file("xsd.json", catalog).display().to_string();
    let input = event("1", "/s", "1") + "\n" + &event("2", "/s", "2") + "\n";
    let words =
        "warning: 2 payloads were not judged: schemas of the format `XSD/1.1` are not judged [not-judged]\n";
    for flags in [&["--output", "pretty"][..], &["--output", "json"], &["--invalid", "--output", "json"]] {
        let ran = ce_with(&[&["validate", "--catalog", &path], flags].concat(), &input);
        assert_eq!((ran.status, ran.err.as_str()), (0, words), "{flags:?}");
        let named = ran.out.matches(r#""notJudged":"schemas"#).count();
        assert_eq!(named, if flags[1] == "pretty" { 0 } else { 2 }, "{flags:?}: {}", ran.out);
    }
}

/// The sender learns which event it is and what is wrong with it, and so does the receiver.
#[test]
fn the_event_of_a_batch_is_named_to_both_sides() {
    let path = file("shop.xreg.json", SHOP).display().to_string();
    let listener = Listener::start(&["--catalog", &path, "--count", "1"]);
    let good = event("1", "/shops/7", r#"{"number":1}"#);
    let batch = |bad: &str| file("batch.json", format!("[{good},{bad}]"));
    for (bad, words) in [
        (event("b", "/7", r#"{"number":1}"#), "attribute `source`: "),
        (
            event("b", "/7", "1").replace("com.example.order", "x"),
            "the catalog defines no event of the type `x`",
        ),
        (event("b", "/shops/7", r#"{"number":"1"}"#), "`data/number`: "),
    ] {
        let sent = ce(&["send", "--mode", "batched", &listener.url, batch(&bad).to_str().unwrap()]);
        assert_eq!(sent.status, 1, "{}", sent.err);
        let said = format!("422 Unprocessable Entity: event 1 of the batch: {words}");
        assert!(sent.err.contains(&said) && !sent.err.contains("the payload is invalid"), "{}", sent.err);
        assert_eq!(sent.err.matches("[refused]").count(), 1, "{}", sent.err);
    }
    assert_eq!(ce_with(&["send", &listener.url], &good).status, 0);
    let ran = listener.end();
    assert_eq!((ran.status, ran.lines().len()), (1, 1), "{}", ran.err);
    let named = ran.err.matches(" at /events, id b, source /").count();
    assert_eq!((named, ran.err.matches("(event 1 of the batch)").count()), (3, 3), "{}", ran.err);
}

/// The second one would find nothing there.
#[test]
fn standard_input_is_read_once() {
    for command in [
        &["catalog", "diff", "-", "-"][..],
        &["catalog", "lint", "-", "-"],
        &["validate", "--catalog", "-", "-"],
        &["validate", "--catalog", "-"],
        &["listen", "--catalog", "-", "-"],
    ] {
        let ran = ce_with(command, SHOP);
        assert!(
            ran.status == 2 && ran.err.contains("standard input can be read once"),
            "{command:?}: {}",
            ran.err
        );
    }
}
