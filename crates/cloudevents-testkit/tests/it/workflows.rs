//! Hosted CI runs what the scripts in `.ci` offer: a part that no workflow names is never run, and a name that is no part fails every
//! night.

use std::{collections::BTreeSet, fs, path::Path};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

fn root() -> &'static Path {
    Path::new(ROOT)
}

/// Each file of workflows, with its name.
fn workflows() -> Vec<(String, String)> {
    let files = fs::read_dir(root().join(".github/workflows")).unwrap().map(|file| file.unwrap().path());
    let read: Vec<_> = files
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(&path).unwrap())
        })
        .collect();
    assert!(!read.is_empty());
    read
}

/// The labels of the one `case` of the script, but for the last, which is for every other word.
fn parts(script: &str) -> BTreeSet<String> {
    let (_, cases) = script.split_once("\ncase ").unwrap();
    let labels = cases.lines().filter_map(|line| Some(line.split_once(')')?.0));
    labels.filter(|label| is_part(label)).map(String::from).collect()
}

fn is_part(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

/// The entries of each list with the name `part`, in a line or one below the other.
fn matrix(workflow: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut lines = workflow.lines().map(str::trim).peekable();
    while let Some(line) = lines.next() {
        let Some(list) = line.strip_prefix("part:") else { continue };
        entries.extend(list.trim().trim_matches(['[', ']']).split(',').map(|one| one.trim().to_string()));
        while let Some(entry) = lines.next_if(|line| line.starts_with("- ")) {
            entries.push(entry[2..].trim().to_string());
        }
    }
    entries.retain(|entry| !entry.is_empty());
    entries
}

/// The words behind the script in each line that runs it.
fn runs<'a>(workflow: &'a str, script: &str) -> Vec<&'a str> {
    let lines = workflow.lines().map(str::trim).filter(|line| line.contains("run:"));
    lines.filter_map(|line| Some(line.split_once(script)?.1.trim())).collect()
}

#[test]
fn each_part_of_what_takes_long_is_in_one_workflow() {
    let script = fs::read_to_string(root().join(".ci/long")).unwrap();
    let parts = parts(&script);
    assert!(parts.len() > 15, "{parts:?}");
    let mut run = BTreeSet::new();
    for (name, workflow) in workflows() {
        let calls = runs(&workflow, ".ci/long");
        for call in &calls {
            let takes_its_part = *call == "${{ matrix.part }}";
            assert!(
                takes_its_part || parts.contains(*call),
                "{name} runs .ci/long with {call:?}, which is no part"
            );
            assert!(!takes_its_part || !matrix(&workflow).is_empty(), "{name} has no list of parts");
        }
        let named = if calls.contains(&"${{ matrix.part }}") { matrix(&workflow) } else { Vec::new() };
        let called = calls.iter().filter(|call| is_part(call)).map(|call| (*call).to_string());
        for part in called.chain(named) {
            assert!(parts.contains(&part), "{name} names {part}, which is no part of .ci/long");
            assert!(run.insert(part.clone()), "{part} is run twice");
        }
    }
    let never: Vec<_> = parts.difference(&run).collect();
    assert!(never.is_empty(), "no workflow runs these parts of .ci/long: {never:?}");
}

/// Its usage is made of the comments behind the labels.
#[test]
#[cfg(unix)]
fn without_a_part_it_names_each() {
    let script = fs::read_to_string(root().join(".ci/long")).unwrap();
    let output = std::process::Command::new("bash").arg(".ci/long").current_dir(root()).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let usage = String::from_utf8(output.stdout).unwrap();
    for part in parts(&script) {
        assert!(usage.contains(&format!("\n   {part}: ")), "{part} has no description: {usage}");
    }
}

#[test]
fn each_script_that_a_workflow_runs_exists() {
    let mut seen = 0;
    for (name, workflow) in workflows() {
        for (at, _) in workflow.match_indices(".ci/") {
            let rest = &workflow[at..];
            let end =
                rest.find(|c: char| !(c.is_ascii_alphanumeric() || "./-".contains(c))).unwrap_or(rest.len());
            assert!(root().join(&rest[..end]).is_file(), "{name} names {}", &rest[..end]);
            seen += 1;
        }
    }
    assert!(seen > 3);
}
