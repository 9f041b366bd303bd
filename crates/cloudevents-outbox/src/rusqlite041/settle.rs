//! Settlements, replay and retention.

use super::{failure::failed, number, read::conditions, row, rows};
use crate::{
    EXPIRED, Health, OVERDUE, Query, Retention, Settled, Settlement, Step, Ticket,
    millis::{millis, time},
};
use cloudevents_core::Error;
use rusqlite::{Connection, Result as SqlResult, params_from_iter};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// The number of attempts that are kept of each message.
const KEPT: i64 = 32;

/// The number of messages that a transaction replays.
const CHUNK: i64 = 1000;

pub(super) fn renew(
    connection: &Connection,
    tickets: &[Ticket],
    until: SystemTime,
) -> Result<Vec<Ticket>, Error> {
    let mut statement = connection
        .prepare_cached("UPDATE ce_outbox SET due = ?3 WHERE number = ?1 AND claims = ?2 AND state = 0")
        .map_err(failed)?;
    let mut renewed = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        let changed = statement.execute((row(ticket.number), row(ticket.claim), millis(until)));
        renewed.extend((changed.map_err(failed)? > 0).then_some(*ticket));
    }
    Ok(renewed)
}

pub(super) fn settle(
    connection: &Connection,
    settlements: &[Settlement],
    now: SystemTime,
) -> Result<Settled, Error> {
    let mut settled = Settled::default();
    let mut targets = BTreeSet::new();
    for settlement in settlements {
        let is_valid = step(connection, settlement, now).map_err(failed)?;
        if is_valid {
            settled.valid = settled.valid.saturating_add(1);
            log(connection, settlement).map_err(failed)?;
        }
        if let Some(health) = &settlement.health {
            write_request(connection, &settlement.target, health, now).map_err(failed)?;
            if is_valid {
                write_health(connection, &settlement.target, health).map_err(failed)?;
            }
        }
        targets.insert(&settlement.target);
    }
    for target in targets {
        if is_stopped(connection, target, now).map_err(failed)? {
            settled.stopped.push(Arc::clone(target));
        }
    }
    Ok(settled)
}

fn is_stopped(connection: &Connection, target: &str, now: SystemTime) -> SqlResult<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM ce_outbox_targets WHERE target = ?1 AND disabled = 1)
                 OR EXISTS (SELECT 1 FROM ce_outbox_pauses WHERE target = ?1 AND until > ?2)",
        )?
        .query_row((target, millis(now)), |row| row.get(0))
}

/// Returns whether the lease was valid.
fn step(connection: &Connection, settlement: &Settlement, now: SystemTime) -> SqlResult<bool> {
    let ticket = (row(settlement.ticket.number), row(settlement.ticket.claim));
    let ended = "UPDATE ce_outbox SET state = ?3, ended = ?4, reason = ?5, attempts = attempts + ?6
                 WHERE number = ?1 AND claims = ?2 AND state = 0";
    // Another claim, so that the ticket ends: the same settlement or a renewal may follow.
    let again = "UPDATE ce_outbox SET due = ?3, attempts = attempts + ?4, claims = claims + 1
                 WHERE number = ?1 AND claims = ?2 AND state = 0";
    let tried = settlement.counts();
    let end = |state: i64, reason: Option<&str>| {
        connection.prepare_cached(ended)?.execute((ticket.0, ticket.1, state, millis(now), reason, tried))
    };
    let repeat = |due| connection.prepare_cached(again)?.execute((ticket.0, ticket.1, millis(due), tried));
    let changed = match &settlement.step {
        Step::Delivered => end(1, None),
        Step::Dead(reason) => end(2, Some(reason)),
        Step::Retry { due, .. } => repeat(*due),
        Step::Release => repeat(now),
    }?;
    Ok(changed > 0)
}

