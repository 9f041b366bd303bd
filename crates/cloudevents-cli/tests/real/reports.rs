//! What users of other implementations have reported in public: each input has the right value, and the help of an error reads it.
//!
//! `tests/reports/cases.json` has a case for each input: the threads, and runs of `ce`.

use crate::program::ce;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path};

/// The inputs, and their cases.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reports");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// A file in the folder.
    input: String,
    /// Where the situation was reported, or the document that has it.
    threads: Vec<String>,
    runs: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    /// `INPUT` is the path of the input, and `DATA` the folder.
    args: Vec<String>,
    status: i32,
    /// The events that it writes, one a line, or their number.
    #[serde(default)]
    events: Vec<Value>,
    count: Option<usize>,
    /// Words that standard error has, and words that it does not have.
    says: Vec<String>,
    #[serde(default)]
    never: Vec<String>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(&fs::read_to_string(Path::new(FOLDER).join("cases.json")).unwrap()).unwrap()
}

#[test]
fn inputs_have_the_right_value() {
    let mut wrong = Vec::new();
    for case in cases() {
        let input = format!("{FOLDER}/{}", case.input);
        for run in case.runs {
            let args: Vec<_> =
                run.args.iter().map(|arg| arg.replace("INPUT", &input).replace("DATA", FOLDER)).collect();
            let ran = ce(&args.iter().map(String::as_str).collect::<Vec<_>>());
            let events: Vec<Value> =
                ran.out.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let is_as_wanted = match run.count {
                Some(count) => events.len() == count,
                None => events == run.events,
            };
            let says = |words: &String| ran.err.contains(words.as_str());
            if ran.status != run.status
                || !is_as_wanted
                || !run.says.iter().all(says)
                || run.never.iter().any(says)
            {
                wrong.push(format!("ce {}: {}\n{}{}", args.join(" "), ran.status, ran.out, ran.err));
            }
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_input_is_in_a_case() {
    let cases = cases();
    let threads = cases.iter().flat_map(|case| &case.threads);
    assert!(threads.into_iter().all(|thread| thread.starts_with("https://")));
    assert!(cases.iter().all(|case| !case.threads.is_empty() && !case.runs.is_empty()));
    let named: BTreeSet<_> = cases.into_iter().map(|case| case.input).collect();
    let files = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let others = ["cases.json", "heartbeats.jsonl"];
    let inputs: BTreeSet<_> = files.filter(|name| !others.contains(&name.as_str())).collect();
    assert_eq!(inputs, named);
}
