//! Standard output: forms, colours, and pipes that break.

use crate::program::{GOOD, ce_with, command, path_of, start};
use std::{
    io::{BufRead, BufReader, Read},
    process::Stdio,
};

#[test]
fn forms() {
    let event =
        r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"list":[1,{"a":1.10}],"no":null}}"#;
    let message = ce_with(&["encode", "--mode", "structured"], event).out;
    assert_eq!(ce_with(&["decode", "--output", "json"], &message).out, format!("{event}\n"));
    let yaml = "---\nspecversion: \"1.0\"\nid: \"1\"\nsource: \"/s\"\ntype: \"t\"\ndata:\n  list:\n    - 1\n    - a: 1.10\n  \"no\": null\n";
    assert_eq!(ce_with(&["decode", "--output", "yaml"], &message).out, yaml);
    assert!(
        ce_with(&["decode", "--output", "pretty"], &message)
            .out
            .starts_with("specversion  String         1.0\n")
    );
}

#[test]
fn colours() {
    let run = |arguments: &[&str], variable: Option<(&str, &str)>| {
        let mut command = command(arguments);
        command.envs(variable).stdin(Stdio::null());
        let output = command.output().unwrap();
        output.stdout.contains(&0x1b) || output.stderr.contains(&0x1b)
    };
    let coverage = ["conformance", "coverage", "--output", "pretty"];
    assert!(!run(&coverage, None));
    assert!(run(&[&coverage[..], &["--color", "always"]].concat(), None));
    assert!(run(&coverage, Some(("CLICOLOR_FORCE", "1"))));
    assert!(!run(&[&coverage[..], &["--color", "never"]].concat(), Some(("CLICOLOR_FORCE", "1"))));
    assert!(!run(&coverage, Some(("NO_COLOR", "1"))));
    assert!(run(&["validate", "--color", "always"], None));
}

#[test]
fn a_broken_pipe_ends_quietly() {
    let path: &str = &path_of("many.jsonl", format!("{GOOD}\n").repeat(20_000));
    for arguments in [
        &["convert", path][..],
        &["validate", path],
        &["inspect", "--output", "pretty", path],
        &["encode", path],
        &["tour", "--quiet"],
        &["conformance", "list"],
    ] {
        let mut child = start(arguments);
        let mut line = String::new();
        let mut out = BufReader::with_capacity(64, child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        drop(out);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let status = child.wait().unwrap();
        assert_eq!((status.code(), err.as_str()), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn quiet_tells_errors_only() {
    let input = format!("{}\n{{}}\n", GOOD.replace("\"id\"", "\"Upper\":\"x\",\"id\""));
    ce_with(&["validate", "--lenient", "--quiet"], input)
        .ended(1)
        .says_first("error: ")
        .never_says("warning");
}
