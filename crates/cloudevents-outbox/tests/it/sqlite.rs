//! What is particular to SQLite: statements for many rows, and transactions that calls share.

use crate::foreign;
use crate::tools::{Arrived, MINUTE, at, event, message, message_in_order};
use cloudevents_outbox::{
    Claim, Entry, Health, Outbox, OutboxOptions, Query, Settlement, Step, Store, rusqlite041::SqliteStore,
};

/// More than a statement inserts.
const MANY: usize = 45;

/// A database that refuses the message with the id `no`.
fn refusing(folder: &tempfile::TempDir) -> SqliteStore {
    let path = folder.path().join("outbox.db");
    let store = SqliteStore::open(&path).unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON ce_outbox WHEN NEW.id = 'no' BEGIN SELECT RAISE(FAIL, 'refused'); END",
        )
        .unwrap();
    store
}

async fn stored(store: &SqliteStore) -> Vec<String> {
    let records = store.find(Query::default().with_limit(1000)).await.unwrap();
    records.into_iter().map(|record| record.id.unwrap().into_string()).collect()
}

#[tokio::test]
async fn messages_are_enqueued_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = refusing(&folder);
    for refused in [0, 7, 20, MANY - 1] {
        let id = |number| if number == refused { "no".to_owned() } else { format!("{refused} {number}") };
        let messages = (0..MANY).map(|number| message("a", id(number), at(0))).collect();
        store.enqueue(messages).await.unwrap_err();
        assert_eq!(stored(&store).await, [""; 0], "{refused}");
    }
    store.enqueue(vec![message("a", "yes", at(0))]).await.unwrap();
    assert_eq!(stored(&store).await, ["yes"]);
}

/// The claim fails, and the result before it is undone.
#[tokio::test]
async fn a_result_and_the_next_claim_are_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let store = SqliteStore::open(&path).unwrap();
    store.enqueue((1..=2).map(|id| message_in_order("a", id, at(0))).collect()).await.unwrap();
    let mut claim = Claim::new(at(1), 10, MINUTE);
    claim.only = Some("a".into());
    let first = store.claim(claim.clone()).await.unwrap().messages.remove(0);
    let database = rusqlite::Connection::open(&path).unwrap();
    database
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE UPDATE ON ce_outbox WHEN NEW.id = '2' BEGIN SELECT RAISE(FAIL, 'refused'); END",
        )
        .unwrap();
    let result = Settlement {
        ticket: first.ticket,
        target: first.target,
        step: Step::Delivered,
        attempt: None,
        health: None,
    };
    store.settle_and_claim(vec![result.clone()], at(2), claim.clone()).await.unwrap_err();
    assert_eq!(store.counts().await.unwrap().pending, 2);
    database.execute_batch("DROP TRIGGER refuse").unwrap();
    let (settled, claimed) = store.settle_and_claim(vec![result], at(2), claim).await.unwrap();
    assert_eq!((settled.valid, claimed.unwrap().messages.len()), (1, 1));
    assert_eq!(store.counts().await.unwrap().pending, 1);
}

/// Calls that come at the same time share a transaction. One that fails undoes nothing of the others.
#[tokio::test]
async fn a_call_that_fails_undoes_itself_alone() {
    let folder = tempfile::tempdir().unwrap();
    let store = refusing(&folder);
    let calls = (0..MANY).map(|number| {
        let last = if number % 3 == 0 { "no".to_owned() } else { format!("{number} b") };
        store.enqueue(vec![message("a", format!("{number} a"), at(0)), message("a", last, at(0))])
    });
    let results = futures_util::future::join_all(calls).await;
    let mut expected = Vec::new();
    for (number, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), number % 3 == 0, "{number}: {result:?}");
        if result.is_ok() {
            expected.extend([format!("{number} a"), format!("{number} b")]);
        }
    }
    assert_eq!(stored(&store).await, expected);
}

