//! The store in PostgreSQL, on tokio-postgres 0.7.
//!
//! Enqueue an event in the transaction that makes the change it reports, so that either both are stored or neither:
//!
//! ```no_run
//! # async fn place(client: &mut tokio_postgres::Client) -> Result<(), Box<dyn std::error::Error>> {
//! use cloudevents_core::Event;
//! use cloudevents_outbox::{Entry, tokio_postgres07};
//!
//! let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
//! let transaction = client.transaction().await?;
//! transaction.execute("INSERT INTO orders (id) VALUES (1)", &[]).await?;
//! tokio_postgres07::enqueue(&transaction, &Entry::new("billing", &event)).await?;
//! transaction.commit().await?;
//! # Ok(()) }
//! ```
//!
//! A worker, in this process or another, finds it when it looks for messages the next time
//! ([`OutboxOptions::poll`](crate::OutboxOptions::poll)), or at once after [`Outbox::wake`](crate::Outbox::wake). Enqueuing changes no row
//! but its own, so transactions do not wait for each other.
//!
//! The database decides about durability: with `synchronous_commit = on`, the default, enqueued messages survive a crash. The server may be
//! of version 12 or newer.

mod claim;
mod failure;
mod inbox;
mod marks;
mod pool;
mod read;
mod rows;
mod schema;
mod settle;

pub use inbox::complete;
pub use schema::create_tables;

use crate::{
    Attempt, Claim, Claimed, Counts, Entry, Health, NewMessage, Query, Record, Retention, Settled,
    Settlement, Store, Target, Ticket, millis::millis, store::Reached,
};
use claim::Found;
use cloudevents_core::Error;
use failure::{failed, not_opened};
use marks::Marks;
use pool::Pool;
use rows::{number, row};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime},
};
use tokio_postgres::{
    Client, Config, GenericClient, Socket,
    tls::{MakeTlsConnect, TlsConnect},
    types::Type,
};

/// A store in PostgreSQL. Clones share up to five connections, which are opened again when they are lost.
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use cloudevents_outbox::{Outbox, tokio_postgres07::PostgresStore};
///
/// let config = "host=localhost user=shop dbname=shop".parse()?;
/// let store = PostgresStore::connect(config, tokio_postgres::NoTls).await?; // or a TLS connector
/// let outbox = Outbox::new(store);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore(Arc<Pool>, Arc<Memory>);

impl PostgresStore {
    /// Connects, and creates the tables as needed: see [`create_tables`].
    ///
    /// Errors are of kind [`Unreachable`](cloudevents_core::ErrorKind::Unreachable) and [`Refused`](cloudevents_core::ErrorKind::Refused),
    /// and the errors of [`create_tables`].
    pub async fn connect<T>(config: Config, tls: T) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let pool = Pool::new(config, tls);
        pool.run(async |client| create_tables(client).await).await.map_err(not_opened)?;
        Ok(Self(Arc::new(pool), Arc::default()))
    }

    /// Connects to a database that has the tables, for tools that look into the store of a program. Creates nothing, so that the session
    /// may be a read-only one (`default_transaction_read_only`).
    ///
    /// Errors are those of [`connect`](Self::connect), and of kind [`Unsupported`](cloudevents_core::ErrorKind::Unsupported) for databases
    /// without the tables.
    pub async fn connect_existing<T>(config: Config, tls: T) -> Result<Self, Error>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let pool = Pool::new(config, tls);
        pool.run(async |client| schema::check(client).await).await.map_err(not_opened)?;
        Ok(Self(Arc::new(pool), Arc::default()))
    }
}

/// The memory of a store from call to call.
#[derive(Default)]
struct Memory {
    marks: Mutex<Marks>,
    /// Where the next call to give messages up begins.
    reached: Mutex<Reached>,
}

impl PostgresStore {
    fn marks(&self) -> MutexGuard<'_, Marks> {
        self.1.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.1.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers where the next claims begin.
    fn has_found(&self, found: Vec<Found>) {
        let mut marks = self.marks();
        for Found { target, apart, line, taken } in found {
            marks.claimed(&target, taken, apart, line);
        }
        if let Some(target) = marks.next_look() {
            tokio::spawn(self.clone().look(target));
        }
    }

    /// Looks for messages of a target that are before its mark.
    async fn look(self, target: Arc<str>) {
        let begun = Instant::now();
        let found = self.0.transact(async |client| claim::look(client, &target).await).await;
        if let Err(error) = &found {
            tracing::debug!(%error, "messages that came late are not looked for");
        }
        self.marks().looked(&target, begun, found.ok());
    }
}

/// Enqueues a message in a transaction of the program, and returns its number. Errors are those of [`Entry::encode`] and of Postgres.
///
/// In a handler with a limit of attempts, `?` counts an attempt, also if the server only restarts. To avoid that, write `map_err(|error| if
/// error.is_temporary() { Failure::unavailable(error) } else { error.into() })`, here and for [`complete`]. The program decides about a
/// `tokio_postgres::Error` of its own statements. `is_closed`, and codes of the classes 08, 53, 57 and 58, are about the server. Class 40
/// is a deadlock or a conflict.
pub async fn enqueue(transaction: &impl GenericClient, entry: &Entry) -> Result<u64, Error> {
    let numbers = insert(transaction, &[entry.encode(SystemTime::now())?]).await?;
    Ok(numbers.first().copied().unwrap_or_default())
}

