//! Compares the speed of enqueuing with that of the database alone, with the same rows and the same durability, taking turns.
//!
//! ```text
//! CFLAGS=-g0 cargo bench -p cloudevents-outbox --features rusqlite041,tokio-postgres07 --bench outbox_side_by_side -- [EVENTS] [ROUNDS]
//! CFLAGS=-g0 .ci/brokers/postgres cargo bench ... # with Postgres, too
//! ```
//!
//! "Alone" inserts the same target, key and text of 1 KiB into a table with a primary key and no index, by the same client, one transaction
//! for each message or for a hundred. Enqueuing includes writing the event as text, and not building it. The last rows are the rate of a
//! worker that delivers to a peer that takes everything at once. The file of SQLite is in a folder of its own below that of the crate.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use cloudevents_core::{Event, Payload};
use cloudevents_outbox::{
    Entry, Outbox, OutboxOptions, Store, rusqlite041::SqliteStore, tokio_postgres07::PostgresStore,
};
use cloudevents_transport::fake::FakeQueue;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio_postgres::{NoTls, types::Type};

/// The messages of a transaction, where there are several.
const TOGETHER: usize = 100;

/// The callers that enqueue one message each, at the same time.
const CALLERS: usize = 64;

/// Rates by row, of every round.
type Rates = BTreeMap<String, Vec<f64>>;

