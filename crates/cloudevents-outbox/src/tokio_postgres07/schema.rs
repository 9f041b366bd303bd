//! The tables.

use super::failure::failed;
use cloudevents_core::{Error, ErrorKind};
use tokio_postgres::{GenericClient, Row};

/// The key of the advisory lock that claims take: `ce_outbo` as bytes.
pub(super) const LOCK: i64 = 0x63_65_5f_6f_75_74_62_6f;

/// The version of the tables.
const VERSION: i64 = 1;

/// `ce_outbox_pending` serves claims. Rows leave it when they are settled, so it has the size of the backlog. Targets are compared as
/// bytes, so that an index can be skipped through by target.
///
/// The pauses that targets request have a table of their own, because workers of earlier releases delete the row of a target that works.
const TABLES: &str = r#"
CREATE TABLE IF NOT EXISTS ce_outbox (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target text COLLATE "C" NOT NULL,
    source text, id text, type text,
    ordered boolean NOT NULL,
    state smallint NOT NULL DEFAULT 0,
    attempts integer NOT NULL DEFAULT 0,
    claims bigint NOT NULL DEFAULT 0,
    enqueued bigint NOT NULL, started bigint NOT NULL, due bigint NOT NULL, expires bigint, ended bigint,
    reason text,
    body text NOT NULL
);
CREATE INDEX IF NOT EXISTS ce_outbox_pending ON ce_outbox (target, ordered, due, number) WHERE state = 0;
CREATE INDEX IF NOT EXISTS ce_outbox_in_order ON ce_outbox (target, number) WHERE state = 0 AND ordered;
CREATE INDEX IF NOT EXISTS ce_outbox_ended ON ce_outbox (state, ended) WHERE state <> 0;
CREATE TABLE IF NOT EXISTS ce_outbox_attempts (
    number bigint NOT NULL, claim bigint NOT NULL,
    at bigint NOT NULL, latency bigint NOT NULL, status text NOT NULL, detail text NOT NULL,
    PRIMARY KEY (number, claim)
);
CREATE TABLE IF NOT EXISTS ce_outbox_targets (
    target text COLLATE "C" PRIMARY KEY,
    failed text NOT NULL, pauses bigint NOT NULL, paused_until bigint, reason text NOT NULL, disabled boolean NOT NULL
);
CREATE TABLE IF NOT EXISTS ce_outbox_pauses (
    target text COLLATE "C" PRIMARY KEY, until bigint NOT NULL, reason text NOT NULL
);
CREATE TABLE IF NOT EXISTS ce_inbox (
    consumer text COLLATE "C" NOT NULL, source text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL,
    times bigint NOT NULL, until bigint NOT NULL, completed bigint,
    PRIMARY KEY (consumer, source, id)
);
DROP INDEX IF EXISTS ce_inbox_age;
DROP INDEX IF EXISTS ce_inbox_ages;
CREATE INDEX IF NOT EXISTS ce_inbox_ends ON ce_inbox (consumer, coalesce(completed, abs(until)));
CREATE TABLE IF NOT EXISTS ce_outbox_schema (version bigint NOT NULL);
INSERT INTO ce_outbox_schema (version) SELECT 1 WHERE NOT EXISTS (SELECT FROM ce_outbox_schema);
"#;

/// Creates the tables `ce_outbox`, `ce_outbox_attempts`, `ce_outbox_targets`, `ce_outbox_pauses`, `ce_outbox_schema` and `ce_inbox` in the
/// first schema of the search path, unless they exist.
///
/// Workers of earlier releases work with these tables. They do not know the pauses that targets request, and do not end them.
///
/// Errors are of kind [`Unsupported`](ErrorKind::Unsupported) for tables of another version, and for databases with another encoding than
/// UTF-8.
pub async fn create_tables(client: &impl GenericClient) -> Result<(), Error> {
    check_encoding(client).await?;
    if !exist(client).await? {
        // One statement to the server, and so one transaction: others that create the tables at the same time wait.
        let all = format!("SELECT pg_advisory_xact_lock({});{TABLES}", LOCK);
        client.batch_execute(&all).await.map_err(failed)?;
    }
    check_version(client).await
}

/// Errors unless there are tables of this version.
pub(super) async fn check(client: &impl GenericClient) -> Result<(), Error> {
    if exist(client).await? {
        return check_version(client).await;
    }
    let detail = "there are no tables of an outbox in the search path of the database";
    Err(Error::new(ErrorKind::Unsupported).with_detail(detail))
}

async fn check_version(client: &impl GenericClient) -> Result<(), Error> {
    let row = one(client, "SELECT max(version) FROM ce_outbox_schema").await?;
    match row.try_get::<_, Option<i64>>(0).map_err(failed)? {
        Some(VERSION) => Ok(()),
        other => Err(Error::new(ErrorKind::Unsupported).with_detail(format!(
            "the tables of the outbox have version {}, not {VERSION}",
            other.unwrap_or_default()
        ))),
    }
}

/// Errors for a database that cannot store all text. A response of a target may have any text, and an error of storing it would end all
/// workers.
async fn check_encoding(client: &impl GenericClient) -> Result<(), Error> {
    let row = one(client, "SELECT current_setting('server_encoding')").await?;
    match row.try_get(0).map_err(failed)? {
        // The second one stores any bytes.
        "UTF8" | "SQL_ASCII" => Ok(()),
        other => Err(Error::new(ErrorKind::Unsupported)
            .with_detail(format!("the database has the encoding {other}, which has not all characters"))
            .with_help("create a database with ENCODING 'UTF8'")),
    }
}

/// Whether there are all tables. Databases of earlier releases lack only `ce_outbox_pauses`.
async fn exist(client: &impl GenericClient) -> Result<bool, Error> {
    let sql =
        "SELECT to_regclass('ce_outbox_schema') IS NOT NULL AND to_regclass('ce_outbox_pauses') IS NOT NULL";
    one(client, sql).await?.try_get(0).map_err(failed)
}

/// The row of a query. It has no name on the server, as all statements here: a pooler such as PgBouncer may give the next message of this
/// client to another session, which does not know the name, or has another statement under it.
async fn one(client: &impl GenericClient, sql: &str) -> Result<Row, Error> {
    let row = client.query_typed(sql, &[]).await.map_err(failed)?.into_iter().next();
    row.ok_or_else(|| Error::new(ErrorKind::Transport).with_detail("Postgres: a query has no row"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_tables() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/outbox-tables.md");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(&format!("## Tables of PostgreSQL\n\n```sql{TABLES}```\n")));
    }
}