fn log(connection: &Connection, settlement: &Settlement) -> SqlResult<()> {
    let Some(attempt) = &settlement.attempt else { return Ok(()) };
    let Ticket { number, claim } = settlement.ticket;
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO ce_outbox_attempts (number, claim, at, latency, status, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((
            row(number),
            row(claim),
            millis(attempt.at),
            i64::try_from(attempt.latency.as_micros()).unwrap_or(i64::MAX),
            &attempt.status,
            &attempt.detail,
        ))?;
    // Only attempts that fail make a log long.
    if matches!(settlement.step, Step::Retry { .. }) {
        connection
            .prepare_cached(
                "DELETE FROM ce_outbox_attempts WHERE number = ?1 AND claim <=
                     (SELECT claim FROM ce_outbox_attempts WHERE number = ?1 ORDER BY claim DESC LIMIT 1 OFFSET ?2)",
            )?
            .execute((row(number), KEPT))?;
    }
    Ok(())
}

pub(super) fn set_health(connection: &Connection, target: &str, health: &Health) -> Result<(), Error> {
    for sql in
        ["DELETE FROM ce_outbox_targets WHERE target = ?1", "DELETE FROM ce_outbox_pauses WHERE target = ?1"]
    {
        connection.prepare_cached(sql).and_then(|mut delete| delete.execute([target])).map_err(failed)?;
    }
    // No pause of the new health has ended.
    write_request(connection, target, health, SystemTime::UNIX_EPOCH).map_err(failed)?;
    write_health(connection, target, health).map_err(failed)
}

/// A pause that the target requested stays until it ends.
fn write_request(connection: &Connection, target: &str, health: &Health, now: SystemTime) -> SqlResult<()> {
    connection
        .prepare_cached("DELETE FROM ce_outbox_pauses WHERE target = ?1 AND until <= ?2")?
        .execute((target, millis(now)))?;
    if let Some(until) = health.requested_until {
        connection
            .prepare_cached(
                "INSERT INTO ce_outbox_pauses (target, until, reason) VALUES (?1, ?2, ?3)
                 ON CONFLICT (target) DO UPDATE SET until = ?2, reason = ?3 WHERE until < ?2",
            )?
            .execute((target, millis(until), &health.reason))?;
    }
    Ok(())
}

/// A target that the program has disabled stays disabled, whatever the results of messages under way. What failed and knows of fewer pauses
/// than there were was begun before them, and changes none.
fn write_health(connection: &Connection, target: &str, health: &Health) -> SqlResult<()> {
    if health.is_only_requested() {
        let delete = "DELETE FROM ce_outbox_targets WHERE target = ?1 AND disabled = 0";
        return connection.prepare_cached(delete)?.execute([target]).map(drop);
    }
    connection
        .prepare_cached(
            "INSERT INTO ce_outbox_targets (target, failed, pauses, paused_until, reason, disabled)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (target) DO UPDATE SET failed = ?2, pauses = ?3, paused_until = ?4, reason = ?5,
                 disabled = max(disabled, ?6)
             WHERE pauses <= ?3",
        )?
        .execute((
            target,
            rows::failed_numbers(health),
            health.pauses,
            rows::paused_until(health),
            &health.reason,
            health.is_disabled,
        ))
        .map(drop)
}

/// Replays some messages, and returns their number and where to go on.
pub(super) fn replay(
    connection: &Connection,
    query: &Query,
    now: SystemTime,
) -> Result<(u64, Option<u64>), Error> {
    let (condition, values) = conditions(query);
    let select = format!(
        "SELECT number FROM ce_outbox WHERE state <> 0 AND {condition} ORDER BY number LIMIT {CHUNK}"
    );
    let found: SqlResult<Vec<i64>> = connection
        .prepare_cached(&select)
        .and_then(|mut select| select.query_map(params_from_iter(values), |row| row.get(0))?.collect());
    let found = found.map_err(failed)?;
    let mut update = connection
        .prepare_cached(
            "UPDATE ce_outbox SET state = 0, attempts = 0, claims = claims + 1, due = ?2, ended = NULL, reason = NULL,
                 expires = ?2 + (expires - CASE WHEN expires > started THEN started ELSE enqueued END), started = ?2
             WHERE number = ?1",
        )
        .map_err(failed)?;
    for found in &found {
        update.execute((found, millis(now))).map_err(failed)?;
    }
    let more = i64::try_from(found.len()).is_ok_and(|len| len >= CHUNK);
    let last = found.last().copied().filter(|_| more).map(number).transpose()?;
    Ok((u64::try_from(found.len()).unwrap_or(0), last))
}

pub(super) fn give_up(
    connection: &Connection,
    held_back: &[Arc<str>],
    deadline: Option<Duration>,
    now: SystemTime,
    limit: usize,
) -> Result<usize, Error> {
    let overdue = deadline.map_or(i64::MIN, |deadline| before(now, deadline));
    connection
        .prepare_cached(
            "UPDATE ce_outbox SET state = 2, ended = ?1, reason = CASE WHEN expires <= ?1 THEN ?3 ELSE ?4 END
             WHERE number IN (
                 SELECT number FROM (
                     SELECT target FROM ce_outbox_targets WHERE disabled = 1 OR paused_until > ?1
                     UNION SELECT target FROM ce_outbox_pauses WHERE until > ?1
                     UNION SELECT value FROM json_each(?6))
                 JOIN ce_outbox USING (target)
                 WHERE state = 0 AND due <= ?1 AND (started < ?2 OR expires <= ?1) LIMIT ?5)",
        )
        .and_then(|mut update| {
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let held_back = serde_json::Value::from_iter(held_back.iter().map(|target| &**target));
            update.execute((millis(now), overdue, EXPIRED, OVERDUE, limit, held_back.to_string()))
        })
        .map_err(failed)
}

pub(super) fn prune(
    connection: &Connection,
    retention: Retention,
    now: SystemTime,
    limit: usize,
) -> Result<usize, Error> {
    let mut pruned = 0_usize;
    for (state, age) in [(1, retention.delivered), (2, retention.dead)] {
        let room = limit.saturating_sub(pruned);
        pruned =
            pruned.saturating_add(prune_state(connection, state, before(now, age), room).map_err(failed)?);
    }
    Ok(pruned)
}

fn prune_state(connection: &Connection, state: i64, before: i64, limit: usize) -> SqlResult<usize> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let numbers: Vec<i64> = connection
        .prepare_cached("SELECT number FROM ce_outbox WHERE state = ?1 AND state <> 0 AND ended < ?2 ORDER BY ended LIMIT ?3")?
        .query_map((state, before, limit), |row| row.get(0))?
        .collect::<SqlResult<_>>()?;
    let mut messages = connection.prepare_cached("DELETE FROM ce_outbox WHERE number = ?1")?;
    let mut attempts = connection.prepare_cached("DELETE FROM ce_outbox_attempts WHERE number = ?1")?;
    for number in &numbers {
        attempts.execute([number])?;
        messages.execute([number])?;
    }
    Ok(numbers.len())
}

fn before(now: SystemTime, age: Duration) -> i64 {
    millis(now.checked_sub(age).unwrap_or(time(0)))
}
