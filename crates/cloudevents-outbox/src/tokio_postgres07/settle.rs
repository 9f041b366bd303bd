//! Settlements, replay and retention.

use super::{
    failure::failed,
    read::Conditions,
    rows::{self, limit, number, row},
};
use crate::{
    EXPIRED, Health, OVERDUE, Query, Retention, Settled, Settlement, Step, Ticket,
    millis::{millis, time},
    store::{LOOKED_AT, Reached},
};
use cloudevents_core::Error;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio_postgres::{Client, Row, types::Type};

/// The number of attempts that are kept of each message.
const KEPT: i64 = 32;

/// The number of messages that a transaction replays.
const CHUNK: i64 = 1000;

/// Changes the messages whose leases are valid, and logs their attempts. The ticket of a message that is tried again ends: the same
/// settlement or a renewal may follow.
const SETTLE: &str = "
WITH s AS (
    SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::smallint[], $4::bigint[], $5::integer[], $6::text[],
                         $7::bigint[], $8::bigint[], $9::text[], $10::text[])
        AS s (number, claim, state, due, tried, reason, at, latency, status, detail)
), settled AS (
    UPDATE ce_outbox o
    SET state = s.state, due = coalesce(s.due, o.due), attempts = o.attempts + s.tried, reason = s.reason,
        claims = o.claims + CASE WHEN s.state = 0 THEN 1 ELSE 0 END,
        ended = CASE WHEN s.state <> 0 THEN $11 END
    FROM s WHERE o.number = ANY ($1) AND o.number = s.number AND o.claims = s.claim AND o.state + 0 = 0
    RETURNING o.number, s.claim
), logged AS (
    INSERT INTO ce_outbox_attempts (number, claim, at, latency, status, detail)
    SELECT s.number, s.claim, s.at, s.latency, s.status, s.detail FROM s JOIN settled USING (number, claim)
    WHERE s.at IS NOT NULL
    ON CONFLICT (number, claim) DO NOTHING
)
SELECT number, claim FROM settled
";

pub(super) async fn renew(
    client: &Client,
    tickets: &[Ticket],
    until: SystemTime,
) -> Result<Vec<Ticket>, Error> {
    let (numbers, claims) = super::columns(tickets.iter().copied());
    let update =
        "UPDATE ce_outbox o SET due = $3 FROM unnest($1::bigint[], $2::bigint[]) AS s (number, claim)
                  WHERE o.number = ANY ($1) AND o.number = s.number AND o.claims = s.claim AND o.state + 0 = 0
                  RETURNING o.number, o.claims";
    let renewed = client
        .query_typed(
            update,
            &[(&numbers, Type::INT8_ARRAY), (&claims, Type::INT8_ARRAY), (&millis(until), Type::INT8)],
        )
        .await
        .map_err(failed)?;
    renewed.iter().map(|row| ticket(row).map_err(failed)).collect()
}

fn ticket(row: &Row) -> Result<Ticket, tokio_postgres::Error> {
    Ok(Ticket { number: number(row.try_get(0)?), claim: number(row.try_get(1)?) })
}

