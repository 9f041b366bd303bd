//! `docs/carriers.md` has a line for each binding and each row of carriers, and names only what exists.

use cloudevents_kit::{SCHEMES, carriers::CARRIERS};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The cells of each line: the system, the crates and rows, modes, settling, tests.
fn lines() -> Vec<[String; 5]> {
    let page = fs::read_to_string(docs().join("carriers.md")).unwrap();
    // The table of rows is a test's of `cloudevents-carriers`.
    let is_line = |line: &&str| {
        line.starts_with("| ")
            && !["| system |", "| row |", "| `"].iter().any(|other| line.starts_with(other))
    };
    let lines = page.lines().filter(is_line);
    let lines: Vec<[String; 5]> = lines
        .map(|line| {
            let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
            assert_eq!(cells.len(), 7, "{line}");
            std::array::from_fn(|at| cells[at + 1].clone())
        })
        .collect();
    assert!(lines.len() > 40, "{} lines", lines.len());
    lines
}

#[test]
fn each_binding_and_each_row_has_a_line_and_no_line_names_another() {
    let rows: BTreeSet<&str> = CARRIERS.iter().map(|carrier| carrier.name).collect();
    let bindings: BTreeSet<String> =
        SCHEMES.iter().map(|known| format!("cloudevents-{}", known.binding)).collect();
    assert!(rows.len() > 10 && bindings.len() >= 10, "{rows:?} {bindings:?}");
    let (mut named_rows, mut named_crates, mut systems) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for [system, served, ..] in lines() {
        assert!(systems.insert(system.clone()), "{system} has two lines");
        named_rows
            .extend(served.split("row `").skip(1).map(|rest| rest.split('`').next().unwrap().to_owned()));
        named_crates.extend(crates(&served));
    }
    let named: BTreeSet<&str> = named_rows.iter().map(String::as_str).collect();
    assert_eq!(named, rows, "the rows of the page and those of cloudevents-carriers differ");
    for binding in &bindings {
        assert!(named_crates.contains(binding), "no line names {binding}");
    }
    for name in &named_crates {
        assert!(docs().join("../crates").join(name).join("Cargo.toml").exists(), "there is no crate {name}");
    }
}

/// A system is served, and has a test or says that it has none, or it is refused with a reason.
#[test]
fn each_line_is_whole() {
    for [system, served, modes, settled, shown] in lines() {
        if let Some(reason) = served.strip_prefix("refused") {
            assert!(reason.contains(": ") && reason.len() > 20, "{system}: no reason");
            assert_eq!([modes, settled, shown], [""; 3], "{system}");
            continue;
        }
        assert!(crates(&served).next().is_some(), "{system}: no crate");
        assert!(!modes.is_empty() && !settled.is_empty(), "{system}");
        if shown == "not tested" {
            continue;
        }
        let (test, rest) = shown.strip_prefix('[').and_then(|rest| rest.split_once("](")).unwrap();
        let path = rest.split(')').next().unwrap();
        let (module, function) = test.rsplit_once("::").unwrap();
        let text =
            fs::read_to_string(docs().join(path)).unwrap_or_else(|error| panic!("{system}: {path}: {error}"));
        assert!(text.contains(&format!("fn {function}(")), "{system}: {path} has no test {function}");
        assert!(path.ends_with(&format!("/{module}.rs")), "{system}: {test} is not in {path}");
    }
}

/// A line with modes of a row has all of them.
#[test]
fn modes_are_those_of_the_row() {
    for [system, served, modes, settled, _] in lines() {
        let Some(row) = served.split("row `").nth(1).map(|rest| rest.split('`').next().unwrap()) else {
            continue;
        };
        let carrier = CARRIERS.iter().find(|carrier| carrier.name == row).unwrap();
        let expected: Vec<&str> = carrier.modes.iter().map(|mode| mode.as_str()).collect();
        assert_eq!(modes, expected.join(", "), "{system}");
        assert_eq!(settled, "by your client", "{system}");
    }
}

/// The table of the README is that of the rows.
#[test]
fn the_readme_has_the_rows() {
    let readme = fs::read_to_string(docs().join("../crates/cloudevents-carriers/README.md")).unwrap();
    for carrier in CARRIERS {
        let line = readme.lines().find(|line| line.starts_with(&format!("| `{}` |", carrier.name)));
        let line = line.unwrap_or_else(|| panic!("no line has {}", carrier.name));
        let modes: Vec<&str> = carrier.modes.iter().map(|mode| mode.as_str()).collect();
        assert!(line.contains(&format!("| {} |", modes.join(", "))), "{line}");
        let prefix =
            if carrier.prefix.is_empty() { "| |".to_owned() } else { format!("| `{}` |", carrier.prefix) };
        assert!(line.contains(&prefix), "{line}");
    }
}

fn crates(cell: &str) -> impl Iterator<Item = String> {
    cell.split("[`cloudevents-")
        .skip(1)
        .map(|rest| format!("cloudevents-{}", rest.split('`').next().unwrap()))
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}
