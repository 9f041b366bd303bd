//! What `docs/guarantees.md` promises, and what `docs/incidents.md` says, is shown by the tests that they name.

use std::{fs, path::Path};

/// The sections of protocols, in the order of the columns of the other page: the crates whose tests are named there.
const PROTOCOLS: &[(&str, &str)] = &[
    ("HTTP", "cloudevents-http"),
    ("Kafka", "cloudevents-kafka"),
    ("AMQP 1.0", "cloudevents-amqp"),
    ("RabbitMQ", "cloudevents-rabbitmq"),
    ("NATS", "cloudevents-nats"),
    ("JetStream", "cloudevents-nats"),
    ("MQTT", "cloudevents-mqtt"),
    ("WebSockets", "cloudevents-websockets"),
];

#[test]
fn every_promise_of_a_protocol_is_backed_by_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    for (protocol, name) in PROTOCOLS {
        let section = page.split(&format!("\n## {protocol}\n")).nth(1).expect(protocol);
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows.len() > 25, "{protocol}: {} rows were read", rows.len());
        for row in rows.iter().filter(|row| !row.ends_with("| tests |")) {
            let tests = links(row);
            assert!(!tests.is_empty(), "{protocol}: no test backs: {row}");
            for (path, file, test) in tests {
                let text = fs::read_to_string(root.join("docs").join(path)).unwrap_or_default();
                assert!(text.contains(&format!("fn {test}")), "{protocol}: there is no {test} in {path}");
                let own = format!("../crates/{name}/");
                let runs = root.join("crates").join(name).join("tests/it").join(file).with_extension("rs");
                assert!(path.starts_with(&own) || runs.exists(), "{protocol} does not run {file}::{test}");
            }
        }
    }
}

/// The links of a text whose title is the name of a test: path, file and test.
fn links(text: &str) -> Vec<(&str, &str, &str)> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| {
            let (path, title) = rest.split(')').next()?.split_once(" \"")?;
            let (file, test) = title.trim_end_matches('"').split_once("::")?;
            Some((path, file, test))
        })
        .collect()
}

#[test]
fn every_incident_is_backed_by_tests_that_exist_or_said_to_be_untested() {
    assert!(tests_of("docs/incidents.md", "not tested") > 50);
}

/// Checks the tables of a page, of which cells that begin like this name no test. Returns how many tests are named.
fn tests_of(page: &str, unbacked: &str) -> usize {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let page = read(page);
    let contract = read("crates/cloudevents-transport/src/contract/mod.rs");
    let contract: Vec<&str> = contract.split("all! {").nth(1).unwrap().lines().map(str::trim).collect();
    let incidents = read("crates/cloudevents-testkit/src/incidents/mod.rs");
    let incidents: Vec<&str> =
        incidents.split("let checks").nth(1).unwrap().split('"').skip(1).step_by(2).collect();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| | ")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        assert_eq!(cells.len(), PROTOCOLS.len() + 1, "{row}");
        for (cell, (_, name)) in
            cells[1..].iter().zip(PROTOCOLS).filter(|(cell, _)| !cell.starts_with(unbacked))
        {
            let tests: Vec<(&str, &str)> =
                cell.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
            assert!(!tests.is_empty(), "no test backs: {cell}");
            for (file, test) in tests {
                let path = root.join("crates").join(name).join("tests/it").join(file).with_extension("rs");
                let text = fs::read_to_string(&path).unwrap_or_default();
                let is_check = match file {
                    "contract" => contract.contains(&test),
                    "incidents" => incidents.contains(&test),
                    _ => false,
                };
                assert!(
                    is_check && !text.is_empty() || text.contains(&format!("fn {test}(")),
                    "{name} has no test {file}::{test}"
                );
                named += 1;
            }
        }
    }
    named
}

#[test]
fn every_guarantee_of_run_is_backed_by_tests_that_exist() {
    let tests = "cloudevents-transport/tests/it";
    list_is_backed("What `run` guarantees", &[tests, "cloudevents-transport/tests/it/simulation"]);
}

#[test]
fn every_guarantee_of_the_outbox_is_backed_by_tests_that_exist() {
    list_is_backed("The outbox and the inbox", &["cloudevents-outbox/tests/it"]);
}

#[test]
fn every_guarantee_of_webhooks_is_backed_by_tests_that_exist() {
    list_is_backed("Webhooks", &["cloudevents-webhook/tests/it"]);
}

#[test]
fn every_guarantee_of_the_bridge_is_backed_by_tests_that_exist() {
    let folders =
        ["cloudevents-transport/tests/it/bridge", "cloudevents-cli/tests/it", "cloudevents-http/tests/it"];
    list_is_backed("The bridge", &folders);
}

/// Every item of the section's list names tests, and each is in one of the folders.
fn list_is_backed(heading: &str, folders: &[&str]) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let items: Vec<&str> = section.split("\n- ").skip(1).collect();
    assert!(items.len() > 5, "the list was not read: {} items", items.len());
    for item in items {
        let tests: Vec<(&str, &str)> =
            item.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect();
        assert!(!tests.is_empty(), "no test backs: {item}");
        for (file, test) in tests {
            let is_there = folders.iter().any(|folder| {
                let folder = root.join("crates").join(folder);
                let files = [
                    folder.join(file).with_extension("rs"),
                    folder.join(file).join("mod.rs"),
                    folder.join("named.rs"),
                ];
                let text: String = files.iter().filter_map(|file| fs::read_to_string(file).ok()).collect();
                text.contains(&format!("fn {test}(")) || text.contains(&format!("fn {test}<"))
            });
            assert!(is_there, "{folders:?} have no test {file}::{test}");
        }
    }
}
