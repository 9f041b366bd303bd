//! Settlements, replay and retention.

use super::{
    failure::failed,
    read::conditions,
    rows::{self, number, row},
};
use crate::{
    EXPIRED, Health, OVERDUE, Query, Retention, Settled, Settlement, Step, Ticket,
    millis::{millis, time},
    store::{LOOKED_AT, Reached},
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
        } else {
            settled.lost.push(settlement.ticket);
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

/// A target that the program has disabled stays disabled, with any results of messages under way. An attempt that failed and knows of fewer
/// pauses than there were began before them, and changes no pause.
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

/// The targets to which nothing is sent.
const STOPPED: &str = "
    SELECT target FROM ce_outbox_targets WHERE disabled = 1 OR paused_until > ?1
    UNION SELECT target FROM ce_outbox_pauses WHERE until > ?1
    UNION SELECT value FROM json_each(?2) ORDER BY 1";

/// The messages that have been due since before the deadline. They were started then or earlier.
const DUE_BEFORE: &str = "SELECT number FROM ce_outbox INDEXED BY ce_outbox_pending
    WHERE state = 0 AND target = ?1 AND ordered = ?2 AND due < ?3 ORDER BY due, number LIMIT ?4";

/// The next pending messages of a target, and whether to give them up.
const NEXT: &str = "
    SELECT number, ordered, due, due <= ?1 AND (started < ?2 OR ifnull(expires <= ?1, 0))
    FROM ce_outbox INDEXED BY ce_outbox_pending
    WHERE state = 0 AND target = ?3 AND (ordered, due, number) > (?4, ?5, ?6) ORDER BY ordered, due, number LIMIT ?7";

/// Gives messages up: all that have been due since before the deadline, and some of the others. Changes how far it has come with the
/// others.
pub(super) fn give_up(
    connection: &Connection,
    held_back: &[Arc<str>],
    deadline: Option<Duration>,
    now: SystemTime,
    most: usize,
    reached: &mut Reached,
) -> SqlResult<usize> {
    let overdue = deadline.map_or(i64::MIN, |deadline| before(now, deadline));
    let now = millis(now);
    let held_back = serde_json::Value::from_iter(held_back.iter().map(|target| &**target)).to_string();
    let targets: Vec<String> = connection
        .prepare_cached(STOPPED)?
        .query_map((now, held_back), |row| row.get(0))?
        .collect::<SqlResult<_>>()?;
    let mut numbers: Vec<i64> = Vec::new();
    let mut due_before = connection.prepare_cached(DUE_BEFORE)?;
    for (target, ordered) in targets.iter().flat_map(|target| [(target, false), (target, true)]) {
        let room = i64::try_from(most.saturating_sub(numbers.len())).unwrap_or(i64::MAX);
        for number in due_before.query_map((target, ordered, overdue, room), |row| row.get(0))? {
            numbers.push(number?);
        }
    }
    late(connection, &targets, (overdue, now), most, reached, &mut numbers)?;
    let mut update = connection.prepare_cached(
        "UPDATE ce_outbox SET state = 2, ended = ?2, reason = CASE WHEN expires <= ?2 THEN ?3 ELSE ?4 END
         WHERE number = ?1 AND state = 0",
    )?;
    numbers.iter().try_fold(0_usize, |given_up, number| {
        Ok(given_up.saturating_add(update.execute((number, now, EXPIRED, OVERDUE))?))
    })
}

/// Finds messages to give up among the next ones of the targets.
fn late(
    connection: &Connection,
    targets: &[String],
    (overdue, now): (i64, i64),
    most: usize,
    reached: &mut Reached,
    numbers: &mut Vec<i64>,
) -> SqlResult<()> {
    if numbers.len() >= most {
        return Ok(());
    }
    let from = std::mem::take(reached);
    let mut next = connection.prepare_cached(NEXT)?;
    let mut left = LOOKED_AT;
    for target in targets.iter().filter(|target| **target >= from.target) {
        let (ordered, due, number) = match *target == from.target {
            true => (from.ordered, from.due, from.number),
            false => (false, i64::MIN, i64::MIN),
        };
        let room = i64::try_from(left).unwrap_or(i64::MAX);
        let mut rows = next.query((now, overdue, target, ordered, due, number, room))?;
        while let Some(row) = rows.next()? {
            let number = row.get(0)?;
            if row.get(3)? {
                numbers.push(number);
            }
            left = left.saturating_sub(1);
            if left == 0 || numbers.len() >= most {
                *reached = Reached { target: target.clone(), ordered: row.get(1)?, due: row.get(2)?, number };
                return Ok(());
            }
        }
    }
    Ok(())
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
