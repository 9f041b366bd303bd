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
use rusqlite::{Connection, Result as SqlResult, Row, params_from_iter, types::Value};
use std::time::Duration;

/// The most targets of a page.
const PAGE: usize = 1000;

/// The condition of a query, and its values.
pub(super) fn conditions(query: &Query) -> (String, Vec<Value>) {
    let text = |text: &str| Value::Text(text.to_owned());
    let given = [
        ("number >", Some(Value::Integer(row(query.after)))),
        ("number =", query.number.map(|number| Value::Integer(row(number)))),
        ("state =", query.state.map(|state| Value::Integer(state.number().into()))),
        ("target =", query.target.as_deref().map(text)),
        ("source =", query.event.as_ref().map(|key| text(key.source()))),
        ("id =", query.event.as_ref().map(|key| text(key.id()))),
        ("enqueued >=", query.from.map(|from| Value::Integer(millis(from)))),
        ("enqueued <", query.until.map(|until| Value::Integer(millis(until)))),
    ];
    let (columns, values): (Vec<_>, Vec<_>) =
        given.into_iter().filter_map(|(column, value)| Some((format!("{column} ?"), value?))).unzip();
    (columns.join(" AND "), values)
}

pub(super) fn find(connection: &Connection, query: &Query) -> Result<Vec<Record>, Error> {
    let (condition, values) = conditions(query);
    let limit = query.limit.unwrap_or(100);
    let sql = format!("SELECT * FROM ce_outbox WHERE {condition} ORDER BY number LIMIT {limit}");
    let found: SqlResult<Vec<Record>> = connection
        .prepare_cached(&sql)
        .and_then(|mut select| select.query_map(params_from_iter(values), record)?.collect());
    found.map_err(failed)
}

fn record(row: &Row<'_>) -> SqlResult<Record> {
    let unsigned = |column: &str| row.get::<_, i64>(column).map(|value| number(value).unwrap_or(0));
    Ok(Record {
        number: unsigned("number")?,
        target: row.get("target")?,
        source: row.get("source")?,
        id: row.get("id")?,
        ty: row.get("type")?,
        ordered: row.get("ordered")?,
        state: State::from_number(row.get("state")?).unwrap_or(State::Pending),
        attempts: row.get("attempts")?,
        enqueued: time(row.get("enqueued")?),
        due: time(row.get("due")?),
        ended: row.get::<_, Option<i64>>("ended")?.map(time),
        reason: row.get("reason")?,
        body: row.get("body")?,
    })
}

pub(super) fn attempts(connection: &Connection, number: u64) -> Result<Vec<Attempt>, Error> {
    let found: SqlResult<Vec<Attempt>> = connection
        .prepare_cached(
            "SELECT at, latency, status, detail FROM ce_outbox_attempts WHERE number = ?1 ORDER BY claim",
        )
        .and_then(|mut select| {
            let attempt = |row: &Row<'_>| {
                let latency = u64::try_from(row.get::<_, i64>(1)?).unwrap_or(0);
                Ok(Attempt {
                    at: time(row.get(0)?),
                    latency: Duration::from_micros(latency),
                    status: row.get(2)?,
                    detail: row.get(3)?,
                })
            };
            select.query_map([row(number)], attempt)?.collect()
        });
    found.map_err(failed)
}

pub(super) fn targets(connection: &Connection, after: &str) -> Result<Vec<Target>, Error> {
    let sql = format!(
        "SELECT target, {} FROM ce_outbox_targets h FULL JOIN ce_outbox_pauses p USING (target)
         WHERE target > ?1 ORDER BY target LIMIT {PAGE}",
        rows::HEALTH
    );
    let found: SqlResult<Vec<Target>> = connection.prepare_cached(&sql).and_then(|mut select| {
        let target = |row: &Row<'_>| Ok(Target { name: row.get(0)?, health: rows::health(row)? });
        select.query_map([after], target)?.collect()
    });
    found.map_err(failed)
}

pub(super) fn counts(connection: &Connection) -> Result<Counts, Error> {
    let counts = |row: &Row<'_>| {
        let count = |column: &str| row.get::<_, i64>(column).map(|count| u64::try_from(count).unwrap_or(0));
        let oldest: Option<i64> = row.get("oldest")?;
        Ok(Counts {
            pending: count("pending")?,
            delivered: count("delivered")?,
            dead: count("dead")?,
            oldest_pending: oldest.map(time),
        })
    };
    // `GROUP BY` would sort all messages, in memory.
    connection
        .prepare_cached(
            "SELECT count(*) FILTER (WHERE state = 0) AS pending, min(enqueued) FILTER (WHERE state = 0) AS oldest,
                 count(*) FILTER (WHERE state = 1) AS delivered, count(*) FILTER (WHERE state = 2) AS dead
             FROM ce_outbox",
        )
        .and_then(|mut select| select.query_row([], counts))
        .map_err(failed)
}
