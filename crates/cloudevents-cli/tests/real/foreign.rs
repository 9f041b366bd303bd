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
        assert!(read.err.contains("`--from event-grid`"), "{}", read.err);
        assert!(!read.err.contains("specversion"), "{}", read.err);
    }
    let read = ce_with(&["decode"], GRID);
    assert!(read.status == 1 && read.err.contains("`ce convert --from event-grid`"), "{}", read.err);
    let read = ce_with(&["decode"], &format!("[{GRID}]"));
    assert!(read.status == 1 && read.err.contains("`ce convert --from event-grid`"), "{}", read.err);
    // Where a system has no event, it is said what to do about it.
    let read = ce_with(&["validate"], r#"{"op":"c","source":{"connector":"postgresql"}}"#);
    let helps = read.err.contains("CloudEventsConverter") && read.err.contains("--map");
    assert!(helps && !read.err.contains("--from"), "{}", read.err);
}

#[test]
fn in_bodies_of_messages_are_named() {
    let raw = format!(
        "POST / HTTP/1.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{GRID}",
        GRID.len()
    );
    let kcat =
        json!({"topic": "t", "partition": 0, "offset": 5, "headers": [], "key": null, "payload": GRID});
    let object = json!({"headers": {"content-type": "application/json"}, "body": GRID});
    let amqp = json!({"via": "amqp", "message": {"properties": {}, "application-properties": [],
        "body": {"data": [{"text": GRID}]}}});
    for input in [raw, kcat.to_string(), object.to_string(), amqp.to_string()] {
        let read = ce_with(&["decode"], &input);
        assert_eq!(read.status, 1, "{input}");
        let words = "it is an event in the schema of Azure Event Grid: `ce convert --from event-grid` makes events of its body";
        assert!(read.err.contains(words), "{}", read.err);
    }
    // A message that bears a mark has a fault of its own.
    let marked = json!({"headers": {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/s"}, "body": GRID});
    let read = ce_with(&["decode"], &marked.to_string());
    assert!(read.status == 1 && !read.err.contains("Event Grid"), "{}", read.err);
}

const ROW: &str = r#"{"name": "shop", "what": "an order", "reference": "the wiki", "mappings": [
    {"where": {"order": "*"}, "id": "{order.number}", "source": "/shop", "type": "order", "data": "order"}]}"#;
const ORDER: &str = r#"{"order":{"number":7,"total":1.50}}"#;

#[test]
fn are_read_by_rows_of_the_users_own() {
    let grid = ROW
        .replace("shop", "grid")
        .replace(r#""order": "*""#, r#""eventType": "*""#)
        .replace("order.number", "id");
    for (map, arguments, input, expected) in [
        (ROW.to_owned(), &[][..], format!("{ORDER}\n{GOOD}\n{GRID}\n"), vec!["order", "t", "Blob"]),
        (ROW.to_owned(), &["--from", "shop"], ORDER.to_owned(), vec!["order"]),
        (ROW.to_owned(), &["--from", "aws-s3"], ORDER.to_owned(), vec![]),
        (ROW.to_owned(), &["--from", "auto"], r#"{"n":1}"#.to_owned(), vec![]),
        (ROW.to_owned(), &["--from", "json"], GOOD.to_owned(), vec!["t"]),
        // The user's own come first.
        (
            format!("[{ROW},{grid}]"),
            &["--from", "auto"],
            format!("[{ORDER}]{GRID}{GOOD}"),
            vec!["order", "order", "t"],
        ),
        (format!("[{ROW},{grid}]"), &["--from", "grid"], GRID.to_owned(), vec!["order"]),
    ] {
        let map = file("map.json", &map);
        let read = ce_with(&[&["convert", "--map", map.to_str().unwrap()], arguments].concat(), &input);
        let types: Vec<_> =
            read.lines().iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect();
        let is_told = read.err.contains("no adapter fits the document");
        assert_eq!(is_told, expected.is_empty() && !arguments.contains(&"aws-s3"), "{}", read.err);
        assert_eq!(
            (types, read.status),
            (expected.iter().map(|ty| (*ty).to_owned()).collect(), i32::from(expected.is_empty())),
            "{}",
            read.err
        );
    }
}

#[test]
fn are_read_by_rows_of_the_users_own_in_each_command() {
    let (map, order) = (file("map.json", ROW), file("order.json", ORDER));
    let (map, order) = (map.to_str().unwrap(), order.to_str().unwrap());
    for (command, words) in [
        (&["convert", order][..], r#""id":"7""#),
        (&["validate", order], r#""valid":true"#),
        (&["inspect", order], "1.50"),
        (&["filter", "type = 'order'", order], r#""id":"7""#),
        (&["sql", "type", order], "order"),
        (&["encode", order], "7"),
        (&["send", "http://localhost/", "--dry-run", order], "7"),
        (&["catalog", "infer", order], "order"),
    ] {
        let ran = ce(&[command, &["--map", map]].concat());
        assert!(ran.status == 0 && (ran.out + &ran.err).contains(words), "{command:?}");
    }
    // A pipe is read once, for all files.
    let ran = ce_with(&["convert", "--map", "-", order, order], ROW);
    assert_eq!((ran.status, ran.out.lines().count()), (0, 2), "{}", ran.err);
}

#[test]
fn rows_with_mistakes_are_shown_at_their_place() {
    let read = |map: &str, arguments: &[&str]| {
        let map = file("map.json", map);
        let ran = ce_with(&[&["convert", "--map", map.to_str().unwrap()], arguments].concat(), ORDER);
        assert_eq!((ran.status, ran.out.as_str()), (2, ""), "{}", ran.err);
        ran.err
    };
    for (from, to, place, words) in [
        (r#""source""#, r#""sorce""#, "map.json:2:", "unknown field `sorce`"),
        (r#""source": "/shop", "#, "", "map.json:2:", "a mapping has no `source`"),
        ("{order.number}", "{order.number", "map.json:2:", "a brace without its end"),
        ("]}", "]", "map.json:2:", "EOF"),
        (r#""shop", "#, r#""shop" "#, "map.json:1:", "expected"),
    ] {
        let err = read(&ROW.replace(from, to), &[]);
        assert!(err.contains(place) && err.contains(words), "{to}: {err}");
    }
    assert!(read("[]", &[]).contains("has no adapter"));
    assert!(read(&format!("[{ROW},{ROW}]"), &[]).contains("two adapters have the name `shop`"));
    assert!(read(&ROW.replace("shop", "json"), &[]).contains("cannot have the name `json`"));
    let err = read(ROW, &["--from", "shops"]);
    assert!(
        err.contains("no adapter with the name `shops`") && err.contains("auto, shop, argo-events"),
        "{err}"
    );
    let ran = ce(&["convert", "--from", "shop"]);
    assert!(ran.status == 2 && ran.err.contains("`--map FILE` adds one"), "{}", ran.err);
    let ran = ce(&["convert", "--map", "no-such-file"]);
    assert!(ran.status == 2 && ran.err.contains("no-such-file"), "{}", ran.err);
}
