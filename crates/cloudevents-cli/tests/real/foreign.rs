//! Documents of other systems, which `--from` reads.

use crate::program::{GOOD, ce, ce_with, file};
use cloudevents_kit::adapters::adapters;
use serde_json::{Value, json};

const GRID: &str = r#"{"topic":"/t","subject":"s","eventType":"Blob","eventTime":"2017-06-26T18:41:00Z","id":"7","data":{"n":1.50}}"#;

#[test]
fn are_read_by_name() {
    let path = file("grid.json", format!("[{GRID},\n{GRID}]\n"));
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
    let read = ce_with(&["decode"], format!("[{GRID}]"));
    assert!(read.status == 1 && read.err.contains("`ce convert --from event-grid`"), "{}", read.err);
    // Where a system has no event, it is said what to do about it.
    let read = ce_with(&["validate"], r#"{"op":"c","source":{"connector":"postgresql"}}"#);
    let helps = read.err.contains("CloudEventsConverter") && read.err.contains("--map");
    assert!(helps && !read.err.contains("--from"), "{}", read.err);
}

/// An adapter reads an array of documents, and no array within it.
#[test]
fn within_arrays_of_arrays_are_not_named() {
    let read = ce_with(&["convert"], format!("[[{GRID}]]"));
    assert!(read.status == 1 && !read.err.contains("makes events of it"), "{}", read.err);
}

/// As `ce decode` has it. The name is one that the converter of Debezium may write.
#[test]
fn an_event_with_a_mistake_has_the_help_of_decode() {
    let event = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t","my_name":"x"}"#;
    let repairs = "--lenient=dropped-name reads it without the attribute; it may be from debezium-3";
    for (arguments, is_either) in [(&["convert"][..], false), (&["convert", "--from", "auto"], true)] {
        let read = ce_with(arguments, event);
        let unwrapped = read.err.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(read.status == 1 && unwrapped.contains(repairs), "{}", read.err);
        assert_eq!(unwrapped.contains("no adapter fits the document, either"), is_either, "{}", read.err);
    }
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
    let read = ce_with(&["decode"], marked.to_string());
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
        .replace("order.number", "id")
        .replace(r#""data": "order""#, r#""data": "data""#);
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

const PAGE: &str = include_str!("../../../../docs/adapters.md");

/// The table of `docs/adapters.md` has the names of the program, in their order, and their documents.
#[test]
fn the_page_has_each_name() {
    let (_, table) = PAGE.split_once("\n| name | documents | becomes |\n|---|---|---|\n").unwrap();
    let rows: Vec<_> = table.lines().take_while(|line| !line.is_empty()).collect();
    let wanted = adapters().iter().map(|adapter| format!("| `{}` | {} | ", adapter.name(), adapter.what()));
    assert_eq!(rows.len(), adapters().len());
    for (row, wanted) in rows.iter().zip(wanted) {
        assert!(row.starts_with(&wanted), "{row}\n{wanted}");
    }
    for adapter in adapters() {
        let row = rows.iter().find(|row| row.contains(&format!("| `{}` |", adapter.name()))).unwrap();
        assert_eq!(row.contains("named, not converted"), !adapter.makes_events(), "{row}");
    }
    // An error lists the same names.
    let ran = ce(&["convert", "--from", "no-such"]);
    assert!(ran.err.contains("couchdb, debezium, gitea are named, and not converted"), "{}", ran.err);
    for command in ["convert", "listen", "bridge"] {
        assert!(ce(&[command, "--help"]).out.contains("docs/adapters.md"), "{command}");
    }
}

/// The example of `docs/adapters.md`.
#[test]
fn the_map_of_the_page_makes_its_events() {
    let [_, map, document] = blocks();
    let events = PAGE.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let (map, order) = (file("orders.json", map), file("order.json", document));
    let (map, order) = (map.to_str().unwrap(), order.to_str().unwrap());
    let ran = ce(&["convert", "--map", map, order]);
    assert_eq!((ran.status, ran.out.as_str()), (0, events), "{}", ran.err);
    let lacking = document.replace(r#""customer": "c-42", "#, "");
    let ran = ce_with(&["convert", "--map", map], &lacking);
    assert_eq!((ran.status, ran.out.as_str()), (1, ""));
    let words = [
        "attribute `partitionkey`",
        "`$.customer` is not there",
        "`{$.customer?}` leaves `partitionkey` out then",
    ];
    assert!(words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
}

/// The blocks of JSON of the page.
fn blocks() -> [&'static str; 3] {
    let blocks: Vec<_> =
        PAGE.split("```json\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    blocks.try_into().unwrap()
}

#[test]
fn the_map_of_the_page_leaves_out_the_subject_of_sns() {
    let [map, ..] = blocks();
    let map = file("sns.json", map);
    let message = r#"{"specversion":"1.0","id":"7","source":"/s","type":"t"}"#;
    let sns = json!({"Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:eu-central-1:1:T", "Subject": "S",
        "Message": message, "MessageAttributes": {"tenant": {"Type": "String", "Value": "t7"}}});
    let ran = ce_with(&["convert", "--exact", "--map", map.to_str().unwrap()], sns.to_string());
    let event: Value = serde_json::from_str(&ran.out).expect(&ran.err);
    assert_eq!(
        [&event["id"], &event["tenant"], &event["subject"]],
        [&json!("7"), &json!("t7"), &json!(null)]
    );
    let lossy = sns.to_string().replace("tenant", "my_tenant");
    let ran = ce_with(&["convert", "--exact", "--map", map.to_str().unwrap()], lossy);
    assert!(ran.status == 1 && ran.err.contains("not carried: `MessageAttributes.my_tenant`"), "{}", ran.err);
}

#[test]
fn without_an_event_or_with_copies_are_named() {
    let map = file(
        "map.json",
        r#"{"name": "shop", "what": "w", "reference": "r", "mappings": [
        {"where": {"lines": "*"}, "each": "lines", "id": "{no}", "source": "/s", "type": "t"}]}"#,
    );
    let map = map.to_str().unwrap();
    let ran = ce_with(&["convert", "--map", map], r#"{"lines":[]}"#);
    assert_eq!((ran.status, ran.out.as_str()), (0, ""));
    assert!(ran.err.contains("WARN") && ran.err.contains("a document has no event"), "{}", ran.err);
    let ran = ce_with(&["convert", "--map", map], r#"{"lines":[{"no":1},{"no":2},{"no":1},{"no":1}]}"#);
    assert_eq!((ran.status, ran.out.lines().count()), (0, 4), "{}", ran.err);
    let words = ["one source and id", "copies=2", "id=\"1\"", "source=\"/s\""];
    assert!(words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
    let ran = ce_with(&["convert", "--map", map], r#"{"lines":[{"no":1},{"no":2}]}"#);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""));
    // In a bridge, they are counted.
    let input = file("in.jsonl", "{\"lines\":[]}\n{\"lines\":[{\"no\":1}]}\n{\"lines\":[]}\n");
    let (from, to) =
        (format!("file:{}", input.display()), format!("file:{}", file("out.jsonl", "").display()));
    let ran = ce(&["bridge", &from, &to, "--map", map]);
    assert_eq!(ran.status, 0, "{}", ran.err);
    assert!(ran.err.ends_with("1 message moved, 0 refused, 2 without an event\n"), "{}", ran.err);
}

#[test]
fn parts_beside_an_event_are_carried_or_named() {
    let push = r#"{"message":{"attributes":{"ce-specversion":"1.0","ce-id":"g1","ce-source":"/s","ce-type":"t","tenant":"t7","my_key":"x"},
        "messageId":"1","orderingKey":"customer-7"},"subscription":"projects/p/subscriptions/s"}"#;
    let ran = ce_with(&["convert", "--from", "google-pubsub-push"], push);
    let event: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!([&event["partitionkey"], &event["tenant"]], ["customer-7", "t7"]);
    let words = ["WARN", "standard input:1", "not carried", "message.attributes.my_key"];
    assert!(ran.status == 0 && words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
    let ran = ce_with(&["convert", "--from", "google-pubsub-push"], push.replace("my_key", "mykey"));
    assert!(ran.status == 0 && ran.out.contains(r#""mykey":"x""#) && ran.err.is_empty(), "{}", ran.err);
}

/// S3 writes this `Subject` on each notification. The target is a file, and losses are refused by default.
#[test]
fn a_notification_of_s3_in_sns_crosses_a_bridge() {
    let record = json!({"eventSource": "aws:s3", "awsRegion": "eu-central-1", "eventTime": "2024-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put", "responseElements": {"x-amz-request-id": "R1", "x-amz-id-2": "I2"},
        "s3": {"bucket": {"name": "b"}, "object": {"key": "k"}}});
    let message = json!({"Records": [record]}).to_string();
    let sns = |subject: &str| {
        let notification = json!({"Type": "Notification", "MessageId": "n1", "TopicArn": "arn:aws:sns:eu-central-1:1:T", "Subject": subject,
            "Message": message});
        format!("{notification}\n")
    };
    let bridge = |subject: &str| {
        let (from, to) = (file("sns.jsonl", sns(subject)), file("moved.jsonl", ""));
        let (from, to) = (format!("file:{}", from.display()), format!("file:{}", to.display()));
        ce(&["bridge", &from, &to, "--from", "auto"])
    };
    let ran = bridge("Amazon S3 Notification");
    assert!(ran.status == 0 && ran.err.contains("1 message moved, 0 refused"), "{}", ran.err);
    let ran = bridge("a subject of a publisher");
    // The help of the error, too.
    let has_map = "docs/adapters.md has a map for one part";
    let words = ["0 messages moved, 1 refused", "not carried: `Subject`", "`--losses log`", has_map];
    assert!(ran.status == 1 && words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
}

#[test]
fn of_github_and_stripe_are_named() {
    let body = r#"{"action":"opened","issue":{"number":7},"repository":{"url":"https://api.github.com/repos/octo/hello"}}"#;
    let request = format!(
        "POST /hook HTTP/1.1\r\nX-GitHub-Event: issues\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let ran = ce_with(&["decode"], &request);
    let words = "it is a webhook of GitHub: `ce listen URL --from github` makes events of such requests";
    assert!(ran.status == 1 && ran.err.contains(words), "{}", ran.err);
    // The text of the request has the header.
    for from in ["github", "auto"] {
        let ran = ce_with(&["convert", "--from", from], &request);
        assert!(ran.status == 0 && ran.out.contains("com.github.issues.opened"), "{}", ran.err);
    }
    let ran = ce_with(&["convert"], &request);
    let words = ["is HTTP as text", "`ce decode`", "`--from`"];
    assert!(ran.status == 2 && words.iter().all(|words| ran.err.contains(words)), "{}", ran.err);
    // A webhook whose content type is a form.
    let form = "payload=%7B%22action%22%3A%22opened%22%7D";
    let request = format!(
        "POST /hook HTTP/1.1\r\nX-GitHub-Event: issues\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    for (command, input) in [
        (&["convert", "--from", "github"][..], form),
        (&["convert", "--from", "github"], request.as_str()),
        (&["convert", "--from", "auto"], request.as_str()),
        (&["decode"], request.as_str()),
    ] {
        let ran = ce_with(command, input);
        let words = ["its body is a form", "`application/json`", "at GitHub"];
        assert!(
            ran.status == 1 && words.iter().all(|words| ran.err.contains(words)),
            "{command:?}: {}",
            ran.err
        );
    }
    let stripe = r#"{"id":"evt_1","object":"event","api_version":"2019-02-19","created":1686089970,"type":"invoice.paid"}"#;
    for (command, how) in [("decode", "`ce convert --from stripe`"), ("validate", "`--from stripe`")] {
        let ran = ce_with(&[command], stripe);
        assert!(
            ran.status == 1 && ran.err.contains("it is an event of Stripe") && ran.err.contains(how),
            "{}",
            ran.err
        );
    }
    let ran = ce_with(&["convert", "--from", "stripe"], stripe);
    assert!(ran.status == 0 && ran.out.contains("com.stripe.invoice.paid"), "{}", ran.err);
}
