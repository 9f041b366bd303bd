//! `ce convert`.

use crate::program::{GOOD, ce_with, file};

#[test]
fn there_and_back() {
    let lines = format!("{GOOD}\n{}\n", GOOD.replace("\"t\"}", "\"t\",\"data\":{\"a\": 1.10}}"));
    let batch = ce_with(&["convert", "--to", "json-batch"], &lines);
    assert_eq!((batch.status, batch.err.as_str()), (0, ""));
    assert!(batch.out.starts_with("[{") && batch.out.ends_with("}]\n"), "{}", batch.out);
    let back = ce_with(&["convert"], &batch.out);
    assert_eq!(back.out, lines);
    let single = ce_with(&["convert", "--to", "json"], GOOD);
    assert_eq!(single.out, format!("{GOOD}\n"));
}

#[test]
fn a_document_holds_one_event() {
    let ran = ce_with(&["convert", "--to", "json"], format!("[{GOOD},{GOOD}]"));
    assert_eq!((ran.status, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("help: write a batch with --to json-batch"), "{}", ran.err);
    assert_eq!(ce_with(&["convert", "--to", "json"], "[]").status, 1);
    assert_eq!(ce_with(&["convert", "--to", "json-batch"], "[]").out, "[]\n");
}

#[test]
fn stops_at_what_is_no_event_unless_told_otherwise() {
    let input = format!("{GOOD}\nnonsense\n{GOOD}\n");
    let ran = ce_with(&["convert"], &input);
    assert_eq!((ran.status, ran.lines().len()), (1, 1));
    let ran = ce_with(&["convert", "--keep-going"], &input);
    assert_eq!((ran.status, ran.lines().len()), (1, 2));
    assert!(ran.err.contains("--> standard input:2:1\n"), "{}", ran.err);
}

#[test]
fn upgrades() {
    let old =
        r#"{"specversion":"0.3","id":"1","source":"/s","type":"t","schemaurl":"https://example.com/s"}"#;
    let ran = ce_with(&["convert", "--upgrade"], old);
    assert_eq!(
        ran.out,
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/s\",\"type\":\"t\",\"dataschema\":\"https://example.com/s\"}\n"
    );
    let mixed = ce_with(&["convert", "--to", "json-batch"], format!("{old}\n{GOOD}\n"));
    assert_eq!(mixed.status, 1);
    assert!(mixed.err.contains("--upgrade"), "{}", mixed.err);
}

#[test]
fn losses_are_told() {
    // Text under a JSON content type, which the JSON format can only hold as a JSON string.
    let event = r#"{"via":"http","message":{"headers":[["ce-specversion","1.0"],["ce-id","1"],["ce-source","/s"],["ce-type","t"],["content-type","application/json"]],"body":{"text":"{oops"}}}"#;
    let ran = ce_with(&["decode"], event);
    assert_eq!(ran.status, 0);
    assert!(ran.out.contains("data_base64"), "{}", ran.out);
}

#[test]
fn the_name_of_a_file_tells_lines() {
    let path = file("events.jsonl", "{oops\n");
    let ran = ce_with(&["convert", "--keep-going", path.to_str().unwrap()], "");
    assert!(ran.err.contains("events.jsonl:1:2"), "{}", ran.err);
}
