//! Queries for people who look at the store.

use super::{
    failure::failed,
    rows::{self, number, row},
};
use crate::{
    Attempt, Counts, Query, Record, State, Target,
    millis::{millis, time},
};
use cloudevents_core::Error;
use std::time::Duration;
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

/// The values of a query.
pub(super) struct Conditions {
    after: i64,
    number: Option<i64>,
    state: Option<i16>,
    target: Option<String>,
    source: Option<String>,
    id: Option<String>,
    from: i64,
    until: i64,
    limit: i64,
}

impl Conditions {
    /// The condition on the columns of `ce_outbox`. The limit is the ninth value.
    pub(super) const SQL: &'static str =
        "number > $1 AND ($2 IS NULL OR number = $2) AND ($3 IS NULL OR state = $3)
        AND ($4 IS NULL OR target = $4) AND ($5 IS NULL OR source = $5) AND ($6 IS NULL OR id = $6)
        AND enqueued >= $7 AND enqueued < $8";

    pub(super) fn new(query: &Query, limit: i64) -> Self {
        let key = query.event.as_ref();
        Self {
            after: row(query.after),
            number: query.number.map(row),
            state: query.state.map(State::number),
            target: query.target.as_deref().map(str::to_owned),
            source: key.map(|key| key.source().to_owned()),
            id: key.map(|key| key.id().to_owned()),
            from: query.from.map_or(i64::MIN, millis),
            until: query.until.map_or(i64::MAX, millis),
            limit,
        }
    }

    pub(super) fn values(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        vec![
            (&self.after, Type::INT8),
            (&self.number, Type::INT8),
            (&self.state, Type::INT2),
            (&self.target, Type::TEXT),
            (&self.source, Type::TEXT),
            (&self.id, Type::TEXT),
            (&self.from, Type::INT8),
            (&self.until, Type::INT8),
            (&self.limit, Type::INT8),
        ]
    }
}

pub(super) async fn find(client: &Client, query: &Query) -> Result<Vec<Record>, Error> {
    let conditions = Conditions::new(query, rows::limit(query.limit.unwrap_or(100)));
    let sql = format!("SELECT * FROM ce_outbox WHERE {} ORDER BY number LIMIT $9", Conditions::SQL);
    let rows = client.query_typed(&sql, &conditions.values()).await.map_err(failed)?;
    rows.iter().map(|row| record(row).map_err(failed)).collect()
}

fn record(row: &Row) -> Result<Record, tokio_postgres::Error> {
    let text =
        |column: &str| row.try_get::<_, Option<String>>(column).map(|text| text.map(String::into_boxed_str));
    Ok(Record {
        number: number(row.try_get("number")?),
        target: row.try_get::<_, String>("target")?.into(),
        source: text("source")?,
        id: text("id")?,
        ty: text("type")?,
        ordered: row.try_get("ordered")?,
        state: State::from_number(row.try_get("state")?).unwrap_or(State::Pending),
        attempts: u32::try_from(row.try_get::<_, i32>("attempts")?).unwrap_or(0),
        enqueued: time(row.try_get("enqueued")?),
        due: time(row.try_get("due")?),
        ended: row.try_get::<_, Option<i64>>("ended")?.map(time),
        reason: text("reason")?,
        body: row.try_get("body")?,
    })
}

pub(super) async fn attempts(client: &Client, of: u64) -> Result<Vec<Attempt>, Error> {
    let sql = "SELECT at, latency, status, detail FROM ce_outbox_attempts WHERE number = $1 ORDER BY claim";
    let rows = client.query_typed(sql, &[(&row(of), Type::INT8)]).await.map_err(failed)?;
    let attempt = |row: &Row| {
        Ok(Attempt {
            at: time(row.try_get(0)?),
            latency: Duration::from_micros(number(row.try_get(1)?)),
            status: row.try_get::<_, String>(2)?.into(),
            detail: row.try_get::<_, String>(3)?.into(),
        })
    };
    rows.iter().map(|row| attempt(row).map_err(failed)).collect()
}

pub(super) async fn targets(client: &Client, after: &str) -> Result<Vec<Target>, Error> {
    let sql = format!(
        "SELECT target, {} FROM ce_outbox_targets h FULL JOIN ce_outbox_pauses p USING (target)
         WHERE target > $1 ORDER BY target LIMIT 1000",
        rows::HEALTH
    );
    let rows = client.query_typed(&sql, &[(&after, Type::TEXT)]).await.map_err(failed)?;
    let target = |row: &Row| {
        Ok(Target { name: row.try_get::<_, String>("target")?.into(), health: rows::health(row)? })
    };
    rows.iter().map(|row| target(row).map_err(failed)).collect()
}

pub(super) async fn counts(client: &Client) -> Result<Counts, Error> {
    let sql = "SELECT state, count(*), min(enqueued) FROM ce_outbox GROUP BY state";
    let mut counts = Counts::default();
    for row in client.query_typed(sql, &[]).await.map_err(failed)? {
        let count = number(row.try_get(1).map_err(failed)?);
        match State::from_number(row.try_get(0).map_err(failed)?) {
            Some(State::Pending) => {
                let oldest: Option<i64> = row.try_get(2).map_err(failed)?;
                (counts.pending, counts.oldest_pending) = (count, oldest.map(time));
            }
            Some(State::Delivered) => counts.delivered = count,
            Some(State::Dead) => counts.dead = count,
            None => {}
        }
    }
    Ok(counts)
}
