//! The store in a file of SQLite, on rusqlite 0.41.
//!
//! Several processes may use the file at once, on one machine. It is in WAL mode with `synchronous=FULL`: enqueued messages survive a crash
//! of the program and of the machine. Calls that come at the same time share a commit.
//!
//! If the program keeps its own data in SQLite, it can enqueue in its own transactions:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use cloudevents_core::Event;
//! use cloudevents_outbox::{Entry, rusqlite041};
//!
//! let mut database = rusqlite::Connection::open_in_memory()?;
//! rusqlite041::create_tables(&database)?;
//! # database.execute_batch("CREATE TABLE orders (id INTEGER)")?;
//!
//! let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
//! let transaction = database.transaction()?;
//! transaction.execute("INSERT INTO orders (id) VALUES (1)", [])?;
//! rusqlite041::enqueue(&transaction, &Entry::new("billing", &event))?;
//! transaction.commit()?;
//! # Ok(()) }
//! ```
//!
//! A worker finds such messages when it looks for them the next time ([`OutboxOptions::poll`](crate::OutboxOptions::poll)), or at once
//! after [`Outbox::wake`](crate::Outbox::wake).

mod claim;
mod failure;
mod inbox;
mod jobs;
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
use cloudevents_core::Error;
use failure::{failed, not_opened, not_usable};
use jobs::Jobs;
use rows::number;
use rusqlite::{
    Connection, ErrorCode, OpenFlags,
    config::DbConfig,
    params_from_iter,
    types::{ToSqlOutput, ValueRef},
};
use std::{
    fmt,
    path::Path,
    slice,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    thread,
    time::{Duration, Instant, SystemTime},
};

/// How long to wait for other processes that write.
const BUSY: Duration = Duration::from_secs(30);

/// The pause between two looks whether they have ended, where SQLite does not wait by itself.
const LOOK: Duration = Duration::from_millis(5);

/// A store in a file of SQLite. Clones share the connection, and where the next call to give messages up begins.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// use cloudevents_core::Event;
/// use cloudevents_outbox::{Entry, Outbox, rusqlite041::SqliteStore};
///
/// let outbox = Outbox::new(SqliteStore::in_memory()?); // or `open("outbox.db")`
/// let event = Event::builder().id("1").source("/shop").ty("com.example.order.placed").build()?;
/// outbox.enqueue(Entry::new("billing", &event)).await?;
/// assert_eq!(outbox.counts().await?.pending, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }) }
/// ```
#[derive(Clone)]
pub struct SqliteStore(Arc<Jobs>, Arc<Mutex<Reached>>);

impl SqliteStore {
    /// Opens the file, and creates it and the tables as needed.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let connection = Connection::open(path).map_err(not_opened)?;
        Self::with_connection(connection)
    }

    /// Opens a file that has the tables, for tools that look into the store of a program. Creates nothing.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) for files without the tables.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(not_opened)?;
        schema::check(&connection).map_err(not_usable)?;
        Self::with_connection(connection)
    }

    /// Opens a file that has the tables, and only reads it: writers do not wait for it, nor does it wait for them. Calls that write are
    /// errors. Tables of an earlier release stay as they are, so that [`targets`](Store::targets) may be an error, too.
    ///
    /// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) for files without the tables.
    pub fn open_read_only(path: impl AsRef<Path>) -> Result<Self, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(not_opened)?;
        schema::check(&connection).map_err(not_usable)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        Ok(Self(Arc::new(Jobs::reading(connection)), Arc::default()))
    }

    /// Creates a store that is gone when the last clone is dropped, for tests.
    pub fn in_memory() -> Result<Self, Error> {
        Self::with_connection(Connection::open_in_memory().map_err(failed)?)
    }

    /// Creates a store over a connection of the program. Sets its journal mode to WAL, `synchronous` to `FULL`, and `temp_store` to
    /// `MEMORY`.
    pub fn with_connection(connection: Connection) -> Result<Self, Error> {
        Self::over(connection).map_err(not_usable)
    }

    fn over(connection: Connection) -> Result<Self, Error> {
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(64);
        // Else a statement that may use a partial index is planned again whenever a parameter is bound, which costs more than running it.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failed)?;
        write_ahead(&connection)?;
        connection.execute_batch("PRAGMA synchronous = FULL; BEGIN IMMEDIATE").map_err(failed)?;
        let created = create_tables(&connection);
        connection.execute_batch(if created.is_ok() { "COMMIT" } else { "ROLLBACK" }).map_err(failed)?;
        created?;
        // Else a call that changes much in a transaction with others opens a file, and fails where the program has no descriptor left. It
        // comes after the tables: creating an index sorts all rows.
        connection.execute_batch("PRAGMA temp_store = MEMORY").map_err(failed)?;
        Ok(Self(Arc::new(Jobs::new(connection)), Arc::default()))
    }
}

/// Sets the journal mode. If several connections do that at once to a new file, SQLite does not wait for the others by itself.
fn write_ahead(connection: &Connection) -> Result<(), Error> {
    let begun = Instant::now();
    loop {
        let set = connection.execute_batch("PRAGMA journal_mode = WAL");
        let is_busy =
            matches!(&set, Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy));
        if !is_busy || begun.elapsed() >= BUSY {
            return set.map_err(failed);
        }
        thread::sleep(LOOK);
    }
}

