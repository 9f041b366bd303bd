//! A store in SQLite in a program that has no file descriptor left: crowds of clients take all of them.

use crate::tools::{MINUTE, at, message};
use cloudevents_outbox::{Claim, ClaimedMessage, Settlement, Step, Store, rusqlite041::SqliteStore};
use std::{env, fs::File, process::Command};

/// The store for the child; without it, this process is the test.
const STORE: &str = "CE_TEST_DESCRIPTORS_STORE";

/// Not a test: a program whose connections take all its file descriptors while a worker settles.
#[tokio::test]
async fn child() {
    let Ok(store) = env::var(STORE) else { return };
    let store = SqliteStore::open(store).unwrap();
    let mut messages: Vec<_> = (0..400).map(|number| message("a", number, at(0))).collect();
    for message in &mut messages {
        message.body.push_str(&" ".repeat(1000));
    }
    store.enqueue(messages).await.unwrap();
    let claimed = store.claim(Claim::new(at(1), 400, MINUTE)).await.unwrap();
    let delivered = |ClaimedMessage { ticket, target, .. }| Settlement {
        ticket,
        target,
        step: Step::Delivered,
        attempt: None,
        health: None,
    };
    let settlements = claimed.messages.into_iter().map(delivered).collect();
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    assert!(files.len() > 10, "there was no limit, or none that was left");
    // The first call is on its way, and the others share the next transaction.
    let enqueue = |id| store.enqueue(vec![message("b", id, at(0))]);
    let (first, settled, second) =
        tokio::join!(enqueue(1001), store.settle(settlements, at(2)), enqueue(1002));
    assert_eq!((first.unwrap().len(), settled.unwrap().valid, second.unwrap().len()), (1, 400, 1));
}

/// SQLite copies what calls change that share a transaction.
#[tokio::test]
async fn calls_that_share_a_transaction_open_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let mut child = Command::new("sh");
    child.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\""]).arg(env::current_exe().unwrap());
    let child =
        child.args(["--exact", "descriptors::child", "--nocapture"]).env(STORE, &path).output().unwrap();
    assert!(child.status.success(), "{}", String::from_utf8_lossy(&child.stderr));
    let counts = SqliteStore::open(&path).unwrap().counts().await.unwrap();
    assert_eq!((counts.delivered, counts.pending), (400, 2));
}