#[tokio::test]
async fn tables_of_an_earlier_release_get_what_they_lack() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    drop(SqliteStore::open(&path).unwrap());
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute_batch("DROP TABLE ce_outbox_pauses").unwrap();
    drop(database);
    for _ in 0..2 {
        let store = SqliteStore::open(&path).unwrap();
        let mut health = Health::default();
        health.requested_until = Some(at(1));
        store.set_health("a".into(), health.clone()).await.unwrap();
        assert_eq!(store.targets("".into()).await.unwrap()[0].health, health);
    }
}

/// Whoever looks does not wait for writers, and they do not wait for it.
#[tokio::test]
async fn looking_takes_no_lock_of_writers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    SqliteStore::open_read_only(&path).unwrap_err();
    let store = SqliteStore::open(&path).unwrap();
    store.enqueue(vec![message("a", 1, at(0))]).await.unwrap();
    let writer = rusqlite::Connection::open(&path).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE; DELETE FROM ce_outbox").unwrap();
    let looking = SqliteStore::open_read_only(&path).unwrap();
    assert_eq!(stored(&looking).await, ["1"]);
    assert!(looking.attempts(1).await.unwrap().is_empty());
    writer.execute_batch("COMMIT").unwrap();
    assert_eq!(stored(&looking).await, [""; 0]);
    looking.enqueue(vec![message("a", 2, at(0))]).await.unwrap_err();
}

/// Workers of releases that know no requested pauses clear a target's row after a success.
#[tokio::test]
async fn a_worker_of_an_earlier_release_does_not_end_a_pause_that_a_target_requests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let store = SqliteStore::open(&path).unwrap();
    store.enqueue(vec![message("a", 1, at(0))]).await.unwrap();
    let mut health = Health::default();
    (health.requested_until, health.reason) = (Some(at(100)), "busy".into());
    store.set_health("a".into(), health.clone()).await.unwrap();
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute("DELETE FROM ce_outbox_targets WHERE target = 'a' AND disabled = 0", []).unwrap();
    assert_eq!(store.targets("".into()).await.unwrap()[0].health, health);
    let claim = |now| store.claim(Claim::new(at(now), 10, std::time::Duration::from_secs(60)));
    assert!(claim(99).await.unwrap().messages.is_empty());
    assert_eq!(claim(100).await.unwrap().messages.len(), 1);
}

/// A disk that is full undoes a whole transaction of SQLite. No call in it is reported as done that is undone, nor the other way round, and
/// all of them may be tried again.
#[tokio::test]
async fn a_full_disk_undoes_exactly_the_calls_that_fail() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    drop(SqliteStore::open(&path).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    connection.query_row(&format!("PRAGMA max_page_count = {}", pages + 40), [], |_| Ok(())).unwrap();
    let store = SqliteStore::with_connection(connection).unwrap();
    let calls = (0..200).map(|number| {
        let mut large = message("a", number, at(0));
        if number % 10 == 5 {
            large.body = " ".repeat(100_000);
        }
        store.enqueue(vec![large])
    });
    let results = futures_util::future::join_all(calls).await;
    let mut expected = Vec::new();
    for (number, result) in results.iter().enumerate() {
        match result {
            Ok(_) => expected.push(number.to_string()),
            Err(error) => assert!(error.is_temporary(), "{number}: {error}"),
        }
    }
    assert_eq!(stored(&store).await, expected);
    assert!(
        expected.len() > 20,
        "a call that needs little room does not fail with one that needs much: {expected:?}"
    );
}

/// What an operator repairs is waited for: a table that has another name for a moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_outlives_what_an_operator_repairs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let outbox = Outbox::new(SqliteStore::open(&path).unwrap());
    let operator = rusqlite::Connection::open(&path).unwrap();
    operator.busy_timeout(std::time::Duration::from_secs(30)).unwrap();
    let arrived = Arrived::default();
    let repairing = async {
        operator.execute_batch("ALTER TABLE ce_outbox RENAME TO elsewhere").unwrap();
        while outbox.is_ready() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        outbox.enqueue(Entry::new("a", event(1))).await.unwrap_err();
        operator.execute_batch("ALTER TABLE elsewhere RENAME TO ce_outbox").unwrap();
        outbox.enqueue(Entry::new("a", event(2))).await.unwrap();
        arrived.until(1).await;
        assert!(outbox.is_ready());
    };
    let peer = arrived.sender();
    let route = move |_: std::sync::Arc<str>| std::future::ready(Ok(peer.clone()));
    outbox.run(route, OutboxOptions::default()).until(repairing).await.unwrap();
    assert_eq!(arrived.ids(), ["2"]);
}

