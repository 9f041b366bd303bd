//! `ce send`, `ce listen` and `ce bridge` with queues of Postgres. `.ci/brokers/postgres` starts a server.

use crate::program::{GOOD, ce, ce_with, path_of, variable, wait};
use serde_json::Value;
use std::fs;
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
    let database = format!("{server}/{name}");
    wait(async {
        run(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}")).await;
        run(&database, sql).await;
        run(&database, "SELECT pgmq.create('orders'), pgmq.create('moved')").await;
    });
    format!("{database}?queue=orders")
}

#[test]
fn from_one_queue_to_the_other() {
    let Some((sql, url)) = variable("CE_TEST_PGMQ_SQL").zip(variable("CE_TEST_POSTGRES_URL")) else { return };
    let url = queue(&url, &fs::read_to_string(sql).unwrap());
    let good: Value = serde_json::from_str(GOOD).unwrap();
    ce_with(&["send", &url], GOOD).ended(0);
    ce_with(&["send", &url, "--mode", "structured"], GOOD).ended(0);
    let listened = ce(&["listen", &url, "--count", "2", "--idle", "30"]).ended(0);
    assert_eq!(listened.lines(), [good.clone(), good.clone()]);
    ce_with(&["send", &url], GOOD).ended(0);
    let bridged = ce(&["bridge", &format!("{url}&reject=broker"), "-", "--idle", "2"]).ended(0);
    assert_eq!(bridged.lines(), [good.clone()]);
    // By default, a bridge keeps the form of what it receives, and a queue has one form only.
    let other = url.replace("queue=orders", "queue=moved");
    ce_with(&["send", &url], GOOD).ended(0);
    ce(&["bridge", &format!("{url}&reject=drop"), &other, "--idle", "2"]).ended(0);
    let listened = ce(&["listen", &format!("{other}&reject=drop"), "--count", "1", "--idle", "30"]).ended(0);
    assert_eq!(listened.lines(), [good]);
    let settings = format!("from: '{url}&reject=drop'\nto: '{other}'\nmode: binary\n");
    ce(&["bridge", "--config", &path_of("pgmq.yaml", &settings)]).ended(2).says("leave out the mode");
    let missing = url.replace("queue=orders", "queue=invoices");
    ce_with(&["send", &missing], GOOD).fails().says("create the queue");
}