/// Settles in a transaction.
pub(super) async fn settle(
    client: &Client,
    settlements: &[Settlement],
    now: SystemTime,
) -> Result<Settled, Error> {
    let (numbers, claims) = super::columns(settlements.iter().map(|settlement| settlement.ticket));
    let steps: Vec<_> = settlements.iter().map(|settlement| columns(settlement, now)).collect();
    let attempt = |settlement: &Settlement| settlement.attempt.clone();
    let logged: Vec<_> = settlements.iter().map(attempt).collect();
    let states: Vec<i16> = steps.iter().map(|(state, ..)| *state).collect();
    let dues: Vec<Option<i64>> = steps.iter().map(|(_, due, ..)| *due).collect();
    let tried: Vec<i32> = steps.iter().map(|(_, _, tried, _)| *tried).collect();
    let reasons: Vec<Option<&str>> = steps.iter().map(|(.., reason)| *reason).collect();
    let at: Vec<Option<i64>> = logged.iter().map(|log| log.as_ref().map(|log| millis(log.at))).collect();
    let latency: Vec<Option<i64>> =
        logged.iter().map(|log| log.as_ref().map(|log| micros(log.latency))).collect();
    let status: Vec<Option<&str>> = logged.iter().map(|log| log.as_ref().map(|log| &*log.status)).collect();
    let detail: Vec<Option<&str>> = logged.iter().map(|log| log.as_ref().map(|log| &*log.detail)).collect();
    let rows = client
        .query_typed(
            SETTLE,
            &[
                (&numbers, Type::INT8_ARRAY),
                (&claims, Type::INT8_ARRAY),
                (&states, Type::INT2_ARRAY),
                (&dues, Type::INT8_ARRAY),
                (&tried, Type::INT4_ARRAY),
                (&reasons, Type::TEXT_ARRAY),
                (&at, Type::INT8_ARRAY),
                (&latency, Type::INT8_ARRAY),
                (&status, Type::TEXT_ARRAY),
                (&detail, Type::TEXT_ARRAY),
                (&millis(now), Type::INT8),
            ],
        )
        .await
        .map_err(failed)?;
    let valid: HashSet<Ticket> =
        rows.iter().map(|row| ticket(row).map_err(failed)).collect::<Result<_, _>>()?;
    shorten_logs(client, settlements).await?;
    // In the order of names, so that workers do not wait for each other in a circle.
    let mut changes: BTreeMap<&str, Change<'_>> = BTreeMap::new();
    for settlement in settlements {
        if let Some(health) = &settlement.health {
            let change = changes.entry(&settlement.target).or_default();
            change.add(health, valid.contains(&settlement.ticket));
        }
    }
    for (target, change) in &changes {
        write_health(client, target, change, now).await?;
    }
    let stopped = stopped(client, settlements, now).await?;
    let lost = settlements.iter().map(|settlement| settlement.ticket);
    let lost = lost.filter(|ticket| !valid.contains(ticket)).collect();
    Ok(Settled { valid: valid.len(), lost, stopped })
}

/// The changes that settlements make to a target.
#[derive(Default)]
struct Change<'a> {
    /// The health with the latest end of a pause that the target requested.
    request: Option<&'a Health>,
    /// Whether a message was accepted, and the failure after the last acceptance.
    is_cleared: bool,
    failed: Option<&'a Health>,
}

impl<'a> Change<'a> {
    fn add(&mut self, health: &'a Health, is_valid: bool) {
        if self.request.is_none_or(|request| request.requested_until < health.requested_until) {
            self.request = Some(health);
        }
        if is_valid && health.is_only_requested() {
            (self.is_cleared, self.failed) = (true, None);
        } else if is_valid {
            self.failed = Some(health);
        }
    }
}

async fn stopped(
    client: &Client,
    settlements: &[Settlement],
    now: SystemTime,
) -> Result<Vec<Arc<str>>, Error> {
    let targets: BTreeSet<&str> = settlements.iter().map(|settlement| &*settlement.target).collect();
    let targets: Vec<&str> = targets.into_iter().collect();
    let select = "SELECT target FROM unnest($1::text[]) AS s (target)
                  WHERE EXISTS (SELECT 1 FROM ce_outbox_targets t WHERE t.target = s.target AND disabled)
                     OR EXISTS (SELECT 1 FROM ce_outbox_pauses p WHERE p.target = s.target AND until > $2)";
    let values: &[_] = &[(&targets as _, Type::TEXT_ARRAY), (&millis(now) as _, Type::INT8)];
    let rows = client.query_typed(select, values).await.map_err(failed)?;
    rows.iter().map(|row| row.try_get::<_, &str>(0).map(Arc::from).map_err(failed)).collect()
}

