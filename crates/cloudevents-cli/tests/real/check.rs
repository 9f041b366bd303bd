//! `ce validate` and `ce inspect`.

use crate::program::{GOOD, ce, ce_with, end_of, file, start};

#[test]
fn valid_and_invalid_are_told_apart() {
    let ran = ce_with(&["validate"], format!("{GOOD}\n{GOOD}\n")).ended(0).says_only("");
    let lines = ran.prints_lines(2).lines();
    assert_eq!((&lines[1]["line"], &lines[1]["valid"]), (&2.into(), &true.into()));
    let ran = ce_with(&["validate"], format!("{GOOD}\n{{oops\n{GOOD}")).ended(1);
    let valid: Vec<_> = ran.lines().iter().map(|line| line["valid"].as_bool().unwrap()).collect();
    assert_eq!(valid, [true, false, true]);
}

#[test]
fn several_files_and_shapes() {
    let pretty = file("pretty.json", format!("\n{}", GOOD.replace(',', ",\n  ")));
    let batch = file("batch.json", format!("[{GOOD},{GOOD}]"));
    let many = file("many.json", format!("{GOOD} [{GOOD}]\n{GOOD}"));
    let paths = [&pretty, &batch, &many].map(|path| path.to_str().unwrap());
    let [one, two, three] = paths;
    let wanted = format!("valid    {one}: 1 event\nvalid    {two}: 2 events\nvalid    {three}: 3 events\n");
    ce(&["validate", "--output", "pretty", one, two, three]).ended(0).prints(&wanted);
}

#[test]
fn every_problem_of_an_event() {
    let event = r#"{"specversion":"1.0","id":"","source":"/s","time":"2026-02-30T10:00:00Z","Upper":"x","n":1.5,"list":[],"data":1,"data_base64":"AA=="}"#;
    let wanted = [
        ("empty-attribute", Some("id"), event.find("\"\",").unwrap() + 1),
        ("invalid-timestamp", Some("time"), event.find("2026").unwrap()),
        ("invalid-name", None, event.find("Upper").unwrap()),
        ("invalid-integer", Some("n"), event.find("1.5").unwrap()),
        ("invalid-type", Some("list"), event.find("[]").unwrap()),
        ("missing-attribute", Some("type"), event.len() - 1),
        ("conflicting-data", None, event.find("\"AA").unwrap()),
    ];
    let yaml = "- specversion: \"1.0\"\n  id: \"\"\n  source: /s\n  time: x\n  Upper: x\n";
    for (input, before) in [
        (event.to_owned(), 0),
        (format!("\n{event}\n{GOOD}\n"), 1),
        (format!("[{GOOD},\n{event}]"), GOOD.len() + 3),
    ] {
        let ran = ce_with(&["validate", "--error-format", "json"], &input);
        let found = ran.errors();
        assert_eq!(found.len(), wanted.len(), "{}", ran.err);
        for (error, (kind, attribute, offset)) in found.iter().zip(wanted) {
            assert_eq!(
                (error["kind"].as_str(), error["offset"].as_u64()),
                (Some(kind), Some((before + offset) as u64))
            );
            if attribute.is_some() {
                assert_eq!(error["attribute"].as_str(), attribute);
            }
        }
        let lines = ran.lines();
        let invalid: Vec<_> = lines.iter().filter(|line| line["valid"] == false).collect();
        assert_eq!(invalid.len(), 1);
        assert_eq!(invalid[0]["problems"].as_array().unwrap().len(), wanted.len());
    }
    let ran = ce_with(&["validate", "--error-format", "json"], yaml);
    let places: Vec<_> = ran
        .errors()
        .iter()
        .map(|error| (error["kind"].as_str().unwrap().to_owned(), error["line"].as_u64()))
        .collect();
    let wanted =
        [("empty-attribute", 2), ("invalid-timestamp", 4), ("invalid-name", 5), ("missing-attribute", 5)];
    assert_eq!(places, wanted.map(|(kind, line)| (kind.to_owned(), Some(line))));
}

#[test]
fn every_problem_in_other_formats() {
    let xml = r#"<event xmlns="http://cloudevents.io/xmlformat/V1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:xs="http://www.w3.org/2001/XMLSchema" specversion="1.0"><id>1</id><source>/s</source><type>t</type><time>x</time><n xsi:type="ce:integer">y</n></event>"#;
    let ran = ce_with(&["validate", "--error-format", "json"], xml);
    let kinds = ran.kinds();
    assert!(kinds.contains(&"invalid-timestamp".to_owned()) && kinds.len() == 2, "{}", ran.err);
}

