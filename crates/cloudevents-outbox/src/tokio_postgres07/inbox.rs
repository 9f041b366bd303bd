//! The keys of handled events.

use super::{
    PostgresStore,
    failure::failed,
    rows::{limit, number, row},
};
use crate::{
    Begun, InboxStore, Seen, Started,
    millis::{later, millis, time},
};
use cloudevents_core::{Error, EventKey};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_postgres::{
    Client, GenericClient,
    types::{ToSql, Type},
};

/// When to ask again about an event whose lease has ended, and which a transaction still has.
const LOOK: Duration = Duration::from_secs(1);

/// Source and id as the table has them, of the parameters 2 and 3. An index takes rows of up to 2,704 bytes. If source and id are too long
/// for that, the digest of both takes the place of the id, under a source that no event has. The digest covers a length, so that no other
/// key is the same text.
const SOURCE: &str = "CASE WHEN octet_length($2) + octet_length($3) > 1024 THEN '' ELSE $2 END";
const ID: &str = "CASE WHEN octet_length($2) + octet_length($3) > 1024
    THEN encode(sha256(convert_to(octet_length($2) || ' ' || $2 || $3, 'UTF8')), 'hex') ELSE $3 END";

/// Records in a transaction of the program that an event is handled, so that it is handled exactly if the transaction commits.
///
/// Returns whether the lease still was this one's. If it was not, roll the transaction back: another delivery of the event is being
/// handled, or was.
pub async fn complete(transaction: &impl GenericClient, started: &Started) -> Result<bool, Error> {
    let set = format!("completed = {}", millis(SystemTime::now()));
    change(transaction, started, &set, "").await
}

/// Changes the row for a store, which has few connections. If a transaction of the program has the row, which may hang, this is an error
/// that passes.
async fn change_at_once(client: &Client, started: &Started, set: &str) -> Result<bool, Error> {
    let free = format!(
        "AND EXISTS (SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID} AND times = $4 FOR UPDATE NOWAIT)"
    );
    change(client, started, set, &free).await
}

/// Whether this beginning is completed already: the answer of its first completion may be lost.
async fn was_completed(client: &Client, started: &Started) -> Result<bool, Error> {
    let select = format!(
        "SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID} AND times = $4 AND completed IS NOT NULL"
    );
    let found = client
        .query_typed(
            &select,
            &[
                (&&*started.consumer, Type::TEXT),
                (&started.key.source(), Type::TEXT),
                (&started.key.id(), Type::TEXT),
                (&row(started.times), Type::INT8),
            ],
        )
        .await;
    found.map(|rows| !rows.is_empty()).map_err(failed)
}

async fn change(
    client: &impl GenericClient,
    started: &Started,
    set: &str,
    free: &str,
) -> Result<bool, Error> {
    let update = format!(
        "UPDATE ce_inbox SET {set} WHERE consumer = $1 AND source = {SOURCE} AND id = {ID} AND times = $4 AND completed IS NULL {free}"
    );
    let changed = client
        .execute_typed(
            &update,
            &[
                (&&*started.consumer, Type::TEXT),
                (&started.key.source(), Type::TEXT),
                (&started.key.id(), Type::TEXT),
                (&row(started.times), Type::INT8),
            ],
        )
        .await;
    changed.map(|changed| changed > 0).map_err(failed)
}

async fn begin(
    client: &Client,
    consumer: &Arc<str>,
    key: &EventKey,
    now: SystemTime,
    lease: Duration,
) -> Result<Begun, Error> {
    // Without waiting for a transaction that has the row: it may take long, also beyond the lease.
    let insert = format!(
        "INSERT INTO ce_inbox AS i (consumer, source, id, times, until)
         SELECT $1, {SOURCE}, {ID}, 1, $4
         WHERE NOT EXISTS (SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID})
             OR EXISTS (
                 SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID}
                     AND completed IS NULL AND until <= $5
                 FOR UPDATE SKIP LOCKED)
         ON CONFLICT (consumer, source, id) DO UPDATE SET times = i.times + 1, until = $4
             WHERE i.completed IS NULL AND i.until <= $5
         RETURNING times"
    );
    let select = format!(
        "SELECT until, completed FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID}"
    );
    let (consumer_text, source, id) = (&**consumer, key.source(), key.id());
    let (until, soon, now) = (millis(later(now, lease)), later(now, LOOK), millis(now));
    loop {
        let begun = client
            .query_typed(
                &insert,
                &[
                    (&consumer_text, Type::TEXT),
                    (&source, Type::TEXT),
                    (&id, Type::TEXT),
                    (&until, Type::INT8),
                    (&now, Type::INT8),
                ],
            )
            .await
            .map_err(failed)?;
        if let Some(begun) = begun.first() {
            let times = number(begun.try_get(0).map_err(failed)?);
            return Ok(Begun::First(Started { consumer: Arc::clone(consumer), key: key.clone(), times }));
        }
        let known = client
            .query_typed(&select, &[(&consumer_text, Type::TEXT), (&source, Type::TEXT), (&id, Type::TEXT)])
            .await
            .map_err(failed)?;
        // It may have been forgotten since; then this begins again.
        if let Some(known) = known.first() {
            let completed: Option<i64> = known.try_get(1).map_err(failed)?;
            let until: i64 = known.try_get(0).map_err(failed)?;
            return Ok(match completed {
                Some(_) => Begun::Done,
                None if until > now => Begun::UnderWay(time(until)),
                None => Begun::UnderWay(soon), // a transaction has it
            });
        }
    }
}