/// State, time of the next attempt, attempts that count, reason.
fn columns(settlement: &Settlement, now: SystemTime) -> (i16, Option<i64>, i32, Option<&str>) {
    let tried = i32::from(settlement.counts());
    match &settlement.step {
        Step::Delivered => (1, None, tried, None),
        Step::Dead(reason) => (2, None, tried, Some(reason)),
        Step::Retry { due, .. } => (0, Some(millis(*due)), tried, None),
        Step::Release => (0, Some(millis(now)), tried, None),
    }
}

/// Only attempts that fail make a log long.
async fn shorten_logs(client: &Client, settlements: &[Settlement]) -> Result<(), Error> {
    let is_long = |settlement: &&Settlement| {
        settlement.attempt.is_some() && matches!(settlement.step, Step::Retry { .. })
    };
    let numbers: Vec<i64> =
        settlements.iter().filter(is_long).map(|settlement| row(settlement.ticket.number)).collect();
    if numbers.is_empty() {
        return Ok(());
    }
    let delete = "DELETE FROM ce_outbox_attempts a USING unnest($1::bigint[]) AS s (number), LATERAL (
                      SELECT claim FROM ce_outbox_attempts WHERE number = s.number ORDER BY claim DESC OFFSET $2 LIMIT 1) AS old
                  WHERE a.number = s.number AND a.claim <= old.claim";
    let values: &[_] = &[(&numbers as _, Type::INT8_ARRAY), (&KEPT as _, Type::INT8)];
    client.execute_typed(delete, values).await.map(drop).map_err(failed)
}

/// Sets a health in a transaction.
pub(super) async fn set_health(client: &Client, target: &str, health: &Health) -> Result<(), Error> {
    for delete in
        ["DELETE FROM ce_outbox_targets WHERE target = $1", "DELETE FROM ce_outbox_pauses WHERE target = $1"]
    {
        client.execute_typed(delete, &[(&target, Type::TEXT)]).await.map_err(failed)?;
    }
    let mut change = Change::default();
    change.add(health, true);
    // No pause of the new health has ended.
    write_health(client, target, &change, SystemTime::UNIX_EPOCH).await
}

/// A target that the program has disabled stays disabled, with any results of messages under way. A pause that the target requested stays
/// until it ends. An attempt that failed and knows of fewer pauses than there were began before them, and changes no pause.
async fn write_health(
    client: &Client,
    target: &str,
    Change { request, is_cleared, failed: health }: &Change<'_>,
    now: SystemTime,
) -> Result<(), Error> {
    let ended = "DELETE FROM ce_outbox_pauses WHERE target = $1 AND until <= $2";
    let values: &[_] = &[(&target as _, Type::TEXT), (&millis(now) as _, Type::INT8)];
    client.execute_typed(ended, values).await.map_err(failed)?;
    if let Some((request, until)) = request.and_then(|request| Some((request, request.requested_until?))) {
        let upsert = "INSERT INTO ce_outbox_pauses AS p (target, until, reason) VALUES ($1, $2, $3)
                      ON CONFLICT (target) DO UPDATE SET until = $2, reason = $3 WHERE p.until < $2";
        let values: &[_] = &[
            (&target as _, Type::TEXT),
            (&millis(until) as _, Type::INT8),
            (&&*request.reason as _, Type::TEXT),
        ];
        client.execute_typed(upsert, values).await.map_err(failed)?;
    }
    if *is_cleared {
        let delete = "DELETE FROM ce_outbox_targets WHERE target = $1 AND NOT disabled";
        client.execute_typed(delete, &[(&target, Type::TEXT)]).await.map_err(failed)?;
    }
    let Some(health) = health else { return Ok(()) };
    let upsert = "INSERT INTO ce_outbox_targets AS t (target, failed, pauses, paused_until, reason, disabled)
                  VALUES ($1, $2, $3, $4, $5, $6)
                  ON CONFLICT (target) DO UPDATE SET failed = $2, pauses = $3, paused_until = $4, reason = $5,
                      disabled = t.disabled OR $6
                  WHERE t.pauses <= $3";
    client
        .execute_typed(
            upsert,
            &[
                (&target, Type::TEXT),
                (&rows::failed_numbers(health), Type::TEXT),
                (&i64::from(health.pauses), Type::INT8),
                (&rows::paused_until(health), Type::INT8),
                (&&*health.reason, Type::TEXT),
                (&health.is_disabled, Type::BOOL),
            ],
        )
        .await
        .map(drop)
        .map_err(failed)
}

