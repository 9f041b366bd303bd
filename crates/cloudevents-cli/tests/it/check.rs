//! `ce validate` and `ce inspect`.

use crate::program::{GOOD, ce, ce_with, file};

#[test]
fn valid_and_invalid_are_told_apart() {
    let ran = ce_with(&["validate"], format!("{GOOD}\n{GOOD}\n"));
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    let lines = ran.lines();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["line"], 2);
    assert_eq!(lines[1]["valid"], true);

    let ran = ce_with(&["validate"], format!("{GOOD}\n{{oops\n{GOOD}"));
    assert_eq!(ran.status, 1);
    let valid: Vec<_> = ran.lines().iter().map(|line| line["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid, [true, false, true]);
}

#[test]
fn several_files_and_shapes() {
    let pretty = file("pretty.json", format!("\n{}", GOOD.replace(',', ",\n  ")));
    let batch = file("batch.json", format!("[{GOOD},{GOOD}]"));
    let many = file("many.json", format!("{GOOD} [{GOOD}]\n{GOOD}"));
    let paths = [&pretty, &batch, &many].map(|path| path.to_str().unwrap());
    let ran = ce(&["validate", "--output", "pretty", paths[0], paths[1], paths[2]]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    let wanted = format!(
        "valid    {}: 1 event\nvalid    {}: 2 events\nvalid    {}: 3 events\n",
        paths[0], paths[1], paths[2]
    );
    assert_eq!(ran.out, wanted);
}

#[test]
fn no_event_is_not_valid() {
    for input in ["", " \n\n"] {
        let ran = ce_with(&["validate"], input);
        assert_eq!(ran.status, 1);
        assert!(ran.err.contains("it contains no event"), "{}", ran.err);
    }
    assert_eq!(ce_with(&["validate"], "[]").status, 1);
    assert_eq!(ce_with(&["validate", "--from", "json-batch"], "[]").status, 0);
}

#[test]
fn lenient_tells_what_it_repaired() {
    let input = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","Upper":"x"}"#;
    assert_eq!(ce_with(&["validate"], input).status, 1);
    let ran = ce_with(&["validate", "--lenient"], input);
    assert_eq!(ran.status, 0);
    assert!(ran.err.starts_with("warning: repaired: "), "{}", ran.err);
    assert!(ran.err.contains("[lower-cased-name]"), "{}", ran.err);
    assert_eq!(ran.lines()[0]["repairs"][0], "lower-cased-name");
}

#[test]
fn inspect_shows_types_and_payload() {
    let input = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","priority":3,"data":{"total":1.10,"big":12345678901234567890123}}"#;
    let ran = ce_with(&["inspect", "--output", "pretty"], input);
    let wanted = "\
standard input:1
specversion  String         1.0
id           String         1
source       URI-reference  /s
type         String         t
priority     Integer        3
data         JSON           44 bytes
  {\"total\": 1.10, \"big\": 12345678901234567890123}
size: 120 bytes as a JSON document, 44 bytes of payload
note: the source `/s` is relative; an absolute URI is recommended (CE-source-c)
";
    assert_eq!((ran.status, ran.out.as_str(), ran.err.as_str()), (0, wanted, ""));
    let lines = ce_with(&["inspect"], input).lines();
    assert_eq!(lines[0]["event"]["attributes"]["priority"]["type"], "Integer");
    assert_eq!(lines[0]["notes"][0]["kind"], "relative-source");
}

#[test]
fn inspect_goes_on_and_remembers() {
    let ran = ce_with(&["inspect"], format!("{{}}\n{GOOD}\n"));
    assert_eq!((ran.status, ran.lines().len()), (1, 1));
    assert!(ran.err.contains("missing-attribute"), "{}", ran.err);
}