/// Events that were only seen have no beginning: their number of times is 0.
async fn see(client: &Client, consumer: &str, key: &EventKey, now: SystemTime) -> Result<Seen, Error> {
    // Without waiting for a transaction that has the row.
    let insert = format!(
        "INSERT INTO ce_inbox AS i (consumer, source, id, times, until, completed)
         SELECT $1, {SOURCE}, {ID}, 0, $4, $4
         WHERE NOT EXISTS (SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID})
             OR EXISTS (
                 SELECT FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID}
                     AND (completed IS NOT NULL OR until <= $4)
                 FOR UPDATE SKIP LOCKED)
         ON CONFLICT (consumer, source, id) DO UPDATE
             SET times = CASE WHEN i.completed IS NULL THEN 0 ELSE i.times END, completed = $4
             WHERE i.completed IS NOT NULL OR i.until <= $4
         RETURNING times"
    );
    let select = format!(
        "SELECT times, completed FROM ce_inbox WHERE consumer = $1 AND source = {SOURCE} AND id = {ID}"
    );
    let (source, id, now) = (key.source(), key.id(), millis(now));
    let name = [(&consumer as &(dyn ToSql + Sync), Type::TEXT), (&source, Type::TEXT), (&id, Type::TEXT)];
    let with_now = [name.as_slice(), &[(&now, Type::INT8)]].concat();
    loop {
        let mut seen = client.query_typed(&insert, &with_now).await.map_err(failed)?;
        let is_written = !seen.is_empty();
        if !is_written {
            seen = client.query_typed(&select, &name).await.map_err(failed)?;
        }
        // It may have been forgotten since; then it is written again.
        let Some(row) = seen.first() else { continue };
        // Another connection that sees it at the same time has the row, and makes it known for longer.
        if !is_written && row.try_get::<_, Option<i64>>(1).map_err(failed)?.is_none() {
            return Ok(Seen::UnderWay);
        }
        return Ok(match row.try_get::<_, i64>(0).map_err(failed)? {
            0 => Seen::Recorded,
            _ => Seen::Done,
        });
    }
}

impl InboxStore for PostgresStore {
    async fn begin(
        &self,
        consumer: Arc<str>,
        key: EventKey,
        now: SystemTime,
        lease: Duration,
    ) -> Result<Begun, Error> {
        self.0.run(async |client| begin(client, &consumer, &key, now, lease).await).await
    }

    async fn complete(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        let set = format!("completed = {}", millis(now));
        let complete = async |client: &mut Client| {
            Ok(change_at_once(client, &started, &set).await? || was_completed(client, &started).await?)
        };
        self.0.run(complete).await
    }

    /// The row stays as long as others whose lease has ended, so that no later beginning has the same number. A time before 1970 has passed
    /// also by a clock that is set back.
    async fn abandon(&self, started: Started, now: SystemTime) -> Result<bool, Error> {
        let set = format!("until = -{}", millis(now));
        self.0.run(async |client| change_at_once(client, &started, &set).await).await
    }

    async fn see(&self, consumer: Arc<str>, key: EventKey, now: SystemTime) -> Result<Seen, Error> {
        self.0.run(async |client| see(client, &consumer, &key, now).await).await
    }

    async fn forget(&self, consumer: Arc<str>, before: SystemTime, most: usize) -> Result<usize, Error> {
        let delete = "DELETE FROM ce_inbox WHERE (consumer, source, id) IN
                          (SELECT consumer, source, id FROM ce_inbox
                           WHERE consumer = $3 AND coalesce(completed, abs(until)) < $1 LIMIT $2
                           FOR UPDATE SKIP LOCKED)";
        let values = (millis(before), limit(most));
        let forget = async |client: &mut Client| {
            client
                .execute_typed(
                    delete,
                    &[(&values.0, Type::INT8), (&values.1, Type::INT8), (&&*consumer, Type::TEXT)],
                )
                .await
                .map_err(failed)
        };
        Ok(usize::try_from(self.0.run(forget).await?).unwrap_or(usize::MAX))
    }
}
