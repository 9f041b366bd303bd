//! Outboxes with a million rows: a worker delivers from them at the rate at which it delivers from ten thousand.

use crate::{
    child::{Usage, usage},
    failure::Result,
    judge::{Counts, Judge, Verdict},
    load::{Load, digits, fresh},
    table::{Measured, Row, Table},
};
use cloudevents_core::Event;
use cloudevents_outbox::{
    Entry, Outbox, OutboxOptions, Store, rusqlite041::SqliteStore, tokio_postgres07::PostgresStore,
};
use cloudevents_transport::fake::FakeQueue;
use rusqlite::Connection;
use std::{
    cell::Cell,
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::time::sleep;
use tokio_postgres::{Client, NoTls};

/// The lowest part of the rate at ten thousand rows.
const FLOOR: f64 = 0.7;
/// The rows beside which others are measured.
const FEW: usize = 10_000;
const TARGETS: usize = 10;
/// How many are delivered of a table, and how long that may take.
const DELIVERED: usize = 8000;
const TIME: Duration = Duration::from_secs(20);
/// While a snapshot is held, delivered messages stay in the way of claims. A larger number of them shows that.
const DELIVERED_IN_SNAPSHOT: usize = 40_000;

/// States of a large table of so many rows, beside a small one.
pub(crate) async fn postgres(url: &str, rows: usize, table: &Table) -> Result<()> {
    for ordered in [false, true] {
        let case =
            |state: &str| format!("outbox, Postgres, {state}{}", if ordered { ", in order" } else { "" });
        let few = async || {
            let few = Postgres::new(url, 0, FEW, ordered).await?;
            let measured = few.deliver(DELIVERED, ordered).await?;
            few.drop().await?;
            Result::Ok(measured)
        };
        let base = few().await?;
        table.add(&Row::new(case(&format!("{FEW} pending")), base.clone()))?;

        let many = Postgres::new(url, 0, rows, ordered).await?;
        let add = async |name: String, many: &Postgres, number| {
            let known = Cell::new(Some(base.rate()));
            let row = async || {
                let rate = match known.take() {
                    Some(rate) => rate,
                    None => few().await?.rate(),
                };
                Ok(Row::new(&name, many.deliver(number, ordered).await?).beside(rate, FLOOR))
            };
            table.measure(row).await
        };
        add(case(&format!("{rows} pending, not analyzed")), &many, DELIVERED).await?;
        many.client.batch_execute("ANALYZE ce_outbox").await?;
        add(case(&format!("{rows} pending, analyzed")), &many, DELIVERED).await?;
        let holding = session(&many.config).await?;
        holding
            .batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM ce_outbox LIMIT 1")
            .await?;
        let number = if ordered { DELIVERED } else { DELIVERED_IN_SNAPSHOT };
        add(case(&format!("{rows} pending, a snapshot is held")), &many, number).await?;
        drop(holding);
        many.drop().await?;

        let (delivered, pending) = (rows / 10 * 9, rows / 10);
        let late = Postgres::new(url, delivered, pending, ordered).await?;
        late.client.batch_execute("ANALYZE ce_outbox").await?;
        add(case(&format!("{delivered} delivered, {pending} pending")), &late, DELIVERED).await?;
        late.drop().await?;
    }
    Ok(())
}

/// The columns of rows, where `row` is a number: the rows that were delivered, and the others.
fn columns(ordered: bool) -> Result<[String; 2]> {
    let event = Event::builder().id("NUMBER").source("/scale").ty("com.example.scale").build()?;
    let body = Entry::new("t", event).encode(SystemTime::now())?.body.replace('\'', "''");
    // Targets take turns, so a number also says the target.
    let columns = |state: &str, ended: &str| {
        format!(
            "'t' || (row % {TARGETS}), {}, {state}, {ended}, 1700000000000 + row, 1700000000000 + row, 1700000000000 + row,
             replace('{body}', 'NUMBER', CAST(row AS text))",
            if ordered { "1 = 1" } else { "1 = 0" }
        )
    };
    Ok([columns("1", "1700000000000 + row"), columns("0", "NULL")])
}

const INSERT: &str =
    "INSERT INTO ce_outbox (target, ordered, state, ended, enqueued, started, due, body) SELECT";

/// A store in a schema of its own.
struct Postgres {
    schema: String,
    client: Client,
    config: tokio_postgres::Config,
    rows: usize,
}

impl Postgres {
    async fn new(url: &str, delivered: usize, pending: usize, ordered: bool) -> Result<Self> {
        let schema = fresh("scale").replace('-', "_");
        let mut config: tokio_postgres::Config = url.parse()?;
        config.options(format!("-csearch_path={schema}"));
        let client = session(&config).await?;
        client.batch_execute(&format!("CREATE SCHEMA {schema}")).await?;
        drop(PostgresStore::connect(config.clone(), NoTls).await?);
        // The planner knows only the statistics that the case sets.
        client.batch_execute("ALTER TABLE ce_outbox SET (autovacuum_enabled = off)").await?;
        let rows = delivered + pending;
        let [ended, others] = columns(ordered)?;
        let series = |columns: &str, first: usize, end: usize| {
            format!("{INSERT} {columns} FROM generate_series({first}, {end} - 1) AS r (row)")
        };
        client.batch_execute(&series(&ended, 0, delivered)).await?;
        client.batch_execute(&series(&others, delivered, rows)).await?;
        Ok(Self { schema, client, config, rows })
    }

    async fn deliver(&self, number: usize, ordered: bool) -> Result<Measured> {
        deliver(PostgresStore::connect(self.config.clone(), NoTls).await?, number, self.rows, ordered).await
    }

    async fn drop(self) -> Result<()> {
        Ok(self.client.batch_execute(&format!("DROP SCHEMA {} CASCADE", self.schema)).await?)
    }
}

async fn session(config: &tokio_postgres::Config) -> Result<Client> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// As [`postgres`].
pub(crate) async fn sqlite(rows: usize, table: &Table) -> Result<()> {
    let folder = env::temp_dir().join(fresh("scale"));
    fs::create_dir_all(&folder)?;
    for ordered in [false, true] {
        let case =
            |state: &str| format!("outbox, SQLite, {state}{}", if ordered { ", in order" } else { "" });
        let (delivered, pending) = (rows / 10 * 9, rows / 10);
        let few = Sqlite { folder: &folder, delivered: 0, pending: FEW, ordered, is_analyzed: false };
        let base = few.measure().await?;
        table.add(&Row::new(case(&format!("{FEW} pending")), base.clone()))?;
        let states = [
            (format!("{rows} pending, not analyzed"), Sqlite { pending: rows, ..few }),
            (format!("{rows} pending, analyzed"), Sqlite { pending: rows, is_analyzed: true, ..few }),
            (
                format!("{delivered} delivered, {pending} pending"),
                Sqlite { delivered, pending, is_analyzed: true, ..few },
            ),
        ];
        for (state, store) in states {
            let known = Cell::new(Some(base.rate()));
            let row = async || {
                let rate = match known.take() {
                    Some(rate) => rate,
                    None => few.measure().await?.rate(),
                };
                Ok(Row::new(case(&state), store.measure().await?).beside(rate, FLOOR))
            };
            table.measure(row).await?;
        }
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// A store in a file of its own.
#[derive(Clone, Copy)]
struct Sqlite<'f> {
    folder: &'f Path,
    delivered: usize,
    pending: usize,
    ordered: bool,
    is_analyzed: bool,
}

impl Sqlite<'_> {
    async fn measure(&self) -> Result<Measured> {
        let path = self.folder.join(format!("{}.db", fresh("outbox")));
        drop(SqliteStore::open(&path)?);
        let database = Connection::open(&path)?;
        let [ended, others] = columns(self.ordered)?;
        let rows = self.delivered + self.pending;
        for (columns, first, end) in [(ended, 0, self.delivered), (others, self.delivered, rows)] {
            database.execute_batch(&format!(
                "{INSERT} {columns} FROM (WITH RECURSIVE r (row) AS (SELECT {first} WHERE {first} < {end} UNION ALL SELECT row + 1 FROM r WHERE row + 1 < {end})
                 SELECT row FROM r)"
            ))?;
        }
        if self.is_analyzed {
            database.execute_batch("ANALYZE")?;
        }
        drop(database);
        let measured = deliver(SqliteStore::open(&path)?, DELIVERED, rows, self.ordered).await?;
        fs::remove_file(&path)?;
        Ok(measured)
    }
}