#[tokio::main]
async fn main() {
    // `cargo bench` adds `--bench`.
    let arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let mut arguments = arguments.map(|number| number.parse::<usize>().unwrap());
    let (events, rounds) = (arguments.next().unwrap_or(2000), arguments.next().unwrap_or(5));
    let mut rates = Rates::new();
    let folder = tempfile::tempdir_in(".").unwrap();
    let outbox = Outbox::new(SqliteStore::open(folder.path().join("outbox.db")).unwrap());
    let mut alone = rusqlite::Connection::open(folder.path().join("alone.db")).unwrap();
    alone.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE alone (number INTEGER PRIMARY KEY, target TEXT, source TEXT, id TEXT, type TEXT, body TEXT) STRICT").unwrap();
    for round in 0..rounds {
        for together in [1, TOGETHER] {
            note(&mut rates, "sqlite", &format!("1 {together} a transaction, alone"), events, async || {
                sqlite_alone(&mut alone, events, together);
            })
            .await;
        }
        enqueuing(&mut rates, "sqlite", &outbox, events, round).await;
    }
    if let Ok(url) = std::env::var("CE_TEST_POSTGRES_URL") {
        let (mut client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute("DROP TABLE IF EXISTS alone; CREATE TABLE alone (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, target text, source text, id text, type text, body text)").await.unwrap();
        let outbox = Outbox::new(PostgresStore::connect(url.parse().unwrap(), NoTls).await.unwrap());
        for round in 0..rounds {
            for together in [1, TOGETHER] {
                note(
                    &mut rates,
                    "postgres",
                    &format!("1 {together} a transaction, alone"),
                    events,
                    async || {
                        postgres_alone(&mut client, events, together).await;
                    },
                )
                .await;
            }
            enqueuing(&mut rates, "postgres", &outbox, events, round).await;
        }
    } else {
        println!("SKIPPED: Postgres, because CE_TEST_POSTGRES_URL is not set");
    }
    println!("{events} events of 1 KiB, {rounds} rounds; messages a second: median (least to most)");
    for (row, mut rates) in rates {
        rates.sort_by(f64::total_cmp);
        let last = rates.len() - 1;
        println!("{row:50} {:9.0} ({:.0} to {:.0})", rates[last / 2], rates[0], rates[last]);
    }
}

async fn enqueuing(rates: &mut Rates, name: &str, outbox: &Outbox<impl Store>, events: usize, round: usize) {
    // The events are the program's: they are built beforehand, as the rows of the database alone are.
    let mut entries = (0..events).map(entry).collect::<Vec<_>>().into_iter();
    note(rates, name, "2 1 a transaction, enqueue", events, async || {
        for entry in entries {
            outbox.enqueue(entry).await.unwrap();
        }
    })
    .await;
    entries = (0..events).map(entry).collect::<Vec<_>>().into_iter();
    let group = format!("2 {TOGETHER} a transaction, enqueue_all");
    note(rates, name, &group, events, async || {
        while entries.len() > 0 {
            outbox.enqueue_all(entries.by_ref().take(TOGETHER)).await.unwrap();
        }
    })
    .await;
    let callers: Vec<Vec<Entry>> =
        (0..CALLERS).map(|caller| (caller..events).step_by(CALLERS).map(entry).collect()).collect();
    note(rates, name, &format!("3 enqueue, {CALLERS} callers at once"), events, async || {
        let callers = callers.into_iter().map(async |entries| {
            for entry in entries {
                outbox.enqueue(entry).await.unwrap();
            }
        });
        futures_util::future::join_all(callers).await;
    })
    .await;
    // All that was enqueued in this round.
    note(rates, name, "4 delivered by a worker", events * 3, async || {
        let queue = FakeQueue::new();
        let sender = queue.sender();
        let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
        let mut options = OutboxOptions::default();
        options.retention = None;
        let total = u64::try_from(events * 3 * (round + 1)).unwrap();
        let done = async {
            while outbox.metrics().delivered < total {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        outbox.run(route, options).until(done).await.unwrap();
    })
    .await;
}

async fn note(rates: &mut Rates, name: &str, row: &str, events: usize, work: impl AsyncFnOnce()) {
    let begin = Instant::now();
    work().await;
    let rate = events as f64 / begin.elapsed().as_secs_f64();
    rates.entry(format!("{name}: {row}")).or_default().push(rate);
}

fn event(id: usize) -> Event {
    let payload = Payload::json(format!("{{\"text\":\"{}\"}}", "x".repeat(1024 - 11)));
    let event = Event::builder()
        .id(id.to_string())
        .source("https://shop.example/orders")
        .ty("com.example.order.placed");
    event.payload("application/json", payload).build().unwrap()
}

/// A few targets, as programs have them.
fn entry(id: usize) -> Entry {
    Entry::new(format!("target {}", id % 10), event(id))
}

fn sqlite_alone(database: &mut rusqlite::Connection, events: usize, together: usize) {
    let body = entry(0).encode(SystemTime::now()).unwrap().body;
    for first in (0..events).step_by(together) {
        let transaction = database.transaction().unwrap();
        for id in first..events.min(first + together) {
            let insert = "INSERT INTO alone (target, source, id, type, body) VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = (
                format!("target {}", id % 10),
                "https://shop.example/orders",
                id.to_string(),
                "com.example.order.placed",
                &body,
            );
            transaction.prepare_cached(insert).unwrap().execute(values).unwrap();
        }
        transaction.commit().unwrap();
    }
}

async fn postgres_alone(client: &mut tokio_postgres::Client, events: usize, together: usize) {
    let body = entry(0).encode(SystemTime::now()).unwrap().body;
    let insert = "INSERT INTO alone (target, source, id, type, body) SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])";
    for first in (0..events).step_by(together) {
        let ids: Vec<_> = (first..events.min(first + together)).map(|id| id.to_string()).collect();
        let targets: Vec<_> =
            (first..events.min(first + together)).map(|id| format!("target {}", id % 10)).collect();
        let sources = vec!["https://shop.example/orders"; ids.len()];
        let types = vec!["com.example.order.placed"; ids.len()];
        let bodies = vec![&*body; ids.len()];
        let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 5] = [
            (&targets, Type::TEXT_ARRAY),
            (&sources, Type::TEXT_ARRAY),
            (&ids, Type::TEXT_ARRAY),
            (&types, Type::TEXT_ARRAY),
            (&bodies, Type::TEXT_ARRAY),
        ];
        client.query_typed(insert, &values).await.unwrap();
    }
}