/// Replays some messages, and returns their number and where to go on.
pub(super) async fn replay(
    client: &Client,
    query: &Query,
    now: SystemTime,
) -> Result<(u64, Option<u64>), Error> {
    let conditions = Conditions::new(query, CHUNK);
    let now = millis(now);
    let mut values = conditions.values();
    values.push((&now, Type::INT8));
    let update = format!(
        "WITH found AS (SELECT number FROM ce_outbox WHERE state <> 0 AND {} ORDER BY number LIMIT $9),
         replayed AS (
             UPDATE ce_outbox o SET state = 0, attempts = 0, claims = claims + 1, due = $10, ended = NULL, reason = NULL,
                 expires = $10 + (expires - CASE WHEN expires > started THEN started ELSE enqueued END), started = $10
             FROM found WHERE o.number = found.number AND o.state <> 0 RETURNING o.number)
         SELECT count(*), max(number) FROM replayed",
        Conditions::SQL
    );
    let rows = client.query_typed(&update, &values).await.map_err(failed)?;
    let Some(row) = rows.first() else { return Ok((0, None)) };
    let replayed: i64 = row.try_get(0).map_err(failed)?;
    let last: Option<i64> = row.try_get(1).map_err(failed)?;
    Ok((number(replayed), last.map(number)))
}

/// The targets to which nothing is sent.
const STOPPED: &str = r#"
    SELECT target COLLATE "C" AS target FROM ce_outbox_targets WHERE disabled OR paused_until > $1
    UNION SELECT target COLLATE "C" FROM ce_outbox_pauses WHERE until > $1
    UNION SELECT target COLLATE "C" FROM unnest($2::text[]) AS s (target)"#;

/// Gives messages up: all that have been due since before the deadline, and some of the others. Returns how far it has come with the
/// others.
pub(super) async fn give_up(
    client: &Client,
    held_back: &[Arc<str>],
    deadline: Option<Duration>,
    now: SystemTime,
    most: usize,
    reached: Reached,
) -> Result<(usize, Reached), Error> {
    let overdue = deadline.map_or(i64::MIN, |deadline| millis(now.checked_sub(deadline).unwrap_or(time(0))));
    let held_back: Vec<&str> = held_back.iter().map(|target| &**target).collect();
    let now = millis(now);
    // Messages that are due were started then or earlier.
    let select = format!(
        "SELECT o.number FROM ({STOPPED}) t CROSS JOIN (VALUES (false), (true)) k (ordered) CROSS JOIN LATERAL (
             SELECT number FROM ce_outbox WHERE state = 0 AND target = t.target AND ordered = k.ordered AND due < $3
             ORDER BY due, number LIMIT $4) o LIMIT $4"
    );
    let values: &[_] = &[
        (&now as _, Type::INT8),
        (&held_back as _, Type::TEXT_ARRAY),
        (&overdue as _, Type::INT8),
        (&limit(most) as _, Type::INT8),
    ];
    let rows = client.query_typed(&select, values).await.map_err(failed)?;
    let mut numbers: Vec<i64> =
        rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map_err(failed)?;
    let (others, reached) = late(client, (&held_back, overdue, now), &reached, most, numbers.len()).await?;
    numbers.extend(others);
    let update =
        "UPDATE ce_outbox SET state = 2, ended = $1, reason = CASE WHEN expires <= $1 THEN $3 ELSE $4 END
                  WHERE number IN (SELECT number FROM ce_outbox WHERE number = ANY ($2) AND state + 0 = 0 AND due <= $1
                                   FOR UPDATE SKIP LOCKED)";
    let values: &[_] = &[
        (&now as _, Type::INT8),
        (&numbers as _, Type::INT8_ARRAY),
        (&EXPIRED as _, Type::TEXT),
        (&OVERDUE as _, Type::TEXT),
    ];
    let given_up = client.execute_typed(update, values).await.map_err(failed)?;
    Ok((usize::try_from(given_up).unwrap_or(usize::MAX), reached))
}