/// Enqueues a message in a transaction of the program, and returns its number. Errors are those of [`Entry::encode`] and of SQLite.
pub fn enqueue(transaction: &Connection, entry: &Entry) -> Result<u64, Error> {
    let numbers = insert(transaction, &[entry.encode(SystemTime::now())?])?;
    Ok(numbers.first().copied().unwrap_or_default())
}

/// Inserts messages, and returns their numbers.
fn insert(connection: &Connection, messages: &[NewMessage]) -> Result<Vec<u64>, Error> {
    let (groups, rest) = messages.as_chunks::<GROUP>();
    let groups = groups.iter().map(|group| (&*INSERT_GROUP, group.as_slice()));
    let rest = rest.iter().map(|message| (&*INSERT_ONE, slice::from_ref(message)));
    let mut numbers = Vec::with_capacity(messages.len());
    for (sql, rows) in groups.chain(rest) {
        let mut statement = connection.prepare_cached(sql).map_err(failed)?;
        statement.execute(params_from_iter(rows.iter().flat_map(values))).map_err(failed)?;
        // A statement numbers its rows in their order, without gaps: each is one more than the largest ever.
        let last = number(connection.last_insert_rowid())?;
        let first = last.saturating_sub(rows.len() as u64).saturating_add(1);
        numbers.extend(first..=last);
    }
    Ok(numbers)
}

/// The rows that a statement inserts if there are enough of them: for each, it takes half the time of a statement of its own.
const GROUP: usize = 20;

static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert_sql(1));
static INSERT_GROUP: LazyLock<String> = LazyLock::new(|| insert_sql(GROUP));

/// After a failure, the caller undoes its inserts. `OR FAIL` leaves that to the caller. Otherwise SQLite first copies each page that the
/// statement changes.
fn insert_sql(rows: usize) -> String {
    let columns = "target, source, id, type, ordered, enqueued, started, due, expires, body";
    let rows = vec!["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"; rows].join(", ");
    format!("INSERT OR FAIL INTO ce_outbox ({columns}) VALUES {rows}")
}

/// The values of a row, in the order of the statement's columns.
fn values(message: &NewMessage) -> [ToSqlOutput<'_>; 10] {
    let due = ValueRef::Integer(millis(message.due));
    let row = [
        ValueRef::from(&*message.target),
        message.source.as_deref().into(),
        message.id.as_deref().into(),
        message.ty.as_deref().into(),
        ValueRef::Integer(message.ordered.into()),
        ValueRef::Integer(millis(message.enqueued)),
        due, // it starts then
        due,
        message.expires.map_or(ValueRef::Null, |expires| ValueRef::Integer(millis(expires))),
        ValueRef::from(&*message.body),
    ];
    row.map(ToSqlOutput::Borrowed)
}

impl Store for SqliteStore {
    async fn enqueue(&self, messages: Vec<NewMessage>) -> Result<Vec<u64>, Error> {
        self.0.run(move |connection| insert(connection, &messages)).await
    }

    async fn claim(&self, claim: Claim) -> Result<Claimed, Error> {
        self.0.run(move |connection| claim::claim(connection, &claim)).await
    }

    async fn renew(&self, tickets: Vec<Ticket>, until: SystemTime) -> Result<Vec<Ticket>, Error> {
        self.0.run(move |connection| settle::renew(connection, &tickets, until)).await
    }

    async fn settle(&self, settlements: Vec<Settlement>, now: SystemTime) -> Result<Settled, Error> {
        self.0.run(move |connection| settle::settle(connection, &settlements, now)).await
    }

    async fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        now: SystemTime,
        claim: Claim,
    ) -> Result<(Settled, Option<Claimed>), Error> {
        self.0
            .run(move |connection| {
                let settled = settle::settle(connection, &settlements, now)?;
                Ok((settled, Some(claim::claim(connection, &claim)?)))
            })
            .await
    }

    async fn find(&self, query: Query) -> Result<Vec<Record>, Error> {
        self.0.run(move |connection| read::find(connection, &query)).await
    }

    async fn attempts(&self, number: u64) -> Result<Vec<Attempt>, Error> {
        self.0.run(move |connection| read::attempts(connection, number)).await
    }

    async fn replay(&self, mut query: Query, now: SystemTime) -> Result<u64, Error> {
        let mut total = 0_u64;
        loop {
            let part = query.clone();
            let (replayed, next) =
                self.0.run(move |connection| settle::replay(connection, &part, now)).await?;
            total = total.saturating_add(replayed);
            match next {
                Some(next) => query.after = next,
                None => return Ok(total),
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
        let shared = Arc::clone(&self.1);
        let work = move |connection: &Connection| {
            // One after the other, as all calls.
            let mut reached = shared.lock().unwrap_or_else(PoisonError::into_inner);
            settle::give_up(connection, &held_back, deadline, now, limit, &mut reached).map_err(failed)
        };
        self.0.run(work).await
    }

    async fn prune(&self, retention: Retention, now: SystemTime, limit: usize) -> Result<usize, Error> {
        self.0.run(move |connection| settle::prune(connection, retention, now, limit)).await
    }

    async fn targets(&self, after: Box<str>) -> Result<Vec<Target>, Error> {
        self.0.run(move |connection| read::targets(connection, &after)).await
    }

    async fn set_health(&self, target: Box<str>, health: Health) -> Result<(), Error> {
        self.0.run(move |connection| settle::set_health(connection, &target, &health)).await
    }

    async fn counts(&self) -> Result<Counts, Error> {
        self.0.run(read::counts).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore")
    }
}
