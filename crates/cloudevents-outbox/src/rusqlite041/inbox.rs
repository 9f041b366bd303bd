//! The keys of handled events.

use super::{
    SqliteStore,
    failure::failed,
    rows::{number, row},
};
use crate::{
    Begun, InboxStore, Seen, Started,
    millis::{later, millis, time},
};
use cloudevents_core::{Error, EventKey};
use rusqlite::{Connection, OptionalExtension};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Records in a transaction of the program that an event is handled, so that it is handled exactly if the transaction commits.
///
/// Returns whether the lease still was this one's. If it was not, roll the transaction back: another delivery of the event is being
/// handled, or was.
pub fn complete(transaction: &Connection, started: &Started) -> Result<bool, Error> {
    set_completed(transaction, started, SystemTime::now())
}

fn set_completed(connection: &Connection, started: &Started, now: SystemTime) -> Result<bool, Error> {
    let Started { consumer, key, times } = started;
    connection
        .prepare_cached(
            "UPDATE ce_inbox SET completed = ?5
             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND times = ?4 AND completed IS NULL",
        )
        .and_then(|mut update| {
            update.execute((&**consumer, key.source(), key.id(), row(*times), millis(now)))
        })
        .map(|changed| changed > 0)
        .map_err(failed)
}

/// Whether this beginning is completed already: the answer of its first completion may be lost.
fn was_completed(connection: &Connection, started: &Started) -> Result<bool, Error> {
    let Started { consumer, key, times } = started;
    connection
        .prepare_cached(
            "SELECT 1 FROM ce_inbox
             WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND times = ?4 AND completed IS NOT NULL",
        )
        .and_then(|mut select| select.exists((&**consumer, key.source(), key.id(), row(*times))))
        .map_err(failed)
}

fn begin(
    connection: &Connection,
    consumer: Arc<str>,
    key: EventKey,
    now: SystemTime,
    lease: Duration,
) -> Result<Begun, Error> {
    let known = connection
        .prepare_cached(
            "SELECT times, until, completed FROM ce_inbox WHERE consumer = ?1 AND source = ?2 AND id = ?3",
        )
        .and_then(|mut select| {
            let columns = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, Option<i64>>(2)?))
            };
            select.query_row((&*consumer, key.source(), key.id()), columns).optional()
        })
        .map_err(failed)?;
    let times = match known {
        Some((_, _, Some(_))) => return Ok(Begun::Done),
        Some((_, until, None)) if until > millis(now) => return Ok(Begun::UnderWay(time(until))),
        Some((times, _, None)) => times.saturating_add(1),
        None => 1,
    };
    connection
        .prepare_cached(
            "INSERT INTO ce_inbox (consumer, source, id, times, until) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (consumer, source, id) DO UPDATE SET times = ?4, until = ?5",
        )
        .and_then(|mut insert| {
            insert.execute((&*consumer, key.source(), key.id(), times, millis(later(now, lease))))
        })
        .map_err(failed)?;
    Ok(Begun::First(Started { consumer, key, times: number(times)? }))
}

/// Events that were only seen have no beginning: their number of times is 0.
fn see(connection: &Connection, consumer: &str, key: &EventKey, now: SystemTime) -> Result<Seen, Error> {
    let seen = connection
        .prepare_cached(
            "INSERT INTO ce_inbox (consumer, source, id, times, until, completed) VALUES (?1, ?2, ?3, 0, ?4, ?4)
             ON CONFLICT (consumer, source, id) DO UPDATE
             SET times = CASE WHEN completed IS NULL THEN 0 ELSE times END, completed = ?4
             WHERE completed IS NOT NULL OR until <= ?4
             RETURNING times",
        )
        .and_then(|mut insert| {
            let times = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            insert.query_row((consumer, key.source(), key.id(), millis(now)), times).optional()
        })
        .map_err(failed)?;
    Ok(match seen {
        Some(0) => Seen::Recorded,
        Some(_) => Seen::Done,
        None => Seen::UnderWay,
    })
}

impl InboxStore for SqliteStore {
    async fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> Result<Begun, Error> {
        self.0.run_if_awaited(move |connection| begin(connection, consumer, key, now, lease)).await
    }

    async fn complete(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        let complete = move |connection: &Connection| {
            Ok(set_completed(connection, &started, now)? || was_completed(connection, &started)?)
        };
        self.0.run(complete).await
    }

    /// The row stays as long as others whose lease has ended, so that no later beginning has the same number. A time before 1970 has passed
    /// also by a clock that is set back.
    async fn abandon(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        let abandon = move |connection: &Connection| {
            let Started { consumer, key, times } = &started;
            connection
                .prepare_cached(
                    "UPDATE ce_inbox SET until = ?5
                     WHERE consumer = ?1 AND source = ?2 AND id = ?3 AND times = ?4 AND completed IS NULL",
                )
                .and_then(|mut update| {
                    update.execute((
                        &**consumer,
                        key.source(),
                        key.id(),
                        row(*times),
                        0_i64.saturating_sub(millis(now)),
                    ))
                })
                .map(|changed| changed > 0)
                .map_err(failed)
        };
        self.0.run(abandon).await
    }

    async fn see(&self, consumer: Arc<str>, key: EventKey, now: SystemTime) -> Result<Seen, Error> {
        self.0.run(move |connection| see(connection, &consumer, &key, now)).await
    }

    async fn forget(&self, consumer: Arc<str>, before: SystemTime, limit: usize) -> Result<usize, Error> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let forget = move |connection: &Connection| {
            connection
                .prepare_cached(
                    "DELETE FROM ce_inbox WHERE (consumer, source, id) IN
                         (SELECT consumer, source, id FROM ce_inbox
                          WHERE consumer = ?3 AND coalesce(completed, abs(until)) < ?1 LIMIT ?2)",
                )
                .and_then(|mut delete| delete.execute((millis(before), limit, &*consumer)))
                .map_err(failed)
        };
        self.0.run(forget).await
    }
}
