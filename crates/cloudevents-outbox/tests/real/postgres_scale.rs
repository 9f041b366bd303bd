//! What claims read in PostgreSQL: what they take, whatever the tables hold, the planner knows of them, and other sessions do.

use crate::{
    postgres::{client, config, schema, there_is_one},
    tools::{MINUTE, at},
};
use cloudevents_outbox::{Claim, ClaimedMessage, Settlement, Step, Store, tokio_postgres07::PostgresStore};
use cloudevents_testkit::patience;
use std::{sync::Arc, time::Duration};
use tokio::time::{sleep, timeout};
use tokio_postgres::{Client, NoTls};

/// Inserts messages of a target that were due so many seconds after another.
async fn insert(client: &Client, number: usize, columns: &str) {
    let due = "1800000000000 + 1000 * (row / 10000)";
    let insert = format!(
        "INSERT INTO ce_outbox (target, ordered, state, ended, enqueued, started, due, body)
         SELECT {columns}, {due}, {due}, {due}, '{{}}' FROM generate_series(1, {number}) AS r (row)"
    );
    client.batch_execute(&insert).await.unwrap();
}

/// The entries of tables and indexes that statements have read of the messages. No session of the store is left.
async fn read(client: &Client, schema: &str) -> i64 {
    let sessions =
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()";
    let ended = async {
        while client.query_one(sessions, &[&schema]).await.unwrap().get::<_, i64>(0) > 0 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(patience(), ended).await.expect("sessions of the store are left");
    let read = "SELECT (SELECT coalesce(sum(idx_tup_read), 0) FROM pg_stat_user_indexes WHERE schemaname = $1 AND relname = 'ce_outbox')::bigint
                     + (SELECT coalesce(sum(seq_tup_read), 0) FROM pg_stat_user_tables WHERE schemaname = $1 AND relname = 'ce_outbox')::bigint";
    client.query_one(read, &[&schema]).await.unwrap().get(0)
}

async fn claim(store: &PostgresStore, limit: usize) -> Vec<ClaimedMessage> {
    store.claim(Claim::new(at(100), limit, MINUTE)).await.unwrap().messages
}

async fn deliver(store: &PostgresStore, messages: usize, limit: usize) {
    let mut delivered = 0;
    while delivered < messages {
        let claimed = claim(store, limit).await;
        assert!(!claimed.is_empty(), "after {delivered}");
        delivered += claimed.len();
        let settlement = |message: &ClaimedMessage| Settlement {
            ticket: message.ticket,
            target: Arc::clone(&message.target),
            step: Step::Delivered,
            attempt: None,
            health: None,
        };
        let settlements: Vec<Settlement> = claimed.iter().map(settlement).collect();
        assert_eq!(store.settle(settlements, at(100)).await.unwrap().valid, claimed.len());
    }
}

/// With the plans that these settings suggest, a claim reads all that was delivered, or sorts all that is pending.
const SETTINGS: [&str; 2] = ["", "-cenable_indexscan=off -crandom_page_cost=100 -cjit_above_cost=0"];

#[tokio::test]
async fn claims_read_what_they_take_whatever_the_planner_knows() {
    if !there_is_one() {
        return;
    }
    for (settings, is_analyzed) in
        SETTINGS.into_iter().flat_map(|settings| [(settings, false), (settings, true)])
    {
        for ordered in [true, false] {
            let schema = schema().await;
            let client = client(&schema).await;
            // Not that of the store.
            client.batch_execute("SET application_name = ''").await.unwrap();
            let mut config = config(&schema);
            config.options(format!("-csearch_path={schema} {settings}"));
            let open = async || PostgresStore::connect(config.clone(), NoTls).await.unwrap();
            drop(open().await);
            client.batch_execute("ALTER TABLE ce_outbox SET (autovacuum_enabled = off)").await.unwrap();
            insert(&client, 20_000, &format!("'a', {ordered}, 1, 1")).await;
            insert(&client, 5_000, &format!("'a', {ordered}, 0, NULL")).await;
            if is_analyzed {
                client.batch_execute("ANALYZE ce_outbox").await.unwrap();
            }
            let before = read(&client, &schema).await;
            let store = open().await;
            deliver(&store, 96, 64).await;
            drop(store);
            let read = read(&client, &schema).await - before;
            println!(
                "{settings:?}, analyzed: {is_analyzed}, in order: {ordered}: {read} entries for 96 messages"
            );
            assert!(
                (96..3000).contains(&read),
                "{read}, {settings:?}, analyzed: {is_analyzed}, in order: {ordered}"
            );
            client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
        }
    }
}

/// A receiver claims from one target: it reads no message of another, however many there are.
#[tokio::test]
async fn a_claim_of_one_target_reads_no_other() {
    if !there_is_one() {
        return;
    }
    for ordered in [true, false] {
        let schema = schema().await;
        let client = client(&schema).await;
        client.batch_execute("SET application_name = ''").await.unwrap();
        let open = async || PostgresStore::connect(config(&schema), NoTls).await.unwrap();
        drop(open().await);
        client.batch_execute("ALTER TABLE ce_outbox SET (autovacuum_enabled = off)").await.unwrap();
        insert(&client, 20_000, &format!("'m', {ordered}, 1, 1")).await;
        insert(&client, 5_000, &format!("'m', {ordered}, 0, NULL")).await;
        // Others, before and after it.
        for begin in ["a", "l", "m ", "z"] {
            insert(&client, 5_000, &format!("'{begin}' || row, {ordered}, 0, NULL")).await;
        }
        let before = read(&client, &schema).await;
        let store = open().await;
        let mut taken = 0;
        while taken < 96 {
            let mut claim = Claim::new(at(100), 32, MINUTE);
            claim.only = Some("m".into());
            let claimed = store.claim(claim).await.unwrap();
            assert_eq!((claimed.messages.len(), claimed.next), (if ordered { 1 } else { 32 }, None));
            taken += claimed.messages.len();
            let settlement = |message: &ClaimedMessage| Settlement {
                ticket: message.ticket,
                target: Arc::clone(&message.target),
                step: Step::Delivered,
                attempt: None,
                health: None,
            };
            let settlements = claimed.messages.iter().map(settlement).collect();
            store.settle(settlements, at(100)).await.unwrap();
        }
        drop(store);
        let read = read(&client, &schema).await - before;
        println!("in order: {ordered}: {read} entries for {taken} messages");
        // Each claim passes the entries of the messages that were delivered before it.
        let most = if ordered { 96 * 200 } else { 3000 };
        assert!((96..most).contains(&read), "{read}, in order: {ordered}");
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    }
}

/// As `pg_dump` does: what is delivered meanwhile stays in the indexes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_holds_a_snapshot_does_not_slow_claims() {
    const MESSAGES: usize = 6000;
    if !there_is_one() {
        return;
    }
    for ordered in [false, true] {
        let schema = schema().await;
        let (client, holding) = (client(&schema).await, client(&schema).await);
        for session in [&client, &holding] {
            session.batch_execute("SET application_name = ''").await.unwrap();
        }
        let open = async || PostgresStore::connect(config(&schema), NoTls).await.unwrap();
        let store = open().await;
        insert(&client, MESSAGES + 100, &format!("'a', {ordered}, 0, NULL")).await;
        let hold = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM ce_outbox LIMIT 1";
        holding.batch_execute(hold).await.unwrap();
        deliver(&store, MESSAGES, 64).await;
        // A transaction that commits late.
        insert(&client, 1, &format!("'a', {ordered}, 0, NULL")).await;
        client.batch_execute("UPDATE ce_outbox SET due = 1, started = 1, enqueued = 1 WHERE number = (SELECT max(number) FROM ce_outbox)").await.unwrap();
        if !ordered {
            let found = async {
                let is_late = |message: &ClaimedMessage| message.started < at(0);
                while !claim(&store, 10).await.iter().any(is_late) {
                    sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(patience(), found).await.expect("what came late is not found");
        }
        drop(store);
        let read = read(&client, &schema).await;
        println!("in order: {ordered}: {read} entries for {MESSAGES} messages");
        // Each message has a few entries. A claim from the first one passes all that was delivered, which makes half a million.
        assert!(read < 30 * 6000, "{read}");
        holding.batch_execute("ROLLBACK").await.unwrap();
        client.batch_execute(&format!("DROP SCHEMA {schema} CASCADE")).await.unwrap();
    }
}