/// Several processes of a service may start at once.
#[test]
fn many_open_a_new_file_at_once() {
    for _ in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        let barrier = std::sync::Arc::new(std::sync::Barrier::new(8));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (path, barrier) = (path.clone(), std::sync::Arc::clone(&barrier));
                std::thread::spawn(move || {
                    barrier.wait();
                    SqliteStore::open(path).map(drop)
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap().unwrap();
        }
    }
}

#[test]
fn a_wrong_path_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("outbox.db");
    assert!(!SqliteStore::open(&path).unwrap_err().is_temporary());
    assert!(!SqliteStore::open_existing(&path).unwrap_err().is_temporary());
    assert!(!SqliteStore::open_read_only(&path).unwrap_err().is_temporary());
}

/// The statement of the page stores what the worker sends.
#[tokio::test]
async fn another_language_fills_an_outbox() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("outbox.db");
    let store = SqliteStore::open(&path).unwrap();
    let base64 = "eyJzcGVjdmVyc2lvbiI6IjEuMCIsICJpZCI6IjQyIiwic291cmNlIjoiL3Nob3AiLCJ0eXBlIjoiY29tLmV4YW1wbGUub3JkZXIucGxhY2VkIiwiZGF0YWNvbnRlbnR0eXBlIjoiYXBwbGljYXRpb24vanNvbiIsImRhdGEiOnsidG90YWwiOjEuMTAsImZvciI6Ilpvw6sifX0=";
    let database = rusqlite::Connection::open(&path).unwrap();
    database.execute(&foreign::statement("SQLite"), ["billing", foreign::EVENT, base64]).unwrap();
    database.execute("UPDATE ce_outbox SET enqueued = enqueued - 90000", ()).unwrap();
    // A newer one does not hide since when the older one waits.
    database.execute(&foreign::statement("SQLite"), ["billing", foreign::EVENT, base64]).unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let waiting: (String, i64, i64) = database.query_row(&foreign::waiting("SQLite"), (), row).unwrap();
    assert!(waiting.0 == "billing" && waiting.1 == 2 && (89..690).contains(&waiting.2), "{waiting:?}");
    let newer = "DELETE FROM ce_outbox WHERE number = (SELECT max(number) FROM ce_outbox)";
    assert_eq!(database.execute(newer, ()).unwrap(), 1);
    foreign::is_delivered(store).await;
}

/// A store opens the tables that the page has, which are its own.
#[test]
fn another_language_creates_the_tables() {
    let folder = tempfile::tempdir().unwrap();
    let [by_hand, own] = ["by-hand.db", "own.db"].map(|name| folder.path().join(name));
    let database = rusqlite::Connection::open(&by_hand).unwrap();
    database.execute_batch(&foreign::tables("SQLite")).unwrap();
    SqliteStore::open_existing(&by_hand).unwrap();
    SqliteStore::open(&own).unwrap();
    let schema = |database: &rusqlite::Connection| {
        let mut all = database.prepare("SELECT name, sql FROM sqlite_schema ORDER BY name").unwrap();
        let rows = all.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.map(Result::unwrap).collect::<Vec<(String, Option<String>)>>()
    };
    let own = rusqlite::Connection::open(&own).unwrap();
    assert_eq!(schema(&database), schema(&own));
    let version = |database: &rusqlite::Connection| {
        database.query_row("SELECT version FROM ce_outbox_schema", (), |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!(version(&database), version(&own));
}
