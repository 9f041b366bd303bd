//! What `docs/guarantees.md` promises, and what `docs/incidents.md` says, is shown by the tests that they name.

use std::{fs, path::Path};

/// The sections of protocols: the crates whose tests are named there.
const PROTOCOLS: &[(&str, &str)] = &[
    ("HTTP", "cloudevents-http"),
    ("Kafka", "cloudevents-kafka"),
    ("AMQP 1.0", "cloudevents-amqp"),
    ("RabbitMQ", "cloudevents-rabbitmq"),
    ("NATS", "cloudevents-nats"),
    ("JetStream", "cloudevents-nats"),
    ("MQTT", "cloudevents-mqtt"),
    ("Redis Streams", "cloudevents-redis"),
    ("Amazon SQS", "cloudevents-sqs"),
    ("pgmq", "cloudevents-pgmq"),
    ("WebSockets", "cloudevents-websockets"),
];

#[test]
fn every_promise_of_a_protocol_is_backed_by_tests_that_exist() {
    rows_are_backed("docs/guarantees.md", 25);
}

#[test]
fn every_incident_is_backed_by_tests_that_exist_or_said_to_be_untested() {
    rows_are_backed("docs/incidents.md", 10);
}

/// Every row of the tables of protocols links tests, or says that it is not tested. There are more rows for each protocol than this.
fn rows_are_backed(page: &str, least: usize) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join(page)).unwrap();
    for (protocol, name) in PROTOCOLS {
        let section = page.split(&format!("\n## {protocol}\n")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows: Vec<&str> = section.lines().filter(|line| line.starts_with("| ")).collect();
        assert!(rows.len() > least, "{protocol}: {} rows were read", rows.len());
        for row in rows.iter().filter(|row| !row.ends_with("| tests |")) {
            let tests = links(row);
            let is_said = row.contains("| not tested") || row.contains("| does not apply: ");
            assert!(!tests.is_empty() || is_said, "{protocol}: no test backs: {row}");
            for link in tests {
                exists(&root, link);
                let (path, file, test) = link;
                let own = format!("../crates/{name}/");
                let tests = root.join("crates").join(name).join("tests");
                let runs = |lane: &str| tests.join(lane).join(file).with_extension("rs").exists();
                assert!(
                    path.starts_with(&own) || runs("it") || runs("real"),
                    "{protocol} does not run {file}::{test}"
                );
            }
        }
    }
}

/// The links of a text whose title is the name of a test: path, file and test.
fn links(text: &str) -> Vec<(&str, &str, &str)> {
    let titled = text.split("](").skip(1).filter_map(|rest| {
        let (path, title) = rest.split(')').next()?.split_once(" \"")?;
        let (file, test) = title.trim_end_matches('"').split_once("::")?;
        Some((path, file, test))
    });
    titled.collect()
}

/// A test is a function; a check of incidents has its name in a list.
fn exists(root: &Path, (path, file, test): (&str, &str, &str)) {
    let text = fs::read_to_string(root.join("docs").join(path)).unwrap_or_default();
    let names = [format!("fn {test}("), format!("fn {test}<"), format!("\"{test}\"")];
    assert!(names.iter().any(|name| text.contains(name)), "there is no {file}::{test} in {path}");
}

#[test]
fn every_item_of_the_lists_is_backed_by_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/guarantees.md")).unwrap();
    for heading in ["What `run` guarantees", "The outbox and the inbox", "Webhooks", "The bridge"] {
        let section = page.split(&format!("\n## {heading}\n")).nth(1).unwrap();
        let section = section.split("\n## ").next().unwrap();
        let items: Vec<&str> = section.split("\n- ").skip(1).collect();
        assert!(items.len() > 5, "{heading}: {} items were read", items.len());
        for item in items {
            let tests = links(item);
            assert!(!tests.is_empty(), "{heading}: no test backs: {item}");
            tests.into_iter().for_each(|link| exists(&root, link));
        }
    }
}