#[test]
fn folders_and_bad_files() {
    let first = file("a.json", GOOD);
    let folder = first.parent().unwrap();
    std::fs::create_dir(folder.join("sub")).unwrap();
    std::fs::create_dir(folder.join(".hidden")).unwrap();
    std::fs::write(folder.join(".hidden/x.json"), "oops").unwrap();
    std::fs::write(folder.join("sub/b.jsonl"), format!("{GOOD}\n{{}}\n{GOOD}\n")).unwrap();
    std::fs::write(folder.join("sub/c.json.gz"), b"\x1f\x8bbroken").unwrap();
    std::fs::write(folder.join("README.md"), "hello").unwrap();
    let ran = ce(&["validate", "--output", "pretty", folder.to_str().unwrap()]).ended(2);
    let lines: Vec<_> = ran.out.lines().map(|line| line.replace(folder.to_str().unwrap(), "F")).collect();
    assert_eq!(lines, ["valid    F/a.json: 1 event", "invalid  F/sub/b.jsonl: 1 of 3 events, 4 problems"]);
    ran.says("1 other file skipped")
        .says("c.json.gz` cannot be read")
        .says_last("valid: 1 of 3 files, 3 of 4 events; 4 problems\n");
    ce(&["validate", "no-such-file", first.to_str().unwrap()])
        .ended(2)
        .prints_lines(1)
        .says_last("valid: 1 of 2 files, 1 of 1 event\n");
}

/// Also where the folder is too deep for its path to be opened, which fails for every user.
#[test]
fn folders_that_cannot_be_read_or_have_no_files_do_not_stop_the_others() {
    let good = file("good.json", GOOD);
    let folder = good.parent().unwrap();
    std::fs::create_dir(folder.join("empty")).unwrap();
    let deeper =
        "name=$(printf 'd%.0s' {1..250}); for i in {1..20}; do mkdir $name && cd $name || exit 1; done";
    let made = std::process::Command::new("bash").args(["-c", deeper]).current_dir(folder).status();
    assert!(made.unwrap().success());
    let empty = folder.join("empty");
    let ran = ce(&["validate", empty.to_str().unwrap(), folder.to_str().unwrap()]);
    std::fs::remove_dir_all(folder).unwrap();
    ran.ended(2)
        .prints_lines(1)
        .says("/empty` has no files with events")
        .says("ddd` cannot be read: File name too long");
}

#[test]
fn no_event_is_not_valid() {
    for input in ["", " \n\n"] {
        ce_with(&["validate"], input).ended(1).says("it contains no event");
    }
    ce_with(&["validate"], "[]").ended(1);
    for (format, input) in [("json-batch", "[]"), ("lines", "")] {
        let ran = ce_with(&["validate", "--from", format, "--output", "pretty"], input);
        assert!(ran.status == 0 && ran.out.starts_with("valid "), "{}: {}", ran.status, ran.out);
    }
}

#[test]
fn lenient_tells_what_it_repaired() {
    let input = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","Upper":"x"}"#;
    ce_with(&["validate"], input).ended(1);
    let ran = ce_with(&["validate", "--lenient"], input)
        .ended(0)
        .says_first("warning: repaired: ")
        .says("[lower-cased-name]");
    assert_eq!(ran.lines()[0]["repairs"][0], "lower-cased-name");
}

