//! Catalogs that events are judged by: `--catalog` of `ce validate`, `ce send`, `ce listen` and `ce bridge`.

use crate::catalog::SHOP;
use crate::program::{Listener, Ran, ce, ce_with, file, path_of};
use serde_json::json;

pub(crate) fn event(id: &str, source: &str, data: &str) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"{source}","type":"com.example.order","subject":"s","data":{data}}}"#
    )
}

/// A schema with a mistake would let every payload pass.
#[test]
fn a_catalog_with_mistakes_is_no_contract() {
    let path = path_of("broken.json", SHOP.replace("\"integer\"", "\"int\""));
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
        let ran = ran.ended(2).prints("").says("broken.json:2").says("error: ").says("[schema-invalid]");
        ran.says("has 1 mistake [catalog-mistakes]").says("--lenient-catalog uses it anyway");
    }
    for ran in all(&["--lenient-catalog"]) {
        ran.ended(0).says("warning: ").says("[schema-invalid]").never_says("error: ");
    }
}

/// What is allowed is reported once for each rule, not once for each place.
#[test]
fn an_allowed_deviation_is_reported_once() {
    let path = file("spelled.json", SHOP.replace("JsonSchema/draft-07", "JSONSchema/7"));
    let input = event("1", "/shops/7", r#"{"number":1}"#);
    let validate = |flag: &str| ce_with(&["validate", "--catalog", path.to_str().unwrap(), flag], &input);
    for flag in ["--lenient-catalog", "--lenient-catalog=format-name"] {
        validate(flag).ended(0).says_times("[format-name]", 1).says("1 more of them");
    }
    validate("--lenient-catalog=x").ended(2).says("format-name");
    validate("--lenient-catalog=earlier-name").ended(2);
}

#[test]
fn what_is_valid_by_a_deviation_alone_is_named() {
    let path = path_of("shop.xreg.json", SHOP);
    let input = event("1", "/shops/7/8", r#"{"number":1}"#);
    ce_with(&["validate", "--catalog", &path], &input).ended(1).says("[template]");
    let ran = ce_with(&["validate", "--catalog", &path, "--lenient-catalog=wide-placeholder"], &input)
        .ended(0)
        .says("[wide-placeholder]");
    assert_eq!(ran.lines()[0]["repairs"], json!(["wide-placeholder"]));
}

/// An event whose payload is not judged is valid by its attributes alone.
#[test]
fn payloads_that_are_not_judged_are_reported_by_their_reasons() {
    let catalog = r#"{"messagegroups": {"g": {"messages": {"com.example.order": {
        "envelope": "CloudEvents/1.0", "dataschemaformat": "XSD/1.1", "dataschema": "<schema/>"}}}}}"#;
    let path = path_of("xsd.json", catalog);
    let input = event("1", "/s", "1") + "\n" + &event("2", "/s", "2") + "\n";
    let words =
        "warning: 2 payloads were not judged: schemas of the format `XSD/1.1` are not judged [not-judged]\n";
    for flags in [&["--output", "pretty"][..], &["--output", "json"], &["--invalid", "--output", "json"]] {
        let ran =
            ce_with(&[&["validate", "--catalog", &path], flags].concat(), &input).ended(0).says_only(words);
        let named = ran.out.matches(r#""notJudged":"schemas"#).count();
        assert_eq!(named, if flags[1] == "pretty" { 0 } else { 2 }, "{flags:?}: {}", ran.out);
    }
}

/// The sender learns which event it is and what is wrong with it, and so does the receiver.
#[test]
fn the_event_of_a_batch_is_named_to_both_sides() {
    let path = path_of("shop.xreg.json", SHOP);
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
        ce(&["send", "--mode", "batched", &listener.url, batch(&bad).to_str().unwrap()])
            .ended(1)
            .says(&format!("422 Unprocessable Entity: event 1 of the batch: {words}"))
            .never_says("the payload is invalid")
            .says_times("[refused]", 1);
    }
    ce_with(&["send", &listener.url], &good).ended(0);
    let ran = listener.end().ended(1).prints_lines(1).says("[schema]");
    ran.says_times(" at /events, id b, source /", 3).says_times("(event 1 of the batch)", 3);
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
        ce_with(command, SHOP).ended(2).says("standard input can be read once");
    }
}
