//! `ce webhook deliveries` and `ce webhook replay`, on the file of an outbox.

use crate::program::{Ran, ce, file, wait};
use cloudevents_kit::{
    Event,
    outbox::{
        Attempt, Claim, Clock, Entry, Outbox, Settlement, Step, Store, rusqlite041::SqliteStore,
        tokio_postgres07::PostgresStore,
    },
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// 2027-01-15T08:00:00Z, and so many seconds.
fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

/// The file of a store [with deliveries](fill).
fn store() -> PathBuf {
    let path = file("outbox.db", "");
    fill(async || SqliteStore::open(&path).unwrap());
    path
}

/// Puts six deliveries into a store, one a minute, in turn to `billing` and `mail`: 1 and 2 are dead, 3 and 4 delivered, 5 and 6 pending.
fn fill<S: Store + Clone>(open: impl AsyncFn() -> S) {
    wait(async {
        let store = open().await;
        for number in 1..=6 {
            let event =
                Event::builder().id(number.to_string()).source("/shop").ty("com.example.order.placed");
            let target = if number % 2 == 1 { "billing" } else { "mail" };
            let outbox = Outbox::new(store.clone()).with_clock(Clock::new(move || at(60 * (number - 1))));
            outbox.enqueue(Entry::new(target, event.build().unwrap())).await.unwrap();
        }
        let claimed = store.claim(Claim::new(at(300), 6, Duration::from_secs(60))).await.unwrap().messages;
        let settlements = claimed.into_iter().map(|message| {
            let (step, status, detail) = match message.ticket.number {
                1 | 2 => (Step::Dead("the target responded 400".into()), "refused", "400 Bad Request"),
                3 | 4 => (Step::Delivered, "delivered", "at there"),
                _ => {
                    (Step::Retry { due: at(400), counts: true }, "unreachable", "connection refused\u{1b}[2J")
                }
            };
            let latency = Duration::from_millis(12);
            let attempt = Attempt { at: at(300), latency, status: status.into(), detail: detail.into() };
            Settlement {
                ticket: message.ticket,
                target: message.target,
                step,
                attempt: Some(attempt),
                health: None,
            }
        });
        assert_eq!(store.settle(settlements.collect(), at(301)).await.unwrap().valid, 6);
    });
}

#[test]
fn an_outbox_in_postgres_is_listed_and_replayed() {
    let Ok(url) = std::env::var("CE_TEST_POSTGRES_URL") else {
        println!(
            "SKIPPED: CE_TEST_POSTGRES_URL is not set; .ci/brokers/postgres starts a server and sets it"
        );
        return;
    };
    let schema = format!("ce_deliveries_{}", std::process::id());
    let config = |schema: &str| -> tokio_postgres::Config {
        let mut config: tokio_postgres::Config = url.parse().unwrap();
        config.options(format!("-csearch_path={schema}"));
        config
    };
    let separator = if url.contains('?') { '&' } else { '?' };
    let place = format!("{url}{separator}options=-csearch_path%3D{schema}");
    // Nothing is created in a database without an outbox.
    run("deliveries", Path::new(&place), &[]).ended(2).says("there are no tables of an outbox");

    fill(async || {
        let (client, connection) = config("public").connect(tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await.unwrap();
        PostgresStore::connect(config(&schema), tokio_postgres::NoTls).await.unwrap()
    });
    let place = Path::new(&place);
    assert_eq!(numbers(place, &["--state", "dead"]), [1, 2]);
    let line = &run("deliveries", place, &["--number", "1"]).lines()[0];
    assert_eq!(
        (&line["log"][0]["status"], &line["reason"]),
        (&json!("refused"), &json!("the target responded 400"))
    );
    assert_eq!(run("replay", place, &["--target", "billing", "--dry-run"]).lines().len(), 1);
    assert_eq!(numbers(place, &["--state", "pending"]), [5, 6]);
    assert_eq!(run("replay", place, &["--target", "billing"]).lines(), [json!({"replayed": 1})]);
    assert_eq!(numbers(place, &["--state", "pending"]), [1, 5, 6]);

    // Errors do not show the password.
    for place in ["postgresql://shop:secret@127.0.0.1:1/shop", "postgresql://shop:secret@127.0.0.1:x/shop"] {
        let ran = run("deliveries", Path::new(place), &[]);
        assert!(ran.status >= 2 && !ran.err.contains("secret"), "{}", ran.err);
    }
}

fn run(command: &str, path: &Path, arguments: &[&str]) -> Ran {
    let mut all = vec!["webhook", command, path.to_str().unwrap()];
    all.extend(arguments);
    ce(&all)
}

/// The numbers of the deliveries that are listed.
fn numbers(path: &Path, arguments: &[&str]) -> Vec<u64> {
    let ran = run("deliveries", path, arguments);
    let status = i32::from(ran.out.is_empty());
    let ran = ran.ended(status);
    ran.lines().iter().map(|line| line["number"].as_u64().unwrap()).collect()
}

#[test]
fn deliveries_are_listed_with_their_attempts() {
    let path = store();
    let ran = run("deliveries", &path, &[]);
    let lines = ran.lines();
    assert_eq!((ran.status, lines.len()), (0, 6), "{}", ran.err);
    let log = json!([{"at": "2027-01-15T08:05:00Z", "milliseconds": 12, "status": "refused", "detail": "400 Bad Request"}]);
    let dead = json!({
        "number": 1, "target": "billing", "source": "/shop", "id": "1", "type": "com.example.order.placed",
        "state": "dead", "attempts": 1, "enqueued": "2027-01-15T08:00:00Z", "ended": "2027-01-15T08:05:01Z",
        "reason": "the target responded 400", "log": log,
    });
    assert_eq!(lines[0], dead);
    assert_eq!((&lines[2]["state"], &lines[2]["reason"]), (&json!("delivered"), &Value::Null));
    assert_eq!((&lines[5]["state"], &lines[5]["due"]), (&json!("pending"), &json!("2027-01-15T08:06:40Z")));

    // What peers said cannot act on a terminal.
    let pretty = run("deliveries", &path, &["--output", "pretty", "--number", "6"]);
    assert!(pretty.out.contains("6  pending to mail: /shop 6 (com.example.order.placed)"), "{}", pretty.out);
    assert!(pretty.out.contains("12 ms unreachable: connection refused\\u{1b}[2J"), "{}", pretty.out);
    assert!(pretty.err.contains("1 delivery"), "{}", pretty.err);
}

#[test]
fn deliveries_are_selected_by_state_target_event_and_time() {
    let path = store();
    assert_eq!(numbers(&path, &["--state", "dead"]), [1, 2]);
    assert_eq!(numbers(&path, &["--state", "pending", "--target", "mail"]), [6]);
    assert_eq!(numbers(&path, &["--source", "/shop", "--id", "4"]), [4]);
    assert_eq!(
        numbers(&path, &["--from", "2027-01-15T09:01:00+01:00", "--until", "2027-01-15T08:03:00Z"]),
        [2, 3]
    );
    assert_eq!(numbers(&path, &["--after", "2", "--limit", "2"]), [3, 4]);
    run("deliveries", &path, &["--after", "2", "--limit", "2"])
        .says_only("2 deliveries; there are more: --after 4 shows them\n");
    assert_eq!(run("deliveries", &path, &["--after", "2", "--limit", "4"]).err, "4 deliveries\n");
    assert_eq!(numbers(&path, &["--target", "other"]), [0_u64; 0]);
}

#[test]
fn dead_letters_are_replayed_and_others_on_request() {
    let path = store();
    let replay = |arguments: &[&str]| {
        let ran = run("replay", &path, arguments);
        (ran.status, ran.lines())
    };
    let replayed = |number: u64| vec![json!({"replayed": number})];
    // Nothing changes in a dry run.
    let would = vec![json!({"number": 1, "target": "billing"}), json!({"number": 3, "target": "billing"})];
    assert_eq!(replay(&["--target", "billing", "--delivered", "--dry-run"]), (0, would));
    assert_eq!(numbers(&path, &["--state", "pending"]), [5, 6]);

    assert_eq!(replay(&["--target", "billing"]), (0, replayed(1)));
    assert_eq!(numbers(&path, &["--state", "pending"]), [1, 5, 6]);
    assert_eq!(replay(&["--number", "4"]), (1, replayed(0))); // it was delivered
    assert_eq!(replay(&["--number", "4", "--delivered"]), (0, replayed(1)));
    assert_eq!(replay(&["--source", "/shop", "--id", "3", "--delivered"]), (0, replayed(1)));
    let minute = ["--from", "2027-01-15T08:01:00Z", "--until", "2027-01-15T08:02:00Z"];
    assert_eq!(replay(&minute), (0, replayed(1)));
    assert_eq!(numbers(&path, &["--state", "pending"]), [1, 2, 3, 4, 5, 6]);
    assert_eq!(replay(&["--all"]), (1, replayed(0)));
    // The log of a replayed delivery stays, and its attempts begin anew.
    let line = &run("deliveries", &path, &["--number", "1"]).lines()[0];
    assert_eq!((&line["attempts"], line["log"].as_array().unwrap().len()), (&json!(0), 1));
}

#[test]
fn wrong_usage_changes_nothing() {
    let path = store();
    for arguments in [
        &[][..],
        &["--all", "--number", "1"],
        &["--id", "1"],
        &["--from", "yesterday"],
        &["--from", "1969-01-01T00:00:00Z"],
    ] {
        run("replay", &path, arguments).ended(2);
    }
    assert_eq!(numbers(&path, &["--state", "dead"]), [1, 2]);

    // No file is created, and no other file becomes a store.
    let missing = path.with_file_name("missing.db");
    let other =
        file("other.db", "not a database, and long enough to have a header of a hundred bytes".repeat(3));
    let empty = file("empty.db", "");
    for path in [&missing, &other, &empty] {
        run("deliveries", path, &[]).ended(2);
    }
    assert!(!missing.exists());
    assert_eq!(std::fs::read(empty).unwrap(), b"");
}