#[test]
fn single_repairs_by_name() {
    let input = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","iodebeziumtxId":"7"}"#;
    let ran = ce_with(&["validate", "--lenient=dropped-name"], input);
    assert_eq!((ran.status, &ran.lines()[0]["repairs"][0]), (0, &"dropped-name".into()));
    ce_with(&["validate", "--lenient=uri-fragment"], input).ended(1);
    ce_with(&["validate", "--lenient=drop"], input)
        .ended(2)
        .says("there is no repair `drop`")
        .says("dropped-name");
    // What cannot be read says what would read it.
    for command in ["inspect", "convert"] {
        let ran = ce_with(&[command, "--error-format", "json"], input).ended(1);
        let help = ran.errors()[0]["help"].as_str().unwrap().to_owned();
        // That peer leaves the attribute out, so that it is not where the event came from.
        assert!(help.contains("--lenient=lower-cased-name reads it"), "{command}: {help}");
        assert!(!help.contains("debezium-3"), "{command}: {help}");
    }
    ce_with(&["inspect"], input.replace(r#""id":"1","#, "")).never_says("--lenient");
}

#[test]
fn inspect_notes_rules_of_extensions() {
    let input = r#"{"specversion":"1.0","id":"1","source":"https://e.example","type":"t","sampledrate":0,"traceparent":"garbage"}"#;
    let ran = ce_with(&["inspect"], input);
    let value = &ran.lines()[0];
    let clauses: Vec<_> =
        value["notes"].as_array().unwrap().iter().map(|note| note["attribute"].as_str().unwrap()).collect();
    assert_eq!((ran.status, clauses), (0, vec!["traceparent", "sampledrate"]), "{value}");
}

#[test]
fn inspect_shows_types_and_payload() {
    let input = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","priority":3,"data":{"total":1.10,"big":12345678901234567890123}}"#;
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
    ce_with(&["inspect", "--output", "pretty"], input).ended(0).prints(wanted).says_only("");
    let lines = ce_with(&["inspect"], input).lines();
    assert_eq!(lines[0]["event"]["attributes"]["priority"]["type"], "Integer");
    assert_eq!(lines[0]["notes"][0]["kind"], "relative-source");
}

#[test]
fn inspect_goes_on_and_remembers() {
    ce_with(&["inspect"], format!("{{}}\n{GOOD}\n")).ended(1).prints_lines(1).says("missing-attribute");
}

/// Nothing is at the other end of it.
#[test]
fn a_pipe_in_a_folder_is_not_waited_for() {
    let good = file("good.json", GOOD);
    let folder = good.parent().unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe.json")).status();
    assert!(made.unwrap().success());
    end_of(start(&["validate", folder.to_str().unwrap()])).ended(0);
}

/// An event that breaks two rules of extensions, and nothing else.
const AGAINST_EXTENSIONS: &str = r#"{"specversion":"1.0","id":"1","source":"https://example.com/s","type":"t","sampledrate":0,"severitytext":"ERROR"}"#;

#[test]
fn rules_of_extensions_are_checked_on_request() {
    ce_with(&["validate"], AGAINST_EXTENSIONS).ended(0);

    for (input, invalid) in [
        (AGAINST_EXTENSIONS.to_owned(), 0),
        (format!("{GOOD}\n{AGAINST_EXTENSIONS}\n{GOOD}\n"), 1),
        (format!("[{GOOD},{AGAINST_EXTENSIONS}]"), 1),
    ] {
        let ran = ce_with(&["validate", "--extensions", "--error-format", "json"], &input).ended(1);
        let errors = ran.errors();
        let found: Vec<_> = errors.iter().map(|error| [&error["kind"], &error["attribute"]]).collect();
        assert_eq!(
            found,
            [["invalid-extension", "sampledrate"], ["invalid-extension", "severitynumber"]],
            "{input}"
        );
        let lines = ran.lines();
        for (at, line) in lines.iter().enumerate() {
            assert_eq!(line["valid"], at != invalid, "{line}");
        }
        let line = &lines[invalid];
        assert_eq!((&line["id"], &line["type"]), (&"1".into(), &"t".into()));
        assert_eq!(line["problems"].as_array().unwrap().len(), 2, "{line}");
        assert_eq!(line["problems"][0]["attribute"], "sampledrate");
        ce_with(&["validate", "--extensions", "--invalid"], &input).prints_lines(1);
    }

    ce_with(&["validate", "--extensions", "--output", "pretty"], AGAINST_EXTENSIONS)
        .prints("invalid  standard input: 1 of 1 event, 2 problems\n")
        .says("0 is not greater than zero");
    let good = GOOD.replace("{", r#"{"sampledrate":30,"#);
    ce_with(&["validate", "--extensions"], good).ended(0);
    // An event that is none is not checked further.
    let ran =
        ce_with(&["validate", "--extensions", "--error-format", "json"], r#"{"id":"1","sampledrate":0}"#);
    assert!(ran.errors().iter().all(|error| error["kind"] == "missing-attribute"), "{}", ran.err);
}

#[test]
fn explanations_note_rules_of_extensions() {
    let ran = ce_with(&["validate", "--explain", "--error-format", "json"], AGAINST_EXTENSIONS).ended(0);
    let notes = ran.errors();
    let clauses: Vec<_> = notes.iter().map(|note| [&note["severity"], &note["clauses"][0]["id"]]).collect();
    assert_eq!(clauses, [["note", "SAMPLE-sampledrate-b"], ["note", "SEV-severitynumber-a"]], "{}", ran.err);
    assert_eq!(ran.lines()[0]["valid"], true);

    // An event that is left out has no notes.
    ce_with(&["validate", "--explain", "--invalid"], format!("{AGAINST_EXTENSIONS}\n{GOOD}"))
        .ended(0)
        .prints("")
        .says_times("note: ", 0);

    // With both, they are errors, and not noted again.
    ce_with(&["validate", "--explain", "--extensions"], AGAINST_EXTENSIONS)
        .ended(1)
        .says_times("sampledrate`", 1)
        .says("sampledrate extension")
        .says("greater than zero");
}
