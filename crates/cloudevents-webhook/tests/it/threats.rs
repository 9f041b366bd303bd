//! What the threat model of `docs/webhooks-threats.md` promises is shown by the tests that it names.

use std::{fs, path::Path};

#[test]
fn every_defence_is_backed_by_tests_that_exist() {
    let crate_ = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(crate_.join("../../docs/webhooks-threats.md")).unwrap();
    let mut defences = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| threat")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 3, "{row}");
        let tests: Vec<(&str, &str)> =
            cells[2].split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
        assert!(!tests.is_empty(), "no test backs: {row}");
        for (file, test) in tests {
            let is_in = |folder: &str| {
                let path = crate_.join(folder).join(file).with_extension("rs");
                fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {test}(")))
            };
            let is_there = ["tests/it", "tests/real", "src/guard"].into_iter().any(is_in);
            assert!(is_there, "there is no test {file}::{test}");
        }
        defences += 1;
    }
    assert!(defences > 15, "the tables were not read: {defences} rows");
}