/// Delivers so many by a worker, to a target that takes everything at once.
async fn deliver(store: impl Store, number: usize, rows: usize, ordered: bool) -> Result<Measured> {
    let (outbox, queue) = (Outbox::new(store), FakeQueue::new());
    let sender = queue.sender();
    let route = move |_: Arc<str>| std::future::ready(Ok(sender.clone()));
    let mut options = OutboxOptions::default();
    options.retention = None;
    let (before, begin) = (usage("self"), Instant::now());
    let goal = u64::try_from(number)?;
    let mut times = (None, Duration::ZERO, 0);
    let done = async {
        loop {
            let delivered = outbox.metrics().delivered;
            let now = begin.elapsed();
            if delivered > 0 {
                times.0.get_or_insert(now);
            }
            times.1 = now;
            times.2 = delivered;
            if delivered >= goal || now > TIME {
                return;
            }
            sleep(Duration::from_millis(1)).await; // between two looks at the counter
        }
    };
    outbox.run(route, options).until(done).await?;
    let used = Usage { processor: usage("self").processor - before.processor, ..usage("self") };
    let judge = Judge::new(Load { count: rows, size: 0, keys: if ordered { TARGETS } else { rows } });
    let (all, arrived) = (usize::try_from(outbox.metrics().delivered)?, queue.len());
    let mut receiver = queue.receiver(cloudevents_core::DecodeOptions::strict());
    for _ in 0..arrived {
        let delivery = receiver.next().await?.ok_or("the queue has ended")?;
        judge.arrive(digits(delivery.event()?.id().as_bytes()).ok_or("an event without a number")?);
        drop(delivery.accept());
    }
    let counts: Counts = judge.counts();
    let (first, empty, in_time) = (times.0.unwrap_or_default(), times.1, usize::try_from(times.2)?);
    let verdict = Verdict {
        counts: Counts { distinct: in_time, ..counts },
        missing: all.saturating_sub(counts.distinct),
        first,
        empty,
    };
    Ok(Measured { verdict, usage: used, wrong: None })
}
