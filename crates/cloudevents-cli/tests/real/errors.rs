//! The text and JSON of errors.

use crate::program::{GOOD, ce, ce_with, command, file, run};

/// Runs `ce validate` in the directory of the file, so that its path is its name.
fn told(name: &str, text: &str, arguments: &[&str]) -> String {
    let path = file(name, text);
    let mut command = command(&[&["validate"], arguments, &[name]].concat());
    command.current_dir(path.parent().unwrap());
    run(command).ended(1).err
}

#[test]
fn in_a_document() {
    let text = "{\n  \"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/s\", \"type\": \"t\",\n  \"time\": \"2026-02-30T10:00:00Z\"\n}\n";
    let wanted = "\
error: attribute `time` is not a timestamp [invalid-timestamp]
  --> orders.json:3:12
   |  \"time\": \"2026-02-30T10:00:00Z\"
   |           ^^^^^^^^^^^^^^^^^^^^ February 2026 has 28 days
  = CloudEvents 1.0, section \"Type System\": Timestamp string form is RFC 3339 (CE-Type-System-l)
  = help: write an existing date, or leave the attribute out
";
    assert_eq!(told("orders.json", text, &[]), wanted);
}

#[test]
fn in_a_batch_each_by_itself() {
    let text = format!(
        "[\n  {GOOD},\n  {{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\"}},\n  {{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"}}\n]\n"
    );
    let wanted = "\
error: attribute `type` is required and missing [missing-attribute]
  --> batch.json:3:46 (event 1 of the batch)
   |  {\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\"},
   |                                             ^
  = CloudEvents 1.0, section \"type\": type is required (CE-type-a)

error: attribute `id` is empty [empty-attribute]
  --> batch.json:4:30 (event 2 of the batch)
   |  {\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"/s\",\"type\":\"t\"}
   |                             ^
  = CloudEvents 1.0, section \"id\": id is a non-empty string (CE-id-b)

valid: 1 of 3 events; 2 problems
";
    let got = told("batch.json", &text, &[]);
    assert_eq!(got, wanted);
}

#[test]
fn on_a_line() {
    let text = format!(
        "{GOOD}\n\n{{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\",\"type\":\"t\",\"n\":1.5}}\n"
    );
    let got = told("events.jsonl", &text, &["--explain"]);
    let last =
        got.strip_suffix("\n\nvalid: 1 of 2 events; 1 problem\n").unwrap().split("\n\n").last().unwrap();
    let wanted = "\
error: attribute `n` is not an integer [invalid-integer]
  --> events.jsonl:3:60
   |  {\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/s\",\"type\":\"t\",\"n\":1.5}
   |                                                             ^^^ ";
    assert!(last.starts_with(wanted), "{got}");
    assert!(last.ends_with("\n  = MUST for producers, in cloudevents/spec.md"), "{got}");
    // Advice about the valid event.
    assert!(got.starts_with("note: the source `/s` is relative; an absolute URI is recommended [relative-source]\n  --> events.jsonl:1\n"), "{got}");
}

#[test]
fn of_syntax() {
    let got = told("a.json", "{\n  \"specversion\": \"1.0\",\n}\n", &[]);
    let wanted = "\
error: the document is not well-formed [invalid-document]
  --> a.json:3:1
   |  }
   |  ^ expected a string
";
    assert_eq!(got, wanted);
}

#[test]
fn for_programs() {
    let ran = ce_with(
        &["validate", "--error-format", "json"],
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"x"}"#,
    )
    .ended(1);
    let errors = ran.errors();
    assert_eq!(errors.len(), 1);
    let error = &errors[0];
    assert_eq!(error["severity"], "error");
    assert!(error["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{error}");
    assert_eq!(error["kind"], "invalid-timestamp");
    assert_eq!(error["attribute"], "time");
    assert_eq!(error["file"], "standard input");
    assert_eq!((&error["line"], &error["offset"]), (&1.into(), &63.into()));
    assert_eq!(error["clauses"][0]["id"], "CE-Type-System-l");
    assert_eq!(error["clauses"][0]["level"], "MUST");
    assert!(error["help"].is_string());
    // The same on standard output, with the event it belongs to.
    assert_eq!(ran.lines()[0]["problems"][0]["kind"], "invalid-timestamp");
}

#[test]
fn of_usage() {
    for arguments in
        [&["validate", "--no-such-flag"][..], &["nonsense"], &["send"], &["convert", "--to", "morse"]]
    {
        ce(arguments).ended(2).prints("").says_first("error: ");
    }
    let ran = ce(&["--error-format", "json", "nonsense"]);
    assert_eq!(ran.errors()[0]["kind"], "usage");
    ce(&["validate", "no-such-file.json"]).ended(2).says_first("error: `no-such-file.json` cannot be read: ");
}

#[test]
fn nothing_from_elsewhere_acts_on_the_terminal() {
    let ran = ce_with(
        &["validate"],
        "{\"specversion\":\"1.0\",\"id\":\"\u{1b}[2J\u{202e}\",\"source\":\"/s\",\"type\":\"t\"}",
    )
    .ended(1);
    assert!(!ran.err.contains('\u{1b}') && !ran.err.contains('\u{202e}'), "{:?}", ran.err);
}
