//! Claims.

use super::{
    failure::failed,
    rows::{self, number},
};
use crate::{
    Claim, Claimed, ClaimedMessage, Health, Ticket,
    millis::{later, millis, time},
    store::Bytes,
};
use cloudevents_core::Error;
use rusqlite::{Connection, OptionalExtension, Result as SqlResult, Row};
use std::sync::{Arc, LazyLock};

/// The most targets that a claim looks at.
const TARGETS: usize = 1024;

/// Without the body: a claim may take only a part of the messages that are due.
const COLUMNS: &str = "number, claims, attempts, started, expires, due, octet_length(body) AS size";

/// The index is named: with its statistics of the table, the planner would use another index, or none.
const NEXT_TARGET: &str = "SELECT target FROM ce_outbox INDEXED BY ce_outbox_pending
    WHERE state = 0 AND target > ?1 ORDER BY target LIMIT 1";
static EARLIEST: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS} FROM ce_outbox INDEXED BY ce_outbox_in_order
         WHERE state = 0 AND ordered = 1 AND target = ?1 ORDER BY number LIMIT ?2"
    )
});
static LONGEST_DUE: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {COLUMNS} FROM ce_outbox INDEXED BY ce_outbox_pending
         WHERE state = 0 AND ordered = 0 AND target = ?1 AND due <= ?2 ORDER BY due, number LIMIT ?3"
    )
});

pub(super) fn claim(connection: &Connection, claim: &Claim) -> Result<Claimed, Error> {
    let mut claimed = Claimed { next: claim.after.clone(), ..Claimed::default() };
    let mut bytes = Bytes::of(claim);
    if let Some(only) = &claim.only {
        of_target(connection, claim, only, &mut bytes, &mut claimed)?;
        claimed.next = None;
        return Ok(claimed);
    }
    for _ in 0..TARGETS {
        if claimed.messages.len() >= claim.limit {
            claimed.has_more = true;
            return Ok(claimed);
        }
        let Some(target) = next_target(connection, claimed.next.as_deref().unwrap_or("")).map_err(failed)?
        else {
            claimed.next = None;
            return Ok(claimed);
        };
        of_target(connection, claim, &target, &mut bytes, &mut claimed)?;
        claimed.next = Some(target);
    }
    Ok(claimed)
}

/// Claims messages of a target, as far as their bytes fit.
fn of_target(
    connection: &Connection,
    claim: &Claim,
    target: &Arc<str>,
    bytes: &mut Bytes,
    claimed: &mut Claimed,
) -> Result<(), Error> {
    let health = health(connection, target).map_err(failed)?;
    if health.is_disabled || health.pause_end(claim.now).is_some() {
        return Ok(());
    }
    let is_outage = health.is_outage();
    let share = claim.share(target, &health, claimed.messages.len());
    let mut due = in_order(connection, claim, target, share.in_order()).map_err(failed)?;
    due.truncate(share.of_line(&mut due.iter().map(|(message, _)| message.ticket)));
    let (taken, most) = share.take(due.len(), claim.limit);
    let others = unordered(connection, claim, target, most).map_err(failed)?;
    // In an outage, messages in order have their turn where there are no others.
    if taken > 0 || !others.is_empty() {
        due.truncate(taken);
    }
    claimed.has_more |= share.is_full(due.len(), others.len());
    due.extend(others);
    let mut is_behind = false;
    for (mut message, size) in due {
        message.health = health.clone();
        // Behind one in order that does not fit, no other one in order is taken.
        if (is_behind && message.ordered) || !bytes.take(size) {
            claimed.has_more = true;
            is_behind |= message.ordered;
            continue;
        }
        take(connection, claim, &mut message).map_err(failed)?;
        if is_outage {
            let until = millis(later(claim.now, claim.lease));
            connection
                .prepare_cached("UPDATE ce_outbox_targets SET paused_until = ?2 WHERE target = ?1")
                .and_then(|mut update| update.execute((&**target, until)))
                .map_err(failed)?;
        }
        claimed.messages.push(message);
    }
    Ok(())
}

fn next_target(connection: &Connection, after: &str) -> SqlResult<Option<Arc<str>>> {
    let mut select = connection.prepare_cached(NEXT_TARGET)?;
    select.query_row([after], |row| row.get::<_, Arc<str>>(0)).optional()
}

fn health(connection: &Connection, target: &str) -> SqlResult<Health> {
    connection
        .prepare_cached(&format!(
            "SELECT target, {} FROM (SELECT ?1 AS target) LEFT JOIN ce_outbox_targets h USING (target)
             LEFT JOIN ce_outbox_pauses p USING (target)",
            rows::HEALTH
        ))?
        .query_row([target], rows::health)
}

