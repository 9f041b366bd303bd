//! Documents of other systems, which `--from` reads.

use crate::program::{GOOD, ce, ce_with, file};
use serde_json::{Value, json};

const GRID: &str = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":{"n":1.50}}"#;

#[test]
fn are_read_by_name() {
    let path = file("grid.json", &format!("[{GRID},\n{GRID}]\n"));
    let read = ce(&["convert", "--from", "event-grid", path.to_str().unwrap()]);
    assert_eq!((read.status, read.out.lines().count()), (0, 2), "{}", read.err);
    let event: Value = serde_json::from_str(read.out.lines().next().unwrap()).unwrap();
    assert_eq!([&event["id"], &event["source"], &event["type"]], ["7", "/t", "Blob"]);
    assert!(read.out.contains(r#""data":{"n":1.50}"#), "{}", read.out);
    // What it is not is an error with its place.
    let wrong = ce_with(&["convert", "--from", "aws-s3"], GRID);
    assert_eq!(wrong.status, 1);
    assert!(wrong.err.contains("it is not an event notification of Amazon S3"), "{}", wrong.err);
}

#[test]
fn are_told_apart_from_events() {
    let mixed = format!("{GOOD}\n{GRID}\n[{GRID}]\n");
    let read = ce_with(&["convert", "--from", "auto"], &mixed);
    assert_eq!(read.status, 0, "{}", read.err);
    let ids = read.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone());
    let good: Value = serde_json::from_str(GOOD).unwrap();
    assert_eq!(ids.collect::<Vec<_>>(), [good["type"].clone(), json!("Blob"), json!("Blob")]);
}

#[test]
fn are_named_in_one_line() {
    for input in [GRID.to_owned(), format!("[{GRID}]"), format!("{GRID}\n{GRID}\n")] {
        let read = ce_with(&["validate"], &input);
        assert_eq!(read.status, 1);
        let errors: Vec<_> = read.err.lines().filter(|line| line.contains("error")).collect();
        assert!(
            errors.iter().all(|line| line.contains("it is an event in the schema of Azure Event Grid")),
            "{}",
            read.err
        );
        assert!(read.err.contains("`ce convert --from event-grid`"), "{}", read.err);
        assert!(!read.err.contains("specversion"), "{}", read.err);
    }
    let read = ce_with(&["decode"], GRID);
    assert!(read.status == 1 && read.err.contains("`ce convert --from event-grid`"), "{}", read.err);
}