async fn insert(client: &impl GenericClient, messages: &[NewMessage]) -> Result<Vec<u64>, Error> {
    let text =
        |of: fn(&NewMessage) -> Option<&str>| -> Vec<Option<&str>> { messages.iter().map(of).collect() };
    let targets = text(|message| Some(&message.target));
    let sources = text(|message| message.source.as_deref());
    let ids = text(|message| message.id.as_deref());
    let types = text(|message| message.ty.as_deref());
    let ordered: Vec<bool> = messages.iter().map(|message| message.ordered).collect();
    let enqueued: Vec<i64> = messages.iter().map(|message| millis(message.enqueued)).collect();
    let due: Vec<i64> = messages.iter().map(|message| millis(message.due)).collect();
    let expires: Vec<Option<i64>> = messages.iter().map(|message| message.expires.map(millis)).collect();
    let bodies = text(|message| Some(&message.body));
    let insert = "INSERT INTO ce_outbox (target, source, id, type, ordered, enqueued, started, due, expires, body)
                  SELECT target, source, id, type, ordered, enqueued, due, due, expires, body
                  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::bigint[], $7::bigint[],
                              $8::bigint[], $9::text[]) WITH ORDINALITY
                      AS m (target, source, id, type, ordered, enqueued, due, expires, body, place)
                  ORDER BY place RETURNING number";
    let rows = client
        .query_typed(
            insert,
            &[
                (&targets, Type::TEXT_ARRAY),
                (&sources, Type::TEXT_ARRAY),
                (&ids, Type::TEXT_ARRAY),
                (&types, Type::TEXT_ARRAY),
                (&ordered, Type::BOOL_ARRAY),
                (&enqueued, Type::INT8_ARRAY),
                (&due, Type::INT8_ARRAY),
                (&expires, Type::INT8_ARRAY),
                (&bodies, Type::TEXT_ARRAY),
            ],
        )
        .await
        .map_err(failed)?;
    rows.iter().map(|row| row.try_get(0).map(number).map_err(failed)).collect()
}

/// Tickets as two columns.
fn columns(tickets: impl Iterator<Item = Ticket>) -> (Vec<i64>, Vec<i64>) {
    tickets.map(|ticket| (row(ticket.number), row(ticket.claim))).unzip()
}

impl Store for PostgresStore {
    async fn enqueue(&self, messages: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        self.0.run(async |client| insert(client, &messages).await).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        let (claimed, found) =
            self.0.transact(async |client| claim::claim(client, &claim, &self.1.marks).await).await?;
        self.has_found(found);
        Ok(claimed)
    }

    async fn renew(&self, tickets: Vec<Ticket>, until: SystemTime) -> Result<Vec<Ticket>, Error> {
        self.0.transact(async |client| settle::renew(client, &tickets, until).await).await
    }

    async fn settle(&self, settlements: Vec<Settlement>, now: SystemTime) -> Result<Settled, Error> {
        self.0.transact(async |client| settle::settle(client, &settlements, now).await).await
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
        claim: Claim,
    ) -> Result<(Settled, Option<Claimed>), Error> {
        let (settled, claimed) = self
            .0
            .transact(async |client| {
                let settled = settle::settle(client, &settlements, now).await?;
                Ok((settled, claim::claim_if_alone(client, &claim, &self.1.marks).await?))
            })
            .await?;
        let Some((claimed, found)) = claimed else { return Ok((settled, None)) };
        self.has_found(found);
        Ok((settled, Some(claimed)))
    }

    async fn find(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.0.run(async |client| read::find(client, &query).await).await
    }

    async fn attempts(&self, number: u64) -> Result<Vec<Attempt>, Error> {
        self.0.run(async |client| read::attempts(client, number).await).await
    }

    async fn replay(&self, mut query: Query, now: SystemTime) -> Result<u64, Error> {
        let mut total = 0_u64;
        self.marks().clear();
        loop {
            let part = &query;
            let (replayed, next) = self.0.run(async |client| settle::replay(client, part, now).await).await?;
            total = total.saturating_add(replayed);
            match next {
                Some(next) => query.after = next,
                None => {
                    self.marks().clear();
                    return Ok(total);
                }
            }
        }
    }

    async fn give_up(
        &self,
        held_back: Vec<Arc<str>>,
        deadline: Option<Duration>,
        now: SystemTime,
        limit: usize,
    ) -> Result<usize, Error> {
        let from = self.reached().clone();
        let work =
            async |client: &Client| settle::give_up(client, &held_back, deadline, now, limit, from).await;
        let (given_up, reached) = self.0.transact(work).await?;
        *self.reached() = reached;
        Ok(given_up)
    }

    async fn prune(&self, retention: Retention, now: SystemTime, limit: usize) -> Result<usize, Error> {
        self.0.transact(async |client| settle::prune(client, retention, now, limit).await).await
    }

    async fn targets(&self, after: Box<str>) -> Result<Vec<Target>, Error> {
        self.0.run(async |client| read::targets(client, &after).await).await
    }

    async fn set_health(&self, target: Box<str>, health: Health) -> Result<(), Error> {
        self.0.transact(async |client| settle::set_health(client, &target, &health).await).await
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.0.run(async |client| read::counts(client).await).await
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PostgresStore")
    }
}
