//! The tables.

use super::failure::failed;
use cloudevents_core::{Error, ErrorKind};
use rusqlite::{Connection, OptionalExtension};

/// The version of the tables.
const VERSION: i64 = 1;

/// `pending` serves claims. Rows leave it when they are settled, so it has the size of the backlog. Every index ends with the number, which
/// is the rowid.
///
/// The pauses that targets request have a table of their own, because workers of earlier releases delete the row of a target that works.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS ce_outbox (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    source TEXT, id TEXT, type TEXT,
    ordered INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    claims INTEGER NOT NULL DEFAULT 0,
    enqueued INTEGER NOT NULL, started INTEGER NOT NULL, due INTEGER NOT NULL, expires INTEGER, ended INTEGER,
    reason TEXT,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS ce_outbox_pending ON ce_outbox (target, ordered, due) WHERE state = 0;
CREATE INDEX IF NOT EXISTS ce_outbox_in_order ON ce_outbox (target) WHERE state = 0 AND ordered = 1;
CREATE INDEX IF NOT EXISTS ce_outbox_ended ON ce_outbox (state, ended) WHERE state <> 0;
CREATE TABLE IF NOT EXISTS ce_outbox_attempts (
    number INTEGER NOT NULL, claim INTEGER NOT NULL,
    at INTEGER NOT NULL, latency INTEGER NOT NULL, status TEXT NOT NULL, detail TEXT NOT NULL,
    PRIMARY KEY (number, claim)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ce_outbox_targets (
    target TEXT PRIMARY KEY,
    failed TEXT NOT NULL, pauses INTEGER NOT NULL, paused_until INTEGER, reason TEXT NOT NULL, disabled INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ce_outbox_pauses (
    target TEXT PRIMARY KEY, until INTEGER NOT NULL, reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS ce_inbox (
    consumer TEXT NOT NULL, source TEXT NOT NULL, id TEXT NOT NULL,
    times INTEGER NOT NULL, until INTEGER NOT NULL, completed INTEGER,
    PRIMARY KEY (consumer, source, id)
) STRICT, WITHOUT ROWID;
DROP INDEX IF EXISTS ce_inbox_age;
DROP INDEX IF EXISTS ce_inbox_ages;
CREATE INDEX IF NOT EXISTS ce_inbox_ends ON ce_inbox (consumer, coalesce(completed, abs(until)));
CREATE TABLE IF NOT EXISTS ce_outbox_schema (version INTEGER NOT NULL) STRICT;
";

/// Creates the tables `ce_outbox`, `ce_outbox_attempts`, `ce_outbox_targets`, `ce_outbox_pauses`, `ce_outbox_schema` and `ce_inbox`, unless
/// they exist.
///
/// Workers of earlier releases work with these tables. They do not know the pauses that targets request, and do not end them.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) for tables of another version.
pub fn create_tables(connection: &Connection) -> Result<(), Error> {
    if !exists(connection, "ce_outbox_pauses")? {
        connection.execute_batch(TABLES).map_err(failed)?;
    }
    match version(connection)? {
        Some(version) => check_version(version),
        None => {
            let insert = "INSERT INTO ce_outbox_schema (version) VALUES (?1)";
            connection.execute(insert, [VERSION]).map(drop).map_err(failed)
        }
    }
}

/// Errors unless there are tables of this version.
pub(super) fn check(connection: &Connection) -> Result<(), Error> {
    let version = if exists(connection, "ce_outbox_schema")? { version(connection)? } else { None };
    match version {
        Some(version) => check_version(version),
        None => Err(Error::new(ErrorKind::Unsupported).with_detail("the file is not the store of an outbox")),
    }
}

fn version(connection: &Connection) -> Result<Option<i64>, Error> {
    let version = "SELECT version FROM ce_outbox_schema";
    connection.query_row(version, [], |row| row.get(0)).optional().map_err(failed)
}

fn check_version(version: i64) -> Result<(), Error> {
    if version == VERSION {
        return Ok(());
    }
    let detail = format!("the tables of the outbox have version {version}, not {VERSION}");
    Err(Error::new(ErrorKind::Unsupported).with_detail(detail))
}

fn exists(connection: &Connection, table: &str) -> Result<bool, Error> {
    let known = "SELECT 1 FROM sqlite_schema WHERE name = ?1";
    Ok(connection.query_row(known, [table], |_| Ok(())).optional().map_err(failed)?.is_some())
}
