//! `ce send`, `ce listen` and `ce bridge` with queues of Postgres. `.ci/brokers/postgres` starts a server.

use crate::program::{GOOD, Ran, ce, ce_with, file};
use serde_json::{Value, json};
use std::{env, fs};
use tokio_postgres::NoTls;

/// Creates a database with pgmq and a queue, and returns its URL.
fn queue(url: &str, sql: &str) -> String {
    let (server, _) = url.rsplit_once('/').unwrap();
    let name = format!("ce_pgmq_{}", std::process::id());
    let run = async |url: &str, sql: &str| {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(sql).await.unwrap();
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let database = format!("{server}/{name}");
    runtime.block_on(async {
        run(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}")).await;
        run(&database, sql).await;
        run(&database, "SELECT pgmq.create('orders'), pgmq.create('moved')").await;
    });
    format!("{database}?queue=orders")
}

fn succeeded(ran: Ran) -> Ran {
    assert_eq!(ran.status, 0, "{}", ran.err);
    ran
}

#[test]
fn from_one_queue_to_the_other() {
    let (Ok(url), Ok(sql)) = (env::var("CE_TEST_POSTGRES_URL"), env::var("CE_TEST_PGMQ_SQL")) else {
        println!("skipped: CE_TEST_PGMQ_SQL is not set");
        return;
    };
    let url = queue(&url, &fs::read_to_string(sql).unwrap());
    let good: Value = serde_json::from_str(GOOD).unwrap();
    let parsed =
        |text: &str| -> Vec<Value> { text.lines().map(|line| serde_json::from_str(line).unwrap()).collect() };
    succeeded(ce_with(&["send", &url], GOOD));
    succeeded(ce_with(&["send", &url, "--mode", "structured"], GOOD));
    let listened = succeeded(ce(&["listen", &url, "--count", "2", "--idle", "30"]));
    assert_eq!(parsed(&listened.out), [good.clone(), good.clone()]);
    succeeded(ce_with(&["send", &url], GOOD));
    let out = file("pgmq.jsonl", "");
    let to = format!("file:{}", out.display());
    succeeded(ce(&["bridge", &format!("{url}&reject=broker"), &to, "--idle", "2"]));
    assert_eq!(parsed(&fs::read_to_string(out).unwrap()), [good]);
    // By default, a bridge keeps the form of what it receives, and a queue has one form only.
    let other = url.replace("queue=orders", "queue=moved");
    succeeded(ce_with(&["send", &url], GOOD));
    succeeded(ce(&["bridge", &format!("{url}&reject=drop"), &other, "--idle", "2"]));
    let listened =
        succeeded(ce(&["listen", &format!("{other}&reject=drop"), "--count", "1", "--idle", "30"]));
    assert_eq!(parsed(&listened.out), [serde_json::from_str::<Value>(GOOD).unwrap()]);
    let settings = format!("from: '{url}&reject=drop'\nto: '{other}'\nmode: binary\n");
    let refused = ce(&["bridge", "--config", file("pgmq.yaml", &settings).to_str().unwrap()]);
    assert!(refused.status == 2 && refused.err.contains("leave out the mode"), "{}", refused.err);
    let missing = ce_with(&["send", &url.replace("queue=orders", "queue=invoices")], GOOD);
    assert!(missing.err.contains("create the queue"), "{}", missing.err);
    assert_ne!(missing.status, 0);
}

#[test]
fn what_would_be_sent_is_shown() {
    let url = "postgres://shop@localhost/shop?queue=orders";
    let shown = succeeded(ce_with(&["send", "--dry-run", url], GOOD));
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    assert_eq!((&shown["via"], &shown["to"]), (&json!("pgmq"), &json!({"queue": "orders"})));
    let event: Value = serde_json::from_str(GOOD).unwrap();
    let document = shown["message"]["message"]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(document).unwrap(), event);
    let headers = json!([["content-type", {"text": "application/cloudevents+json"}]]);
    assert_eq!(shown["message"]["headers"], headers);
    for wrong in [["--mode", "binary"], ["--format", "xml"]] {
        let refused = ce_with(&["send", "--dry-run", url, wrong[0], wrong[1]], GOOD);
        assert!(refused.status != 0 && refused.err.contains("pgmq"), "{}", refused.err);
    }
}