/// The earliest pending messages in order, if the first of them is due.
fn in_order(
    connection: &Connection,
    claim: &Claim,
    target: &Arc<str>,
    room: usize,
) -> SqlResult<Vec<(ClaimedMessage, usize)>> {
    let mut statement = connection.prepare_cached(&EARLIEST)?;
    let mut rows = statement.query((&**target, limit(room)))?;
    let mut due = Vec::new();
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>("due")? > millis(claim.now) {
            break;
        }
        due.push(message(row, target, true)?);
    }
    Ok(due)
}

fn unordered(
    connection: &Connection,
    claim: &Claim,
    target: &Arc<str>,
    room: usize,
) -> SqlResult<Vec<(ClaimedMessage, usize)>> {
    let mut statement = connection.prepare_cached(&LONGEST_DUE)?;
    let rows = statement
        .query_map((&**target, millis(claim.now), limit(room)), |row| message(row, target, false))?;
    rows.collect()
}

/// Leases a message, and reads its body.
fn take(connection: &Connection, claim: &Claim, message: &mut ClaimedMessage) -> SqlResult<()> {
    message.attempt = message.attempt.saturating_add(1);
    message.ticket.claim = message.ticket.claim.saturating_add(Ticket::random_step());
    let (number, claims) = (rows::row(message.ticket.number), rows::row(message.ticket.claim));
    message.body = connection
        .prepare_cached("UPDATE ce_outbox SET due = ?2, claims = ?3 WHERE number = ?1 RETURNING body")?
        .query_row((number, millis(later(claim.now, claim.lease)), claims), |row| row.get(0))?;
    Ok(())
}

/// A message that may be claimed, without its body, and the size of that.
fn message(row: &Row<'_>, target: &Arc<str>, ordered: bool) -> SqlResult<(ClaimedMessage, usize)> {
    let unsigned = |column: &str| row.get::<_, i64>(column).map(|value| number(value).unwrap_or(0));
    let message = ClaimedMessage {
        ticket: Ticket { number: unsigned("number")?, claim: unsigned("claims")? },
        target: Arc::clone(target),
        ordered,
        attempt: row.get("attempts")?,
        started: time(row.get("started")?),
        expires: row.get::<_, Option<i64>>("expires")?.map(time),
        health: Health::default(),
        body: String::new(),
    };
    Ok((message, usize::try_from(unsigned("size")?).unwrap_or(usize::MAX)))
}

fn limit(room: usize) -> i64 {
    i64::try_from(room).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Entry, rusqlite041};
    use cloudevents_core::Event;
    use cloudevents_testkit::heap;
    use std::time::{Duration, SystemTime};

    #[global_allocator]
    static COUNTING: heap::Counting = heap::Counting;

    /// Also where the planner knows that most messages are pending, or that few are.
    #[test]
    fn claims_search_an_index_and_sort_nothing() {
        for delivered in [0, 9000] {
            let connection = Connection::open_in_memory().unwrap();
            rusqlite041::create_tables(&connection).unwrap();
            let entry = Entry::new("a", Event::builder().id("1").source("/s").ty("t").build().unwrap());
            let message = entry.in_order().encode(SystemTime::now()).unwrap();
            rusqlite041::insert(&connection, &vec![message; 10_000]).unwrap();
            connection
                .execute_batch(&format!(
                    "UPDATE ce_outbox SET state = 1, ended = 1 WHERE number <= {delivered}; ANALYZE"
                ))
                .unwrap();
            for sql in [NEXT_TARGET, &EARLIEST, &LONGEST_DUE] {
                let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
                let mut rows = explain.raw_query();
                while let Some(row) = rows.next().unwrap() {
                    let plan: String = row.get("detail").unwrap();
                    assert!(
                        plan.starts_with("SEARCH ce_outbox USING"),
                        "{delivered} delivered, {sql}: {plan}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_claim_reads_no_more_than_the_bytes_that_it_may_have() {
        const SIZE: usize = 1 << 20;
        for is_ordered in [false, true] {
            let connection = Connection::open_in_memory().unwrap();
            rusqlite041::create_tables(&connection).unwrap();
            let now = SystemTime::now();
            let event = Event::builder().id("1").source("/s").ty("t").text("x".repeat(SIZE)).build().unwrap();
            let mut entry = Entry::new("a", event);
            if is_ordered {
                entry = entry.in_order();
            }
            rusqlite041::insert(&connection, &vec![entry.encode(now).unwrap(); 64]).unwrap();
            let request = Claim { bytes: 5 * SIZE / 2, ..Claim::new(now, 64, Duration::from_secs(60)) };
            let mut claimed = Claimed::default();
            let heap = heap::of(|| claimed = claim(&connection, &request).unwrap());
            assert_eq!((claimed.messages.len(), claimed.has_more), (2, true));
            assert!(claimed.messages.iter().all(|message| message.body.len() > SIZE));
            assert!(usize::try_from(heap.peak).unwrap() < 4 * SIZE, "{heap:?}");
        }
    }
}