/// The messages to give up among the next ones of the targets to which nothing is sent.
async fn late(
    client: &Client,
    (held_back, overdue, now): (&[&str], i64, i64),
    reached: &Reached,
    most: usize,
    known: usize,
) -> Result<(Vec<i64>, Reached), Error> {
    if known >= most {
        return Ok((Vec::new(), reached.clone()));
    }
    let select = format!(
        "SELECT t.target, o.ordered, o.due, o.number, o.due <= $1 AND (o.started < $3 OR coalesce(o.expires <= $1, false))
         FROM (SELECT target FROM ({STOPPED}) s WHERE target >= $4 ORDER BY target) t CROSS JOIN LATERAL (
             SELECT ordered, due, number, started, expires FROM ce_outbox
             WHERE state = 0 AND target = t.target AND (ordered, due, number) >
                 (t.target = $4 AND $5, CASE WHEN t.target = $4 THEN $6 ELSE -1 END, CASE WHEN t.target = $4 THEN $7 ELSE -1 END)
             ORDER BY ordered, due, number LIMIT $8) o LIMIT $8"
    );
    let values: &[_] = &[
        (&now as _, Type::INT8),
        (&held_back as _, Type::TEXT_ARRAY),
        (&overdue as _, Type::INT8),
        (&reached.target as _, Type::TEXT),
        (&reached.ordered as _, Type::BOOL),
        (&reached.due as _, Type::INT8),
        (&reached.number as _, Type::INT8),
        (&limit(LOOKED_AT) as _, Type::INT8),
    ];
    let rows = client.query_typed(&select, values).await.map_err(failed)?;
    let mut numbers = Vec::new();
    for (place, row) in (1..).zip(&rows) {
        if row.try_get(4).map_err(failed)? {
            numbers.push(row.try_get(3).map_err(failed)?);
        }
        let is_enough = known.saturating_add(numbers.len()) >= most;
        if is_enough || place == LOOKED_AT {
            let target = row.try_get(0).map_err(failed)?;
            let (ordered, due) = (row.try_get(1).map_err(failed)?, row.try_get(2).map_err(failed)?);
            return Ok((numbers, Reached { target, ordered, due, number: row.try_get(3).map_err(failed)? }));
        }
    }
    Ok((numbers, Reached::default()))
}

pub(super) async fn prune(
    client: &Client,
    retention: Retention,
    now: SystemTime,
    most: usize,
) -> Result<usize, Error> {
    let delete = "WITH gone AS (
                      DELETE FROM ce_outbox WHERE number IN
                          (SELECT number FROM ce_outbox WHERE state = $1 AND state <> 0 AND ended < $2 ORDER BY ended
                           LIMIT $3 FOR UPDATE SKIP LOCKED)
                      RETURNING number),
                  logs AS (DELETE FROM ce_outbox_attempts a USING gone WHERE a.number = gone.number)
                  SELECT count(*) FROM gone";
    let mut pruned = 0_usize;
    for (state, age) in [(1_i16, retention.delivered), (2_i16, retention.dead)] {
        let before = millis(now.checked_sub(age).unwrap_or(time(0)));
        let room = limit(most.saturating_sub(pruned));
        let rows = client
            .query_typed(delete, &[(&state, Type::INT2), (&before, Type::INT8), (&room, Type::INT8)])
            .await
            .map_err(failed)?;
        let gone: i64 = rows.first().map_or(Ok(0), |row| row.try_get(0)).map_err(failed)?;
        pruned = pruned.saturating_add(usize::try_from(gone).unwrap_or(0));
    }
    Ok(pruned)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
